//! What can go wrong with many streams: in which, where, and what to do next.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_journal::LogError;
use annals_record::{Kind, Offset};

use crate::codec::CodecError;

/// Why a root, or one of its streams, could not do it. Cheap to clone.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text that cannot name a stream.
    #[error("{name:?} cannot name a stream: {reason}")]
    Name {
        /// The text, cut if it is long.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is no stream of this name; the first write makes it.
    #[error("there is no stream {stream:?}; write to it, which makes it")]
    NoStream {
        /// The name.
        stream: String,
    },
    /// Where a directory of ours belongs stands something else. Nothing was touched.
    #[error("{path}: {reason}; nothing was touched, move it away")]
    Foreign {
        /// What stands there.
        path: PathBuf,
        /// What it is.
        reason: String,
    },
    /// Another process, or another handle, writes to this root.
    #[error("{path} is locked by {holder}; wait for it to finish, or read with a `Reader`")]
    Locked {
        /// The lock's file.
        path: PathBuf,
        /// What the holder says of itself.
        holder: String,
    },
    /// A stream's settings do not verify. They decide what is kept, so nothing is guessed in their place.
    #[error("{path} does not verify: {reason}; put a good copy back, or set the stream's settings anew")]
    Settings {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// Written by a newer version of this software. No byte of it was touched.
    #[error("{path} has schema {found}, this version reads up to {known}: use a newer version")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u64,
        /// The newest schema known here.
        known: u64,
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
    /// A write or sync of this stream failed, so what is durable of it is unknown. The other streams go on.
    #[error("stream {stream:?} stopped accepting appends: {reason}; `reopen` it to find out what is durable")]
    Poisoned {
        /// The stream.
        stream: String,
        /// The failure that caused it.
        reason: String,
    },
    /// A sealed segment could not be encoded. It stands as it was.
    #[error("stream {stream:?}: segment {base} stays as it is: {source}")]
    Codec {
        /// The stream.
        stream: String,
        /// The segment.
        base: Offset,
        /// What went wrong.
        source: Arc<CodecError>,
    },
    /// The root was closed.
    #[error("the root is closed")]
    Closed,
    /// A stream's journal could not do it.
    #[error("stream {stream:?}: {source}")]
    Journal {
        /// The stream.
        stream: String,
        /// What its journal says.
        source: annals_journal::Error,
    },
    /// A stream could not be read: a damaged range, a hole, or what retention has removed meanwhile.
    #[error("stream {stream:?}: {source}")]
    Read {
        /// The stream.
        stream: String,
        /// What its journal says.
        source: Arc<LogError>,
    },
    /// The operating system refused.
    #[error("cannot {op} {path}: {source}")]
    Io {
        /// What was tried.
        op: &'static str,
        /// On which file or directory.
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
            Self::Locked { .. } => Kind::Retry,
            Self::Name { .. }
            | Self::NoStream { .. }
            | Self::Foreign { .. }
            | Self::Newer { .. }
            | Self::Option { .. } => Kind::Fix,
            Self::Settings { .. } | Self::Poisoned { .. } | Self::Closed => Kind::Stop,
            Self::Codec { source, .. } => source.kind(),
            Self::Journal { source, .. } => source.kind(),
            Self::Read { source, .. } => source.kind(),
            Self::Io { op, path, source } => {
                let (op, path, source) = (*op, path.clone(), Arc::clone(source));
                annals_journal::Error::Io { op, path, source }.kind()
            }
        }
    }

    pub(crate) fn io(op: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { op, path: path.to_owned(), source: Arc::new(source) }
    }

    /// What the journal of a stream says, in the words of the root where it has its own.
    pub(crate) fn of(stream: &str, source: annals_journal::Error) -> Self {
        let stream = stream.to_owned();
        match source {
            annals_journal::Error::Poisoned { reason } => Self::Poisoned { stream, reason },
            source => Self::Journal { stream, source },
        }
    }

    pub(crate) fn read(stream: &str, source: LogError) -> Self {
        Self::Read { stream: stream.to_owned(), source: Arc::new(source) }
    }
}

impl From<Error> for LogError {
    fn from(error: Error) -> Self {
        match error {
            Error::Journal { source, .. } => source.into(),
            other => {
                let kind = other.kind();
                Self::Failed(Box::new(other), kind)
            }
        }
    }
}
