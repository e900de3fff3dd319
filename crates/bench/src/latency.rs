//! Times of single appends, and how many there were in what time.

use std::time::{Duration, Instant};

/// The appends of one thread or task.
#[derive(Debug)]
pub(crate) struct Latencies {
    nanos: Vec<u32>,
    start: Instant,
    end: Instant,
}

impl Latencies {
    /// Nothing yet; the clock runs.
    pub(crate) fn start() -> Self {
        let now = Instant::now();
        Self { nanos: Vec::with_capacity(1 << 14), start: now, end: now }
    }

    /// Whether the time is not yet over.
    pub(crate) fn within(&self, window: Duration) -> bool {
        self.end.duration_since(self.start) < window
    }

    /// One append that began at `since` has ended at `now`.
    #[inline]
    pub(crate) fn push(&mut self, since: Instant, now: Instant) {
        self.end = now;
        self.nanos.push(u32::try_from(now.duration_since(since).as_nanos()).unwrap_or(u32::MAX));
    }

    /// Many threads' appends as one: from the first start to the last end.
    pub(crate) fn together(all: Vec<Self>) -> Option<Self> {
        all.into_iter().reduce(|mut sum, one| {
            sum.nanos.extend_from_slice(&one.nanos);
            sum.start = sum.start.min(one.start);
            sum.end = sum.end.max(one.end);
            sum
        })
    }

    /// Appends per second.
    pub(crate) fn per_second(&self) -> f64 {
        self.nanos.len() as f64 / self.end.duration_since(self.start).as_secs_f64().max(1e-9)
    }

    /// The times in microseconds that half, and ninety-nine of a hundred, stayed within.
    pub(crate) fn percentiles(&mut self) -> Option<(f64, f64)> {
        self.nanos.sort_unstable();
        let at = |share: f64| {
            let index = (self.nanos.len().checked_sub(1)? as f64 * share).round() as usize;
            self.nanos.get(index).map(|nanos| f64::from(*nanos) / 1e3)
        };
        Some((at(0.5)?, at(0.99)?))
    }
}
