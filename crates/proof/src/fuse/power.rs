//! What all threads that serve share: the tree, the count of changes, and whether there is power.

use std::any::Any;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::fault::{Call, Fault, Trouble};
use super::survival::Survival;
use super::tree::{Kept, Tree, Unkept};

/// When the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Before the change of this number, counted from now, 0 the next.
    Change(u64),
    /// When somebody says so.
    Never,
}

/// The disk behind a mount.
#[derive(Debug)]
pub(crate) struct Power {
    state: Mutex<State>,
    went: Condvar,
}

/// What it serves from.
#[derive(Debug)]
pub(crate) struct State {
    pub(super) tree: Tree,
    pub(super) trouble: Trouble,
    /// Changes so far: all calls but looks and reads.
    changes: u64,
    cut_at: Option<u64>,
    gone: bool,
    /// Replies that are never given.
    held: Vec<Box<dyn Any + Send>>,
    /// Writes whose sync comes next from the same thread: the file and the bytes.
    pub(super) synchronous: BTreeMap<u32, (u64, Range<u64>)>,
    /// Directories that are being listed.
    pub(super) listings: BTreeMap<u64, Vec<(u64, bool, OsString)>>,
    pub(super) next_listing: u64,
    /// Now and then something is written back by itself.
    trickle: Option<fastrand::Rng>,
}

/// Whether a call is served.
pub(super) enum Turn<'p> {
    Served(MutexGuard<'p, State>),
    Fails,
    Held(MutexGuard<'p, State>),
}

impl State {
    pub(super) fn hold(&mut self, reply: Box<dyn Any + Send>) {
        self.held.push(reply);
    }
}

impl Power {
    /// A disk that holds this. With `trickle` some of what is dirty is written back unasked.
    pub(crate) fn new(kept: &Kept, trickle: Option<fastrand::Rng>) -> Self {
        let state = State {
            tree: Tree::of(kept),
            trouble: Trouble::default(),
            changes: 0,
            cut_at: None,
            gone: false,
            held: Vec::new(),
            synchronous: BTreeMap::new(),
            listings: BTreeMap::new(),
            next_listing: 1,
            trickle,
        };
        Self { state: Mutex::new(state), went: Condvar::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a call: counts it, and takes the power away if it is time.
    pub(super) fn turn(&self, call: Call, thread: u32) -> Turn<'_> {
        let mut state = self.lock();
        if state.gone {
            return Turn::Held(state);
        }
        if !matches!(call, Call::Sync | Call::Write) {
            state.synchronous.remove(&thread);
        }
        if !matches!(call, Call::Look | Call::Read) {
            if state.cut_at.is_some_and(|at| state.changes >= at) {
                state.gone = true;
                self.went.notify_all();
                return Turn::Held(state);
            }
            state.changes += 1;
            let State { tree, trickle, .. } = &mut *state;
            if let Some(random) = trickle
                && random.u8(0..16) == 0
            {
                for file in tree.files() {
                    if random.u8(0..4) == 0 {
                        file.trickle(random);
                    }
                }
            }
        }
        if state.trouble.strikes(call) {
            return Turn::Fails;
        }
        Turn::Served(state)
    }

    /// Says when the power goes.
    pub(crate) fn cut(&self, cut: Cut) {
        let mut state = self.lock();
        state.cut_at = match cut {
            Cut::Change(after) => Some(state.changes + after),
            Cut::Never => None,
        };
    }

    /// Takes the power away now.
    pub(crate) fn cut_now(&self) {
        self.lock().gone = true;
        self.went.notify_all();
    }

    /// Has something go wrong from now on; returns how often what went wrong before did.
    pub(crate) fn trouble(&self, fault: Option<Fault>) -> u64 {
        let mut state = self.lock();
        std::mem::replace(&mut state.trouble, Trouble { fault, fired: 0 }).fired
    }

    /// Changes so far.
    pub(crate) fn changes(&self) -> u64 {
        self.lock().changes
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.lock().gone
    }

    /// Waits until the power has gone, at most so long; whether it has.
    pub(crate) fn wait(&self, at_most: Duration) -> bool {
        let waited = self.went.wait_timeout_while(self.lock(), at_most, |state| !state.gone);
        waited.unwrap_or_else(PoisonError::into_inner).0.gone
    }

    /// Lets go of the calls that wait, once whoever made them has been killed: they fail.
    pub(crate) fn let_go(&self) {
        let held = std::mem::take(&mut self.lock().held);
        // Outside of the lock: each is answered as it is dropped.
        drop(held);
    }

    /// What the power would take if it went now.
    pub(crate) fn unkept(&self) -> Unkept {
        self.lock().tree.unkept()
    }

    /// What the disk has, as drawn.
    pub(crate) fn survive(&self, survival: &mut Survival) -> Kept {
        let tree = std::mem::take(&mut self.lock().tree);
        tree.survive(survival)
    }
}
