//! What can go wrong with a journal, where, and what to do next.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_record::{CursorRefusal, Kind, LogError, Offset};

/// A stretch of the log whose bytes do not verify. Never cut, never skipped in silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The first place that cannot be served.
    pub offset: Offset,
    /// How many bytes of the log cannot be served.
    pub len: u64,
    /// File, place, and what was found there.
    pub detail: String,
}

/// Why the journal could not do it. Cheap to clone, for every waiter of a group gets the same one.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process, or another handle, writes to this journal.
    #[error("{path} is locked by {holder}; wait for it to finish, or read with a `Reader`")]
    Locked {
        /// The lock's file.
        path: PathBuf,
        /// What the holder says of itself.
        holder: String,
    },
    /// There is no journal at this place.
    #[error("{path}: there is no journal here")]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// Something is there, but no journal of ours. No byte of it was touched.
    #[error("{path} is not an Annals journal: {reason}; nothing was touched")]
    NotAJournal {
        /// The directory or file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// Written by a newer version of this software. No byte of it was touched.
    #[error(
        "{path} has format {found}, this version reads up to {known}: use a newer version; nothing was touched"
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// Bytes that were durable do not verify. Nothing was cut; reading goes on around them, writing does not.
    #[error("the journal is damaged at offset {}, {} bytes: {}; nothing was cut, appends are refused until it is salvaged", .0.offset, .0.len, .0.detail)]
    Damaged(Damage),
    /// The wanted place was lost and listed as lost: reading goes on behind it.
    #[error("{len} bytes at offset {offset} are lost: a salvage listed them as a hole; go on with skip_to({})", .offset.get() + .len)]
    Hole {
        /// Where the hole begins.
        offset: Offset,
        /// How many bytes of the log it covers.
        len: u64,
    },
    /// More than the journal takes at once.
    #[error("{bytes} bytes are more than the limit of {limit} for {what}; split it")]
    TooLarge {
        /// A record, or an atomic batch.
        what: &'static str,
        /// How large it is.
        bytes: u64,
        /// How large it may be.
        limit: u64,
    },
    /// The disk has no room. Nothing of the batch was kept; appends succeed again once there is room.
    #[error("no room left on the disk for {path}; free some space and try again")]
    Full {
        /// The file that could not grow.
        path: PathBuf,
    },
    /// A write or sync failed, so what is durable is unknown. Nothing is acknowledged until the journal is reopened.
    #[error("the journal stopped accepting appends: {reason}; reopen it to find out what is durable")]
    Poisoned {
        /// The failure that caused it.
        reason: String,
    },
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
    /// This handle only reads.
    #[error("this is a reader; appends need a `Journal`")]
    ReadOnly,
    /// The wanted place was removed by retention.
    #[error("offset {wanted} is no longer in the journal, which begins at {oldest}")]
    Gap {
        /// What was asked for.
        wanted: Offset,
        /// The first place still held.
        oldest: Offset,
    },
    /// The wanted place is not durable, or no record begins there.
    #[error("offset {wanted} is beyond the durable end {durable}")]
    Beyond {
        /// What was asked for.
        wanted: Offset,
        /// The first place that is not durable.
        durable: Offset,
    },
    /// Something was appended since the caller last looked.
    #[error(
        "a record was appended after {expected}: the log goes on at {next}; read on from {expected} and decide anew"
    )]
    Conflict {
        /// Where the caller thought the log ended.
        expected: Offset,
        /// Where its last record ends.
        next: Offset,
    },
    /// An idempotency key was given with other payloads before.
    #[error("the idempotency key was used for other payloads at {first}; use a new key for a new append")]
    KeyReused {
        /// Where the first append with this key stands.
        first: Offset,
    },
    /// A plan, of retention or of a salvage, that does not fit the journal any more. Nothing was changed.
    #[error("the plan is stale: {reason}; nothing was changed, plan again")]
    StalePlan {
        /// What has changed.
        reason: String,
    },
    /// Something stands in the way of a plan of retention that did not when it was made. Nothing was removed.
    #[error("segment {base} cannot go: {by}; nothing was removed")]
    Blocked {
        /// The first segment that cannot go.
        base: Offset,
        /// What stands in the way, and what to do about it.
        by: String,
    },
    /// The clock that wrote the log has jumped, so nothing is purged by age without consent. Times are microseconds
    /// since 1970-01-01T00:00:00Z.
    #[error(
        "the clock jumped from {from_micros} to {to_micros} (microseconds) at offset {at}: ages are doubtful and nothing was removed; check the clock, then purge by size, or accept the jump"
    )]
    ClockJumped {
        /// The first place of the log behind the step, or its durable end.
        at: Offset,
        /// The time before it.
        from_micros: i64,
        /// The time behind it.
        to_micros: i64,
    },
    /// There is no cursor of this name.
    #[error("there is no cursor {name:?}; make it where its consumer is to begin")]
    NoCursor {
        /// The name.
        name: String,
    },
    /// A text that cannot name a cursor.
    #[error(
        "{name:?} cannot name a cursor: 1 to 64 of a to z, 0 to 9, dot, underscore and hyphen, and no dot at the beginning"
    )]
    CursorName {
        /// The text, cut if it is too long.
        name: String,
    },
    /// A cursor was to be advanced to a place before the one where it stands.
    #[error("cursor {name} stands at {position}, which is behind {to}; to read again from there, rewind it")]
    CursorBack {
        /// The cursor.
        name: String,
        /// Where it stands.
        position: Offset,
        /// Where it was to go.
        to: Offset,
    },
    /// A named cursor does not fit this log. It was not touched.
    #[error("cursor {name}: {refusal}; or remove it, and register it anew where its consumer stands")]
    Cursor {
        /// The cursor.
        name: String,
        /// What does not fit.
        refusal: CursorRefusal,
    },
    /// A file beside the segments does not verify. It is authoritative, so nothing is guessed in its place.
    #[error("{path} does not verify: {reason}; put a good copy of it back")]
    Sidecar {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// There is something else than a backup at this place, or none yet. Nothing was touched.
    #[error("{path} holds no backup: {reason}")]
    NoBackup {
        /// The directory.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// Another process backs up into this directory, verifies it or restores from it.
    #[error("the backup {path} is in use by {holder}; wait for it to finish")]
    BackupInUse {
        /// The directory.
        path: PathBuf,
        /// What the holder says of itself.
        holder: String,
    },
    /// The backup is of another log, or of another past of this one. Neither was touched.
    #[error(
        "the backup {path} does not belong to this log: {reason}; it was left as it is, back up into another directory"
    )]
    OtherBackup {
        /// The directory.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// Retention has removed what the backup does not hold yet.
    #[error(
        "the backup {path} ends at {ended}, and the log begins at {oldest} now: what lies between was purged; the backup was left as it is, back up into another directory"
    )]
    BackupGap {
        /// The directory.
        path: PathBuf,
        /// Where the last segment begins that the backup holds.
        ended: Offset,
        /// The first place that the log holds.
        oldest: Offset,
    },
    /// A file of a backup does not verify.
    #[error("{path} does not verify: {reason}; it is a file of a backup")]
    DamagedBackup {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A restore was to go where something is already. Nothing was touched.
    #[error("{path} is not empty: it holds {found:?}; restore into a directory that is missing or empty")]
    NotEmpty {
        /// The directory.
        path: PathBuf,
        /// What was found.
        found: String,
    },
    /// An option is out of range.
    #[error("option {option} is {value}, expected {least} to {most}")]
    Option {
        /// Which.
        option: &'static str,
        /// Its value.
        value: u64,
        /// The least it may be.
        least: u64,
        /// The most it may be.
        most: u64,
    },
    /// The operating system refused.
    #[error("cannot {op} {path}: {source}")]
    Io {
        /// What was tried.
        op: &'static str,
        /// On which file.
        path: PathBuf,
        /// Its answer.
        source: Arc<io::Error>,
    },
}

impl Error {
    /// What to do next.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Locked { .. } | Self::BackupInUse { .. } | Self::Full { .. } | Self::Conflict { .. } => {
                Kind::Retry
            }
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock | io::ErrorKind::ResourceBusy => {
                    Kind::Retry
                }
                io::ErrorKind::PermissionDenied
                | io::ErrorKind::ReadOnlyFilesystem
                | io::ErrorKind::NotADirectory => Kind::Fix,
                // Too many open files has no kind of its own.
                _ if matches!(source.raw_os_error(), Some(23 | 24)) => Kind::Retry,
                _ => Kind::Stop,
            },
            Self::Damaged(_)
            | Self::Hole { .. }
            | Self::Poisoned { .. }
            | Self::Closed
            | Self::Gap { .. }
            | Self::Beyond { .. }
            | Self::Cursor { .. }
            | Self::DamagedBackup { .. }
            | Self::Sidecar { .. } => Kind::Stop,
            Self::Missing { .. }
            | Self::NotAJournal { .. }
            | Self::NewerFormat { .. }
            | Self::TooLarge { .. }
            | Self::StalePlan { .. }
            | Self::Blocked { .. }
            | Self::ClockJumped { .. }
            | Self::NoCursor { .. }
            | Self::CursorName { .. }
            | Self::CursorBack { .. }
            | Self::NoBackup { .. }
            | Self::OtherBackup { .. }
            | Self::BackupGap { .. }
            | Self::NotEmpty { .. }
            | Self::ReadOnly
            | Self::KeyReused { .. }
            | Self::Option { .. } => Kind::Fix,
        }
    }

    /// An I/O failure with its place; a full disk has a name of its own.
    pub(crate) fn io(op: &'static str, path: &Path, source: io::Error) -> Self {
        if is_full(&source) {
            return Self::Full { path: path.to_owned() };
        }
        Self::Io { op, path: path.to_owned(), source: Arc::new(source) }
    }
}

/// Whether an error means that there is no room, by its kind and never by its text.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

impl From<Error> for LogError {
    fn from(error: Error) -> Self {
        match error {
            Error::Gap { wanted, oldest } => Self::Gap { wanted, oldest },
            Error::Beyond { wanted, durable } => Self::Beyond { wanted, durable },
            Error::Hole { offset, len } => Self::Hole { offset, len },
            Error::Damaged(Damage { offset, len, detail }) => Self::Damaged { offset, len, detail },
            other => {
                let kind = other.kind();
                Self::Failed(Box::new(other), kind)
            }
        }
    }
}
