//! Questions as of the past: an offset or a time of the journal, and the answers that were given then.
//!
//!   time -> offset_at -> offset -> as_of -> the store's snapshots, each as of that offset
//!
//! A1: what is as of an offset that has been applied never changes: the same question has the same answer later, after
//!     further appends and after a rebuild.
//! A2: a time becomes the offset behind everything that was committed at or before it, by the journal's clock; where
//!     that cannot be known it is refused, never guessed.

use std::sync::Arc;

use annals_journal::{Journal, Reader, Receipt, ReceiptQuery, Receipts};
use annals_record::{EpochId, Log, Offset, RecordId};
use annals_storage::{HybridStore, Sink, Snapshot, Stored, Tally};

use crate::annals::Annals;
use crate::error::Error;

/// A knowledge base as of one offset of its journal: everything that begins before it, nothing else. Any number of
/// questions have answers that agree with each other, however much is appended meanwhile.
pub struct AsOf {
    store: Arc<HybridStore>,
    offset: Offset,
}

impl Annals {
    /// The knowledge base as of an offset: any that the store has come to, whether or not a record begins there.
    ///
    /// # Errors
    /// [`Error::NotApplied`] if the store has not come so far; [`Annals::wait_for`] waits until it has.
    pub fn as_of(&self, offset: Offset) -> Result<AsOf, Error> {
        let store = self.store();
        let applied = store.cursor()?.map_or(Offset::ZERO, |cursor| cursor.next);
        if offset > applied {
            return Err(Error::NotApplied { offset, applied, durable: self.journal().durable() });
        }
        Ok(AsOf { store, offset })
    }

    /// The offset behind everything that was committed at or before a time, in microseconds since 1970-01-01T00:00:00Z,
    /// by the journal's clock. The journal's durable end if nothing is later, its beginning if everything is.
    ///
    /// Where the clock went back there is more than one such place, and this is one of them; where damage hides the place,
    /// it is where the damage begins, as [`annals_journal::Journal::seek_time`] says.
    ///
    /// # Errors
    /// [`Error::TimePurged`] if it lies within what retention has removed; [`Error::Journal`] if a file cannot be read.
    pub fn offset_at(&self, micros: i64) -> Result<Offset, Error> {
        offset_in(self.journal(), micros)
    }
}

/// As [`Annals::offset_at`], beside the process that has the data.
///
/// # Errors
/// As [`Annals::offset_at`].
pub fn offset_at(reader: &Reader, micros: i64) -> Result<Offset, Error> {
    offset_in(reader, micros)
}

/// What is asked of a journal, by whoever has it or beside that.
trait Dated: Log {
    fn seek(&self, micros: i64) -> Result<Offset, annals_journal::Error>;
    fn purged(&self) -> Result<Receipts, annals_journal::Error>;
}

impl Dated for Journal {
    fn seek(&self, micros: i64) -> Result<Offset, annals_journal::Error> {
        self.seek_time(micros)
    }

    fn purged(&self) -> Result<Receipts, annals_journal::Error> {
        self.receipts(&ReceiptQuery::default())
    }
}

impl Dated for Reader {
    fn seek(&self, micros: i64) -> Result<Offset, annals_journal::Error> {
        self.seek_time(micros)
    }

    fn purged(&self) -> Result<Receipts, annals_journal::Error> {
        self.receipts(&ReceiptQuery::default())
    }
}

fn offset_in(journal: &impl Dated, micros: i64) -> Result<Offset, Error> {
    let Some(later) = micros.checked_add(1) else { return Ok(journal.bounds()?.durable) };
    let found = journal.seek(later)?;
    if journal.bounds()?.oldest == Offset::ZERO || found > journal.seek(i64::MIN)? {
        return Ok(found);
    }
    // It lies before everything that is held; what is known of the rest, the receipts say.
    let receipts = journal.purged()?.purged;
    let mut purged: Vec<_> = receipts.iter().map(Purged::from).collect();
    purged.sort_unstable_by_key(|purged| purged.base);
    within_purged(micros, &purged, found)
}

/// A segment that retention removed.
struct Purged {
    base: Offset,
    end: Offset,
    /// The times of its first and its last group; none if it held no group.
    times: Option<(i64, i64)>,
}

impl From<&Receipt> for Purged {
    fn from(receipt: &Receipt) -> Self {
        Self { base: receipt.base, end: receipt.end, times: receipt.times }
    }
}

/// Where a time lies before `oldest`: at a boundary of two purged segments, or it cannot be said.
fn within_purged(micros: i64, purged: &[Purged], oldest: Offset) -> Result<Offset, Error> {
    let mut end = oldest;
    for segment in purged.iter().rev() {
        if segment.end != end {
            break;
        }
        match segment.times {
            Some((_, last)) if last <= micros => return Ok(end),
            Some((first, _)) if first <= micros => {
                return Err(Error::TimePurged { micros, from: segment.base, to: end });
            }
            _ => end = segment.base,
        }
    }
    if end == Offset::ZERO { Ok(end) } else { Err(Error::TimePurged { micros, from: Offset::ZERO, to: end }) }
}

impl AsOf {
    /// The offset.
    #[must_use]
    pub fn offset(&self) -> Offset {
        self.offset
    }

    /// Everything there is to ask, as of the offset. Take one for each question: it keeps pages of the store from being
    /// used again.
    ///
    /// # Errors
    /// [`Error::Store`] if the store cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot<'_>, Error> {
        Ok(self.store.snapshot()?.at(self.offset))
    }

    /// As [`Annals::get`].
    ///
    /// # Errors
    /// As [`Annals::get`].
    pub fn get(&self, id: &RecordId) -> Result<Option<Stored>, Error> {
        Ok(self.snapshot()?.get(id)?)
    }

    /// As [`Annals::subject`].
    ///
    /// # Errors
    /// As [`Annals::get`].
    pub fn subject(&self, subject: &str, after: Option<Offset>, limit: usize) -> Result<Vec<Stored>, Error> {
        Ok(self.snapshot()?.subject(subject, after, limit)?)
    }

    /// As [`Annals::tally`]: the votes that had been applied by then.
    ///
    /// # Errors
    /// As [`Annals::get`].
    pub fn tally(&self, assertion: &RecordId) -> Result<Option<Tally>, Error> {
        Ok(self.snapshot()?.tally(assertion)?)
    }

    /// As [`Annals::votes`].
    ///
    /// # Errors
    /// As [`Annals::get`].
    pub fn votes(
        &self,
        assertion: &RecordId,
        after: Option<&RecordId>,
        limit: usize,
    ) -> Result<Vec<Stored>, Error> {
        Ok(self.snapshot()?.votes(assertion, after, limit)?)
    }

    /// As [`Annals::epoch`]: the version that was the latest then.
    ///
    /// # Errors
    /// As [`Annals::get`].
    pub fn epoch(&self, epoch: &EpochId) -> Result<Option<Stored>, Error> {
        Ok(self.snapshot()?.epoch(epoch)?)
    }
}

#[cfg(test)]
mod tests;
