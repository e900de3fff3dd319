//! The pipeline's handle: open, append, wait, ask, check, rebuild, close, in that order.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use annals_ingest::Ingestor;
use annals_journal::Journal;
use annals_record::{Appended, EpochId, Log, Offset, Record, RecordId, check_encoding};
use annals_storage::{Generation, Generations, HybridStore, KvStore, Stored, Tally};

use crate::digest::DigestReport;
use crate::directory::Directory;
use crate::error::Error;
use crate::importer::Importer;
use crate::options::Options;
use crate::rebuild::{self, Rebuilt};
use crate::status::{Status, StatusFile, StoreStatus};
use crate::verify::{self, Verified, VerifyParts};

/// How long a wait holds on to the worker before it looks whether a rebuild has put another one in its place.
const WAIT_SLICE: Duration = Duration::from_millis(100);

/// The named cursor of the journal that stands for the store. It stays at the log's beginning, so that retention removes
/// nothing that a rebuild needs, until an operator removes it: then what is purged is gone from the next rebuild. It is
/// made once, with the data directory, and not again.
pub const STORE_CURSOR: &str = "store";

/// A knowledge base: a journal that is the truth, a store derived from it, and a worker between them.
///
/// All methods take `&self`; share it in an `Arc`. One process owns a data directory at a time.
pub struct Annals {
    // The order of the fields is the order in which they close: the worker and the store before the journal's lock.
    status_file: StatusFile,
    serving: Arc<RwLock<Serving>>,
    rebuilding: Mutex<()>,
    generations: Generations,
    journal: Journal,
    directory: Directory,
    options: Options,
}

/// The store that answers, and the worker that fills it.
pub(crate) struct Serving {
    pub(crate) ingestor: Ingestor<Journal, HybridStore>,
    pub(crate) store: Arc<HybridStore>,
    pub(crate) generation: Generation,
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
        let generations = Generations::new(directory.store());
        let generation = match generations.current()? {
            Some(generation) => generation,
            None => {
                // None was ever finished: what stands there is a first one that was cut off.
                generations.remove_unfinished()?;
                let first = generations.create_next()?;
                generations.switch(first)?;
                first
            }
        };
        let store = HybridStore::open_with(generations.path(generation), options.store)?;
        store.watch(&directory.seen_file())?;
        let store = Arc::new(store);
        let serving = Arc::new(RwLock::new(Serving::start(&journal, store, generation, &options)));
        let status_file = StatusFile::keep(directory.status_file(), journal.clone(), Arc::clone(&serving))?;
        Ok(Self {
            status_file,
            serving,
            rebuilding: Mutex::default(),
            generations,
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
    /// [`Error::Record`] if it breaks a limit; otherwise as [`Journal::append`].
    pub fn append(&self, record: &Record) -> Result<Appended, Error> {
        Ok(self.journal.append(record.payload()?)?)
    }

    /// Appends records as one atomic batch and returns once all are durable.
    ///
    /// # Errors
    /// As [`Annals::append`]; then none is there, unless the journal says that this is unknown.
    pub fn append_batch(&self, records: &[Record]) -> Result<Vec<Appended>, Error> {
        let payloads = records.iter().map(Record::payload).collect::<Result<Vec<_>, _>>()?;
        Ok(self.journal.append_batch(&payloads)?)
    }

    /// Appends a record; the future is ready once it is durable. Any number may be in flight.
    ///
    /// # Errors
    /// As [`Annals::append`].
    #[cfg(feature = "tokio")]
    pub async fn append_async(&self, record: &Record) -> Result<Appended, Error> {
        let payload = record.payload()?;
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
    /// [`Error::Timeout`] if it takes longer; [`Error::Ingest`] with the worker's reason if it has stopped.
    pub fn wait_for(&self, offset: Offset, timeout: Duration) -> Result<(), Error> {
        let until = Instant::now().checked_add(timeout);
        loop {
            let left = until.map_or(WAIT_SLICE, |until| until.saturating_duration_since(Instant::now()));
            match self.serving().ingestor.wait_for(offset, left.min(WAIT_SLICE)) {
                Ok(()) => return Ok(()),
                Err(annals_ingest::Error::Timeout { cursor, .. }) if left.is_zero() => {
                    return Err(Error::Timeout { offset, applied: cursor, waited: timeout });
                }
                Err(annals_ingest::Error::Timeout { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits, however long it takes, until everything that is durable now can be asked for.
    ///
    /// # Errors
    /// [`Error::Ingest`] with the worker's reason if it has stopped.
    pub fn catch_up(&self) -> Result<(), Error> {
        self.wait_for(self.journal.durable(), Duration::MAX)
    }

    /// The store that answers now; ask it for a snapshot. A rebuild may put another one in its place.
    #[must_use]
    pub fn store(&self) -> Arc<HybridStore> {
        Arc::clone(&self.serving().store)
    }

    /// The record with this id, of whatever type.
    ///
    /// # Errors
    /// [`Error::Store`] if its bytes do not hash to its id, or the store cannot be read.
    pub fn get(&self, id: &RecordId) -> Result<Option<Stored>, Error> {
        Ok(self.store().snapshot()?.get(id)?)
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

    /// The state of journal, store and worker.
    ///
    /// # Errors
    /// [`Error::Store`] or [`Error::Log`] if one cannot be read.
    pub fn status(&self) -> Result<Status, Error> {
        let serving = self.serving();
        let store = StoreStatus::of(&serving)?;
        let lag = self.journal.lag(store.cursor.unwrap_or(Offset::ZERO))?;
        Ok(Status { journal: self.journal.status(), store: Some(store), lag, owner: None })
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
    /// same. Appends, the worker and questions go on meanwhile.
    ///
    /// If they differ the old one stays, unless `accept` says otherwise. `progress` is told records and bytes done, and
    /// bytes in all.
    ///
    /// # Errors
    /// [`Error::Log`] where the journal is damaged, [`Error::Store`] if the new store cannot be written; the old one
    /// answers as before.
    pub fn rebuild(&self, accept: bool, progress: &mut dyn FnMut(u64, u64, u64)) -> Result<Rebuilt, Error> {
        let _one_at_a_time: MutexGuard<'_, ()> =
            self.rebuilding.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = Instant::now();
        let old = self.store();
        let walk = old.snapshot()?.walk(&mut |_, _| {})?;
        let target = old.cursor()?.map_or(Offset::ZERO, |cursor| cursor.next);
        let mut build = rebuild::Build::begin(&self.generations, self.options.store)?;
        build.run(&self.journal, target, &self.options.ingest, progress)?;
        // From here on the worker rests and questions wait: what is left to apply is what came in the meantime.
        let mut serving = self.serving.write().unwrap_or_else(PoisonError::into_inner);
        let stopped = serving.ingestor.stop();
        let finished = stopped.map_err(Error::from).and_then(|()| {
            let end = serving.store.cursor()?.map_or(Offset::ZERO, |cursor| cursor.next);
            build.run(&self.journal, end, &self.options.ingest, progress)?;
            build.finish(Some((&serving.store, &walk)), accept)
        });
        match finished {
            Ok(finished) if finished.switched => {
                let former = serving.generation;
                let store = Arc::clone(&finished.store);
                *serving = Serving::start(&self.journal, store, finished.generation, &self.options);
                drop(serving);
                drop(old);
                self.generations.remove(former)?;
                Ok(finished.report(begun.elapsed()))
            }
            other => {
                serving.ingestor.start();
                let finished = other?;
                let report = finished.report(begun.elapsed());
                let generation = finished.generation;
                drop(finished);
                self.generations.remove(generation)?;
                Ok(report)
            }
        }
    }

    /// Stops the worker, makes the store durable, and closes the journal in order.
    ///
    /// # Errors
    /// The first thing that went wrong; what was acknowledged is durable all the same.
    pub fn close(self) -> Result<(), Error> {
        let stopped = self.serving.write().unwrap_or_else(PoisonError::into_inner).ingestor.stop();
        self.status_file.close()?;
        stopped?;
        Ok(self.journal.clone().close()?)
    }

    /// The data directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.root()
    }

    fn serving(&self) -> RwLockReadGuard<'_, Serving> {
        self.serving.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Serving {
    fn start(journal: &Journal, store: Arc<HybridStore>, generation: Generation, options: &Options) -> Self {
        let mut ingestor =
            Ingestor::with_options(Arc::new(journal.clone()), Arc::clone(&store), options.ingest);
        ingestor.start();
        Self { ingestor, store, generation }
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
