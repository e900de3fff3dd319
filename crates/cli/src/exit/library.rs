//! What each error of the library means for the exit code.

use std::io;

use annals::parts::{IngestError, JournalError, StoreError};
use annals::sessions::StoreError as SessionError;
use annals::streams::Error as StreamsError;
use annals::streams::queue::QueueError;
use annals::{Error, LogError, Refusal, Repair};

use super::{Code, Failure};
use crate::input::InputError;

/// How deep an error within an error is looked at.
const DEPTH: u32 = 8;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Self::new(code_of(&error), error.to_string());
        if let Some(refusal) = error.refusal() {
            return refused(failure, refusal);
        }
        match &error {
            Error::Store(error) => of_store(failure, error),
            Error::Journal(JournalError::Io { source, .. }) => of_refusal(failure, source),
            Error::Io { source, .. } => of_refusal(failure, source),
            Error::Projection { name, source } => failure.with_help(mends_projection(name, source)),
            Error::TimePurged { .. } => {
                failure.with_help("`annals log receipts` lists what was purged, with its times")
            }
            _ => failure,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let failure = Self::new(of_store_error(&error), error.to_string());
        if let Some(refusal) = error.refusal() {
            return refused(failure, refusal);
        }
        of_store(failure, &error)
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        Self::new(of_log_error(&error), error.to_string())
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let failure = Self::new(of_journal_error(&error), error.to_string());
        match &error {
            JournalError::Io { source, .. } => of_refusal(failure, source),
            JournalError::NoCursor { .. } => failure.with_help("`annals log cursors` lists them"),
            JournalError::ClockJumped { .. } => {
                failure.with_help("--accept-clock-jump purges by age all the same")
            }
            JournalError::Damaged(_) => failure.with_help("`annals log info` says what to do"),
            _ => failure,
        }
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        Self::new(of_session_error(&error), error.to_string())
    }
}

impl From<StreamsError> for Failure {
    fn from(error: StreamsError) -> Self {
        let code = match &error {
            StreamsError::Name { .. } | StreamsError::Option { .. } => Code::Usage,
            StreamsError::NoStream { .. } => Code::NotFound,
            StreamsError::Foreign { .. } => Code::NoData,
            StreamsError::Locked { .. } => Code::Locked,
            StreamsError::Newer { .. } => Code::NewerFormat,
            StreamsError::Settings { .. } => Code::Damaged,
            StreamsError::Journal { source, .. } => of_journal_error(source),
            StreamsError::Read { source, .. } => of_log_error(source),
            StreamsError::Io { source, .. } => Code::of_io(source),
            _ => Code::Failed,
        };
        Self::new(code, error.to_string())
    }
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        let code = match &error {
            InputError::UnknownFormat { .. } => Code::Usage,
            _ => Code::Failed,
        };
        Self::new(code, error.to_string())
    }
}

const WRITABLE: &str =
    "this command needs to write to the data directory; `tail`, `status` and `export` only read it";

/// Adds why the store was refused, and each repair as something to do.
fn refused(failure: Failure, refusal: Refusal) -> Failure {
    let repairs: Vec<&str> = refusal.repairs.iter().map(|repair| to_do(*repair)).collect();
    Failure { refusal: Some(refusal), ..failure.with_help(repairs.join("; or ")) }
}

/// What to do about a projection that is not filled.
fn mends_projection(name: &str, source: &IngestError) -> String {
    let purged = source.refusal().is_some_and(|refusal| !refusal.repairs.contains(&Repair::Rebuild));
    let mends = match purged {
        true => "`annals log receipts` lists what was removed".to_owned(),
        false => format!("`annals projections rebuild {name}` builds it anew from the journal"),
    };
    format!("everything else goes on; {mends}")
}

fn to_do(repair: Repair) -> &'static str {
    match repair {
        Repair::Rebuild => "`annals rebuild` makes the store anew from the journal",
        Repair::Restore => "put the journal back from a copy that holds what is missing",
        Repair::Rewind => "`annals rewind --yes` goes on from where the store stands",
        Repair::RightDirectory => "put the directory that belongs here back in its place",
        _ => "see docs/cli.md",
    }
}

/// Adds what to do where the system does not let us write.
fn of_refusal(failure: Failure, source: &io::Error) -> Failure {
    match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => failure.with_help(WRITABLE),
        _ => failure,
    }
}

/// Adds what a store's error knows besides its sentence.
fn of_store(failure: Failure, error: &StoreError) -> Failure {
    if let StoreError::Io { source, .. } = error {
        return of_refusal(failure, source);
    }
    let StoreError::Ambiguous { prefix, candidates, more } = error else { return failure };
    let several = if *more { "more than these records begin" } else { "these records begin" };
    Failure {
        message: format!("{several} with {prefix}"),
        help: Some("give more digits of the id".to_owned()),
        candidates: candidates.iter().map(ToString::to_string).collect(),
        ..failure
    }
}

fn code_of(error: &Error) -> Code {
    match error {
        Error::Missing { .. } | Error::NotOurs { .. } => Code::NoData,
        Error::TimePurged { .. }
        | Error::NoProjection { .. }
        | Error::NotIndexed { .. }
        | Error::NoConsumer { .. } => Code::NotFound,
        Error::Projection { source, .. } => of_ingest_error(source, DEPTH),
        Error::ConsumerName { .. } | Error::WrongKind { .. } => Code::Usage,
        Error::Paused { .. } => Code::Paused,
        Error::NotApplied { offset, durable, .. } if offset > durable => Code::Usage,
        Error::Locked { .. } => Code::Locked,
        Error::NewerFormat { .. } => Code::NewerFormat,
        Error::Journal(error) => of_journal_error(error),
        Error::Log(error) => of_log_error(error),
        Error::Sessions(error) => of_session_error(error),
        Error::Queue(QueueError::Journal(error)) => of_journal_error(error),
        Error::Queue(QueueError::Unread { source, .. }) => of_log_error(source),
        Error::Store(error) => of_store_error(error),
        Error::Ingest(error) | Error::Consumer { source: error, .. } => of_ingest_error(error, DEPTH),
        Error::Behind { worker: Some(error), .. } => of_ingest_error(error, DEPTH),
        Error::Io { source, .. } => Code::of_io(source),
        // What breaks a limit is told where it is read; a build that writes other bytes, and a wait that was too long,
        // have no code of their own.
        _ => Code::Failed,
    }
}

fn of_journal_error(error: &JournalError) -> Code {
    match error {
        JournalError::Locked { .. } | JournalError::BackupInUse { .. } => Code::Locked,
        JournalError::Missing { .. } | JournalError::NotAJournal { .. } | JournalError::NoBackup { .. } => {
            Code::NoData
        }
        JournalError::OtherBackup { .. } | JournalError::BackupGap { .. } => Code::OtherLog,
        JournalError::NewerFormat { .. } => Code::NewerFormat,
        JournalError::Damaged(_)
        | JournalError::Hole { .. }
        | JournalError::Sidecar { .. }
        | JournalError::DamagedBackup { .. } => Code::Damaged,
        JournalError::NoCursor { .. } => Code::NotFound,
        JournalError::CursorName { .. } | JournalError::Option { .. } => Code::Usage,
        JournalError::Full { .. } => Code::Full,
        _ => Code::Failed,
    }
}

fn of_session_error(error: &SessionError) -> Code {
    match error {
        SessionError::Journal(error) => of_journal_error(error),
        SessionError::Io(error) => Code::of_io(error),
        SessionError::Locked { .. } => Code::Locked,
        SessionError::NotFound(_) => Code::NotFound,
        SessionError::Corrupt { .. } => Code::Damaged,
        _ => Code::Failed,
    }
}

fn of_log_error(error: &LogError) -> Code {
    match error {
        LogError::Damaged { .. } | LogError::Hole { .. } => Code::Damaged,
        LogError::Failed(source, _) => source.downcast_ref().map_or(Code::Failed, of_journal_error),
        _ => Code::Failed,
    }
}

fn of_store_error(error: &StoreError) -> Code {
    match error {
        StoreError::Locked { .. } => Code::Locked,
        StoreError::NewerFormat { .. } => Code::NewerFormat,
        StoreError::Swapped { .. }
        | StoreError::TwoStores { .. }
        | StoreError::OlderStore { .. }
        | StoreError::ContentBehind { .. } => Code::OtherLog,
        StoreError::Full { .. } => Code::Full,
        StoreError::Damaged { .. } | StoreError::Pointer { .. } | StoreError::ProjectionFile { .. } => {
            Code::Damaged
        }
        StoreError::Ambiguous { .. } => Code::NotFound,
        StoreError::NotAPrefix { .. } => Code::Usage,
        StoreError::Io { source, .. } => Code::of_io(source),
        _ => Code::Failed,
    }
}

fn of_ingest_error(error: &IngestError, depth: u32) -> Code {
    match error {
        IngestError::Refused { .. } => Code::OtherLog,
        IngestError::Damaged { .. } => Code::Damaged,
        IngestError::Paused { .. } => Code::Paused,
        IngestError::Log(error) => of_log_error(error),
        IngestError::Store(error) => of_store_error(error),
        IngestError::Failed(error) if depth > 0 => of_ingest_error(error, depth - 1),
        _ => Code::Failed,
    }
}

#[cfg(test)]
mod tests;
