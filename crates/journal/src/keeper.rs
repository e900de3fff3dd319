//! The journal's own thread: it leads for those who cannot sleep and for what nobody waits for, and does what can be done
//! ahead of time.
//!
//!   call -> lead while nobody else can | prepare, fill -> next segment's file | sync_in -> sync, when it is time
//!
//! Started by the first call: a journal whose callers are threads that wait has none, until a segment is half full.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use crate::block::Blocks;
use crate::commit::{GroupCommit, lock};
use crate::error::Error;
use crate::lead::Leader;
use crate::spare::{self, Prepared};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Instant, Mutex};

/// The name of a file that will be a segment.
pub(crate) const NEXT: &str = "next.wal";

/// What the thread is to do.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    thread: Option<JoinHandle<()>>,
    called: bool,
    prepare: bool,
    fill: bool,
    sync_at: Option<Instant>,
    over: bool,
    spawn: Spawn,
}

/// How a thread is started.
#[derive(Debug)]
struct Spawn(fn(Weak<GroupCommit>) -> io::Result<JoinHandle<()>>);

impl Default for Spawn {
    fn default() -> Self {
        Self(|commit| {
            let named = thread::Builder::new().name("annals-journal".to_owned());
            named.spawn(move || keep(&commit))
        })
    }
}

enum Job {
    Lead,
    Prepare,
    Fill,
    Sync,
}

impl Keeper {
    /// Sees that the thread is there. Whoever places something that needs it asks before: an append that is refused has
    /// left nothing.
    pub(crate) fn start(&self, commit: &Arc<GroupCommit>) -> Result<(), Error> {
        let mut state = lock(&self.state);
        if state.thread.is_none() && !state.over {
            let thread = (state.spawn.0)(Arc::downgrade(commit))
                .map_err(|error| Error::io("start a thread for", Path::new("the journal"), error))?;
            state.thread = Some(thread);
        }
        Ok(())
    }

    /// Whether the thread is there already.
    pub(crate) fn is_started(&self) -> bool {
        lock(&self.state).thread.is_some()
    }

    /// It is the keeper's turn to lead. It was started.
    pub(crate) fn call(&self) {
        self.tell(|state| state.called = true);
    }

    /// Everything accepted is to be durable in this time. It was started.
    pub(crate) fn sync_in(&self, interval: Duration) {
        self.tell(|state| state.sync_at = Some(Instant::now() + interval));
    }

    /// The next segment's file is to be made.
    pub(crate) fn prepare(&self, commit: &Arc<GroupCommit>) -> Result<(), Error> {
        self.start(commit)?;
        self.tell(|state| state.prepare = true);
        Ok(())
    }

    /// The next segment's file is to be filled, as far as is wanted.
    pub(crate) fn fill(&self, commit: &Arc<GroupCommit>) -> Result<(), Error> {
        self.start(commit)?;
        self.tell(|state| state.fill = true);
        Ok(())
    }

    pub(crate) fn is_free_to_fill(&self) -> bool {
        !lock(&self.state).fill
    }

    pub(crate) fn is_free_to_prepare(&self) -> bool {
        !lock(&self.state).prepare
    }

    /// There will be nothing more to do: returns once nothing is done any more, unless the keeper itself asks.
    pub(crate) fn end(&self) {
        let thread = {
            let mut state = lock(&self.state);
            state.over = true;
            state.thread.take()
        };
        self.changed.notify_one();
        if let Some(thread) = thread
            && thread.thread().id() != thread::current().id()
        {
            // It has nothing to say: it has caught its panics.
            let _ = thread.join();
        }
    }

    /// Whether this is the keeper's thread: it must not wait for itself.
    pub(crate) fn is_here(&self) -> bool {
        let state = lock(&self.state);
        state.thread.as_ref().is_some_and(|thread| thread.thread().id() == thread::current().id())
    }

    fn tell(&self, tell: impl FnOnce(&mut State)) {
        tell(&mut lock(&self.state));
        self.changed.notify_one();
    }

    /// A job that is done, whether it worked or not, may be asked for again.
    fn is_done(&self, job: &Job) {
        match job {
            Job::Prepare => lock(&self.state).prepare = false,
            Job::Fill => lock(&self.state).fill = false,
            Job::Lead | Job::Sync => {}
        }
    }

    /// Waits for the next job; none when it is over.
    fn next(&self) -> Option<Job> {
        let mut state = lock(&self.state);
        loop {
            if std::mem::take(&mut state.called) {
                return Some(Job::Lead);
            }
            if state.over {
                return None;
            }
            let left = state.sync_at.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                state.sync_at = None;
                return Some(Job::Sync);
            }
            if state.prepare {
                return Some(Job::Prepare);
            }
            if state.fill {
                return Some(Job::Fill);
            }
            state = match left {
                Some(left) => {
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

fn keep(commit: &Weak<GroupCommit>) {
    let mut zeros = None;
    while let Some(commit) = commit.upgrade() {
        let Some(job) = commit.keeper.next() else { break };
        // A disk that panics under whoever leads has stopped the journal; nobody may be left without this thread.
        let goes_on = catch_unwind(AssertUnwindSafe(|| work(&commit, &job, &mut zeros)));
        if goes_on.is_err() {
            tracing::error!("the journal's own thread has caught a panic");
        }
        if !goes_on.unwrap_or(false) {
            commit.keeper.is_done(&job);
        }
    }
}

/// Does a job; true if there is more of it.
fn work(commit: &Arc<GroupCommit>, job: &Job, zeros: &mut Option<Blocks>) -> bool {
    match job {
        Job::Lead => {
            if commit.claim(None) {
                commit.lead(Leader::Keeper);
                // Who was told that it is accepted, and has gone, hears of it no other way.
                if let Some(error) = commit.stopped().filter(|error| !matches!(error, Error::Closed)) {
                    tracing::error!(%error, "what was accepted could not be made durable");
                }
            }
            false
        }
        Job::Sync => {
            commit.sync_due();
            false
        }
        Job::Prepare => {
            prepare(commit);
            false
        }
        Job::Fill => fill(commit, zeros.get_or_insert_with(spare::zeros)),
    }
}

/// Makes the next segment's file, so that a roll does not have to. One that is there already keeps the name.
fn prepare(commit: &GroupCommit) {
    if !commit.spare.is_none() {
        return;
    }
    let made = Prepared::new(&*commit.source.disk, &commit.source.dir, NEXT, commit.options.first_reserve());
    match made {
        Ok(made) => commit.spare.put(made),
        // The roll will try again, and say so if it fails.
        Err(error) => tracing::debug!(%error, "the next segment could not be made ahead"),
    }
}

/// Fills in a piece of the next segment's file. Piece by piece, for the lead may be wanted.
fn fill(commit: &GroupCommit, zeros: &Blocks) -> bool {
    commit.spare.fill_some(zeros).unwrap_or_else(|error| {
        tracing::debug!(%error, "the next segment could not be filled ahead");
        false
    })
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests;
