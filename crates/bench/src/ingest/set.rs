//! The records that are ingested: real ones, the same for the same number of them.
//!
//!   seed -> [`Set`] -> 90 % assertions, 9 % votes, 1 % epochs -> payloads of about 235 bytes
//!
//! Subjects come by Zipf's law, one for every ten records: of 2,000,000 records the first of 200,000 subjects has about
//! 140,000 assertions. Votes are on assertions that came lately, epochs come in two versions on average.

use annals_record::{Assertion, Epoch, Record, RecordId, Stance, Value, Vote};
use fastrand::Rng;

use super::zipf::Zipf;
use crate::outcome::Outcome;

/// Records for each subject there can be.
const RECORDS_PER_SUBJECT: u64 = 10;
/// Records for each epoch there can be; one record in a hundred is a version of one.
const RECORDS_PER_EPOCH: u64 = 200;
/// How many assertions back a vote may point.
const REMEMBERED: usize = 4096;
const PREDICATES: usize = 40;
const AGENTS: usize = 100;
/// A text that is said of a subject, in bytes: from the first up to and without the second.
const TEXT_BYTES: std::ops::Range<usize> = 6..22;
/// When the first record was made; each further one a millisecond later.
const BEGUN_MICROS: i64 = 1_700_000_000_000_000;
const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -";

/// A stream of records, in the order of the log.
#[derive(Debug)]
pub(crate) struct Set {
    rng: Rng,
    zipf: Zipf,
    records: u64,
    made: u64,
    recent: Vec<RecordId>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Made {
    /// Its bytes.
    pub(crate) payload: Vec<u8>,
    /// The BLAKE3 of them.
    pub(crate) id: RecordId,
    /// Whose assertion it is, by rank; none for votes and epochs.
    pub(crate) subject: Option<usize>,
}

impl Set {
    /// The set of so many records.
    pub(crate) fn new(records: u64) -> Self {
        Self {
            rng: Rng::with_seed(0x0a22_a15e_ed04),
            zipf: Zipf::new(Self::subjects(records)),
            records,
            made: 0,
            recent: Vec::with_capacity(REMEMBERED),
        }
    }

    /// How many subjects a set of so many records draws from.
    pub(crate) fn subjects(records: u64) -> usize {
        (records / RECORDS_PER_SUBJECT).max(1) as usize
    }

    /// The next record; none after the last.
    pub(crate) fn next(&mut self) -> Outcome<Option<Made>> {
        if self.made == self.records {
            return Ok(None);
        }
        self.made += 1;
        // The first one is an assertion: a vote needs one to point to.
        let (record, subject) = match self.rng.u32(..100) {
            0..9 if !self.recent.is_empty() => (self.vote(), None),
            9 => (self.epoch(), None),
            _ => {
                let rank = self.zipf.draw(&mut self.rng);
                (self.assertion(rank), Some(rank))
            }
        };
        let payload = record.payload()?;
        let id = RecordId::of(&payload);
        if subject.is_some() {
            self.remember(id);
        }
        Ok(Some(Made { payload, id, subject }))
    }

    fn assertion(&mut self, rank: usize) -> Record {
        // A number takes no bytes beyond the record's own.
        let object = if self.rng.bool() { Value::Int(self.rng.i64(..)) } else { Value::text(self.text()) };
        let predicate = format!("says {}", self.rng.usize(..PREDICATES));
        let mut assertion = Assertion::new(subject(rank), predicate, object);
        assertion.agent = Some(format!("agent {}", self.rng.usize(..AGENTS)));
        assertion.authored_at_micros = Some(self.now());
        Record::Assertion(assertion)
    }

    fn vote(&mut self) -> Record {
        let assertion = self.recent[self.rng.usize(..self.recent.len())];
        let voter = format!("voter {}", self.rng.usize(..AGENTS));
        let stance = if self.rng.u32(..4) == 0 { Stance::Against } else { Stance::For };
        Record::Vote(Vote { seq: self.made, ..Vote::new(assertion, voter, stance) })
    }

    fn epoch(&mut self) -> Record {
        let names = (self.records / RECORDS_PER_EPOCH).max(1);
        let mut epoch = Epoch::new(format!("epoch {}", self.rng.u64(..names)));
        epoch.authored_at_micros = Some(self.now());
        Record::Epoch(epoch)
    }

    fn text(&mut self) -> String {
        let bytes = self.rng.usize(TEXT_BYTES);
        (0..bytes).map(|_| char::from(LETTERS[self.rng.usize(..LETTERS.len())])).collect()
    }

    fn now(&self) -> i64 {
        BEGUN_MICROS + self.made as i64 * 1000
    }

    fn remember(&mut self, id: RecordId) {
        if self.recent.len() < REMEMBERED {
            self.recent.push(id);
        } else {
            let place = self.made as usize % REMEMBERED;
            self.recent[place] = id;
        }
    }
}

/// The subject of this rank, of one length whatever its rank.
pub(crate) fn subject(rank: usize) -> String {
    format!("subject {rank:08}")
}

#[cfg(test)]
mod tests;
