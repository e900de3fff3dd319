//! The journal's handle: open, append, read, close, in that order.

use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::task::Waker;
use std::time::Duration;

use annals_record::seeded::{self, Bug};
use annals_record::{
    Appended, Batch, Bounds, Durability, Kind, Lag, Log, LogError, LogId, Offset, ReadLimit, TermStart,
};

use crate::backward::{self, Backward};
use crate::clock::{Clock, SystemClock};
use crate::commit::GroupCommit;
use crate::disk::{Disk, Held, RealDisk};
use crate::error::Error;
use crate::holes::Holes;
use crate::load::Load;
use crate::options::{Options, SyncPolicy};
use crate::recovery;
use crate::replay::Replay;
use crate::scrub::Scrubbing;
use crate::source::Source;
use crate::stage::Stage;
use crate::status::{OpenReport, Status, Verification};
use crate::sync::{self, Mutex};
use crate::tail::Tail;
use crate::time;
use crate::verify::{self, VerifyOptions};
use crate::view::View;
use crate::watermark::Watermark;
use crate::writer::Writer;

/// The lock's file in a journal's directory.
pub(crate) const LOCK_FILE: &str = "LOCK";

/// A segmented write-ahead log, open for writing by this process alone.
///
/// A handle is cheap to clone, and every method takes `&self`: threads share it as it is. The last handle to go closes
/// the journal in order; [`Journal::close`] does so at once and says whether it worked.
#[derive(Clone)]
pub struct Journal {
    pub(crate) core: Arc<Handles>,
}

/// What all handles share. It closes the journal when the last of them goes, whoever else still looks at the core: the
/// committer of tasks does, for a moment after it has answered the last one.
pub(crate) struct Handles(pub(crate) Arc<Core>);

impl Deref for Handles {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.0
    }
}

pub(crate) struct Core {
    pub(crate) commit: Arc<GroupCommit>,
    pub(crate) source: Arc<Source>,
    pub(crate) watermark: Arc<Watermark>,
    pub(crate) log: LogId,
    pub(crate) options: Options,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) scrubbing: Scrubbing,
    pub(crate) report: OpenReport,
    /// Given back last, when all is closed: whoever takes it next finds it so.
    pub(crate) lock: Mutex<Option<Box<dyn Held>>>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (dir, log) = (&self.core.source.dir, self.core.log);
        f.debug_struct("Journal")
            .field("dir", dir)
            .field("log", &log)
            .field("durable", &self.durable())
            .finish()
    }
}

impl Journal {
    /// Opens the journal in `dir` with default options, creating it if the directory is missing or empty.
    ///
    /// Recovers what an unclean stop left: see [`Journal::report`].
    ///
    /// # Errors
    /// [`Error::Locked`] if another process writes to it; [`Error::NotAJournal`] or [`Error::NewerFormat`] if the
    /// directory holds something else, and then no byte of it is touched.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(dir, Options::default())
    }

    /// Opens the journal in `dir` with these options.
    ///
    /// # Errors
    /// As [`Journal::open`]; [`Error::Option`] if one is out of range.
    pub fn open_with(dir: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        Self::open_on(Arc::new(RealDisk), Arc::new(SystemClock), dir.as_ref(), options)
    }

    /// Opens the journal in `dir` of this disk, with this clock.
    ///
    /// # Errors
    /// As [`Journal::open_with`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        dir: &Path,
        options: Options,
    ) -> Result<Self, Error> {
        options.check()?;
        refuse_foreign(&*disk, dir)?;
        let born = missing(&*disk, dir);
        disk.create_dir(dir).map_err(|error| Error::io("create", dir, error))?;
        let lock = take_lock(&*disk, dir)?;
        let created = !has_segments(&*disk, dir)? && !Holes::exist(&*disk, dir)?;
        if created {
            // An earlier open may have been cut off between making the directory and this.
            for path in born.iter().map(PathBuf::as_path).chain([dir]) {
                let parent =
                    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
                disk.sync_dir(parent).map_err(|error| Error::io("sync", parent, error))?;
            }
            recovery::create(&*disk, &*clock, dir)?;
        }
        let mut recovered = recovery::recover(disk, Arc::clone(&clock), dir.to_owned(), options)?;
        if let Some(writer) = recovered.writer.as_mut().filter(|_| created && options.fills_ahead()) {
            writer.fill_first()?;
        }
        let (source, watermark) = (Arc::new(recovered.source), Arc::new(recovered.watermark));
        let stopped = recovered.report.damage.clone().map(Error::Damaged);
        let (load, used) = match &mut recovered.writer {
            Some(writer) => (writer.begin()?, writer.active.summary.groups > 0),
            None => (Load::nowhere(recovered.log), false),
        };
        let mut stage =
            Stage::new(load, used, recovered.last_record, recovered.keys, options, Arc::clone(&clock));
        stage.stopped = stopped;
        let commit = GroupCommit::new(
            stage,
            recovered.writer,
            Arc::clone(&source),
            Arc::clone(&watermark),
            Arc::clone(&clock),
            options,
        );
        Ok(Self {
            core: Arc::new(Handles(Arc::new(Core {
                commit: Arc::new(commit),
                source,
                watermark,
                log: recovered.log,
                options,
                clock,
                scrubbing: Scrubbing::default(),
                report: OpenReport { created, ..recovered.report },
                lock: Mutex::new(Some(lock)),
            }))),
        })
    }

    /// What the open found, and what it did about it.
    #[must_use]
    pub fn report(&self) -> &OpenReport {
        &self.core.report
    }

    /// A reader that follows the journal from `from` on, an offset that an append or a batch gave, or zero.
    #[must_use]
    pub fn tail(&self, from: Offset) -> Tail<Self> {
        Tail::new(self.clone(), from)
    }

    /// Reads from `from` to the durable end on all cores, in order: for rebuilding what is derived from the log.
    #[must_use]
    pub fn replay(&self, from: Offset) -> Replay {
        Replay::new(Arc::clone(&self.core.0) as Arc<dyn View>, from)
    }

    /// Where the first group at or after a journal time begins, in microseconds since the epoch; the durable end if there
    /// is none. Tail from here.
    ///
    /// Journal time is the writer's clock. Where that went back there is more than one place at which older groups end and
    /// others begin, and this is one of them; where damage may hide the place, it is where the damage begins.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read.
    pub fn seek_time(&self, micros: i64) -> Result<Offset, Error> {
        time::seek(&self.core.source, micros, self.durable())
    }

    /// The journal time of the record at `offset`, an offset that the log gave, in microseconds since the epoch: when its
    /// batch was written. None where the log has no record, or one that cannot be read.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read.
    pub fn time_of(&self, offset: Offset) -> Result<Option<i64>, Error> {
        time::of(&self.core.source, offset, self.durable())
    }

    /// Reads backwards, newest group first, from `before` on, an offset at which a group ends: the durable end, or where a
    /// batch ends or began.
    #[must_use]
    pub fn backward(&self, before: Offset) -> Backward {
        Backward::new(Arc::clone(&self.core.0) as Arc<dyn View>, before)
    }

    /// The last `count` records, in the log's order; fewer if there are not so many. All of them are in memory at once.
    ///
    /// # Errors
    /// [`LogError::Damaged`] if what is damaged stands among them; [`Journal::backward`] goes on before it.
    pub fn latest(&self, count: usize) -> Result<Batch, LogError> {
        backward::latest(Arc::clone(&self.core.0) as Arc<dyn View>, count)
    }

    /// The first place that is not durable: the end of what can be read.
    #[must_use]
    pub fn durable(&self) -> Offset {
        self.core.watermark.get()
    }

    /// How many records are durable, since the log's beginning: those that retention has removed count. One load.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.core.watermark.records()
    }

    /// How old the first record at or after `from` is, an offset at which a batch begins or ends: the time from its
    /// group's commit, by the journal's clock, until now. None if nothing durable stands there. Reads one group.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read.
    pub fn age(&self, from: Offset) -> Result<Option<Duration>, Error> {
        let time = self.core.source.time_from(from, self.durable())?;
        let now = self.core.clock.now_micros();
        Ok(time.map(|time| Duration::from_micros(now.saturating_sub(time).try_into().unwrap_or(0))))
    }

    /// How many records stand before `from`, since the log's beginning, an offset at which a batch begins or ends. Reads
    /// the segment up to there.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read.
    pub fn records_before(&self, from: Offset) -> Result<u64, Error> {
        Ok(self.core.source.count_before(from, self.durable())?.0)
    }

    /// How many records were accepted since the last sync, those on their way to the disk included: what a power cut may take.
    #[must_use]
    pub fn unsynced_records(&self) -> u64 {
        self.core.commit.lock().unsynced_records
    }

    /// Why nothing is accepted any more, if that is so: damage, a failed write or sync, or the close. Waits for the group
    /// that is being written.
    #[must_use]
    pub fn stopped(&self) -> Option<Error> {
        let poison = || self.core.commit.between_groups(|writer| writer.poison.clone()).flatten();
        self.core.commit.stopped().or_else(poison)
    }

    /// Makes the watermark on disk as new as it is in memory: to be called when the journal has been quiet for a while.
    ///
    /// Without it the watermark is synced every 8 MiB or every second with the next append, and at close; until then a
    /// power cut leaves it behind, and damage in what was appended last could pass for a torn tail.
    ///
    /// # Errors
    /// [`Error::Poisoned`] if it cannot be synced.
    pub fn settle(&self) -> Result<(), Error> {
        self.core.commit.between_groups(Writer::settle).unwrap_or(Ok(()))
    }

    /// The journal's state. Waits for the group that is being written.
    #[must_use]
    pub fn status(&self) -> Status {
        let active = self.core.commit.between_groups(|writer| (writer.active.end(), writer.records()));
        let (next, records) = active.unwrap_or((self.durable(), self.core.report.records));
        let mut status = crate::reader::status_of(&self.core.source, self.core.log, self.durable(), records);
        status.next = next;
        status.durability = Log::durability(self);
        status.damage = self.core.report.damage.clone();
        status
    }

    /// Reads everything that is durable and checks every CRC, every BLAKE3, every commit and every seal.
    ///
    /// `progress` is told the bytes done and the bytes in all.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read; what does not verify is no error but a part of the answer.
    pub fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Verification, Error> {
        self.verify_with(VerifyOptions::default(), progress)
    }

    /// As [`Journal::verify`], only as much as the options say.
    ///
    /// # Errors
    /// As [`Journal::verify`]; [`Error::Option`] if the subset is none.
    pub fn verify_with(
        &self,
        options: VerifyOptions,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Verification, Error> {
        verify::verify(&self.core.source, self.durable(), options, progress)
    }

    /// Closes the journal for all its handles: waits for what is being written, gives reserved space back, and marks
    /// the end as clean. Later appends get [`Error::Closed`].
    ///
    /// # Errors
    /// [`Error::Poisoned`] or [`Error::Io`] if the end could not be marked; what was acknowledged is durable all the same.
    pub fn close(self) -> Result<(), Error> {
        self.core.close()
    }
}

impl Core {
    fn close(&self) -> Result<(), Error> {
        let writer = self.commit.stop(Error::Closed);
        self.commit.keeper.end();
        let closed = writer.map_or(Ok(()), |mut writer| writer.close());
        self.watermark.close();
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
        closed
    }
}

impl Drop for Handles {
    fn drop(&mut self) {
        let core = Arc::clone(&self.0);
        let close = move || {
            if let Err(error) = core.close() {
                tracing::warn!(%error, dir = %core.source.dir.display(), "the journal did not close in order");
            }
        };
        // A waker that the keeper drops may hold the last handle: the keeper cannot wait for itself.
        if !self.0.commit.keeper.is_here() || sync::thread::Builder::new().spawn(close.clone()).is_err() {
            close();
        }
    }
}

impl Log for Journal {
    fn identity(&self) -> LogId {
        self.core.log
    }

    fn terms(&self) -> Vec<TermStart> {
        crate::catalog::terms(&self.core.source.segments())
    }

    fn bounds(&self) -> Result<Bounds, LogError> {
        Ok(Bounds { oldest: self.core.source.oldest(), durable: self.durable() })
    }

    fn durability(&self) -> Durability {
        match self.core.options.sync {
            SyncPolicy::Always => Durability::Synced,
            _ => Durability::Memory,
        }
    }

    fn append(&self, payloads: &[&[u8]]) -> Result<Vec<Appended>, LogError> {
        Ok(self.append_batch(payloads)?)
    }

    fn read_into(&self, from: Offset, limit: ReadLimit, batch: &mut Batch) -> Result<(), LogError> {
        let ahead = seeded::is_on(Bug::ReadBeyondDurable);
        let durable = if ahead { self.core.commit.written() } else { self.durable() };
        Ok(self.core.source.read_into(from, limit, durable, batch)?)
    }

    fn wait(&self, known: Offset, timeout: Duration) -> Result<Bounds, LogError> {
        let durable = self.core.watermark.wait(known, timeout);
        match self.core.commit.stopped() {
            // A closed journal has nothing more to wait for; a damaged or poisoned one still has readers.
            Some(Error::Closed) if durable <= known => {
                Err(LogError::Failed(Box::new(Error::Closed), Kind::Stop))
            }
            _ => Ok(Bounds { oldest: self.core.source.oldest(), durable }),
        }
    }

    fn watch(&self, known: Offset, waker: &Waker) -> bool {
        self.core.watermark.watch(known, waker);
        true
    }

    fn lag(&self, from: Offset) -> Result<Lag, LogError> {
        Ok(crate::reader::lag_of(&self.core.source, &*self.core.clock, from, self.durable())?)
    }
}

/// A directory with anything that is not a journal's is left alone, before a lock or a file is put into it.
fn refuse_foreign(disk: &dyn Disk, dir: &Path) -> Result<(), Error> {
    let listed = match disk.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        listed => listed.map_err(|error| Error::io("list", dir, error))?,
    };
    match listed.iter().find(|listed| !recovery::is_ours(&listed.name)) {
        Some(stranger) => {
            let reason = format!("it holds the file {:?}", stranger.name);
            Err(Error::NotAJournal { path: dir.to_owned(), reason })
        }
        None => Ok(()),
    }
}

/// The directories above `dir` that do not exist yet: their names have to be made durable with it.
pub(crate) fn missing(disk: &dyn Disk, dir: &Path) -> Vec<PathBuf> {
    let absent = |path: &&Path| {
        let listed = disk.list(path);
        !path.as_os_str().is_empty() && listed.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    dir.ancestors().skip(1).take_while(absent).map(Path::to_owned).collect()
}

pub(crate) fn has_segments(disk: &dyn Disk, dir: &Path) -> Result<bool, Error> {
    let listed = disk.list(dir).map_err(|error| Error::io("list", dir, error))?;
    Ok(listed.iter().any(|listed| crate::segment::base_of(&listed.name).is_some()))
}

/// Takes the lock of the journal in `dir`, without opening it: whoever holds it keeps every other process from writing.
///
/// # Errors
/// [`Error::Locked`] if another process has the journal, or this one; [`Error::Io`] if there is none.
pub fn take_lock(disk: &dyn Disk, dir: &Path) -> Result<Box<dyn Held>, Error> {
    let path = dir.join(LOCK_FILE);
    disk.lock(&path, &holder()).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => Error::Locked { path, holder: error.to_string() },
        _ => Error::io("lock", &path, error),
    })
}

/// What the locks that this process takes say of it: `process 4711 (annals)`, with its id and the name of its program.
///
/// The same words stand in [`Error::Locked`] of whoever finds them taken.
pub fn holder() -> String {
    let program = std::env::current_exe().ok();
    let name = program.as_deref().and_then(Path::file_name).map_or_else(PathBuf::new, PathBuf::from);
    format!("process {} ({})", std::process::id(), name.display())
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests;
