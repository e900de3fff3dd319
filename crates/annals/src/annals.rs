//! The pipeline's handle: open, append, wait, ask, check, rebuild, close, in that order.

use std::mem;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use annals_ingest::Ingestor;
use annals_journal::Journal;
use annals_record::{Appended, EpochId, Log, Offset, Record, RecordId, check_encoding};
use annals_storage::{Generation, HybridStore, Sink, Stored, Tally};

use crate::applied::AppliedCount;
use crate::consumers::{Attended, Consumers, Notes, StoreWorker};
use crate::digest::DigestReport;
use crate::directory::Directory;
use crate::error::Error;
use crate::handover::Handover;
use crate::importer::Importer;
use crate::lineage::Lineage;
use crate::options::Options;
use crate::projections::Projections;
use crate::rebuild::{Meter, RebuildOptions, RebuildPhase, RebuildProgress, Rebuilt, Site, reached};
use crate::status::{Status, StatusFile, StoreStatus};
use crate::valve::Valve;
#[cfg(feature = "tokio")]
use crate::valve::turnstile::Turnstile;
use crate::verify::{self, Verified, VerifyParts};
use crate::waiting;

/// What a rebuild leaves for the moment in which the worker rests: applied in a few milliseconds.
const LAST_STRETCH_BYTES: u64 = 1 << 20;
/// How often a rebuild catches up with a worker that goes on meanwhile, before the worker rests in any case.
const CATCH_UPS: u32 = 20;

/// The named cursor of the journal that stands for the store. It stays at the log's beginning, so that retention removes
/// nothing that a rebuild needs, until an operator removes it: then what is purged is gone from the next rebuild. It is
/// made once, with the data directory, and not again.
pub const STORE_CURSOR: &str = "store";

/// A knowledge base: a journal that is the truth, a store derived from it, and a worker between them.
///
/// All methods take `&self`; share it in an `Arc`. One process owns a data directory at a time.
pub struct Annals {
    // The order of the fields is the order in which they close: the worker and the store before the journal's lock.
    #[cfg(feature = "tokio")]
    turnstile: Turnstile,
    pub(crate) valve: Arc<Valve>,
    attending: Attending,
    status_file: StatusFile,
    serving: Arc<RwLock<Serving>>,
    pub(crate) rebuilding: Mutex<()>,
    handover: Arc<Handover>,
    lineage: Arc<Lineage>,
    pub(crate) projections: Arc<Projections>,
    journal: Journal,
    directory: Directory,
    options: Options,
}

/// The consumers, which end before the journal does.
struct Attending(Arc<Consumers>);

impl Drop for Attending {
    fn drop(&mut self) {
        // What went wrong was reported when it did.
        let _ = self.0.close();
    }
}

/// The store that answers, and the worker that fills it. Whoever asks takes a copy: nobody holds a lock over a question.
#[derive(Clone)]
pub(crate) struct Serving {
    pub(crate) ingestor: Arc<Ingestor<Journal, HybridStore>>,
    pub(crate) store: Arc<HybridStore>,
    pub(crate) generation: Generation,
    /// Where the store stood when the worker was started.
    pub(crate) start: Offset,
    /// How many records it has applied.
    pub(crate) count: AppliedCount,
}

impl Annals {
    /// Opens the data directory, creating it if it is missing or empty, and starts the worker.
    ///
    /// # Errors
    /// [`Error::NotOurs`] if something else is there, [`Error::Locked`] if another process has it,
    /// [`Error::NewerFormat`]; a store that cannot be used says so and how to rebuild it.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(dir, Options::default())
    }

    /// Opens a data directory that exists; creates nothing.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is none, otherwise as [`Annals::open`].
    pub fn open_existing(dir: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(dir, Options { create: false, ..Options::default() })
    }

    /// Opens a data directory with these options.
    ///
    /// # Errors
    /// As [`Annals::open`] or [`Annals::open_existing`].
    pub fn open_with(dir: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        let (directory, journal) = open_journal(dir.as_ref(), &options)?;
        hold_for_the_store(&journal)?;
        let lineage = Arc::new(Lineage::of(&directory));
        if let Err(error) = lineage.sweep(true) {
            // It takes room and does no harm.
            tracing::warn!(%error, "an old generation cannot be taken away");
        }
        let generations = &lineage.generations;
        let generation = match generations.current()? {
            Some(generation) => generation,
            None => {
                let first = generations.create_next()?;
                generations.switch(first)?;
                first
            }
        };
        let store = HybridStore::open_with(generations.path(generation), options.store)?;
        store.watch(&directory.seen_file())?;
        let store = Arc::new(store);
        let consumers = Arc::new(Consumers::new(Notes::of(&directory)));
        let paused = consumers.notes.paused(STORE_CURSOR)?.is_some();
        let serving = Serving::start(&journal, store, generation, &options, paused);
        let serving = Arc::new(RwLock::new(serving));
        let worker = Arc::downgrade(&serving);
        consumers.attend(move || {
            let worker = worker.upgrade().map(|serving| Arc::new(StoreWorker(serving)) as Arc<dyn Attended>);
            worker.into_iter().collect()
        });
        let words = directory.status_file();
        let kept = (Arc::clone(&lineage), Arc::clone(&consumers));
        let status_file = StatusFile::keep(words, journal.clone(), Arc::clone(&serving), kept)?;
        let (root, notes) = (directory.projections(), Notes::of(&directory));
        let projections = Arc::new(Projections::new(root, journal.clone(), options.ingest, notes));
        let filled = Arc::downgrade(&projections);
        consumers.attend(move || filled.upgrade().map_or_else(Vec::new, |projections| projections.workers()));
        projections.begin_kept(&Arc::clone(&serving.read().unwrap_or_else(PoisonError::into_inner).store));
        let handover = Arc::new(Handover::default());
        let (held, followed) = (journal.clone(), Arc::clone(&serving));
        let valve = Arc::new(Valve::new(options.backpressure, held, followed, Arc::clone(&handover)));
        Ok(Self {
            #[cfg(feature = "tokio")]
            turnstile: Turnstile::new(Arc::clone(&valve), directory.root().to_owned()),
            valve,
            attending: Attending(consumers),
            status_file,
            serving,
            rebuilding: Mutex::default(),
            handover,
            lineage,
            projections,
            journal,
            directory,
            options,
        })
    }

    /// The journal beneath: its open report, its tails, its state.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Appends a record and returns once it is durable. It is applied soon after: see [`Annals::wait_for`].
    ///
    /// # Errors
    /// [`Error::Record`] if it breaks a limit; [`Error::Behind`] if [`Options::backpressure`] holds it back; otherwise as
    /// [`Journal::append`].
    pub fn append(&self, record: &Record) -> Result<Appended, Error> {
        let payload = record.payload()?;
        self.valve.pass()?;
        Ok(self.journal.append(payload)?)
    }

    /// Appends records as one atomic batch and returns once all are durable.
    ///
    /// # Errors
    /// As [`Annals::append`], for the batch as a whole; then none is there, unless the journal says that this is unknown.
    pub fn append_batch(&self, records: &[Record]) -> Result<Vec<Appended>, Error> {
        let payloads = records.iter().map(Record::payload).collect::<Result<Vec<_>, _>>()?;
        self.valve.pass()?;
        Ok(self.journal.append_batch(&payloads)?)
    }

    /// Appends a record; the future is ready once it is durable. Any number may be in flight.
    ///
    /// # Errors
    /// As [`Annals::append`].
    #[cfg(feature = "tokio")]
    pub async fn append_async(&self, record: &Record) -> Result<Appended, Error> {
        let payload = record.payload()?;
        self.turnstile.pass().await?;
        Ok(self.journal.append_async(payload).await?)
    }

    /// Begins an import: appends that leave out what the log holds already. Waits until the worker has caught up.
    ///
    /// # Errors
    /// As [`Annals::catch_up`].
    pub fn importer(&self) -> Result<Importer<'_>, Error> {
        self.catch_up()?;
        Ok(Importer::new(self))
    }

    /// Waits until everything before `offset` can be asked for: with the `next` of an append's receipt, that record.
    ///
    /// # Errors
    /// [`Error::Timeout`] if it takes longer; [`Error::Paused`] if the store is paused before it; [`Error::Ingest`] with
    /// the worker's reason if it has stopped.
    pub fn wait_for(&self, offset: Offset, timeout: Duration) -> Result<(), Error> {
        waiting::wait_for(&self.serving, &self.handover, offset, timeout)
    }

    /// Waits, however long it takes, until everything that is durable now can be asked for.
    ///
    /// # Errors
    /// [`Error::Paused`] if the store is paused and behind; [`Error::Ingest`] with the worker's reason if it has stopped.
    pub fn catch_up(&self) -> Result<(), Error> {
        self.wait_for(self.journal.durable(), Duration::MAX)
    }

    /// The store that answers now; ask it for a snapshot. A rebuild may put another one in its place.
    #[must_use]
    pub fn store(&self) -> Arc<HybridStore> {
        self.serving().store
    }

    /// The record with this id, of whatever type.
    ///
    /// # Errors
    /// [`Error::Store`] if its bytes do not hash to its id, or the store cannot be read.
    pub fn get(&self, id: &RecordId) -> Result<Option<Stored>, Error> {
        Ok(self.store().snapshot()?.get(id)?)
    }

    /// The assertion with this id. A little cheaper than [`Annals::get`].
    ///
    /// # Errors
    /// As [`Annals::get`].
    pub fn assertion(&self, id: &RecordId) -> Result<Option<Stored>, Error> {
        Ok(self.store().snapshot()?.assertion(id)?)
    }

    /// A subject's assertions, in the log's order: at most `limit`, those after the offset `after`.
    ///
    /// # Errors
    /// As [`Annals::get`].
    pub fn subject(&self, subject: &str, after: Option<Offset>, limit: usize) -> Result<Vec<Stored>, Error> {
        Ok(self.store().snapshot()?.subject(subject, after, limit)?)
    }

    /// The votes on an assertion, counted once for each voter. None if there is no such assertion.
    ///
    /// # Errors
    /// As [`Annals::get`].
    pub fn tally(&self, assertion: &RecordId) -> Result<Option<Tally>, Error> {
        Ok(self.store().snapshot()?.tally(assertion)?)
    }

    /// The votes on an assertion, by their ids: at most `limit`, those after `after`.
    ///
    /// # Errors
    /// As [`Annals::get`].
    pub fn votes(
        &self,
        assertion: &RecordId,
        after: Option<&RecordId>,
        limit: usize,
    ) -> Result<Vec<Stored>, Error> {
        Ok(self.store().snapshot()?.votes(assertion, after, limit)?)
    }

    /// The latest version of an epoch.
    ///
    /// # Errors
    /// As [`Annals::get`].
    pub fn epoch(&self, epoch: &EpochId) -> Result<Option<Stored>, Error> {
        Ok(self.store().snapshot()?.epoch(epoch)?)
    }

    /// What keeps the worker from getting on, while it tries again and again: too few files, say. None if nothing does.
    /// It goes on by itself once the trouble is over.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let progress = self.serving().ingestor.progress();
        let last = progress.last_error.filter(|_| progress.state == annals_ingest::State::Retrying);
        last.map(|error| error.to_string())
    }

    /// The state of journal, store and worker.
    ///
    /// # Errors
    /// [`Error::Store`] or [`Error::Log`] if one cannot be read.
    pub fn status(&self) -> Result<Status, Error> {
        let serving = self.serving();
        let store = StoreStatus::of(&serving)?;
        let lag = self.journal.lag(store.cursor.unwrap_or(Offset::ZERO))?;
        let catch_up = self.status_file.catch_up(&lag);
        let consumers = self.status_file.consumers(&self.journal)?;
        let journal = self.journal.status();
        Ok(Status { journal, store: Some(store), lag, catch_up, owner: None, consumers })
    }

    /// What the store holds, as sums to compare with those of another machine, as of how far the worker has come.
    ///
    /// # Errors
    /// [`Error::Store`] if the store cannot be read.
    pub fn digest(&self) -> Result<DigestReport, Error> {
        let (status, sums) = StoreStatus::with_sums(&self.serving())?;
        Ok(DigestReport::of(status, sums, self.journal.identity(), None))
    }

    /// Checks everything: the journal's CRCs, hashes and seals; the store against itself; the store against the log.
    ///
    /// # Errors
    /// If a file cannot be read; what does not verify is no error but a part of the answer.
    pub fn verify(&self, progress: &mut dyn FnMut(verify::Step, u64, u64)) -> Result<Verified, Error> {
        verify::verify(&self.journal, Ok(&self.store()), VerifyParts::default(), progress)
    }

    /// Builds the store anew from the journal, beside the one that answers, and puts it in its place if both hold the
    /// same. Appends, the worker and questions go on meanwhile; while the new one takes its place the worker rests for a
    /// moment, and questions are answered from the old one as it was then.
    ///
    /// If they differ the old one stays, unless the options say otherwise. A rebuild that was cut off is gone on with.
    /// `progress` hears of every batch, from this thread.
    ///
    /// # Errors
    /// [`Error::Log`] where the journal is damaged, [`Error::Store`] if the new store cannot be written, [`Error::Ingest`]
    /// if the worker has stopped by an error; the old one answers as before.
    pub fn rebuild(
        &self,
        options: &RebuildOptions,
        progress: &mut dyn FnMut(&RebuildProgress),
    ) -> Result<Rebuilt, Error> {
        let _one_at_a_time: MutexGuard<'_, ()> =
            self.rebuilding.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = Instant::now();
        let mut meter = Meter::new(progress);
        let Serving { ingestor, store: old, generation: former, .. } = self.serving();
        let walk = old.snapshot()?.walk(&mut |done, all| meter.step(0, done, all))?;
        let target = reached(&old)?;
        let site = Site::begin(&self.lineage, &self.journal, &self.options, options.start_over)?;
        let throttle = options.throttle_bytes_per_second;
        let build = site.build(&self.journal, target, &self.options.ingest, throttle, &mut meter)?;
        let run = |end, phase, meter: &mut Meter<'_>| {
            build.run(&self.journal, end, phase, &self.options.ingest, None, meter)
        };
        // What it resumed may have come farther than the worker has since.
        self.wait_for(build.reached()?, Duration::MAX)?;
        for round in 0..CATCH_UPS {
            let end = reached(&old)?;
            if round > 0 && end.get().saturating_sub(build.reached()?.get()) <= LAST_STRETCH_BYTES {
                break;
            }
            run(end, RebuildPhase::CatchingUp, &mut meter)?;
        }
        // From here on the worker rests; what is left to apply is what came in the meantime.
        let resting = self.handover.begin();
        let finished = ingestor.rest().map_err(Error::from).and_then(|()| {
            run(reached(&old)?, RebuildPhase::Switching, &mut meter)?;
            build.finish(Some((&old, &walk)), Some(former), &self.journal, options, &meter)
        });
        let (store, generation) = match &finished {
            Ok(finished) if finished.switched => (Arc::clone(&build.store), build.generation),
            _ => (Arc::clone(&old), former),
        };
        // From here on an older copy of this one is to be noticed. It is a hint: without it the store answers all the same.
        if let Err(error) = store.watch(&self.directory.seen_file()) {
            tracing::warn!(%error, "how far the store is cannot be read");
        }
        let together = self.consumers().together();
        let paused = self.consumers().notes.paused(STORE_CURSOR);
        // What cannot be read was obeyed before.
        let paused = paused.map_or_else(|_| ingestor.is_paused(), |paused| paused.is_some());
        let next = Serving::start(&self.journal, store, generation, &self.options, paused);
        let before = mem::replace(&mut *self.serving.write().unwrap_or_else(PoisonError::into_inner), next);
        drop((together, resting));
        drop((before, ingestor, old));
        build.clear(finished?, Some(former), &self.journal, begun.elapsed())
    }

    /// Stops the consumers and the worker, makes the store durable, and closes the journal in order.
    ///
    /// # Errors
    /// The first thing that went wrong, a consumer's own error last; what was acknowledged is durable all the same.
    pub fn close(self) -> Result<(), Error> {
        let consumed = self.attending.0.close();
        let stopped = self.serving().ingestor.rest();
        self.projections.close();
        self.status_file.close()?;
        stopped?;
        self.journal.clone().close()?;
        consumed
    }

    /// The data directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.root()
    }

    pub(crate) fn serving(&self) -> Serving {
        self.serving.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn consumers(&self) -> &Arc<Consumers> {
        &self.attending.0
    }
}

impl Serving {
    fn start(
        journal: &Journal,
        store: Arc<HybridStore>,
        generation: Generation,
        options: &Options,
        paused: bool,
    ) -> Self {
        let mut ingestor =
            Ingestor::with_options(Arc::new(journal.clone()), Arc::clone(&store), options.ingest);
        let oldest = || journal.bounds().map_or(Offset::ZERO, |bounds| bounds.oldest);
        // Whether it can be read, and belongs to this journal, the worker finds out.
        let start = store.cursor().ok().flatten().map_or_else(oldest, |cursor| cursor.next);
        if paused {
            ingestor.pause();
        }
        ingestor.start();
        Self { ingestor: Arc::new(ingestor), store, generation, start, count: AppliedCount::default() }
    }
}

/// The data directory and its journal, which is locked from here on.
pub(crate) fn open_journal(dir: &Path, options: &Options) -> Result<(Directory, Journal), Error> {
    check_encoding()?;
    let directory = if options.create { Directory::existing_or_new(dir)? } else { Directory::existing(dir)? };
    let journal = match Journal::open_with(directory.journal(), options.journal) {
        Err(annals_journal::Error::Locked { holder, .. }) => {
            return Err(Error::Locked { path: directory.root().to_owned(), holder });
        }
        opened => opened?,
    };
    Ok((directory, journal))
}

/// Registers what a rebuild needs, where nobody has had a say yet: in a journal without a record, for its making may have
/// been cut off, or without a cursor ever.
fn hold_for_the_store(journal: &Journal) -> Result<(), Error> {
    let report = journal.report();
    let is_new = report.records == 0 || !journal.had_cursors()?;
    if is_new && report.damage.is_none() {
        drop(journal.cursor_at(STORE_CURSOR, journal.bounds()?.oldest)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
