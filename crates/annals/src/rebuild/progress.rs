//! How far a rebuild has come, how fast, and how much longer.

use std::time::{Duration, Instant};

/// What a rebuild is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RebuildPhase {
    /// It reads the old store, every key of it.
    Checking,
    /// It reads what the journal held when it began, and sorts it.
    Building,
    /// It writes what is sorted.
    Writing,
    /// It applies what came meanwhile.
    CatchingUp,
    /// The worker rests; what is left is applied, the two are compared, and the new one takes its place.
    Switching,
}

/// How far a rebuild has come.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct RebuildProgress {
    /// What it is doing.
    pub phase: RebuildPhase,
    /// Records this rebuild has read.
    pub records: u64,
    /// Bytes of the journal that are read, also by what this rebuild resumes; keys of the old store while it checks, bytes
    /// of what is sorted while it writes.
    pub done: u64,
    /// Of how many.
    pub all: u64,
    /// Records a second, by this rebuild, of all its time but for reading the old store; 0 before the first.
    pub records_per_second: f64,
    /// How much longer this phase takes at its rate so far; none before the first step of it.
    pub left: Option<Duration>,
}

/// Measures a rebuild and tells of it.
pub(crate) struct Meter<'p> {
    tell: &'p mut dyn FnMut(&RebuildProgress),
    phase: RebuildPhase,
    records: u64,
    applying: Duration,
    /// When this phase began, and how much was done then.
    since: Instant,
    from: u64,
}

impl<'p> Meter<'p> {
    pub(crate) fn new(tell: &'p mut dyn FnMut(&RebuildProgress)) -> Self {
        Self {
            tell,
            phase: RebuildPhase::Checking,
            records: 0,
            applying: Duration::ZERO,
            since: Instant::now(),
            from: 0,
        }
    }

    /// Records applied so far.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// A phase begins with so much done of it.
    pub(crate) fn begin(&mut self, phase: RebuildPhase, done: u64, all: u64) {
        if self.phase != RebuildPhase::Checking {
            self.applying += self.since.elapsed();
        }
        (self.phase, self.since, self.from) = (phase, Instant::now(), done);
        self.step(0, done, all);
    }

    /// So many more records are applied; so much is done.
    pub(crate) fn step(&mut self, records: u64, done: u64, all: u64) {
        self.records += records;
        let took = self.since.elapsed();
        let applying =
            if self.phase == RebuildPhase::Checking { Duration::ZERO } else { self.applying + took };
        (self.tell)(&RebuildProgress {
            phase: self.phase,
            records: self.records,
            done,
            all,
            records_per_second: rate(self.records, applying),
            left: left(done.saturating_sub(self.from), all.saturating_sub(done), took),
        });
    }
}

fn rate(count: u64, took: Duration) -> f64 {
    let seconds = took.as_secs_f64();
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

/// How long the rest takes if this much took so long.
fn left(done: u64, rest: u64, took: Duration) -> Option<Duration> {
    if done == 0 {
        return None;
    }
    Duration::try_from_secs_f64(took.as_secs_f64() * rest as f64 / done as f64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_by_what_was_done_here_and_not_by_what_was_resumed() {
        assert_eq!(left(0, 100, Duration::from_secs(1)), None);
        assert_eq!(left(100, 300, Duration::from_secs(2)), Some(Duration::from_secs(6)));
        assert_eq!(left(1, u64::MAX, Duration::MAX), None);
        let mut told = Vec::new();
        let mut hear = |progress: &RebuildProgress| told.push(*progress);
        let mut meter = Meter::new(&mut hear);
        meter.begin(RebuildPhase::Building, 900, 1000);
        meter.step(10, 910, 1000);
        let (begun, stepped) = (told[0], told[1]);
        assert_eq!((begun.left, begun.done, begun.records), (None, 900, 0));
        assert_eq!((stepped.done, stepped.all, stepped.records), (910, 1000, 10));
        // Nine times as much is left as was done since it began: not a tenth of what was done in all.
        assert!(stepped.records_per_second > 0.0);
        let expected = 10.0 / stepped.records_per_second * 9.0;
        let left = stepped.left.unwrap().as_secs_f64();
        assert!((left - expected).abs() <= expected * 0.01 + 1e-6, "{left} {expected}");
    }
}
