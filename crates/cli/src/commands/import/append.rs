//! Records appended in batches, and where each came to stand.

use std::collections::HashMap;

use annals::{Added, Importer, Offset, RecordId};

use super::acks::Acks;
use super::report::Places;
use crate::exit::Failure;
use crate::input::Accepted;

/// A batch is appended when it has so many bytes, however few records that are.
const BATCH_BYTES: usize = 8 << 20;

/// Records on their way into the journal.
pub(super) struct Appending<'a> {
    importer: Importer<'a>,
    /// How many records a batch has.
    batch: usize,
    acks: Option<Acks>,
    pending: Vec<Pending>,
    pending_bytes: usize,
    /// What became of the records so far.
    pub(super) places: Places,
}

/// A record that waits for its batch.
struct Pending {
    line: u64,
    state: State,
}

enum State {
    /// It is in the batch.
    Queued,
    /// It stands in the journal already.
    Stands(RecordId, Offset),
    /// It is in the batch already, from another line.
    Twin(RecordId),
}

impl<'a> Appending<'a> {
    /// Appends so many records at a time.
    pub(super) fn new(importer: Importer<'a>, batch: usize, acks: Option<Acks>) -> Self {
        Self { importer, batch, acks, pending: Vec::new(), pending_bytes: 0, places: Places::default() }
    }

    /// Adds the record of a line; appends the batch if it is full.
    pub(super) fn add(&mut self, line: u64, accepted: Accepted) -> Result<(), Failure> {
        self.pending_bytes += accepted.payload.len();
        let state = match self.importer.add_payload(accepted.id, accepted.payload)? {
            Added::Queued => State::Queued,
            Added::Duplicate { first: Some(first) } => State::Stands(accepted.id, first),
            Added::Duplicate { first: None } => State::Twin(accepted.id),
        };
        self.pending.push(Pending { line, state });
        if self.pending.len() >= self.batch || self.pending_bytes >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Appends what is queued, and writes the receipts once it is durable. Nothing of a batch that fails is counted.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let receipts = if self.importer.queued() > 0 { self.importer.flush()? } else { Vec::new() };
        self.places.appended += receipts.len() as u64;
        self.places.duplicates += (self.pending.len() - receipts.len()) as u64;
        self.places.first = self.places.first.or(receipts.first().map(|receipt| receipt.offset));
        let pending = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        let Some(acks) = &mut self.acks else { return Ok(()) };
        let twins = pending.iter().any(|pending| matches!(pending.state, State::Twin(_)));
        let offsets: HashMap<RecordId, Offset> =
            receipts.iter().filter(|_| twins).map(|receipt| (receipt.id, receipt.offset)).collect();
        let mut receipts = receipts.iter();
        for Pending { line, state } in pending {
            match state {
                State::Queued => {
                    let receipt = receipts.next();
                    assert!(receipt.is_some(), "A1: a queued record has a receipt");
                    receipt.into_iter().for_each(|receipt| acks.add(line, &receipt.id, receipt.offset));
                }
                State::Stands(id, offset) => acks.add(line, &id, offset),
                State::Twin(id) => {
                    offsets.get(&id).into_iter().for_each(|offset| acks.add(line, &id, *offset));
                }
            }
        }
        acks.write()
    }
}
