//! Looks at every record a reader is given, in whichever direction, and says at once what is wrong with it.
//!
//!   batch -> sound? in order? -> batches whole? -> each lane without holes? -> the stretch's sum
//!
//! Whether a stretch lacks a record that no later one of its lane betrays, only the ledger knows: `audit`.

use annals_journal::{Batch, Offset};

use super::passage::{Passage, Sought, Stretch, Sum};
use super::record::Head;
use crate::outcome::Outcome;

/// One passage of one reader, as far as it has come.
#[derive(Debug)]
pub(crate) struct Witness {
    run: u32,
    passage: Passage,
    /// The stretch that is being read: it grows at its end, or backwards at its beginning.
    current: Stretch,
    /// Of each lane the lowest and the highest number seen in this stretch.
    lanes: Vec<Option<(u64, u64)>>,
    /// Of each lane the first number that was not seen before the gap.
    floor: Vec<u64>,
}

impl Witness {
    /// A passage of this reader that begins at `at`, in either direction.
    pub(crate) fn begin(run: u32, reader: usize, at: Offset) -> Self {
        Self {
            run,
            passage: Passage { reader, stretches: Vec::new(), sought: None },
            current: Stretch { from: at, to: at, sum: Sum::default() },
            lanes: Vec::new(),
            floor: Vec::new(),
        }
    }

    /// It began at a time.
    pub(crate) fn sought(mut self, sought: Sought) -> Self {
        self.passage.sought = Some(sought);
        self
    }

    /// Where the stretch begins.
    pub(crate) fn low(&self) -> Offset {
        self.current.from
    }

    /// The records up to the end of the batch, from where the last ones ended.
    pub(crate) fn see(&mut self, batch: &Batch) -> Outcome<()> {
        let heads = self.check(batch, self.current.to, batch.next())?;
        for (offset, head) in heads {
            let (low, high) = match *self.lane(head.lane) {
                Some((low, high)) if head.seq == high + 1 => (low, head.seq),
                Some((_, high)) => return Err(hole(offset, &head, high + 1)),
                None => {
                    let floor = self.floor.get(head.lane as usize).copied().unwrap_or(0);
                    if head.seq < floor {
                        return Err(hole(offset, &head, floor));
                    }
                    (head.seq, head.seq)
                }
            };
            *self.lane(head.lane) = Some((low, high));
            self.current.sum.add(head.lane, head.seq, offset);
        }
        self.current.to = batch.next();
        Ok(())
    }

    /// The records of the group that ends where the last one began.
    pub(crate) fn see_before(&mut self, batch: &Batch) -> Outcome<()> {
        let heads = self.check(batch, Offset::ZERO, self.current.from)?;
        for (offset, head) in heads.iter().rev() {
            let (low, high) = match *self.lane(head.lane) {
                Some((low, high)) if head.seq + 1 == low => (head.seq, high),
                Some((low, _)) => return Err(hole(*offset, head, low.saturating_sub(1))),
                None => (head.seq, head.seq),
            };
            *self.lane(head.lane) = Some((low, high));
            self.current.sum.add(head.lane, head.seq, *offset);
        }
        self.current.from = heads.first().map_or(self.current.from, |(offset, _)| *offset);
        Ok(())
    }

    /// Nothing stands from the end of the stretch to `to`.
    pub(crate) fn reach(&mut self, to: Offset) {
        self.current.to = to;
    }

    /// Backwards: nothing stands from `from` to the beginning of the stretch.
    pub(crate) fn reach_down(&mut self, from: Offset) {
        self.current.from = from.min(self.current.from);
    }

    /// Reading goes on at `oldest`: what stands from `wanted` to there was purged. Up to `wanted` there is nothing.
    pub(crate) fn gap(&mut self, wanted: Offset, oldest: Offset) -> Outcome<()> {
        let at = self.current.to;
        if wanted < at || oldest <= wanted {
            return Err(format!("at {at} a gap from {wanted} to {oldest} was named: it is none").into());
        }
        self.current.to = wanted;
        self.passage.stretches.push(self.current);
        self.current = Stretch { from: oldest, to: oldest, sum: Sum::default() };
        self.floor.resize(self.lanes.len(), 0);
        for (floor, seen) in self.floor.iter_mut().zip(&mut self.lanes) {
            *floor = seen.take().map_or(*floor, |(_, high)| high + 1);
        }
        Ok(())
    }

    /// All that was seen.
    pub(crate) fn end(mut self) -> Passage {
        self.passage.stretches.push(self.current);
        self.passage
    }

    fn lane(&mut self, lane: u32) -> &mut Option<(u64, u64)> {
        let lane = lane as usize;
        if self.lanes.len() <= lane {
            self.lanes.resize(lane + 1, None);
        }
        &mut self.lanes[lane]
    }

    /// The batch alone: within its bounds, rising, sound, its atomic batches whole.
    fn check(&self, batch: &Batch, least: Offset, end: Offset) -> Outcome<Vec<(Offset, Head)>> {
        let mut least = least;
        let mut heads: Vec<(Offset, Head)> = Vec::with_capacity(batch.len());
        for record in batch.iter() {
            let at = record.offset;
            if at < least || at >= end {
                return Err(format!("a record at {at}, expected from {least} to before {end}").into());
            }
            least = Offset::new(at.get() + 1);
            let head = Head::read(record.payload, self.run)
                .map_err(|error| format!("the record at {at}: {error}"))?;
            if blake3::hash(record.payload).as_bytes() != record.id.as_bytes() {
                return Err(format!("the record at {at} is not the one that its id names").into());
            }
            let follows = match heads.last() {
                Some((_, last)) if last.nth + 1 < last.of => {
                    (head.lane, head.nth, head.of) == (last.lane, last.nth + 1, last.of)
                }
                _ => head.nth == 0,
            };
            if !follows {
                return Err(
                    format!("at {at} a batch is cut, or another record stands in it: {head:?}").into()
                );
            }
            heads.push((at, head));
        }
        match heads.last() {
            Some((at, last)) if last.nth + 1 < last.of => {
                Err(format!("behind {at} the rest of its batch is missing: {last:?}").into())
            }
            _ => Ok(heads),
        }
    }
}

fn hole(at: Offset, head: &Head, expected: u64) -> Box<dyn std::error::Error + Send + Sync> {
    format!("at {at} stands number {} of lane {}, expected {expected}: records are missing, doubled or out of order", head.seq, head.lane)
        .into()
}

#[cfg(test)]
mod tests;
