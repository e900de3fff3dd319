//! Why a worker could not go on.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use annals_record::{CursorRefusal, EncodingMismatch, Kind, LogError, Offset, Refusal};

/// Why a worker could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store was filled from another log, or from another past of this one.
    #[error("the store's {part} does not fit the log: {refusal}")]
    Refused {
        /// `cursor`; `content` where a crash left more of it than the cursor covers; `beginning` where a comparison
        /// needs records that the log no longer has.
        part: &'static str,
        /// What does not fit, and the repair.
        refusal: CursorRefusal,
    },
    /// Bytes of the log do not verify, and nothing behind them is applied.
    #[error(
        "the log is damaged at offset {offset}, {len} bytes up to {resume}: {detail}; nothing behind it is applied. Put a \
         good copy back or salvage the log (`annals log salvage`), which lists as lost what is lost; or have the worker \
         pass the range and note it (`annals pass-damage`, `OnDamage::PassAndList`)",
        resume = offset.get().saturating_add(*len)
    )]
    Damaged {
        /// The first place that cannot be served.
        offset: Offset,
        /// How many bytes of the log cannot be served.
        len: u64,
        /// File, place and what was found there.
        detail: String,
    },
    /// The log could not be read.
    #[error("{0}")]
    Log(#[source] LogError),
    /// The store could not be written.
    #[error(transparent)]
    Store(#[from] annals_storage::Error),
    /// This build lays records out differently from all others.
    #[error(transparent)]
    Encoding(#[from] EncodingMismatch),
    /// The worker stopped because of an error.
    #[error("the worker has stopped: {0}")]
    Failed(#[source] Arc<Error>),
    /// The worker was stopped before the offset was reached.
    #[error("the worker was stopped at {cursor}, before offset {wanted}: start it again")]
    Stopped {
        /// What was waited for.
        wanted: Offset,
        /// How far it has come.
        cursor: Offset,
    },
    /// The worker is paused, and the offset lies beyond what it has applied.
    #[error("the worker is paused at {cursor}, before offset {wanted}: resume it")]
    Paused {
        /// What was waited for.
        wanted: Offset,
        /// How far it has come.
        cursor: Offset,
    },
    /// The place to go on from is none of the log's.
    #[error("cannot go on from offset {to}: {source}")]
    NoPlace {
        /// What was asked for.
        to: Offset,
        /// What the log says of it.
        source: LogError,
    },
    /// The offset was not reached in time.
    #[error("offset {wanted} was not applied within {timeout:?}; the worker is at {cursor} and goes on")]
    Timeout {
        /// What was waited for.
        wanted: Offset,
        /// How far the worker had come.
        cursor: Offset,
        /// How long was waited.
        timeout: Duration,
    },
    /// The worker has not taken its log yet.
    #[error("the worker was not started yet")]
    NotStarted,
    /// The worker panicked: a bug of ours, of the log or of the store.
    #[error("the worker panicked; please report it with the output of the panic")]
    Panicked,
    /// The worker's thread could not be started.
    #[error("could not start the worker's thread: {0}")]
    Spawn(#[source] io::Error),
}

impl Error {
    /// If the store was refused because it does not belong to this log: the refusal's name, and what mends it.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal.refusal()),
            Self::Store(error) => error.refusal(),
            Self::Failed(error) => error.refusal(),
            _ => None,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Refused { .. } | Self::Encoding(_) | Self::NotStarted | Self::NoPlace { .. } => Kind::Fix,
            Self::Log(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Failed(error) => error.kind(),
            Self::Stopped { .. } | Self::Paused { .. } | Self::Timeout { .. } | Self::Spawn(_) => Kind::Retry,
            Self::Damaged { .. } | Self::Panicked => Kind::Stop,
        }
    }
}

impl From<LogError> for Error {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Damaged { offset, len, detail } => Self::Damaged { offset, len, detail },
            error => Self::Log(error),
        }
    }
}
