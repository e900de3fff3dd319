//! How far a consumer has come, and whether the log it finds is the one it came along.

use crate::seeded::{self, Bug};
use crate::{Bounds, LogId, Offset, RecordId, Term, TermStart};

/// How far a consumer has come: stored in the same transaction as the effects, checked against the log at every start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The log it belongs to.
    pub log: LogId,
    /// The log's term when the cursor moved last.
    pub term: Term,
    /// The next offset to apply.
    pub next: Offset,
    /// The last record applied; none before the first.
    pub last: Option<Applied>,
}

/// The record a consumer applied last: proof that the log still holds what it held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Where it stands.
    pub offset: Offset,
    /// Its identity.
    pub id: RecordId,
}

/// Why a cursor does not fit a log. Never answered by a reset: each names the repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CursorRefusal {
    /// Another log.
    #[error(
        "the cursor belongs to log {cursor}, this log is {log}: put the right directory in place, or rebuild the store from this log"
    )]
    ForeignLog {
        /// The log the cursor names.
        cursor: LogId,
        /// The log that is there.
        log: LogId,
    },
    /// The log ends before the cursor: it lost its end, or an older copy was restored.
    #[error(
        "the cursor stands at {cursor}, but the log ends at {durable}: restore the log, or rebuild the store from what it holds"
    )]
    AheadOfLog {
        /// Where the cursor stands.
        cursor: Offset,
        /// Where the log ends.
        durable: Offset,
    },
    /// The log was cut below the cursor and has gone on differently since.
    #[error(
        "the cursor stands at {cursor} in term {term}, but that term ended at {end}: the log's future has forked; rebuild the store"
    )]
    Forked {
        /// Where the cursor stands.
        cursor: Offset,
        /// The term it stands in.
        term: Term,
        /// Where that term ended.
        end: Offset,
    },
    /// The cursor names a term this log never had.
    #[error(
        "the cursor names term {term}, which this log has not reached (it is in {newest}): an older copy of the log was restored; rebuild the store"
    )]
    UnknownTerm {
        /// The term the cursor names.
        term: Term,
        /// The log's newest term.
        newest: Term,
    },
    /// Retention removed what the cursor has not applied.
    #[error(
        "the cursor stands at {cursor}, but the log begins at {oldest}: rebuild from a backup that covers the gap"
    )]
    Purged {
        /// Where the cursor stands.
        cursor: Offset,
        /// The first place still held.
        oldest: Offset,
    },
    /// The record that was applied last is another one now.
    #[error(
        "the record at {offset} is not the one that was applied last: the log was replaced; rebuild the store"
    )]
    OtherRecord {
        /// Where it should stand.
        offset: Offset,
    },
}

/// Why a store was refused, for machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its name: small letters and underscores.
    pub name: &'static str,
    /// What mends it, the recommended one first.
    pub repairs: &'static [Repair],
}

/// What mends a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repair {
    /// The store is built anew from the log.
    Rebuild,
    /// The log is put back from a copy that holds what is missing.
    Restore,
    /// The store is taken as it stands, and what it lacks is applied again.
    Rewind,
    /// The directory that belongs there is put back in its place.
    RightDirectory,
}

impl Repair {
    /// Its name: small letters and underscores.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rebuild => "rebuild",
            Self::Restore => "restore",
            Self::Rewind => "rewind",
            Self::RightDirectory => "right_directory",
        }
    }
}

impl CursorRefusal {
    /// Its name, for machines: small letters and underscores.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ForeignLog { .. } => "foreign_log",
            Self::AheadOfLog { .. } => "ahead_of_log",
            Self::Forked { .. } => "forked",
            Self::UnknownTerm { .. } => "unknown_term",
            Self::Purged { .. } => "purged",
            Self::OtherRecord { .. } => "other_record",
        }
    }

    /// What mends it, the recommended one first. A rebuild reads the log from its beginning: where that is gone it is
    /// none.
    #[must_use]
    pub fn repairs(&self) -> &'static [Repair] {
        match self {
            Self::ForeignLog { .. } => &[Repair::RightDirectory, Repair::Rebuild],
            Self::AheadOfLog { .. } => &[Repair::Restore, Repair::Rebuild],
            Self::Forked { .. } | Self::UnknownTerm { .. } => &[Repair::Rebuild, Repair::Restore],
            Self::OtherRecord { .. } => &[Repair::Rebuild],
            Self::Purged { .. } => &[Repair::Restore],
        }
    }

    /// Both.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        Refusal { name: self.name(), repairs: self.repairs() }
    }
}

impl Cursor {
    /// The cursor of a consumer that has applied nothing of this log.
    #[must_use]
    pub fn start(log: LogId, term: Term, oldest: Offset) -> Self {
        Self { log, term, next: oldest, last: None }
    }

    /// Whether this cursor's identity, term and place fit a log.
    ///
    /// # Errors
    /// The refusal that names what does not fit, and the repair.
    pub fn check(&self, log: LogId, terms: &[TermStart], bounds: Bounds) -> Result<(), CursorRefusal> {
        if self.log != log && !seeded::is_on(Bug::CursorWithoutLog) {
            return Err(CursorRefusal::ForeignLog { cursor: self.log, log });
        }
        let newest = terms.last().map_or(Term::FIRST, |newest| newest.term);
        if self.term > newest {
            return Err(CursorRefusal::UnknownTerm { term: self.term, newest });
        }
        if let Some(end) = terms.iter().find(|t| t.term > self.term).map(|t| t.start)
            && self.next > end
        {
            return Err(CursorRefusal::Forked { cursor: self.next, term: self.term, end });
        }
        if self.next > bounds.durable {
            return Err(CursorRefusal::AheadOfLog { cursor: self.next, durable: bounds.durable });
        }
        if self.next < bounds.oldest {
            return Err(CursorRefusal::Purged { cursor: self.next, oldest: bounds.oldest });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
