//! How far a run is, for all threads of one process: under way, stopped, to be read to its end, or failed.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use annals_journal::Offset;

use crate::outcome::Outcome;

/// Shared by all threads of a run.
#[derive(Debug, Default)]
pub(crate) struct Course {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    end: Option<Offset>,
    fault: Option<String>,
}

impl Course {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Nothing more is written or purged.
    pub(crate) fn stop(&self) {
        self.change(|state| state.stopped = true);
    }

    /// The log ends here: readers come this far and are done.
    pub(crate) fn end_at(&self, end: Offset) {
        self.change(|state| state.end = Some(end));
    }

    /// It failed; the first failure is the one that is told.
    pub(crate) fn fail(&self, fault: String) {
        self.change(|state| {
            state.fault.get_or_insert(fault);
            state.stopped = true;
        });
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Where the log ends, once that is known.
    ///
    /// # Errors
    /// If the run has failed: there is nothing more to do.
    pub(crate) fn end(&self) -> Outcome<Option<Offset>> {
        let state = self.lock();
        if state.fault.is_some() { Err("the run has failed".into()) } else { Ok(state.end) }
    }

    /// What went wrong first.
    pub(crate) fn fault(&self) -> Option<String> {
        self.lock().fault.clone()
    }

    /// Waits so long, or until the run is stopped, has an end, or has failed.
    pub(crate) fn pause(&self, time: Duration) {
        let state = self.lock();
        let (was_stopped, had_end) = (state.stopped, state.end.is_some());
        let same = |state: &mut State| (state.stopped, state.end.is_some()) == (was_stopped, had_end);
        drop(self.changed.wait_timeout_while(state, time, same).unwrap_or_else(PoisonError::into_inner));
    }

    /// Runs a thread's work; its failure is the run's.
    pub(crate) fn guard<T>(&self, who: &str, work: impl FnOnce() -> Outcome<T>) -> Option<T> {
        match work() {
            Ok(done) => Some(done),
            Err(error) => {
                self.fail(format!("{who}: {error}"));
                None
            }
        }
    }
}

/// Notices what does not change any more.
#[derive(Debug)]
pub(crate) struct Watch {
    last: u64,
    since: Instant,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self { last: 0, since: Instant::now() }
    }

    /// For how long it has been like this.
    pub(crate) fn look(&mut self, now: u64) -> Duration {
        if now != self.last {
            *self = Self { last: now, since: Instant::now() };
        }
        self.since.elapsed()
    }
}
