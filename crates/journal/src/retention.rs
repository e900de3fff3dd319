//! Retention: what a journal keeps, what would go and why it may not, and letting it go.
//!
//!   Keep -> plan: candidates, oldest first -> blockers -> what goes        (dry, without a lock)
//!   plan -> apply: planned again -> .purged.json, durable -> list of segments -> files
//!
//! R3: only a prefix of the sealed segments goes, whole segments, and never the active one.
//! R4: nothing goes that a registered cursor has not passed, that the latest checkpoint needs, or that does not verify;
//! what is in the way is named.
//! R5: age is measured in journal time against the newest journal time of the log, so a log that is idle does not age;
//! a clock that jumped is a refusal.
//! R6: apply purges what the plan shows or nothing: a plan that does not fit the journal any more is refused.

use std::fmt;
use std::time::Duration;

use annals_record::{LogId, Offset};

use crate::backup::BackupReceipt;
use crate::error::Error;
use crate::journal::Journal;
use crate::reader::Reader;
use crate::receipts::Receipt;

mod apply;
pub(crate) mod jump;
mod planning;

/// What a journal keeps. Whatever it says, only whole sealed segments go, oldest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// All of it.
    #[default]
    Everything,
    /// What is not older than this. A segment goes once its newest group is older, measured in journal time against the
    /// newest group of the log: a log to which nothing is appended loses nothing. Steps of less than a minute, back or
    /// forth, are no jumps of the clock.
    Age(Duration),
    /// At most so many bytes of segment files. The active segment counts as if it were cut to its end.
    Bytes(u64),
    /// At most so many segments, the active one counted; 0 is as 1.
    Segments(u64),
    /// The active segment and the newest sealed one: a roll leaves no log without records.
    Newest,
    /// What stands at or after this place; a segment that holds some of it stays whole.
    From(Offset),
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("everything"),
            Self::Age(age) => write!(f, "max age {} s", age.as_secs_f64()),
            Self::Bytes(bytes) => write!(f, "max {bytes} bytes"),
            Self::Segments(segments) => write!(f, "max {segments} segments"),
            Self::Newest => f.write_str("newest only"),
            Self::From(offset) => write!(f, "from offset {offset}"),
        }
    }
}

/// What a policy would remove from a journal now, what stays, and what is in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// The log it was made for.
    pub log: LogId,
    /// The policy.
    pub keep: Keep,
    /// The first place held now.
    pub oldest: Offset,
    /// The first place held once the plan is applied.
    pub oldest_after: Offset,
    /// What would go, oldest first.
    pub purge: Vec<PlannedSegment>,
    /// What the policy would let go too, and what each of these is needed for; oldest first.
    pub blocked: Vec<BlockedSegment>,
    /// How many segments stay, those that are blocked and the active one counted.
    pub kept_segments: u64,
    /// How many bytes their files take, the active one as if it were cut to its end.
    pub kept_bytes: u64,
    /// A step of the clock that makes ages doubtful: without consent nothing goes. Only where the policy is an age.
    pub clock: Option<ClockJump>,
    /// The backups that the journal knows of, the one made last first, as they were when they were made.
    pub backups: Vec<BackupReceipt>,
}

impl Plan {
    /// The backups that hold all that would go.
    pub fn covering(&self) -> impl Iterator<Item = &BackupReceipt> {
        let goes = self.purge.first().zip(self.purge.last()).map(|(first, last)| (first.base, last.end));
        self.backups.iter().filter(move |backup| goes.is_some_and(|(base, end)| backup.covers(base, end)))
    }
}

/// A segment that a policy would let go.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedSegment {
    /// The offset of its first frame.
    pub base: Offset,
    /// The base of the segment after it; of the active one the durable end.
    pub end: Offset,
    /// Its file's length in bytes; of the active one as if it were cut to its end.
    pub bytes: u64,
    /// How many records it holds; none if it is the active one or does not verify.
    pub records: Option<u64>,
    /// The journal times of its first and its last group, microseconds since 1970-01-01T00:00:00Z; none if it has no
    /// group or does not verify.
    pub times: Option<(i64, i64)>,
}

/// A segment that a policy would let go, and what stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockedSegment {
    /// The segment.
    pub segment: PlannedSegment,
    /// Everything that is in the way; at least one.
    pub by: Vec<Blocker>,
}

/// Why a segment cannot go.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Blocker {
    /// It is written to.
    #[error("it is the active segment: seal it first")]
    Active,
    /// A registered cursor has not passed it.
    #[error("cursor {name} stands at {position}: advance it, or remove it if nobody needs it")]
    Cursor {
        /// Its name.
        name: String,
        /// Where it stands.
        position: Offset,
    },
    /// A registered cursor does not verify or does not fit this log, so what it needs is unknown.
    #[error(
        "cursor {name} cannot be used: {reason}; remove it, and register it anew where its consumer stands"
    )]
    UnusableCursor {
        /// Its name.
        name: String,
        /// What was found.
        reason: String,
    },
    /// The latest checkpoint lies in it or before it.
    #[error("the latest checkpoint stands at {offset}: make a newer one")]
    Checkpoint {
        /// Where it stands.
        offset: Offset,
    },
    /// It does not verify: what it held may still be wanted, or mended.
    #[error("it is damaged: {reason}; repair or salvage it first")]
    Damaged {
        /// What was found.
        reason: String,
    },
    /// How far the log was purged does not verify, and must not be written over.
    #[error("{reason}; put a good copy of it back")]
    Purged {
        /// What was found.
        reason: String,
    },
    /// A segment before it cannot go.
    #[error("segment {base} before it cannot go")]
    Earlier {
        /// That segment.
        base: Offset,
    },
}

/// A step of the clock, as the log shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClockJump {
    /// The first place of the log behind the step; the durable end if the system's clock lies before the log's.
    pub at: Offset,
    /// The journal time before it, microseconds since 1970-01-01T00:00:00Z.
    pub from_micros: i64,
    /// The time behind it.
    pub to_micros: i64,
}

/// What a caller of [`Journal::apply`] agrees to. By default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// To purge by age although the clock has jumped: what lies before the newest journal time by more than the age
    /// goes, whatever the step was.
    pub clock_jump: bool,
}

impl Journal {
    /// What `keep` would remove now, and what is in the way. Changes nothing.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read. What does not verify is no error but in the way.
    pub fn plan(&self, keep: &Keep) -> Result<Plan, Error> {
        planning::plan(&**self.core, keep)
    }

    /// Removes what `plan` shows, durably, and returns a receipt for each segment. Readers below get `Gap` from then
    /// on. With nothing to remove it does nothing.
    ///
    /// Cut off by a crash or an error it is either undone or finished by the next open, never half seen.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// use annals_journal::{Consent, Journal, Keep};
    ///
    /// let journal = Journal::open(dir.path().join("journal"))?;
    /// journal.append("older")?;
    /// journal.seal()?;
    /// journal.append("newer")?;
    /// let plan = journal.plan(&Keep::Segments(1))?;
    /// for blocked in &plan.blocked {
    ///     println!("segment {} stays: {}", blocked.segment.base, blocked.by[0]);
    /// }
    /// let receipts = journal.apply(&plan, Consent::default())?;
    /// assert_eq!(receipts[0].records, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::StalePlan`]: plan again; [`Error::Blocked`]: something new is in the way; [`Error::ClockJumped`] without
    /// consent; [`Error::Locked`] while a cursor is being made. [`Error::Io`] if what goes could not be written down,
    /// or if a file could not be removed: then its segment is not served any more, and the next open removes it.
    pub fn apply(&self, plan: &Plan, consent: Consent) -> Result<Vec<Receipt>, Error> {
        apply::apply(self, plan, consent)
    }
}

impl Reader {
    /// What `keep` would remove now, and what is in the way. Changes nothing, and takes no lock.
    ///
    /// # Errors
    /// As [`Journal::plan`].
    pub fn plan(&self, keep: &Keep) -> Result<Plan, Error> {
        planning::plan(&*self.core, keep)
    }
}

#[cfg(test)]
mod tests;
