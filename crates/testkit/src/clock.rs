//! A clock that a test sets by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use annals_journal::Clock;

/// A clock that stands still until a test moves it, forwards or backwards. Clones are handles to the same one.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    micros: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that stands at so many microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn at(micros: i64) -> Self {
        Self { micros: Arc::new(AtomicI64::new(micros)) }
    }

    /// Moves it, backwards if `micros` is negative.
    pub fn advance(&self, micros: i64) {
        self.micros.fetch_add(micros, Ordering::SeqCst);
    }

    /// Sets it.
    pub fn set(&self, micros: i64) {
        self.micros.store(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_micros(&self) -> i64 {
        self.micros.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_moves_only_by_hand_and_for_every_handle() {
        let clock = ManualClock::at(5);
        let handle = clock.clone();
        assert_eq!((handle.now_micros(), handle.now_micros()), (5, 5));
        clock.advance(-7);
        assert_eq!(handle.now_micros(), -2);
        clock.set(9);
        assert_eq!(handle.now_micros(), 9);
    }
}
