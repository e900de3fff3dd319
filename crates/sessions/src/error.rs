//! What can go wrong with a store of sessions, where, and what to do next.

use std::io;
use std::path::{Path, PathBuf};

use annals_journal::Kind;

use crate::{SegmentId, SessionId};

/// Why a store could not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused. The text says what was tried, and on which file.
    #[error("I/O error: {0}")]
    Io(#[from] io::Error),
    /// An entry cannot be written as JSON, or what was read is none.
    #[error("serialization error: {0}")]
    Serde(#[from] serde_json::Error),
    /// There is no such segment in this session.
    #[error("segment not found: {0}")]
    NotFound(SegmentId),
    /// An entry that was committed cannot be read. The others can: [`Store::read`](crate::Store::read) serves them.
    #[error("log corrupted at line {line}: {message}")]
    Corrupt {
        /// Its line, from 1 on: the entry's place in the segment, where there are no lines.
        line: usize,
        /// The file, the byte, and what is wrong there.
        message: String,
    },
    /// There is such a segment already. It was not touched.
    #[error("segment {0} exists already and was not touched; take a new id")]
    Exists(SegmentId),
    /// Somebody else has written to the segment. Nothing was written.
    #[error(
        "segment {segment} has {found} entries and not {expected}: another writer got ahead, and nothing was written; read on, or fork"
    )]
    Conflict {
        /// The segment.
        segment: SegmentId,
        /// How many entries the caller knew.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A `segment_start` names another session than the one it was to be written to. Nothing was written.
    #[error("a segment_start of session {named} was to be written to session {written}; nothing was written")]
    OtherSession {
        /// The session in the entry.
        named: SessionId,
        /// The session it was to be written to.
        written: SessionId,
    },
    /// More than a store takes at once. Nothing was written.
    #[error("{bytes} bytes are more than the limit of {limit} for {what}; nothing was written")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How many bytes it has.
        bytes: u64,
        /// How many it may have.
        limit: u64,
    },
    /// A sync failed, so it is unknown what of this segment is durable: the file may say more than the disk. Nothing more is
    /// appended to it until the store is opened anew.
    #[error("{path}: {reason}; open the store anew to find out what is there")]
    Poisoned {
        /// The file.
        path: PathBuf,
        /// The failure that caused it.
        reason: String,
    },
    /// Another process writes to this store.
    #[error("{path} is locked by {holder}; wait for it to finish")]
    Locked {
        /// The lock's file.
        path: PathBuf,
        /// What the holder says of itself.
        holder: String,
    },
    /// The journal that the sessions are in could not do it.
    #[error("journal: {0}")]
    Journal(#[source] annals_journal::Error),
    /// This implementation of a store cannot do this.
    #[error("this store cannot {0}: its implementation of `Store` has no such method")]
    Unsupported(&'static str),
}

impl StoreError {
    /// What to do next.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Io(error) => io_kind(error),
            Self::Journal(error) => error.kind(),
            Self::Conflict { .. } | Self::Locked { .. } => Kind::Retry,
            Self::Corrupt { .. } | Self::Poisoned { .. } => Kind::Stop,
            Self::Serde(_)
            | Self::NotFound(_)
            | Self::Exists(_)
            | Self::OtherSession { .. }
            | Self::TooLarge { .. }
            | Self::Unsupported(_) => Kind::Fix,
        }
    }

    /// Whether there was no room on the disk: nothing was kept, and the same call succeeds once there is.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Io(error) => is_full(error),
            Self::Journal(error) => matches!(error, annals_journal::Error::Full { .. }),
            _ => false,
        }
    }
}

impl From<annals_journal::Error> for StoreError {
    fn from(error: annals_journal::Error) -> Self {
        match error {
            annals_journal::Error::Locked { path, holder } => Self::Locked { path, holder },
            other => Self::Journal(other),
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

fn io_kind(error: &io::Error) -> Kind {
    match error.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock | io::ErrorKind::ResourceBusy => Kind::Retry,
        _ if is_full(error) => Kind::Retry,
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::NotADirectory => Kind::Fix,
        // Too many open files has no kind of its own.
        _ if matches!(error.raw_os_error(), Some(23 | 24)) => Kind::Retry,
        _ => Kind::Stop,
    }
}

/// An I/O failure with what was tried and where: it keeps its kind.
pub(crate) fn at<'a>(op: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> io::Error + 'a {
    move |source| io::Error::new(source.kind(), Placed { op, path: path.to_owned(), source })
}

/// What stands in an [`io::Error`] that says where it happened.
#[derive(Debug, thiserror::Error)]
#[error("cannot {op} {path}: {source}")]
struct Placed {
    op: &'static str,
    path: PathBuf,
    source: io::Error,
}
