//! Indexes beside the store: an application's own projections and those we bring, each with a worker of its own.
//!
//!   DATA/projections/NAME/   is there: the projection is kept, and one that we bring is filled
//!   journal -> worker of each -> its file; a named cursor of the journal holds what it has not applied durably
//!
//! PJ5: A projection that fails stops alone, and says so to whoever asks it; the store, appends and the others go on.
//! PJ6: What a projection has not applied is not purged: its cursor in the journal, `projection.NAME`, stands at or before
//!     its own.

mod handle;
mod kept;
mod listing;
mod reason;
mod worker;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use annals_ingest::{Ingestor, State, apply_late, check_cursor, seed};
use annals_journal::Journal;
use annals_record::{Cursor, CursorRefusal, Log, Offset};
use annals_storage::{
    BuiltIn, HybridStore, Projection, ProjectionOptions, ProjectionStore, ProjectionView, Shelf,
};

use crate::annals::Annals;
use crate::consumers::{Attended, Notes};
use crate::error::Error;

pub use handle::ProjectionHandle;
use kept::{Kept, cursor_name, release};
pub use listing::{ProjectionState, ProjectionStatus, projections_beside};
pub(crate) use reason::reason;
pub(crate) use worker::BUILT_ANEW;
use worker::ProjectionWorker;

impl Annals {
    /// Keeps an application's own projection from here on, and fills it in the background: from the journal's beginning if
    /// it is new, or of a version that is not there yet; from where it stands otherwise. It is filled while this process
    /// has the data and has handed it in; what it holds stays until it is disabled.
    ///
    /// # Errors
    /// [`Error::ProjectionTaken`] if it has the name of one that is kept already; [`Error::Projection`] if its file cannot
    /// be opened, its name is none, or it is new and retention has removed the journal's beginning.
    pub fn project(&self, projection: Arc<dyn Projection>) -> Result<ProjectionHandle, Error> {
        let name = projection.name().to_owned();
        if BuiltIn::named(&name).is_some() {
            return Err(Error::ProjectionTaken { name });
        }
        self.projections.begin(projection, &self.store())?;
        Ok(ProjectionHandle::new(&self.projections, name))
    }

    /// Keeps a projection that we bring ([`BuiltIn`]) from here on, also after the next open, and fills it in the
    /// background. If it is kept already, nothing changes.
    ///
    /// # Errors
    /// [`Error::NoProjection`] if there is none of this name; [`Error::Projection`] if its file cannot be opened, or the
    /// store lacks what retention has removed from the journal.
    pub fn enable_projection(&self, name: &str) -> Result<ProjectionHandle, Error> {
        let built_in = BuiltIn::named(name).ok_or_else(|| Error::NoProjection { name: name.to_owned() })?;
        match self.projections.begin(Arc::new(built_in), &self.store()) {
            Ok(()) | Err(Error::ProjectionTaken { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(ProjectionHandle::new(&self.projections, name.to_owned()))
    }

    /// Takes a projection away, one of ours or an application's, with all it holds. What it held of the journal may be
    /// purged from here on.
    ///
    /// # Errors
    /// [`Error::NoProjection`] if there is none of this name; what the file system says.
    pub fn disable_projection(&self, name: &str) -> Result<(), Error> {
        self.projections.remove(name)
    }

    /// Builds a projection anew, in the background, beside the one that answers. It is one that is filled: one of ours, or
    /// one that was handed in.
    ///
    /// # Errors
    /// [`Error::NoProjection`] if none of this name is filled; [`Error::Projection`] if its file cannot be made; of an
    /// application's own also if retention has removed the journal's beginning: then the one that is there stays.
    pub fn rebuild_projection(&self, name: &str) -> Result<ProjectionHandle, Error> {
        self.projections.begin_anew(name, &self.store())?;
        Ok(ProjectionHandle::new(&self.projections, name.to_owned()))
    }

    /// A projection that is filled, one of ours or one that was handed in, to ask.
    ///
    /// # Errors
    /// [`Error::NoProjection`] if none of this name is.
    pub fn projection(&self, name: &str) -> Result<ProjectionHandle, Error> {
        self.projections.running(name)?;
        Ok(ProjectionHandle::new(&self.projections, name.to_owned()))
    }
}

/// The projections of a data directory.
pub(crate) struct Projections {
    root: PathBuf,
    journal: Journal,
    options: annals_ingest::Options,
    /// Who is to rest.
    notes: Notes,
    running: Mutex<BTreeMap<String, Arc<Running>>>,
    /// Held while one is begun or ended: one at a time.
    changing: Mutex<()>,
}

/// A projection that is filled, or why it is not.
pub(crate) struct Running {
    projection: Arc<dyn Projection>,
    filled: Result<Filled, Arc<annals_ingest::Error>>,
}

/// A projection and the worker that fills it.
struct Filled {
    // The worker goes first.
    ingestor: Ingestor<Journal, Kept>,
    kept: Arc<Kept>,
}

impl Projections {
    pub(crate) fn new(
        root: PathBuf,
        journal: Journal,
        options: annals_ingest::Options,
        notes: Notes,
    ) -> Self {
        Self { root, journal, options, notes, running: Mutex::default(), changing: Mutex::default() }
    }

    /// Their workers, which rest when somebody wants that.
    pub(crate) fn workers(&self) -> Vec<Arc<dyn Attended>> {
        let worker = |(name, running): (&String, &Arc<Running>)| {
            let worker = ProjectionWorker { name: cursor_name(name), running: Arc::clone(running) };
            Arc::new(worker) as Arc<dyn Attended>
        };
        self.map().iter().map(worker).collect()
    }

    /// Fills those of ours that are kept. One that cannot be used keeps nobody from opening the data (PJ5). The store knows
    /// what retention has removed from the journal.
    pub(crate) fn begin_kept(&self, store: &HybridStore) {
        let swept = Shelf::sweep(&self.root).and_then(|()| Shelf::all(&self.root));
        let shelves = swept.unwrap_or_else(|error| {
            tracing::error!(%error, "projections cannot be listed; none is filled");
            Vec::new()
        });
        for built_in in shelves.iter().filter_map(|shelf| BuiltIn::named(shelf.name())) {
            let running = self.start(Arc::new(built_in), store);
            self.map().insert(built_in.label().to_owned(), Arc::new(running));
        }
    }

    fn begin(&self, projection: Arc<dyn Projection>, store: &HybridStore) -> Result<(), Error> {
        let _one_at_a_time = self.changing();
        let name = projection.name().to_owned();
        // One that has failed is tried again.
        if self.map().get(&name).is_some_and(|running| running.error().is_none()) {
            return Err(Error::ProjectionTaken { name });
        }
        // What is there need not begin.
        if !Shelf::of(&self.root, &name).is_ok_and(|shelf| shelf.is_there()) {
            self.check_whole(&name)?;
        }
        self.end(&name);
        self.put(&name, projection, store)
    }

    /// Refuses an application's own that would have to be filled from a beginning of the journal that is gone: it would never
    /// come up, and in the place of one that is sound it would be a loss. Ours begin with what the store knows.
    fn check_whole(&self, name: &str) -> Result<(), Error> {
        let oldest = self.journal.bounds()?.oldest;
        if oldest == Offset::ZERO || BuiltIn::named(name).is_some() {
            return Ok(());
        }
        let refusal = CursorRefusal::Purged { cursor: Offset::ZERO, oldest };
        let source = Arc::new(annals_ingest::Error::Refused { part: "beginning", refusal });
        Err(Error::Projection { name: name.to_owned(), source })
    }

    fn begin_anew(&self, name: &str, store: &HybridStore) -> Result<(), Error> {
        let _one_at_a_time = self.changing();
        let projection = Arc::clone(&self.running(name)?.projection);
        self.check_whole(name)?;
        self.end(name);
        let begun = Shelf::of(&self.root, name).and_then(|shelf| shelf.start_over(projection.version()));
        let filled = self.put(name, projection, store);
        begun.map_err(Error::from).and(filled)
    }

    /// Starts one and remembers it, also one that cannot be used, for whoever asks then.
    fn put(&self, name: &str, projection: Arc<dyn Projection>, store: &HybridStore) -> Result<(), Error> {
        let running = Arc::new(self.start(projection, store));
        let started = match &running.filled {
            Ok(_) => Ok(()),
            Err(source) => Err(Error::Projection { name: name.to_owned(), source: Arc::clone(source) }),
        };
        // A name that is none is not remembered.
        if Shelf::of(&self.root, name).is_ok() {
            self.map().insert(name.to_owned(), running);
        }
        started
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        let _one_at_a_time = self.changing();
        let shelf = Shelf::of(&self.root, name).map_err(|_| Error::NoProjection { name: name.to_owned() })?;
        let is_held =
            || Ok::<_, Error>(self.journal.cursors()?.iter().any(|held| held.name == cursor_name(name)));
        if !shelf.is_there() && !is_held()? {
            return Err(Error::NoProjection { name: name.to_owned() });
        }
        self.end(name);
        shelf.remove()?;
        self.notes.forget(&cursor_name(name))?;
        release(&self.journal, name)
    }

    /// Ends a worker and lets go of its file.
    fn end(&self, name: &str) {
        let Some(running) = self.map().remove(name) else { return };
        if let Ok(filled) = &running.filled {
            // What had stopped it was told when it did.
            let _ = filled.ingestor.rest();
            filled.kept.let_go();
        }
    }

    /// Ends all workers; what they have applied is durable then.
    ///
    /// # Errors
    /// None of a worker that had failed before: that stopped it alone (PJ5).
    pub(crate) fn close(&self) {
        let _one_at_a_time = self.changing();
        let names: Vec<_> = self.map().keys().cloned().collect();
        names.iter().for_each(|name| self.end(name));
    }

    /// Has every projection take what it could not read before and this build can.
    pub(crate) fn apply_late(&self) {
        let running: Vec<_> = self.map().values().cloned().collect();
        for running in running {
            if let Ok(Filled { kept, .. }) = &running.filled
                && let Err(error) = apply_late(&self.journal, kept.store())
            {
                // It stays noted, and is tried again at the next open.
                tracing::error!(projection = running.projection.name(), %error, "what could not be read before is not taken");
            }
        }
    }

    /// The one of this name, if it is filled or should be.
    pub(crate) fn running(&self, name: &str) -> Result<Arc<Running>, Error> {
        self.map().get(name).cloned().ok_or_else(|| Error::NoProjection { name: name.to_owned() })
    }

    fn start(&self, projection: Arc<dyn Projection>, store: &HybridStore) -> Running {
        let filled = self.fill(&projection, store).map_err(|error| {
            tracing::error!(projection = projection.name(), %error, "a projection cannot be filled");
            Arc::new(error)
        });
        Running { projection, filled }
    }

    fn fill(
        &self,
        projection: &Arc<dyn Projection>,
        known: &HybridStore,
    ) -> Result<Filled, annals_ingest::Error> {
        let fits = |cursor: &Cursor| check_cursor(&self.journal, cursor).is_ok();
        let (options, end) = (ProjectionOptions::default(), self.journal.durable());
        let store = ProjectionStore::open(&self.root, Arc::clone(projection), options, end, fits)?;
        match apply_late(&self.journal, &store) {
            // The worker finds out as well, and says so.
            Ok(_) | Err(annals_ingest::Error::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
        let kept = Arc::new(Kept::new(store, &self.journal)?);
        if BuiltIn::named(kept.store().name()).is_some() {
            // What the journal holds from here on is held by the cursor.
            seed(&self.journal, known, kept.store())?;
        }
        let log = Arc::new(self.journal.clone());
        let ingestor = Ingestor::with_options(log, Arc::clone(&kept), self.options);
        if self.is_to_rest(kept.store().name()) {
            ingestor.pause();
        }
        ingestor.restart();
        Ok(Filled { ingestor, kept })
    }

    /// Whether somebody wants a projection's worker to rest; where that cannot be read it does.
    fn is_to_rest(&self, name: &str) -> bool {
        let noted = self.notes.paused(&cursor_name(name));
        let noted = noted.inspect_err(|error| {
            tracing::warn!(projection = name, %error, "whether it is to rest cannot be read; it rests");
        });
        noted.map_or(true, |paused| paused.is_some())
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Why it is not filled any more, if it is not.
    pub(crate) fn error(&self) -> Option<Arc<annals_ingest::Error>> {
        match &self.filled {
            Err(error) => Some(Arc::clone(error)),
            Ok(Filled { ingestor, .. }) => {
                let progress = ingestor.progress();
                progress.last_error.filter(|_| progress.state == State::Failed)
            }
        }
    }

    /// What answers, as of now. One whose worker has failed answers as of where it stopped.
    pub(crate) fn view(&self) -> Result<ProjectionView, Error> {
        Ok(self.filled()?.kept.store().view()?)
    }

    /// Waits until everything before `offset` is applied, and the version that is filled answers.
    fn wait_for(&self, offset: Offset, timeout: Duration) -> Result<(), Error> {
        match self.filled()?.ingestor.wait_for(offset, timeout) {
            Err(annals_ingest::Error::Timeout { cursor, .. }) => {
                Err(Error::Timeout { offset, applied: cursor, waited: timeout })
            }
            Err(annals_ingest::Error::Paused { cursor, .. }) => {
                Err(Error::Paused { name: cursor_name(self.projection.name()), offset, applied: cursor })
            }
            Err(error) => Err(self.failed(Arc::new(error))),
            Ok(()) => Ok(()),
        }
    }

    fn filled(&self) -> Result<&Filled, Error> {
        self.filled.as_ref().map_err(|error| self.failed(Arc::clone(error)))
    }

    fn failed(&self, source: Arc<annals_ingest::Error>) -> Error {
        Error::Projection { name: self.projection.name().to_owned(), source }
    }
}

#[cfg(test)]
mod tests;
