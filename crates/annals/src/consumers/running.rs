//! One consumer at work: its worker, and what others may have it do, whatever its sink is.

use std::mem;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use annals_ingest::{Ingestor, State, Status};
use annals_journal::Journal;
use annals_record::Offset;
use annals_storage::Sink;

use super::holding::Holding;
use super::said::Said;
use super::{ConsumerKind, ConsumerOptions};
use crate::error::Error;

/// A consumer, whatever its sink is.
pub(crate) trait Attended: Send + Sync {
    fn name(&self) -> &str;
    /// How it stands.
    fn said(&self) -> Said;
    /// Whether it was told to rest.
    fn is_paused(&self) -> bool;
    /// Has it rest, or go on; one that has failed tries again.
    fn set_paused(&self, paused: bool);
    /// Waits until it applies nothing more, if it was told to rest.
    fn wait_until_paused(&self);
    /// Puts its sink elsewhere; one that has failed tries again from there. The place where it stood.
    fn seek(&self, to: Offset) -> Result<Option<Offset>, Error>;
    /// Stops it for good, and lets go of journal and sink.
    fn end(&self) -> Result<(), Error>;
}

/// The worker of a consumer.
pub(crate) type Worker<S> = Ingestor<Journal, Holding<S>>;

/// A consumer at work.
pub(crate) struct Running<S: Sink + 'static> {
    name: String,
    kind: ConsumerKind,
    /// Where its sink stood when it was registered, and up to where that was durable.
    start: (Offset, Offset),
    place: RwLock<Place<S>>,
}

/// Who works, or how it stood when it ended.
enum Place<S: Sink + 'static> {
    Works(Arc<Worker<S>>),
    Ended(Box<Status>),
}

impl<S: Sink + 'static> Running<S> {
    /// A consumer whose worker is not started yet.
    pub(crate) fn new(
        name: &str,
        options: ConsumerOptions,
        journal: &Journal,
        holding: Holding<S>,
        start: (Offset, Offset),
    ) -> Self {
        let worker = Ingestor::with_options(Arc::new(journal.clone()), Arc::new(holding), options.ingest);
        let place = RwLock::new(Place::Works(Arc::new(worker)));
        Self { name: name.to_owned(), kind: options.kind, start, place }
    }

    pub(crate) fn start(&self) {
        if let Some(worker) = self.worker() {
            worker.restart();
        }
    }

    /// Its worker; none once it has ended.
    pub(crate) fn worker(&self) -> Option<Arc<Worker<S>>> {
        match &*self.place.read().unwrap_or_else(PoisonError::into_inner) {
            Place::Works(worker) => Some(Arc::clone(worker)),
            Place::Ended(_) => None,
        }
    }

    pub(crate) fn progress(&self) -> Status {
        match &*self.place.read().unwrap_or_else(PoisonError::into_inner) {
            Place::Works(worker) => worker.progress(),
            Place::Ended(status) => Status::clone(status),
        }
    }

    /// Why nothing is to be had of a consumer that has ended.
    pub(crate) fn ended(&self, wanted: Offset) -> Error {
        let cursor = self.progress().cursor.map_or(Offset::ZERO, |cursor| cursor.next);
        self.failed(annals_ingest::Error::Stopped { wanted, cursor })
    }

    pub(crate) fn failed(&self, source: annals_ingest::Error) -> Error {
        Error::Consumer { name: self.name.clone(), source }
    }
}

impl<S: Sink + 'static> Attended for Running<S> {
    fn name(&self) -> &str {
        &self.name
    }

    fn said(&self) -> Said {
        let said = Said::of(&self.name, self.kind, &self.progress());
        let (stood, durable) = self.start;
        Said { next: said.next.or(Some(stood.get())), durable: said.durable.or(Some(durable.get())), ..said }
    }

    fn is_paused(&self) -> bool {
        self.worker().is_some_and(|worker| worker.is_paused())
    }

    fn set_paused(&self, paused: bool) {
        let Some(worker) = self.worker() else { return };
        if paused {
            worker.pause();
        } else {
            worker.resume();
            if worker.progress().state == State::Failed {
                worker.restart();
            }
        }
    }

    fn wait_until_paused(&self) {
        if let Some(worker) = self.worker() {
            // Whoever has it go on meanwhile wants that.
            let _ = worker.wait_until_paused(Duration::MAX);
        }
    }

    fn seek(&self, to: Offset) -> Result<Option<Offset>, Error> {
        let Some(worker) = self.worker() else { return Err(self.ended(to)) };
        let from = worker.seek(to).map_err(|source| self.failed(source))?;
        if worker.progress().state == State::Failed {
            worker.restart();
        }
        Ok(from)
    }

    fn end(&self) -> Result<(), Error> {
        let Some(worker) = self.worker() else { return Ok(()) };
        let rested = worker.rest();
        let ended = Place::Ended(Box::new(worker.progress()));
        let place = mem::replace(&mut *self.place.write().unwrap_or_else(PoisonError::into_inner), ended);
        // The journal closes with the last of those who have it; who waits for an offset is told, and lets go of it too.
        drop((place, worker));
        rested.map_err(|source| self.failed(source))
    }
}
