//! Importing: appends in batches that leave out what the log holds already.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use annals_record::{Appended, Offset, Record, RecordId};
use annals_storage::Sink;

use crate::{Annals, Error};

/// How many records an import remembers that the store does not show yet. Larger means that the worker may be further
/// behind before the import waits for it; each takes about 150 bytes.
const REMEMBERED: usize = 200_000;
/// How long the worker may stand still before an import that waits for it fails.
const STANDSTILL: Duration = Duration::from_secs(60);

/// Appends records in atomic batches, each record once however often it comes.
///
/// A duplicate is a record whose id stands earlier in the log or in this import. What other threads append meanwhile is
/// not looked at; should they append the same, the store still keeps each record once.
///
/// What the store does not show yet is remembered, up to 200,000 records: beyond that a batch is appended once the worker
/// has applied more, however [`crate::Options::backpressure`] is set.
pub struct Importer<'a> {
    annals: &'a Annals,
    queue: Vec<Vec<u8>>,
    /// What this import has appended or queued and the store may not show yet; none while it is queued.
    recent: HashMap<RecordId, Option<Offset>>,
    /// The appended ones of `recent`, oldest first: where each ends.
    unapplied: VecDeque<(Offset, RecordId)>,
    /// How many of them at most.
    pub(crate) remembered: usize,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is in the next batch.
    Queued,
    /// It stands in the log, or in the next batch, already.
    Duplicate {
        /// Where it stands; none if it is still queued.
        first: Option<Offset>,
    },
}

impl<'a> Importer<'a> {
    pub(crate) fn new(annals: &'a Annals) -> Self {
        Self {
            annals,
            queue: Vec::new(),
            recent: HashMap::new(),
            unapplied: VecDeque::new(),
            remembered: REMEMBERED,
        }
    }

    /// Puts a record into the next batch, unless it is a duplicate.
    ///
    /// # Errors
    /// [`Error::Record`] if it breaks a limit; [`Error::Store`] if the store cannot be read.
    pub fn add(&mut self, record: &Record) -> Result<Added, Error> {
        let payload = record.payload()?;
        self.add_payload(RecordId::of(&payload), payload)
    }

    /// As [`Importer::add`], for a record that is encoded already: `payload` as [`Record::payload`] gave it, `id` its
    /// [`RecordId::of`]. With another id duplicates are not found; the journal computes its own.
    ///
    /// # Errors
    /// [`Error::Store`] if the store cannot be read.
    pub fn add_payload(&mut self, id: RecordId, payload: Vec<u8>) -> Result<Added, Error> {
        if let Some(first) = self.recent.get(&id) {
            return Ok(Added::Duplicate { first: *first });
        }
        if let Some(first) = self.annals.store().first_offset(&id)? {
            return Ok(Added::Duplicate { first: Some(first) });
        }
        self.recent.insert(id, None);
        self.queue.push(payload);
        Ok(Added::Queued)
    }

    /// How many records the next batch has.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Appends the batch and returns once it is durable: a receipt for each queued record, in their order.
    ///
    /// # Errors
    /// As [`Annals::append_batch`]; [`Error::Ingest`] or [`Error::Timeout`] if the worker has to be waited for and has
    /// stopped, or stood still for a minute. The batch stays queued.
    pub fn flush(&mut self) -> Result<Vec<Appended>, Error> {
        self.make_room()?;
        self.annals.valve.pass()?;
        let receipts = self.annals.journal().append_batch(&self.queue)?;
        self.queue.clear();
        for receipt in &receipts {
            self.recent.insert(receipt.id, Some(receipt.offset));
            self.unapplied.push_back((receipt.next, receipt.id));
        }
        self.forget_applied()?;
        Ok(receipts)
    }

    /// Waits until what is remembered has room for the batch, or nothing is remembered but it.
    fn make_room(&mut self) -> Result<(), Error> {
        loop {
            let excess = (self.unapplied.len() + self.queue.len()).saturating_sub(self.remembered);
            let Some((first, _)) = self.unapplied.front().copied().filter(|_| excess > 0) else {
                return Ok(());
            };
            let last = self.unapplied.get(excess - 1).or(self.unapplied.back());
            match self.annals.wait_for(last.map_or(first, |(next, _)| *next), STANDSTILL) {
                // It goes on, if slowly.
                Err(Error::Timeout { applied, .. }) if applied >= first => {}
                waited => waited?,
            }
            self.forget_applied()?;
        }
    }

    /// What the store shows need not be remembered.
    fn forget_applied(&mut self) -> Result<(), Error> {
        let applied = self.annals.store().cursor()?.map_or(Offset::ZERO, |cursor| cursor.next);
        while let Some((next, id)) = self.unapplied.front().copied()
            && next <= applied
        {
            self.unapplied.pop_front();
            self.recent.remove(&id);
        }
        Ok(())
    }
}
