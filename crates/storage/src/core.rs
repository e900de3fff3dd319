//! What whoever applies, whoever folds and whoever reads share: the two engines, the layers, where the store stands.
//!
//!   layers + standing      exchanged as a whole under one lock, held for no write
//!   wanted, frozen         what the thread that folds has to do next                        folder.rs
//!   poison                 what failed: nothing is written any more (S5)

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use annals_record::seeded::{self, Bug};
use annals_record::{Cursor, Offset};

use crate::Error;
use crate::chunk::Chunk;
use crate::content::{self, Content, Pinned};
use crate::cursor_bytes::Reach;
use crate::identity::StoreId;
use crate::index::{Index, IndexReader};
use crate::layer::{Layer, Layers};
use crate::seen::{Seen, Sight};
use crate::standing::Standing;

/// What lacks rows for more than this, while it is being folded, gets none: its bytes are written once.
const WORTH_WAITING: usize = 8 << 20;

/// What whoever applies, whoever folds and whoever reads share.
pub(crate) struct Core {
    // The order in which they close: the index writes when it does.
    pub(crate) index: Index,
    pub(crate) content: Content,
    pub(crate) id: StoreId,
    /// Where it is written down, outside of the store, how far it is durable.
    pub(crate) seen: OnceLock<Seen>,
    /// How far content reached when the store was opened: beyond the cursor after a crash.
    reach: Option<Cursor>,
    /// Whether content says whose it is.
    named: AtomicBool,
    /// What lacks rows for more than this is folded instead, when it is to become durable.
    worth_folding: usize,
    state: Mutex<State>,
    changed: Condvar,
}

/// A store as it was opened.
pub(crate) struct Opened {
    pub(crate) id: StoreId,
    /// How far content reaches, and whose it says it is.
    pub(crate) reach: Option<Reach>,
    /// What has rows.
    pub(crate) layers: Layers,
    pub(crate) standing: Standing,
    pub(crate) layer_bytes: usize,
}

struct State {
    layers: Layers,
    /// Where the store stands: what questions see.
    standing: Standing,
    /// Where the frozen layer ends.
    frozen: Option<Standing>,
    /// Where the last layer that was folded ended, if one was since the store was opened.
    folded: Option<Standing>,
    durable: Option<Cursor>,
    /// What is to become durable: everything before this.
    wanted: Offset,
    /// What failed; nothing is written any more.
    poison: Option<String>,
    /// What the thread failed with, for whoever looks first.
    failure: Option<Error>,
    stop: bool,
}

impl Core {
    /// What is in memory of a store that was opened; where it stands is durable.
    pub(crate) fn new(content: Content, index: Index, opened: Opened) -> Self {
        let Opened { id, reach, layers, standing, layer_bytes } = opened;
        let state = State {
            layers,
            standing,
            frozen: None,
            folded: None,
            durable: standing.cursor,
            wanted: Offset::ZERO,
            poison: None,
            failure: None,
            stop: false,
        };
        Self {
            index,
            content,
            id,
            seen: OnceLock::new(),
            reach: reach.map(|reach| reach.cursor),
            named: AtomicBool::new(reach.is_some_and(|reach| reach.store.is_some())),
            worth_folding: layer_bytes / 4,
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
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

    /// Where the last layer that was folded ended.
    #[cfg(test)]
    pub(crate) fn folded(&self) -> Option<Standing> {
        self.lock().folded
    }

    pub(crate) fn durable(&self) -> Option<Cursor> {
        self.lock().durable
    }

    /// Whether everything before an offset is durable.
    pub(crate) fn is_durable(&self, offset: Offset) -> bool {
        offset <= self.lock().durable_next()
    }

    /// Notes that everything before a cursor is durable.
    fn durable_at(&self, cursor: Cursor) {
        if self.durable().is_some_and(|durable| durable.next > cursor.next) {
            return;
        }
        // Outside of the lock that questions take, and before whoever waits for it goes on. It may lag: of two at once the
        // older one may be what stands there.
        if let Some(seen) = self.seen.get() {
            seen.note(Sight::of(self.id, &cursor));
        }
        let mut state = self.lock();
        state.durable = state.durable.filter(|durable| durable.next > cursor.next).or(Some(cursor));
        self.changed.notify_all();
    }

    /// Has everything before `next` made durable, as soon as that costs little.
    pub(crate) fn want_durable(&self, next: Offset) {
        let mut state = self.lock();
        state.wanted = next.min(state.standing.next()).max(state.wanted);
        self.changed.notify_all();
    }

    /// Has everything before `next` made durable, and waits for that.
    pub(crate) fn make_durable(&self, next: Offset) -> Result<(), Error> {
        self.want_durable(next);
        drop(self.wait_until(|state| state.durable_next() >= next || state.poison.is_some()));
        self.check()
    }

    /// Whether so much is collected that it is better folded than given rows.
    pub(crate) fn is_worth_folding(&self) -> bool {
        self.layers().active.unkept_bytes() > self.worth_folding
    }

    /// Whether a layer is being folded.
    pub(crate) fn is_folding(&self) -> bool {
        self.lock().frozen.is_some()
    }

    /// How far content reaches beyond a cursor: as it did when the store was opened, until what was cut off is folded again.
    pub(crate) fn reach_beyond(&self, cursor: Option<Cursor>) -> Option<Cursor> {
        self.reach.filter(|reach| cursor.is_none_or(|cursor| cursor.next < reach.next))
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

    /// Freezes the active layer, which ends where the store stands, as soon as the one that is being folded is gone. Nobody
    /// may be adding to it.
    pub(crate) fn freeze(&self) {
        let mut state = self.wait_until(|state| state.frozen.is_none() || state.poison.is_some());
        if state.poison.is_none() {
            state.layers.frozen = Some(std::mem::take(&mut state.layers.active));
            state.frozen = Some(state.standing);
            self.changed.notify_all();
        }
    }

    /// Waits until nothing is being folded, or never will be again.
    pub(crate) fn wait_folded(&self) {
        drop(self.wait_until(|state| state.frozen.is_none() || state.poison.is_some()));
    }

    /// Refuses if anything has failed (S5).
    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut state = self.lock();
        match (state.failure.take(), &state.poison) {
            (Some(failure), _) => Err(failure),
            (None, Some(reason)) => Err(Error::Poisoned { reason: reason.clone() }),
            (None, None) => Ok(()),
        }
    }

    /// Runs a write. An error or a panic lets no other write follow (S5), and the index is not written when it is closed.
    pub(crate) fn writing<T>(&self, write: impl FnOnce(&Self) -> Result<T, Error>) -> Result<T, Error> {
        let mut failing = Failing::unless_it_returns(self);
        let written = write(self);
        failing.reason = written.as_ref().err().map(ToString::to_string);
        written
    }

    /// As [`Core::writing`], where nobody waits who could be told: whoever looks next is.
    pub(crate) fn working(&self, write: impl FnOnce(&Self) -> Result<(), Error>) {
        let mut failing = Failing::unless_it_returns(self);
        failing.error = write(self).err();
        failing.reason = failing.error.as_ref().map(ToString::to_string);
        if let Some(error) = &failing.error {
            tracing::error!(%error, "the store cannot write, and writes nothing more");
        }
    }

    /// Waits until there is something to do: nothing more once the thread should end, or anything has failed.
    pub(crate) fn next_task(&self) -> Option<Task> {
        let task = |state: &State| state.task(self.worth_folding);
        let state = self.wait_until(|state| state.stop || state.poison.is_some() || task(state).is_some());
        task(&state).filter(|_| state.poison.is_none())
    }

    /// Has the thread end, once there is nothing left to do.
    pub(crate) fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }

    /// Has nothing more written, as if the process were gone.
    pub(crate) fn abandon(&self) {
        drop(Failing { core: self, reason: Some("the store was abandoned".to_owned()), error: None });
    }

    /// Folds the frozen layer, which ends at `end`; then nobody needs it any more.
    pub(crate) fn fold(&self, layer: &Layer, end: &Standing) -> Result<(), Error> {
        if let Some(cursor) = end.cursor {
            let reach = self.reach_beyond(Some(cursor)).unwrap_or(cursor);
            let held = layer.held();
            let mut between = || self.sync_rows();
            if seeded::is_on(Bug::IndexBeforeContent) {
                let (folded, synced) = content::unproven();
                self.index.fold(&folded, &held, &cursor, &mut between)?;
                self.index.checkpoint(&synced, &[], end)?;
            }
            let folded = self.content.fold(&held, &reach, &mut between)?;
            self.named.store(true, Ordering::Release);
            if !seeded::is_on(Bug::IndexBeforeContent) {
                self.index.fold(&folded, &held, &cursor, &mut between)?;
            }
        }
        let mut state = self.lock();
        (state.layers.frozen, state.frozen, state.folded) = (None, None, Some(*end));
        self.changed.notify_all();
        Ok(())
    }

    /// Makes everything applied durable in the midst of a fold, if that is wanted and takes few rows. The half of the layer
    /// that is folded becomes durable too: the cursor lies behind the layer, and the rest of it has rows.
    fn sync_rows(&self) -> Result<(), Error> {
        let state = self.lock();
        let unkept = || state.layers.oldest_first().map(|layer| layer.unkept_bytes()).sum::<usize>();
        let wanted = state.wanted > state.durable_next() && self.named.load(Ordering::Acquire);
        if !wanted || unkept() > WORTH_WAITING {
            return Ok(());
        }
        let (layers, standing) = (state.layers.clone(), state.standing);
        drop(state);
        self.sync(&layers, &standing)
    }

    /// Makes where the store stands durable, with rows for what stands in these layers. Without layers, nothing may be half
    /// folded: its half would become durable before its cursor (S2).
    pub(crate) fn sync(&self, layers: &Layers, standing: &Standing) -> Result<(), Error> {
        let Some(cursor) = standing.cursor else { return Ok(()) };
        // What is added stands beyond the cursor until that has moved.
        let unkept = |layer: &Arc<Layer>| -> Vec<Chunk> {
            let within = |chunk: &Chunk| chunk.first() < cursor.next;
            layer.unkept().into_iter().take_while(within).collect()
        };
        let unkept: Vec<_> = layers.oldest_first().map(|layer| (layer, unkept(layer))).collect();
        if !self.named.load(Ordering::Acquire) {
            let mut batch = self.content.batch(1);
            let reach = self.reach_beyond(Some(cursor)).unwrap_or(cursor);
            batch.reach(&reach, Some(self.id));
            self.content.commit(batch)?;
        }
        let synced = self.content.persist()?;
        self.named.store(true, Ordering::Release);
        let chunks: Vec<_> = unkept.iter().flat_map(|(_, chunks)| chunks).cloned().collect();
        if seeded::is_on(Bug::CursorBeforeIndex) {
            self.index.checkpoint(&synced, &[], standing)?;
            self.durable_at(cursor);
            return Ok(());
        }
        self.index.checkpoint(&synced, &chunks, standing)?;
        unkept.iter().for_each(|(layer, chunks)| layer.keep(chunks.len()));
        self.durable_at(cursor);
        Ok(())
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
    error: Option<Error>,
}

impl<'c> Failing<'c> {
    fn unless_it_returns(core: &'c Core) -> Self {
        Self { core, reason: Some("a write did not return".to_owned()), error: None }
    }
}

impl Drop for Failing<'_> {
    fn drop(&mut self) {
        if let Some(reason) = self.reason.take() {
            self.core.index.shut();
            let mut state = self.core.lock();
            if state.poison.is_none() {
                (state.poison, state.failure) = (Some(reason), self.error.take());
            }
            self.core.changed.notify_all();
        }
    }
}

/// What there is to do next.
pub(crate) enum Task {
    /// Fold a layer, which ends here.
    Fold(Arc<Layer>, Standing),
    /// Make this durable, with rows for what stands in these layers.
    Sync(Layers, Standing),
}

impl State {
    fn durable_next(&self) -> Offset {
        self.durable.map_or(Offset::ZERO, |durable| durable.next)
    }

    /// What the thread does next, if there is anything. Nothing is half folded now.
    fn task(&self, worth_folding: usize) -> Option<Task> {
        let durable = self.durable_next();
        if self.wanted > durable {
            let folded = self.folded.filter(|folded| folded.next() > durable);
            let few = self.layers.active.unkept_bytes() <= worth_folding;
            // What is folded needs no rows.
            if let Some(folded) = folded.filter(|folded| folded.next() >= self.wanted || !few) {
                return Some(Task::Sync(Layers::default(), folded));
            }
            if self.frozen.is_none() && few {
                return Some(Task::Sync(self.layers.clone(), self.standing));
            }
        }
        Some(Task::Fold(self.layers.frozen.clone()?, self.frozen?))
    }
}
