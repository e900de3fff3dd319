//! Why Annals could not do it: place, cause and next step, in a few kinds.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use annals_record::{EncodingMismatch, Kind, Lag, LogError, Offset, RecordError, Refusal, format_instant};

use crate::backpressure::LagBound;
use crate::consumers::ConsumerKind;
use crate::projections::reason;

/// Why Annals could not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing at this place.
    #[error("{path}: there is no Annals data here; `import` or `append` creates it")]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// Something else is at this place.
    #[error("{path} is no Annals data directory: {reason}; nothing was touched, choose another directory")]
    NotOurs {
        /// The directory.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// Another process owns the data.
    #[error(
        "{path} is in use by {holder}; wait for it to finish, or ask that process (`tail`, `status` and `export` work beside it)"
    )]
    Locked {
        /// The directory.
        path: PathBuf,
        /// What the owner says of itself.
        holder: String,
    },
    /// A later version wrote it.
    #[error(
        "{path} has layout {found}, this version reads up to {known}: use a newer version; nothing was touched"
    )]
    NewerFormat {
        /// The file that says so.
        path: PathBuf,
        /// Its layout.
        found: u32,
        /// The newest layout known here.
        known: u32,
    },
    /// The log failed.
    #[error(transparent)]
    Journal(#[from] annals_journal::Error),
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] annals_storage::Error),
    /// The worker stopped, or a cursor does not fit the log.
    #[error(transparent)]
    Ingest(#[from] annals_ingest::Error),
    /// A record breaks a limit.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// This program was built so that it would write other bytes.
    #[error(transparent)]
    Encoding(#[from] EncodingMismatch),
    /// No generation was kept to go back to.
    #[error("{path} holds no generation to go back to: `rebuild --keep-old` keeps one")]
    NoFormer {
        /// The store's directory.
        path: PathBuf,
    },
    /// There is no generation of this name.
    #[error("there is no generation {name:?}")]
    NoGeneration {
        /// What was given.
        name: String,
    },
    /// It was not applied in time; the worker goes on.
    #[error("offset {offset} was not applied within {waited:?}; the worker is at {applied} and goes on")]
    Timeout {
        /// What was waited for.
        offset: Offset,
        /// How far the worker is.
        applied: Offset,
        /// How long was waited.
        waited: Duration,
    },
    /// A question as of an offset that the store has not come to.
    #[error("{}", not_applied(*offset, *applied, *durable))]
    NotApplied {
        /// The offset.
        offset: Offset,
        /// How far the store has come: its cursor.
        applied: Offset,
        /// Where the journal ends.
        durable: Offset,
    },
    /// A time within what retention has removed from the journal: which offset it is cannot be said.
    #[error(
        "{} lies within what was purged from the journal, between offset {from} and {to}: which offset that is is no longer known; give an offset instead",
        format_instant(*micros)
    )]
    TimePurged {
        /// The time, in microseconds since 1970-01-01T00:00:00Z.
        micros: i64,
        /// Where the stretch begins in which the time lies.
        from: Offset,
        /// Where it ends.
        to: Offset,
    },
    /// The store is further behind the journal than the bound of [`crate::Backpressure`]; nothing was appended.
    #[error("{}", behind(lag, bound, *waited, worker.as_deref()))]
    Behind {
        /// How far it is behind.
        lag: Lag,
        /// How far it may be.
        bound: LagBound,
        /// How long the append has waited.
        waited: Duration,
        /// Why the worker has stopped, if it has: then waiting longer is no use.
        worker: Option<Arc<annals_ingest::Error>>,
    },
    /// There is no projection of this name, or nobody fills it.
    #[error(
        "no projection {name:?} is kept here; built in are predicate, object, agent, source and epoch, which \
         `annals projections enable` keeps; one of an application's own is filled while that has handed it in"
    )]
    NoProjection {
        /// What was given.
        name: String,
    },
    /// A projection of this name is kept already, or it is the name of one that is built in.
    #[error(
        "a projection {name:?} is kept already, or built in: choose another name, or disable that one first"
    )]
    ProjectionTaken {
        /// The name.
        name: String,
    },
    /// The worker of a projection has stopped, or its file could not be opened. Everything else goes on.
    #[error("the projection {name:?} is not filled: {}", reason(source))]
    Projection {
        /// The projection.
        name: String,
        /// Why.
        source: Arc<annals_ingest::Error>,
    },
    /// No criterion of a query has an index that answers it.
    #[error("{}", not_indexed(wanted, unready))]
    NotIndexed {
        /// The projections that would answer it.
        wanted: Vec<&'static str>,
        /// Those of them that are kept and do not answer, and why.
        unready: Vec<(&'static str, String)>,
    },
    /// A query as of an offset that a projection has not come to.
    #[error(
        "the projection {name:?} has come to offset {applied}, not to {wanted}: its `wait_for` waits until it has"
    )]
    ProjectionBehind {
        /// The projection.
        name: &'static str,
        /// How far it has come.
        applied: Offset,
        /// The offset of the query.
        wanted: Offset,
    },
    /// A worker is paused, and what was waited for lies beyond what it has applied.
    #[error(
        "{name} is paused at offset {applied}, before offset {offset}: `annals cursors resume {name}` has it go on"
    )]
    Paused {
        /// The worker: `store`, or the name of a consumer.
        name: String,
        /// What was waited for.
        offset: Offset,
        /// How far it has come.
        applied: Offset,
    },
    /// That cannot be the name of a consumer.
    #[error(
        "{name:?} cannot be the name of a consumer: it has 1 to 64 of `a` to `z`, `0` to `9`, `-` and `.`, begins with no \
         dot, and `store`, `projection` and what begins with one of them and a dot are taken"
    )]
    ConsumerName {
        /// What was given.
        name: String,
    },
    /// A consumer of this name is at work.
    #[error("a consumer named {name} is at work: stop it first, or take another name")]
    ConsumerTaken {
        /// The name.
        name: String,
    },
    /// There is no consumer of this name.
    #[error("there is no consumer named {name}: `annals cursors` lists them")]
    NoConsumer {
        /// What was given.
        name: String,
    },
    /// That cannot be done to a worker or a cursor of this kind.
    #[error("{name} is a {kind}, which cannot be {done}: {next}")]
    WrongKind {
        /// Its name.
        name: String,
        /// What it is.
        kind: ConsumerKind,
        /// What was to be done to it.
        done: &'static str,
        /// What to do instead.
        next: &'static str,
    },
    /// A consumer could not go on, or could not be put elsewhere. Nothing else is touched by it.
    #[error("consumer {name}: {source}")]
    Consumer {
        /// Its name.
        name: String,
        /// What its worker says.
        source: annals_ingest::Error,
    },
    /// A ledger's journal has failed more often than its restart strategy opens it again.
    #[error(
        "the ledger {dir} is down: its journal has failed and was opened again {restarts} times, which is as often as its restart strategy allows; look at the disk, then try again"
    )]
    LedgerDown {
        /// The directory.
        dir: PathBuf,
        /// How often it was opened again since it was opened first.
        restarts: u32,
    },
    /// What is to be taken over is not there, or is something else.
    #[error("{path} cannot be imported: {reason}; nothing was written")]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A queue failed.
    #[error(transparent)]
    Queue(#[from] annals_streams::queue::QueueError),
    /// A store of sessions failed.
    #[error(transparent)]
    Sessions(#[from] annals_sessions::StoreError),
    /// A file could not be read or written.
    #[error("cannot {op} {path}: {source}")]
    Io {
        /// What was tried.
        op: &'static str,
        /// On which file.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
}

impl Error {
    /// If the store was refused because it is not the one that belongs to this log: the refusal's name, and what mends
    /// it.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Store(error) => error.refusal(),
            Self::Ingest(error) | Self::Consumer { source: error, .. } => error.refusal(),
            Self::Behind { worker: Some(error), .. } => error.refusal(),
            _ => None,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Missing { .. }
            | Self::NotOurs { .. }
            | Self::NewerFormat { .. }
            | Self::NoFormer { .. }
            | Self::NoGeneration { .. }
            | Self::TimePurged { .. }
            | Self::NoProjection { .. }
            | Self::ProjectionTaken { .. }
            | Self::NotIndexed { .. }
            | Self::ConsumerName { .. }
            | Self::ConsumerTaken { .. }
            | Self::NoConsumer { .. }
            | Self::WrongKind { .. }
            | Self::Foreign { .. }
            | Self::Record(_)
            | Self::Encoding(_) => Kind::Fix,
            Self::NotApplied { offset, durable, .. } if offset > durable => Kind::Fix,
            Self::Locked { .. }
            | Self::Timeout { .. }
            | Self::NotApplied { .. }
            | Self::ProjectionBehind { .. }
            | Self::Paused { .. } => Kind::Retry,
            Self::Projection { source, .. } => source.kind(),
            Self::Journal(error) => error.kind(),
            Self::Log(error) => error.kind(),
            Self::Queue(error) => error.kind(),
            Self::Sessions(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Ingest(error) | Self::Consumer { source: error, .. } => error.kind(),
            Self::Behind { worker, .. } => worker.as_ref().map_or(Kind::Retry, |error| error.kind()),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => Kind::Retry,
            Self::LedgerDown { .. } | Self::Io { .. } => Kind::Stop,
        }
    }

    /// For use in `map_err`.
    pub(crate) fn io(op: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { op, path: path.to_owned(), source }
    }
}

/// What an offset lies beyond, and whether waiting helps.
fn not_applied(offset: Offset, applied: Offset, durable: Offset) -> String {
    if offset > durable {
        return format!("offset {offset} is beyond the end of the journal, which is {durable}");
    }
    format!("the store has come to offset {applied}, not to {offset}: `wait_for` waits until it has")
}

/// Which projections would answer, and what keeps those that are there from it.
fn not_indexed(wanted: &[&str], unready: &[(&str, String)]) -> String {
    let wanted = wanted.join(", ");
    let unready: String =
        unready.iter().map(|(name, why)| format!("; {name} does not answer: {why}")).collect();
    format!(
        "no index answers this query: that of {wanted} would{unready}. `annals projections enable` (`enable_projection`) \
         keeps one from here on; `--scan` (`Query::scan`) reads everything in the range instead"
    )
}

/// How far the store is behind, how far it may be, and what to do about it.
fn behind(lag: &Lag, bound: &LagBound, waited: Duration, worker: Option<&annals_ingest::Error>) -> String {
    let state = format!("the store is {lag} behind the journal, and appends go on up to {bound}");
    match worker {
        Some(error @ (annals_ingest::Error::Stopped { .. } | annals_ingest::Error::Paused { .. })) => {
            format!("{state}; nothing was appended: {error}")
        }
        Some(error) => format!("{state}; nothing was appended, for the worker has stopped: {error}"),
        None if waited.is_zero() => {
            format!(
                "{state}; nothing was appended: append again once the store has caught up, or wait for that"
            )
        }
        None => format!(
            "{state}; nothing was appended within {waited:.1?}: the worker goes on, append again later"
        ),
    }
}
