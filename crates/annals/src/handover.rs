//! The moments in which one worker rests and another is put in its place, for those who wait for the worker.
//!
//!   rebuild: begin -> worker rests -> last stretch, pointer -> another works -> end
//!   wait_for: the worker was stopped? -> wait for the end -> ask the worker there is now
//!
//! G7: Whoever finds a worker stopped within a handover, or one that has been replaced since, is told to ask again.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Whether a handover is under way, and how many there were.
#[derive(Debug, Default)]
pub(crate) struct Handover {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    resting: bool,
    ended: u64,
}

/// A handover under way; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Resting<'h>(&'h Handover);

impl Handover {
    /// How many handovers have ended.
    pub(crate) fn ended(&self) -> u64 {
        self.lock().ended
    }

    /// The worker is about to be stopped, and another one, or the same one again, will work when this is dropped.
    pub(crate) fn begin(&self) -> Resting<'_> {
        self.lock().resting = true;
        Resting(self)
    }

    /// Whether a worker that was found stopped is worth asking again: a handover is under way, which is waited for, at
    /// most so long, or one has ended since `ended` was asked.
    pub(crate) fn is_over_soon(&self, ended: u64, at_most: Duration) -> bool {
        let state = self.lock();
        let within = state.resting;
        let waited = self.changed.wait_timeout_while(state, at_most, |state| state.resting);
        within || waited.unwrap_or_else(PoisonError::into_inner).0.ended != ended
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Two plain values that are never half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.resting = false;
        state.ended += 1;
        drop(state);
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(1);
    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn g7_within_a_handover_and_after_one_the_worker_is_asked_again_and_otherwise_not() {
        let handover = Handover::default();
        let before = handover.ended();
        assert!(!handover.is_over_soon(before, LONG), "nobody is on the way: a stop is a stop");
        let resting = handover.begin();
        assert!(handover.is_over_soon(before, SHORT), "it is under way");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| handover.is_over_soon(before, LONG));
            drop(resting);
            assert!(waiting.join().unwrap(), "it has ended, or ended before it was looked at");
        });
        assert!(handover.is_over_soon(before, LONG), "one has ended since");
        assert!(!handover.is_over_soon(handover.ended(), LONG));
    }
}
