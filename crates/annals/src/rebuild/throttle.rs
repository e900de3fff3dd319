//! A bound on how fast a rebuild reads, for a machine that has other things to do.

use std::thread;
use std::time::{Duration, Instant};

use annals_record::ReadLimit;

/// A batch is at most what may be read in this part of a second, so that the rate is kept in the small as well.
const BATCHES_A_SECOND: u64 = 20;
/// No batch is made smaller than this.
const SMALLEST_BATCH_BYTES: usize = 256;
/// The longest wait for one batch.
const LONGEST: Duration = Duration::from_secs(3600);

/// So many bytes a second, and no credit for time that was not used.
#[derive(Debug)]
pub(crate) struct Throttle {
    bytes_per_second: u64,
    /// When the bytes read so far are paid for.
    free: Instant,
}

impl Throttle {
    pub(crate) fn new(bytes_per_second: u64, now: Instant) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), free: now }
    }

    /// How much to read at once.
    pub(crate) fn batch(&self) -> ReadLimit {
        let usual = ReadLimit::default();
        let bytes = usize::try_from(self.bytes_per_second / BATCHES_A_SECOND).unwrap_or(usize::MAX);
        ReadLimit { bytes: bytes.clamp(SMALLEST_BATCH_BYTES, usual.bytes), ..usual }
    }

    /// Waits until these bytes are paid for.
    pub(crate) fn pay(&mut self, bytes: u64) {
        let wait = self.owed(bytes, Instant::now());
        let until = Instant::now() + wait;
        loop {
            // It may wake early.
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::park_timeout(left);
        }
    }

    /// How long these bytes have to be waited for.
    fn owed(&mut self, bytes: u64, now: Instant) -> Duration {
        let cost = Duration::try_from_secs_f64(bytes as f64 / self.bytes_per_second as f64);
        self.free = self.free.max(now) + cost.unwrap_or(LONGEST).min(LONGEST);
        self.free.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_bytes_take_so_long_and_idle_time_is_no_credit() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut throttle = Throttle::new(1000, start);
        assert_eq!(throttle.owed(500, at(0)), Duration::from_millis(500));
        assert_eq!(throttle.owed(500, at(100)), Duration::from_millis(900));
        assert_eq!(
            throttle.owed(500, at(5000)),
            Duration::from_millis(500),
            "four seconds of idling count for nothing"
        );
        assert_eq!(Throttle::new(0, start).owed(u64::MAX, start), LONGEST);
    }

    #[test]
    fn a_batch_is_a_small_part_of_a_second() {
        let batch = |rate| Throttle::new(rate, Instant::now()).batch().bytes;
        assert_eq!(batch(20 << 20), 1 << 20);
        assert_eq!((batch(1), batch(u64::MAX)), (256, ReadLimit::default().bytes));
    }
}
