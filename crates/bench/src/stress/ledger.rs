//! What was acknowledged: the place of every record, by lane and number.

use std::sync::{Mutex, MutexGuard, PoisonError};

use annals_journal::Offset;

use super::passage::Sum;
use crate::outcome::Outcome;

/// Of each lane the offsets of its records, in the order of their numbers, which is that of the log.
#[derive(Debug)]
pub(crate) struct Ledger(Vec<Mutex<Vec<Offset>>>);

impl Ledger {
    pub(crate) fn new(lanes: u32) -> Self {
        Self((0..lanes).map(|_| Mutex::default()).collect())
    }

    fn lane(&self, lane: u32) -> MutexGuard<'_, Vec<Offset>> {
        self.0[lane as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lane's next record was acknowledged as standing here.
    pub(crate) fn note(&self, lane: u32, offset: Offset) -> Outcome<()> {
        let mut offsets = self.lane(lane);
        match offsets.last() {
            Some(last) if *last >= offset => {
                Err(format!("lane {lane}: its record at {offset} was acknowledged after the one at {last}")
                    .into())
            }
            _ => {
                offsets.push(offset);
                Ok(())
            }
        }
    }

    /// How many records there are.
    pub(crate) fn records(&self) -> u64 {
        (0..self.0.len() as u32).map(|lane| self.lane(lane).len() as u64).sum()
    }

    /// The records that stand from `from` to `to`.
    pub(crate) fn between(&self, from: Offset, to: Offset) -> Sum {
        let mut sum = Sum::default();
        for lane in 0..self.0.len() as u32 {
            let offsets = self.lane(lane);
            let first = offsets.partition_point(|offset| *offset < from);
            let within = offsets.iter().enumerate().skip(first).take_while(|(_, offset)| **offset < to);
            within.for_each(|(seq, offset)| sum.add(lane, seq as u64, *offset));
        }
        sum
    }
}
