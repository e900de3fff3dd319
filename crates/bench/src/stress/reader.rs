//! The readers, each a thread: what they have in common, and how each kind makes its way.
//!
//!   follow     from the beginning, as fast as it can
//!   late       from where the log begins or ends now, for a while; then anew
//!   seek       from a time, for a while; then anew
//!   slow       behind a registered cursor for a while, then without one until retention has passed it
//!   backward   from the durable end back, for a while or to the beginning; then anew

use std::sync::Arc;
use std::time::{Duration, Instant};

use annals_journal::{Batch, Clock, Log, LogError, Offset, ReadLimit, SystemClock, Tail};

use super::course::Course;
use super::gauge::{Count, Gauge};
use super::passage::{Passage, Sought};
use super::record::Head;
use super::side::Side;
use super::witness::Witness;
use crate::outcome::Outcome;

mod slow;

/// Whoever has not moved for so long although there is something to read is stuck.
pub(crate) const STALL: Duration = Duration::from_secs(30);
/// How long a tail waits for more before it looks around.
const WAIT: Duration = Duration::from_millis(200);
/// The longest way of a reader that begins anew.
const DWELL_MILLIS: u64 = 4_000;
/// The longest way back, in groups.
const GROUPS: usize = 3_000;

/// How a reader makes its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Follow,
    Late,
    Seek,
    Slow,
    Backward,
}

impl Kind {
    /// The kind of a reader: half of them read in the process that writes.
    pub(crate) fn of(reader: usize, inside: usize) -> Self {
        const INSIDE: [Kind; 4] = [Kind::Follow, Kind::Late, Kind::Slow, Kind::Backward];
        const OUTSIDE: [Kind; 4] = [Kind::Follow, Kind::Seek, Kind::Slow, Kind::Backward];
        match reader.checked_sub(inside) {
            None => INSIDE[reader % 4],
            Some(outside) => OUTSIDE[outside % 4],
        }
    }

    /// Whether it reads in order, and so to the end.
    pub(crate) fn is_in_order(self) -> bool {
        self != Self::Backward
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Follow => "follow",
            Self::Late => "late",
            Self::Seek => "seek",
            Self::Slow => "slow",
            Self::Backward => "backward",
        }
    }
}

/// A reader: which one, where, and what it shares.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    pub(crate) run: u32,
    pub(crate) reader: usize,
    pub(crate) side: &'a Side,
    pub(crate) course: &'a Course,
    pub(crate) gauge: &'a Gauge,
    pub(crate) random: fastrand::Rng,
}

impl Reading<'_> {
    /// Reads until the end is known and reached, and says what was seen.
    pub(crate) fn make(mut self, kind: Kind) -> Outcome<Vec<Passage>> {
        match kind {
            Kind::Follow => Ok(vec![self.pass(Offset::ZERO, None, None)?]),
            Kind::Slow => Ok(vec![slow::pass(&mut self)?]),
            Kind::Late => self.again(Self::late),
            Kind::Seek => self.again(Self::seek),
            Kind::Backward => self.again(Self::backward),
        }
    }

    /// One passage after another; one that was begun when the end was known is the last.
    fn again(&mut self, pass: fn(&mut Self) -> Outcome<Option<Passage>>) -> Outcome<Vec<Passage>> {
        let mut passages = Vec::new();
        loop {
            let is_last = self.course.end()?.is_some();
            passages.extend(pass(self)?);
            self.gauge.add(Count::Beats, 1);
            if is_last {
                return Ok(passages);
            }
        }
    }

    fn late(&mut self) -> Outcome<Option<Passage>> {
        if self.gauge.get(Count::Passages) == 0 {
            self.course.pause(Duration::from_secs(2));
        }
        let bounds = self.side.log().bounds()?;
        let from = if self.random.bool() { bounds.oldest } else { bounds.durable };
        let dwell = Duration::from_millis(self.random.u64(0..DWELL_MILLIS));
        self.pass(from, None, Some(dwell)).map(Some)
    }

    fn seek(&mut self) -> Outcome<Option<Passage>> {
        // Mostly within what is held, now and then long before it or in the future.
        let back = match self.random.u32(0..10) {
            0 => -1_000_000,
            1 => 60_000_000,
            _ => self.random.i64(0..2_000_000),
        };
        let asked = SystemClock.now_micros();
        let micros = asked - back;
        let found = self.side.seek_time(micros)?;
        // T1: what stands before it is older.
        match self.side.backward(found).next() {
            Some(Ok(group)) => {
                for record in group.iter() {
                    let head = Head::read(record.payload, self.run)?;
                    if head.micros >= micros {
                        let at = record.offset;
                        return Err(format!(
                            "time {micros} was found at {found}, behind a record of {} at {at}",
                            head.micros
                        )
                        .into());
                    }
                }
                self.gauge.add(Count::Seeks, 1);
            }
            Some(Err(LogError::Gap { .. })) | None => {}
            Some(Err(error)) => return Err(error.into()),
        }
        let dwell = Duration::from_millis(self.random.u64(0..DWELL_MILLIS / 4));
        self.pass(found, Some(Sought { micros, asked, found }), Some(dwell)).map(Some)
    }

    /// Reads in order from `from` on: so long, or if the end is known to the end.
    fn pass(&mut self, from: Offset, sought: Option<Sought>, dwell: Option<Duration>) -> Outcome<Passage> {
        let mut way = Way::begin(self, from, sought);
        let begun = Instant::now();
        loop {
            let end = self.course.end()?;
            let is_over = dwell.is_some_and(|dwell| begun.elapsed() >= dwell);
            if end.map_or(is_over, |end| way.position() >= end) {
                return Ok(way.witness.end());
            }
            way.step(self, true)?;
        }
    }

    fn backward(&mut self) -> Outcome<Option<Passage>> {
        self.gauge.add(Count::Passages, 1);
        let before = self.side.durable()?;
        let mut witness = Witness::begin(self.run, self.reader, before);
        let mut groups = if self.random.bool() { usize::MAX } else { self.random.usize(1..GROUPS) };
        let mut backward = self.side.backward(before);
        loop {
            self.gauge.add(Count::Beats, 1);
            match backward.next() {
                Some(Ok(group)) => {
                    witness.see_before(&group)?;
                    self.gauge.add(Count::Records, group.len() as u64);
                    self.gauge.set(Count::Position, witness.low().get());
                }
                Some(Err(LogError::Gap { wanted, oldest })) if wanted <= witness.low() && wanted < oldest => {
                    self.gauge.add(Count::Gaps, 1);
                    break;
                }
                Some(Err(error)) => return Err(error.into()),
                None => {
                    // It has come to the beginning: what is held now was held then, and seen.
                    witness.reach_down(self.side.log().bounds()?.oldest);
                    break;
                }
            }
            groups -= 1;
            if groups == 0 || self.course.fault().is_some() {
                break;
            }
        }
        self.course.pause(Duration::from_millis(self.random.u64(0..200)));
        Ok(Some(witness.end()))
    }
}

/// A tail and its witness.
struct Way {
    tail: Tail<Arc<dyn Log>>,
    batch: Batch,
    witness: Witness,
    moved: Instant,
}

impl Way {
    fn begin(reading: &mut Reading<'_>, from: Offset, sought: Option<Sought>) -> Self {
        reading.gauge.add(Count::Passages, 1);
        let records = [1, 7, 100, 10_000][reading.random.usize(0..4)];
        let limit = ReadLimit { records, bytes: reading.random.usize(1..1 << 20) };
        let witness = Witness::begin(reading.run, reading.reader, from);
        Self {
            tail: Tail::new(reading.side.log(), from).with_limit(limit),
            batch: Batch::default(),
            witness: match sought {
                Some(sought) => witness.sought(sought),
                None => witness,
            },
            moved: Instant::now(),
        }
    }

    fn position(&self) -> Offset {
        self.tail.position()
    }

    /// Whatever comes next. Whether it was a gap.
    fn step(&mut self, reading: &Reading<'_>, may_gap: bool) -> Outcome<bool> {
        let (before, gauge) = (self.position(), reading.gauge);
        gauge.add(Count::Beats, 1);
        let mut gapped = false;
        match self.tail.next_into(&mut self.batch, WAIT) {
            Ok(any) => {
                let (at, durable) = (self.position(), reading.side.durable()?);
                if at > durable {
                    return Err(format!("it was given what ends at {at}, durable is {durable}").into());
                }
                if any {
                    self.witness.see(&self.batch)?;
                    gauge.add(Count::Records, self.batch.len() as u64);
                } else {
                    self.witness.reach(at);
                }
            }
            Err(LogError::Gap { wanted, oldest }) if may_gap => {
                self.witness.gap(wanted, oldest)?;
                self.tail.skip_to(oldest);
                gauge.add(Count::Gaps, 1);
                gapped = true;
            }
            Err(error) => return Err(format!("at {before}: {error}").into()),
        }
        gauge.set(Count::Position, self.position().get());
        if self.position() != before {
            self.moved = Instant::now();
        } else if self.moved.elapsed() >= STALL && reading.side.durable()? > before {
            return Err(format!("it has stood at {before} for {} s", STALL.as_secs()).into());
        }
        Ok(gapped)
    }
}
