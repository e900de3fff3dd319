//! What can go wrong with a queue.

use annals_journal::{Error as JournalError, LogError, Offset};
use annals_record::Kind;

use super::Priority;

/// Why a queue could not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The journal of a priority could not.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A stretch of a priority's journal cannot be read; the drain goes on behind it.
    #[error("priority {}: {source}", .priority.name())]
    Unread {
        /// Which.
        priority: Priority,
        /// Where, and why.
        source: LogError,
    },
    /// A record in a queue's journal that no queue has put there.
    #[error("priority {}, offset {offset}: {reason}; it is no frame of this queue", .priority.name())]
    Foreign {
        /// In which priority's journal.
        priority: Priority,
        /// Where.
        offset: Offset,
        /// What was found.
        reason: String,
    },
    /// The wall clock has moved otherwise than time has passed since the queue was opened: ages are doubtful.
    #[error(
        "the clock moved by {moved_micros} microseconds while {passed_micros} passed: ages are doubtful and nothing was pruned; check the clock, prune to a size, or open the queue again"
    )]
    ClockJumped {
        /// How far the wall clock has moved since the open.
        moved_micros: i64,
        /// How much time has passed.
        passed_micros: i64,
    },
}

impl QueueError {
    /// What to do next.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Journal(error) => error.kind(),
            Self::Unread { source, .. } => source.kind(),
            Self::Foreign { .. } => Kind::Stop,
            Self::ClockJumped { .. } => Kind::Fix,
        }
    }
}
