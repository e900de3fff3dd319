//! The thread that folds: a frozen layer into content, then into the index, then away.
//!
//!   apply fills the active layer -> frozen -> content, durable -> index -> nobody needs the layer any more
//!                                      ^ the next one freezes only when this one is gone: at most two are in memory
//!
//! What a fold does changes no answer, so it may end at any time, or never: what it has not done is done again from the
//! rows of a checkpoint, or from the log.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use annals_record::{Cursor, Offset};

use crate::Error;
use crate::content::{Content, Pinned};
use crate::index::{Index, IndexReader};
use crate::layer::{Layer, Layers};
use crate::standing::Standing;

/// What whoever applies, whoever folds and whoever reads share.
pub(crate) struct Core {
    // The order in which they close: the index writes when it does.
    pub(crate) index: Index,
    pub(crate) content: Content,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    layers: Layers,
    /// Where the store stands: what questions see.
    standing: Standing,
    /// Where the frozen layer ends, and how far content reaches with it.
    frozen: Option<(Standing, Cursor)>,
    /// Where the last layer that was folded ended, if one was since the store was opened.
    folded: Option<Standing>,
    durable: Option<Cursor>,
    /// What failed; nothing is written any more.
    poison: Option<String>,
    stop: bool,
}

impl Core {
    /// What is in memory of a store that was opened; where it stands is durable.
    pub(crate) fn new(content: Content, index: Index, layers: Layers, standing: Standing) -> Self {
        let state = State {
            layers,
            standing,
            frozen: None,
            folded: None,
            durable: standing.cursor,
            poison: None,
            stop: false,
        };
        Self { index, content, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Everything that questions need, as of one moment.
    pub(crate) fn view(&self) -> Result<(Layers, IndexReader, Standing, Pinned<'_>), Error> {
        let state = self.lock();
        // Under the lock: a layer that freezes later cannot be folded into what is read here.
        let index = self.index.read()?;
        Ok((state.layers.clone(), index, state.standing, self.content.pinned()))
    }

    pub(crate) fn layers(&self) -> Layers {
        self.lock().layers.clone()
    }

    pub(crate) fn standing(&self) -> Standing {
        self.lock().standing
    }

    pub(crate) fn folded(&self) -> Option<Standing> {
        self.lock().folded
    }

    pub(crate) fn durable(&self) -> Option<Cursor> {
        self.lock().durable
    }

    /// Whether everything before an offset is durable.
    pub(crate) fn is_durable(&self, offset: Offset) -> bool {
        offset <= self.durable().map_or(Offset::ZERO, |durable| durable.next)
    }

    /// Notes what is durable now.
    pub(crate) fn durable_at(&self, cursor: Cursor) {
        self.lock().durable = Some(cursor);
    }

    /// Moves the cursor: what was added to the active layer shows.
    pub(crate) fn stand(&self, standing: Standing) {
        self.lock().standing = standing;
    }

    /// Changes content or index below the cursor, where nothing is collected in memory: visible at once and as a whole.
    pub(crate) fn change(
        &self,
        standing: Standing,
        write: impl FnOnce(&Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.writing(|core| {
            // Under the lock: whoever looks sees all of it or nothing.
            let mut state = core.lock();
            write(core)?;
            state.standing = standing;
            Ok(())
        })
    }

    /// Freezes the active layer, which ends at `end`, as soon as the one that is being folded is gone.
    pub(crate) fn freeze(&self, end: Standing, reach: Cursor) {
        let mut state = self.wait_until(|state| state.frozen.is_none() || state.poison.is_some());
        if state.poison.is_none() {
            state.layers.frozen = Some(std::mem::take(&mut state.layers.active));
            state.frozen = Some((end, reach));
            self.changed.notify_all();
        }
    }

    /// Waits until nothing is being folded, or never will be again.
    pub(crate) fn wait_folded(&self) {
        drop(self.wait_until(|state| state.frozen.is_none() || state.poison.is_some()));
    }

    /// Refuses if anything has failed (S5).
    pub(crate) fn check(&self) -> Result<(), Error> {
        match &self.lock().poison {
            Some(reason) => Err(Error::Poisoned { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Runs a write. An error or a panic lets no other write follow (S5), and the index is not written when it is closed.
    pub(crate) fn writing<T>(&self, write: impl FnOnce(&Self) -> Result<T, Error>) -> Result<T, Error> {
        let unless_it_returns = Failing { core: self, reason: Some("a write did not return".to_owned()) };
        let written = write(self);
        let mut failing = unless_it_returns;
        failing.reason = written.as_ref().err().map(ToString::to_string);
        written
    }

    /// Has nothing more written, as if the process were gone.
    pub(crate) fn abandon(&self) {
        drop(Failing { core: self, reason: Some("the store was abandoned".to_owned()) });
    }

    fn fold(&self, layer: &Layer, end: &Cursor, reach: &Cursor) -> Result<(), Error> {
        self.writing(|core| {
            let held = layer.held();
            let folded = core.content.fold(&held, reach)?;
            core.index.fold(&folded, &held, end)
        })
    }

    fn wait_until(&self, done: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let waited = self.changed.wait_while(self.lock(), |state| !done(state));
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nobody panics while holding it: plain values are exchanged.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Poisons the store when it is dropped with a reason.
struct Failing<'c> {
    core: &'c Core,
    reason: Option<String>,
}

impl Drop for Failing<'_> {
    fn drop(&mut self) {
        if let Some(reason) = self.reason.take() {
            self.core.index.shut();
            self.core.lock().poison.get_or_insert(reason);
            self.core.changed.notify_all();
        }
    }
}

/// The thread.
pub(crate) struct Folder {
    core: Arc<Core>,
    thread: Option<JoinHandle<()>>,
}

impl Folder {
    /// Starts it.
    pub(crate) fn start(core: &Arc<Core>, path: &Path) -> Result<Self, Error> {
        let shared = Arc::clone(core);
        let thread = std::thread::Builder::new().name("annals-fold".to_owned()).spawn(move || work(&shared));
        let thread = thread.map_err(Error::io("start the thread that folds of", path))?;
        Ok(Self { core: Arc::clone(core), thread: Some(thread) })
    }

    /// Ends it, once the layer that it folds is folded.
    pub(crate) fn stop(&mut self) {
        self.core.lock().stop = true;
        self.core.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // If it panicked, the store is poisoned.
            let _ = thread.join();
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Folds whatever is frozen, until the end.
fn work(core: &Core) {
    loop {
        let state = core.wait_until(|state| state.stop || state.poison.is_some() || state.frozen.is_some());
        let (Some(layer), Some((end, reach)), None) =
            (state.layers.frozen.clone(), state.frozen, &state.poison)
        else {
            return;
        };
        drop(state);
        let Some(cursor) = end.cursor else { return };
        if let Err(error) = core.fold(&layer, &cursor, &reach) {
            tracing::error!(%error, "a layer could not be folded; nothing more is written");
            return;
        }
        let mut state = core.lock();
        state.layers.frozen = None;
        state.frozen = None;
        state.folded = Some(end);
        core.changed.notify_all();
    }
}
