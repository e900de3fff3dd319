//! The consumers that are at work, and what is wanted of them.
//!
//!   register -> at work -> stop, or close
//!   notes, once a second -> obey -> rest | go on | be put elsewhere

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use annals_ingest::Projector;
use annals_journal::Journal;
use annals_record::{Log, Offset};
use annals_storage::Sink;

use super::holding::Holding;
use super::running::{Attended, Running};
use super::{ConsumerOptions, ConsumerStart, Notes, Said, check_consumer};
use crate::error::Error;

/// The consumers of a data directory, as its owner has them at work.
pub(crate) struct Consumers {
    pub(crate) notes: Notes,
    /// Workers that others look after, and that are told to rest and listed here all the same.
    others: Mutex<Vec<Others>>,
    roll: Mutex<Roll>,
    /// Notes of pauses and the workers that obey them change together: held for both.
    obeying: Mutex<()>,
    /// A seek of another process that is being done.
    seeking: Mutex<Option<JoinHandle<()>>>,
}

/// Tells which workers there are now.
type Others = Box<dyn Fn() -> Vec<Arc<dyn Attended>> + Send + Sync>;

#[derive(Default)]
pub(super) struct Roll {
    closed: bool,
    pub(super) running: Vec<Arc<dyn Attended>>,
}

impl Roll {
    pub(super) fn find(&self, name: &str) -> Option<&Arc<dyn Attended>> {
        self.running.iter().find(|consumer| consumer.name() == name)
    }
}

impl Consumers {
    pub(crate) fn new(notes: Notes) -> Self {
        Self {
            notes,
            others: Mutex::default(),
            roll: Mutex::default(),
            obeying: Mutex::default(),
            seeking: Mutex::default(),
        }
    }

    pub(super) fn register<S: Sink + 'static>(
        &self,
        name: &str,
        sink: &Arc<S>,
        options: ConsumerOptions,
        journal: &Journal,
    ) -> Result<Arc<Running<S>>, Error> {
        check_consumer(name)?;
        // Whoever looks after one of this name that has just ended lets go of its cursor.
        let _together = self.together();
        let mut roll = self.roll();
        if roll.closed || roll.find(name).is_some() {
            return Err(Error::ConsumerTaken { name: name.to_owned() });
        }
        let failed = |source| Error::Consumer { name: name.to_owned(), source };
        self.place(name, &**sink, options.start, journal)?;
        let log = Arc::new(journal.clone());
        let stands =
            Projector::with_options(log, Arc::clone(sink), &options.ingest).map_err(failed)?.cursor();
        // What it has applied and not made durable comes again after a crash.
        let durable = match sink.cursor()? {
            Some(_) => sink.checkpoint_to(Offset::ZERO)?.max(journal.bounds()?.oldest),
            None => stands.next,
        };
        let holding = Holding::new(journal, name, Arc::clone(sink), durable)?;
        self.notes.register(name, options.kind)?;
        let running = Arc::new(Running::new(name, options, journal, holding, (stands.next, durable)));
        // It tries again in any case.
        self.notes.take_resumed(name)?;
        if self.notes.paused(name)?.is_some() {
            running.set_paused(true);
        }
        running.start();
        roll.running.push(Arc::clone(&running) as Arc<dyn Attended>);
        Ok(running)
    }

    /// Puts a sink that nobody works on where somebody has asked for, or where a new one is to begin.
    fn place<S: Sink>(
        &self,
        name: &str,
        sink: &S,
        start: ConsumerStart,
        journal: &Journal,
    ) -> Result<(), Error> {
        let put = |to| annals_ingest::seek(journal, sink, to);
        let failed = |source| Error::Consumer { name: name.to_owned(), source };
        if let Some(asked) = self.notes.seek(name)?.filter(|asked| asked.refused.is_none()) {
            return match put(asked.to) {
                Ok(_) => self.notes.sought(name).map(drop),
                Err(error) => self.notes.refuse_seek(name, asked, failed(error).to_string()),
            };
        }
        if sink.cursor()?.is_some() {
            return Ok(());
        }
        let to = match start {
            ConsumerStart::Beginning => return Ok(()),
            ConsumerStart::Oldest => journal.bounds()?.oldest,
            ConsumerStart::End => journal.bounds()?.durable,
            ConsumerStart::At(offset) => offset,
        };
        put(to).map(drop).map_err(failed)
    }

    /// Looks after workers that others start and end: they rest when that is noted under their names, and are listed. What
    /// is handed in holds on to nothing that has to be dropped before the journal closes.
    pub(crate) fn attend(&self, others: impl Fn() -> Vec<Arc<dyn Attended>> + Send + Sync + 'static) {
        self.others.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(others));
    }

    /// The worker of this name, if it is at work.
    ///
    /// # Errors
    /// [`Error::NoConsumer`] if there is none, and none was ever registered.
    pub(super) fn known(&self, name: &str) -> Result<Option<Arc<dyn Attended>>, Error> {
        let at_work = self.running().into_iter().find(|consumer| consumer.name() == name);
        if at_work.is_some() || self.notes.is_registered(name)? {
            return Ok(at_work);
        }
        Err(Error::NoConsumer { name: name.to_owned() })
    }

    /// Has the workers do what is noted: whoever is to rest rests, whoever is to be put elsewhere is.
    pub(crate) fn obey(self: &Arc<Self>) {
        let _together = self.together();
        for consumer in self.running() {
            match self.notes.take_resumed(consumer.name()) {
                Ok(true) => consumer.set_paused(false),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, consumer = consumer.name(), "whether it is to go on cannot be noted");
                }
            }
            match self.notes.paused(consumer.name()) {
                Ok(paused) if paused.is_some() != consumer.is_paused() => {
                    consumer.set_paused(paused.is_some());
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, consumer = consumer.name(), "whether it is to rest cannot be read");
                }
            }
            let asked = self.notes.seek(consumer.name());
            if asked.is_ok_and(|seek| seek.is_some_and(|seek| seek.refused.is_none())) {
                self.seek_aside(consumer);
            }
        }
    }

    /// Puts a sink elsewhere on a thread of its own, for it waits for a batch of its worker; one at a time.
    fn seek_aside(self: &Arc<Self>, consumer: Arc<dyn Attended>) {
        let mut seeking = self.seeking.lock().unwrap_or_else(PoisonError::into_inner);
        if seeking.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        let consumers = Arc::clone(self);
        let work = move || consumers.seek_if_asked(&*consumer);
        match std::thread::Builder::new().name("annals-seek".to_owned()).spawn(work) {
            Ok(thread) => *seeking = Some(thread),
            Err(error) => tracing::warn!(%error, "a thread for a seek cannot be started; it is tried again"),
        }
    }

    /// Puts a sink where somebody has asked for, if somebody has. Whoever has asked finds the reason if it cannot be done.
    fn seek_if_asked(&self, consumer: &dyn Attended) {
        let done = match self.notes.seek(consumer.name()) {
            Ok(Some(seek)) if seek.refused.is_none() => match consumer.seek(seek.to) {
                Ok(_) => self.notes.sought(consumer.name()).map(drop),
                Err(error) => self.notes.refuse_seek(consumer.name(), seek, error.to_string()),
            },
            read => read.map(drop),
        };
        if let Err(error) = done {
            tracing::error!(%error, consumer = consumer.name(), "a seek that was asked for");
        }
    }

    /// What there is to say of each.
    pub(crate) fn said(&self) -> Vec<Said> {
        self.running().iter().map(|consumer| consumer.said()).collect()
    }

    /// Stops all of them, in the order in which they came. The first thing that went wrong with one.
    pub(crate) fn close(&self) -> Result<(), Error> {
        self.roll().closed = true;
        let seeking = self.seeking.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = seeking {
            // A panic of it leaves the note, and the next open does it.
            let _ = thread.join();
        }
        let consumers = self.roll().running.clone();
        let ended: Vec<_> = consumers.iter().map(|consumer| consumer.end()).collect();
        ended.into_iter().collect()
    }

    /// Notes that a worker is to rest, and tells it.
    pub(super) fn pause(&self, name: &str, tell: impl FnOnce()) -> Result<(), Error> {
        let _together = self.together();
        self.notes.pause(name)?;
        tell();
        Ok(())
    }

    /// Notes that a worker need not rest any more, and tells it.
    pub(super) fn resume(&self, name: &str, tell: impl FnOnce()) -> Result<(), Error> {
        let _together = self.together();
        self.notes.resume(name)?;
        tell();
        Ok(())
    }

    /// While this is held nobody is told to rest or to go on. Taken before the roll.
    pub(crate) fn together(&self) -> MutexGuard<'_, ()> {
        self.obeying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that are at work, those of others first.
    fn running(&self) -> Vec<Arc<dyn Attended>> {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let mut running: Vec<_> = others.iter().flat_map(|others| others()).collect();
        drop(others);
        running.extend(self.roll().running.iter().cloned());
        running
    }

    pub(super) fn roll(&self) -> MutexGuard<'_, Roll> {
        // A list that is never half changed.
        self.roll.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
