//! How fast a worker works and how fast its log grows, smoothed, and when the one will have caught up with the other.
//!
//!   samples: applied, time at work | end of the log -> two rates -> lag / (rate of the worker - rate of appends)

use std::time::{Duration, Instant};

/// How long what was measured counts: after this long it has lost about two thirds of its weight.
const MEMORY: Duration = Duration::from_secs(10);
/// Less work than this says nothing of a worker's rate.
const TELLING: Duration = Duration::from_millis(1);

/// Smoothed rates of a worker and of the appends to its log, from samples of both.
///
/// Amounts are of whatever unit the caller counts in, bytes of the log or records, as long as it is one.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    last: Option<Sample>,
    worker: Rate,
    appends: Rate,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    applied: u64,
    busy: Duration,
    end: u64,
}

impl Pace {
    /// Notes how things stand `at` a moment: how much of the log is `applied`, how long the worker has been `busy` since
    /// it was made ([`crate::Status::busy`]), and how much of the log there is, up to its `end`.
    pub fn sample(&mut self, at: Instant, applied: u64, busy: Duration, end: u64) {
        let now = Sample { at, applied, busy, end };
        let Some(last) = self.last.replace(now) else { return };
        self.appends.add(end.saturating_sub(last.end), at.saturating_duration_since(last.at));
        // Another worker has taken its place: its time begins anew.
        if busy >= last.busy {
            self.worker.add(applied.saturating_sub(last.applied), busy - last.busy);
        }
    }

    /// How much the worker applies in a second of work. None while it has not worked long enough to tell.
    #[must_use]
    pub fn applied_per_second(&self) -> Option<f64> {
        (self.worker.seconds >= TELLING.as_secs_f64()).then(|| self.worker.per_second())
    }

    /// How much is appended in a second.
    #[must_use]
    pub fn appended_per_second(&self) -> f64 {
        self.appends.per_second()
    }

    /// How long it takes until a `lag` is made up for, if both go on as they do. None if the worker is not known well
    /// enough, or does not catch up; zero if there is no lag.
    #[must_use]
    pub fn catch_up(&self, lag: u64) -> Option<Duration> {
        match self.applied_per_second() {
            _ if lag == 0 => Some(Duration::ZERO),
            Some(applied) => Self::between(applied, self.appended_per_second(), lag),
            None => None,
        }
    }

    /// As [`Pace::catch_up`], from rates that were measured elsewhere.
    #[must_use]
    pub fn between(applied_per_second: f64, appended_per_second: f64, lag: u64) -> Option<Duration> {
        let gain = applied_per_second - appended_per_second;
        match lag {
            0 => Some(Duration::ZERO),
            _ if gain > 0.0 => Duration::try_from_secs_f64(lag as f64 / gain).ok(),
            _ => None,
        }
    }
}

/// Sums of amounts and of the time they took, in which the past counts less and less.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    amount: f64,
    seconds: f64,
}

impl Rate {
    fn add(&mut self, amount: u64, took: Duration) {
        let keeps = (-took.as_secs_f64() / MEMORY.as_secs_f64()).exp();
        self.amount = self.amount * keeps + amount as f64;
        self.seconds = self.seconds * keeps + took.as_secs_f64();
    }

    fn per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.amount / self.seconds } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A log that grows by `appended` a second, and a worker that applies `applied` in each second, of which it works
    /// for `busy`.
    fn after(seconds: u32, appended: u64, applied: u64, busy: Duration) -> Pace {
        let (start, mut pace) = (Instant::now(), Pace::default());
        for second in 0..=seconds {
            let (at, n) = (start + SECOND * second, u64::from(second));
            pace.sample(at, applied * n, busy * second, 1_000_000 + appended * n);
        }
        pace
    }

    fn near(found: Option<Duration>, seconds: f64) {
        let found = found.map(|found| found.as_secs_f64());
        assert!(
            found.is_some_and(|found| (found - seconds).abs() < seconds / 50.0),
            "{found:?}, not {seconds}"
        );
    }

    #[test]
    fn what_is_appended_meanwhile_is_caught_up_with_too() {
        near(after(30, 0, 100, SECOND).catch_up(1_000), 10.0);
        near(after(30, 50, 100, SECOND).catch_up(1_000), 20.0);
    }

    #[test]
    fn a_worker_that_rests_is_as_fast_as_it_is_at_work() {
        near(after(30, 50, 50, SECOND / 10).catch_up(1_000), 1_000.0 / 450.0);
    }

    #[test]
    fn whoever_is_not_faster_than_the_appends_never_catches_up() {
        assert_eq!(after(30, 100, 100, SECOND).catch_up(1_000), None);
        assert_eq!(after(30, 200, 100, SECOND).catch_up(1_000), None);
        assert_eq!(after(30, 0, 0, SECOND).catch_up(1), None);
    }

    #[test]
    fn without_lag_it_has_caught_up_and_without_a_measurement_nothing_is_said() {
        assert_eq!(Pace::default().catch_up(0), Some(Duration::ZERO));
        assert_eq!(Pace::default().catch_up(1), None);
        assert_eq!(after(30, 100, 0, Duration::ZERO).catch_up(1), None);
    }

    #[test]
    fn the_past_is_forgotten_and_another_worker_begins_anew() {
        let mut pace = after(30, 0, 100, SECOND);
        let (applied, mut at) = (3_000, Instant::now() + SECOND * 30);
        for second in 1..=50 {
            at += SECOND;
            pace.sample(at, applied + 1_000 * second, SECOND * 30 + SECOND * second as u32, 1_000_000);
        }
        near(pace.catch_up(1_000), 1.0);
        pace.sample(at + SECOND, 100_000, SECOND, 1_000_000);
        near(pace.catch_up(1_000), 1.0);
    }
}
