//! How often a worker that failed, or panicked, is started again before that is left to somebody.
//!
//!   failure -> fewer than `most` in the last `within`: once more, after `pause` | otherwise it stays down, loudly

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A restart strategy. What it starts again begins where what it has made durable ends, so a restart repeats and skips
/// nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    /// So many restarts at most ...
    pub most: u32,
    /// ... in any stretch of this length.
    pub within: Duration,
    /// How long to wait before each.
    pub pause: Duration,
}

impl Restart {
    /// None: the first failure stands. The default.
    pub const NEVER: Self = Self { most: 0, within: Duration::ZERO, pause: Duration::ZERO };
    /// Three in five seconds, each after 100 ms.
    pub const FEW: Self = Self { most: 3, within: Duration::from_secs(5), pause: Duration::from_millis(100) };
}

impl Default for Restart {
    fn default() -> Self {
        Self::NEVER
    }
}

/// A strategy at work: it remembers when it restarted something.
#[derive(Clone, Debug)]
pub struct Restarts {
    strategy: Restart,
    made: VecDeque<Instant>,
}

impl Restarts {
    /// One that has restarted nothing yet.
    #[must_use]
    pub fn new(strategy: Restart) -> Self {
        Self { strategy, made: VecDeque::new() }
    }

    /// Something has failed at `now`: how long to wait until it is started again, or none if it stays down.
    pub fn after_failure(&mut self, now: Instant) -> Option<Duration> {
        let Restart { most, within, pause } = self.strategy;
        while self.made.front().is_some_and(|made| now.saturating_duration_since(*made) >= within) {
            self.made.pop_front();
        }
        if self.made.len() as u64 >= u64::from(most) {
            return None;
        }
        self.made.push_back(now);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_in_so_long_and_then_no_more_until_time_has_passed() {
        let mut restarts = Restarts::new(Restart::FEW);
        let start = Instant::now();
        let mut at = |millis| restarts.after_failure(start + Duration::from_millis(millis));
        let pause = Some(Duration::from_millis(100));
        assert_eq!([at(0), at(1_000), at(2_000)], [pause; 3]);
        assert_eq!([at(3_000), at(4_999)], [None; 2]);
        assert_eq!(at(5_000), pause, "the first one is five seconds past");
        assert_eq!(at(5_999), None);
        assert_eq!([at(60_000), at(60_000), at(60_000), at(60_000)], [pause, pause, pause, None]);
    }

    #[test]
    fn never_is_never() {
        assert_eq!(Restarts::new(Restart::default()).after_failure(Instant::now()), None);
    }
}
