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
    /// It was paused: what it has applied is durable, and it applies nothing more until it is resumed.
    Paused,
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
    /// How often it was started again after a failure, since it was made: see [`crate::Restart`].
    pub restarts: u32,
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
    /// Someone wants the worker to apply nothing until somebody says otherwise.
    paused: bool,
    /// So many want it to apply nothing for a moment, in which its store is moved.
    held: u32,
}

/// A worker that is held applies nothing until this is dropped.
#[derive(Debug)]
pub(crate) struct Held<'b>(&'b Board);

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
            restarts: 0,
            last_error: None,
        };
        let posted = Posted { status, stop: false, idle: true, paused: false, held: 0 };
        Self { posted: Mutex::new(posted), changed: Condvar::new() }
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

    /// Waits, at most so long, and says whether the worker should stop or pause.
    pub(crate) fn sleep(&self, at_most: Duration) -> bool {
        let posted = self.lock();
        let sleeps = |posted: &mut Posted| !posted.stop && !posted.should_pause();
        let waited = self.changed.wait_timeout_while(posted, at_most, sleeps);
        let posted = waited.unwrap_or_else(PoisonError::into_inner).0;
        posted.stop || posted.should_pause()
    }

    pub(crate) fn ask_to_pause(&self) {
        self.lock().paused = true;
        self.changed.notify_all();
    }

    /// The worker may go on, unless it is held. Whoever waits from here on waits for one that works.
    pub(crate) fn resume(&self) {
        self.lock().paused = false;
        self.changed.notify_all();
    }

    pub(crate) fn is_asked_to_pause(&self) -> bool {
        self.lock().paused
    }

    /// Has the worker apply nothing for a moment; nobody who waits for it is told that it is paused.
    pub(crate) fn hold(&self) -> Held<'_> {
        self.lock().held += 1;
        self.changed.notify_all();
        Held(self)
    }

    pub(crate) fn should_pause(&self) -> bool {
        self.lock().should_pause()
    }

    /// The worker's part of a pause: says that it rests, and waits until it may go on or should stop.
    pub(crate) fn stand_still(&self) {
        let mut posted = self.lock();
        posted.status.state = State::Paused;
        self.changed.notify_all();
        let still = |posted: &mut Posted| posted.should_pause() && !posted.stop;
        let waited = self.changed.wait_while(posted, still);
        let mut posted = waited.unwrap_or_else(PoisonError::into_inner);
        posted.status.state = State::Starting;
        self.changed.notify_all();
    }

    /// Waits until the worker rests, or no worker runs; false if the time was up before, or it goes on again.
    pub(crate) fn wait_paused(&self, timeout: Duration) -> bool {
        let waits = |posted: &mut Posted| posted.should_pause() && !posted.rests();
        let (posted, _) = self
            .changed
            .wait_timeout_while(self.lock(), timeout, waits)
            .unwrap_or_else(PoisonError::into_inner);
        posted.should_pause() && posted.rests()
    }

    /// Waits until no worker runs.
    pub(crate) fn wait_idle(&self) -> Status {
        let posted = self.changed.wait_while(self.lock(), |posted| !posted.idle);
        posted.unwrap_or_else(PoisonError::into_inner).status.clone()
    }

    /// Waits until the cursor has reached an offset.
    pub(crate) fn wait_for(&self, wanted: Offset, timeout: Duration) -> Result<(), Error> {
        let waits =
            |posted: &mut Posted| posted.reached() < wanted && !posted.has_ended() && !posted.is_paused();
        let (posted, _) = self
            .changed
            .wait_timeout_while(self.lock(), timeout, waits)
            .unwrap_or_else(PoisonError::into_inner);
        let cursor = posted.reached();
        match (posted.status.state, &posted.status.last_error) {
            _ if posted.status.cursor.is_some() && cursor >= wanted => Ok(()),
            (State::Failed, Some(error)) if posted.idle => Err(Error::Failed(Arc::clone(error))),
            _ if posted.has_ended() => Err(Error::Stopped { wanted, cursor }),
            _ if posted.is_paused() => Err(Error::Paused { wanted, cursor }),
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

    fn should_pause(&self) -> bool {
        self.paused || self.held > 0
    }

    /// Whether the worker rests because somebody has paused it. Whoever holds it for a moment is not told of.
    fn is_paused(&self) -> bool {
        self.paused && self.status.state == State::Paused
    }

    fn rests(&self) -> bool {
        self.idle || self.status.state == State::Paused
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.lock().held -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests;
