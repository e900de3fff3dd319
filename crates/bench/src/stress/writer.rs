//! The writers, each a thread: one append after another, of every kind, and what was acknowledged noted.
//!
//!   alone (most) | in a batch | larger than a segment | on a condition | twice under one key | by eight tasks at once

use std::sync::atomic::AtomicU64;

use annals_journal::{AppendOptions, Appended, Clock, Error, Journal, Offset, SystemClock};

use super::course::Course;
use super::gauge::{self, Written};
use super::ledger::Ledger;
use super::record::{HEAD, Head};
use crate::outcome::Outcome;

/// The largest filler of an ordinary record.
const FILLER: usize = 4096 - HEAD;
/// The records of a batch, at most.
const BATCH: usize = 16;
/// Lanes of a writer that appends by tasks.
#[cfg(feature = "async")]
const TASKS: u32 = 8;

/// What all writers share.
#[derive(Debug)]
pub(crate) struct Writing<'a> {
    pub(crate) run: u32,
    pub(crate) journal: &'a Journal,
    pub(crate) course: &'a Course,
    pub(crate) ledger: &'a Ledger,
    pub(crate) written: &'a Written,
    pub(crate) segment_bytes: usize,
}

/// How many lanes a writer has: every eighth appends by tasks, if this was built with them.
pub(crate) fn lanes(writer: u32) -> u32 {
    #[cfg(feature = "async")]
    if writer % 8 == 7 {
        return TASKS;
    }
    let _ = writer;
    1
}

impl Writing<'_> {
    /// Appends until the run is stopped. `first` is its first lane.
    pub(crate) fn run(&self, first: u32, lanes: u32, random: fastrand::Rng) -> Outcome<()> {
        #[cfg(feature = "async")]
        if lanes > 1 {
            return tasks::run(self, first, lanes, random);
        }
        let _ = lanes;
        let mut lane = Lane { writing: self, lane: first, seq: 0, next: Offset::ZERO, random };
        while !self.course.is_stopped() {
            lane.append()?;
        }
        Ok(())
    }

    fn count(&self, count: impl FnOnce(&Written) -> &AtomicU64) {
        gauge::add(count(self.written), 1);
    }

    /// Notes what was acknowledged. I1: it is durable.
    fn note(&self, lane: u32, appended: &Appended, bytes: usize) -> Outcome<()> {
        let durable = self.journal.durable();
        if appended.next > durable {
            return Err(format!("acknowledged up to {}, durable is {durable}", appended.next).into());
        }
        gauge::add(&self.written.records, 1);
        gauge::add(&self.written.bytes, bytes as u64);
        self.ledger.note(lane, appended.offset)
    }
}

/// One append under way at a time.
struct Lane<'a> {
    writing: &'a Writing<'a>,
    lane: u32,
    /// The next record's number.
    seq: u64,
    /// Behind its last record.
    next: Offset,
    random: fastrand::Rng,
}

impl Lane<'_> {
    fn append(&mut self) -> Outcome<()> {
        let segment = self.writing.segment_bytes;
        match self.random.u32(0..10_000) {
            0 => {
                let filler = self.random.usize(segment..2 * segment);
                self.writing.count(|written| &written.oversized);
                self.alone(filler)
            }
            1 => {
                self.writing.count(|written| &written.oversized);
                self.batch(2 + segment / (FILLER / 2), FILLER)
            }
            2..700 => {
                let records = self.random.usize(2..=BATCH);
                self.batch(records, FILLER / 4)
            }
            700..800 => self.on_condition(),
            800..900 => self.twice(),
            _ => {
                // Small ones as often as large ones.
                let most = 1 << self.random.u32(0..12);
                let filler = self.random.usize(0..2 * most).min(FILLER);
                self.alone(filler)
            }
        }
    }

    /// The next records, not yet appended.
    fn make(&mut self, records: usize, fillers: std::ops::Range<usize>) -> Vec<Vec<u8>> {
        let micros = SystemClock.now_micros();
        (0..records)
            .map(|nth| {
                let filler = self.random.usize(fillers.clone());
                let seq = self.seq + nth as u64;
                let (nth, of) = (nth as u16, records as u16);
                Head { run: self.writing.run, lane: self.lane, nth, of, seq, micros }
                    .with_filler(filler, &mut self.random)
            })
            .collect()
    }

    fn noted(&mut self, receipts: &[Appended], records: &[Vec<u8>]) -> Outcome<()> {
        if receipts.len() != records.len() {
            return Err(format!("{} receipts for {} records", receipts.len(), records.len()).into());
        }
        for (receipt, record) in receipts.iter().zip(records) {
            self.writing.note(self.lane, receipt, record.len())?;
            self.next = receipt.next;
        }
        self.seq += records.len() as u64;
        Ok(())
    }

    fn alone(&mut self, filler: usize) -> Outcome<()> {
        let records = self.make(1, filler..filler + 1);
        let receipts: Vec<Appended> =
            records.iter().map(|record| self.writing.journal.append(record)).collect::<Result<_, _>>()?;
        self.noted(&receipts, &records)
    }

    fn batch(&mut self, records: usize, filler: usize) -> Outcome<()> {
        let records = self.make(records, 0..filler);
        let receipts = self.writing.journal.append_batch(&records)?;
        self.writing.count(|written| &written.batches);
        self.noted(&receipts, &records)
    }

    /// Only if nobody has appended since this lane did.
    fn on_condition(&mut self) -> Outcome<()> {
        let records = self.make(1, 0..100);
        match self.writing.journal.append_if(self.next, &records) {
            Ok(receipts) => {
                self.writing.count(|written| &written.conditional);
                self.noted(&receipts, &records)
            }
            Err(Error::Conflict { .. }) => {
                self.writing.count(|written| &written.conflicts);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The second time it is answered as the first, and not appended again.
    fn twice(&mut self) -> Outcome<()> {
        let records = self.make(2, 0..200);
        let key = format!("{} {}", self.lane, self.seq);
        let how = AppendOptions { key: Some(key.as_bytes()), ..AppendOptions::default() };
        let receipts = self.writing.journal.append_with(&records, &how)?;
        let again = self.writing.journal.append_with(&records, &how)?;
        if again != receipts {
            return Err(format!("under one key first {receipts:?}, then {again:?}").into());
        }
        self.writing.count(|written| &written.repeated);
        self.noted(&receipts, &records)
    }
}

#[cfg(feature = "async")]
mod tasks;
