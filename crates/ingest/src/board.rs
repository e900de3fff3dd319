//! What a worker shows of itself, and how others wait for it.
//!
//! One mutex, one condition variable, and every wait looks at what it waits for before it sleeps: no wake-up is lost
//! (W4).

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use annals_record::{Cursor, Offset};
use annals_storage::Outcome;

use crate::Error;

/// What a worker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It was not started.
    New,
    /// It looks whether the store belongs to the log.
    Starting,
    /// It applies.
    Applying,
    /// The store is up with the log; it waits for more.
    CaughtUp,
    /// Something failed that may pass; it tries again soon.
    Retrying,
    /// It was stopped.
    Stopped,
    /// It stopped because of an error.
    Failed,
}

/// What a worker has done and is doing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// What it is doing.
    pub state: State,
    /// How far the store has come; `None` until the worker has looked.
    pub cursor: Option<Cursor>,
    /// How far the store had come at the last checkpoint of this worker.
    pub checkpointed: Option<Offset>,
    /// Records applied since it was made.
    pub records: u64,
    /// What became of them.
    pub outcome: Outcome,
    /// How long it had work to do since it was made: all but the waits for more of the log.
    pub busy: Duration,
    /// Holes of the log that were passed since it was made: ranges that somebody has listed as lost.
    pub holes: u64,
    /// Damaged ranges of the log that were passed since it was made, because the options say so; the store names them.
    pub damaged: u64,
    /// Failures in a row; 0 when all is well.
    pub retries: u32,
    /// What failed last, whether or not it passed.
    pub last_error: Option<Arc<Error>>,
}

/// A worker's status, shared.
#[derive(Debug)]
pub(crate) struct Board {
    posted: Mutex<Posted>,
    changed: Condvar,
}

#[derive(Debug)]
struct Posted {
    status: Status,
    /// Someone wants the worker to stop.
    stop: bool,
    /// No worker runs.
    idle: bool,
}

impl Board {
    pub(crate) fn new() -> Self {
        let status = Status {
            state: State::New,
            cursor: None,
            checkpointed: None,
            records: 0,
            outcome: Outcome::default(),
            busy: Duration::ZERO,
            holes: 0,
            damaged: 0,
            retries: 0,
            last_error: None,
        };
        Self { posted: Mutex::new(Posted { status, stop: false, idle: true }), changed: Condvar::new() }
    }

    pub(crate) fn status(&self) -> Status {
        self.lock().status.clone()
    }

    /// Takes the worker's place; false if a worker runs.
    pub(crate) fn begin(&self) -> bool {
        let mut posted = self.lock();
        if !posted.idle {
            return false;
        }
        (posted.idle, posted.stop, posted.status.state) = (false, false, State::Starting);
        true
    }

    /// Gives the worker's place back.
    pub(crate) fn end(&self, state: State, error: Option<Arc<Error>>) {
        let mut posted = self.lock();
        posted.idle = true;
        posted.status.state = state;
        posted.status.last_error = error.or(posted.status.last_error.take());
        self.changed.notify_all();
    }

    /// Changes the status and wakes whoever waits for it.
    pub(crate) fn post(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.lock().status);
        self.changed.notify_all();
    }

    pub(crate) fn ask_to_stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }

    pub(crate) fn should_stop(&self) -> bool {
        self.lock().stop
    }

    /// Waits, at most so long, and says whether the worker should stop.
    pub(crate) fn pause(&self, at_most: Duration) -> bool {
        let posted = self.lock();
        let waited = self.changed.wait_timeout_while(posted, at_most, |posted| !posted.stop);
        waited.unwrap_or_else(PoisonError::into_inner).0.stop
    }

    /// Waits until no worker runs.
    pub(crate) fn wait_idle(&self) -> Status {
        let posted = self.changed.wait_while(self.lock(), |posted| !posted.idle);
        posted.unwrap_or_else(PoisonError::into_inner).status.clone()
    }

    /// Waits until the cursor has reached an offset.
    pub(crate) fn wait_for(&self, wanted: Offset, timeout: Duration) -> Result<(), Error> {
        let waits = |posted: &mut Posted| posted.reached() < wanted && !posted.has_ended();
        let (posted, _) = self
            .changed
            .wait_timeout_while(self.lock(), timeout, waits)
            .unwrap_or_else(PoisonError::into_inner);
        let cursor = posted.reached();
        match (posted.status.state, &posted.status.last_error) {
            _ if posted.status.cursor.is_some() && cursor >= wanted => Ok(()),
            (State::Failed, Some(error)) if posted.idle => Err(Error::Failed(Arc::clone(error))),
            _ if posted.has_ended() => Err(Error::Stopped { wanted, cursor }),
            _ => Err(Error::Timeout { wanted, cursor, timeout }),
        }
    }

    /// Waits until the status is as wanted; false if the time was up before.
    #[cfg(test)]
    pub(crate) fn wait_until(&self, timeout: Duration, wanted: impl Fn(&Status) -> bool) -> bool {
        let waits = |posted: &mut Posted| !wanted(&posted.status);
        !self.changed.wait_timeout_while(self.lock(), timeout, waits).unwrap().1.timed_out()
    }

    fn lock(&self) -> MutexGuard<'_, Posted> {
        // What is posted is replaced field by field and never half done in a way that matters to a reader.
        self.posted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Posted {
    fn reached(&self) -> Offset {
        self.status.cursor.map_or(Offset::ZERO, |cursor| cursor.next)
    }

    fn has_ended(&self) -> bool {
        self.idle && self.status.state != State::New
    }
}

#[cfg(test)]
mod tests;
