//! The committer of tasks: a thread that leads the waves in which no thread waits.

use std::sync::{Condvar, Mutex, PoisonError};

/// Whose turn it is: given by the wave before, or by the first task of a wave.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    given: bool,
    over: bool,
}

impl Turn {
    /// It is the committer's turn.
    pub(crate) fn give(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).given = true;
        self.changed.notify_one();
    }

    /// There will be no more turns.
    pub(crate) fn end(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).over = true;
        self.changed.notify_one();
    }

    /// Waits for the next turn; false when there is none to come.
    pub(crate) fn take(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self
            .changed
            .wait_while(state, |state| !state.given && !state.over)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.given)
    }
}
