//! A journal that is only read: beside the process that writes it, or without one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use annals_record::{
    Appended, Batch, Bounds, Durability, Kind, Lag, Log, LogError, LogId, Offset, ReadLimit, Term, TermStart,
};

use crate::backward::{self, Backward};
use crate::catalog;
use crate::clock::{Clock, SystemClock};
use crate::disk::{Disk, RealDisk};
use crate::error::{Damage, Error};
use crate::holes::Holes;
use crate::recovery;
use crate::replay::Replay;
use crate::segment;
use crate::source::Source;
use crate::status::{SegmentStatus, Status, Verification};
use crate::tail::Tail;
use crate::time;
use crate::verify::{self, VerifyOptions};
use crate::view::View;
use crate::watermark::{self, SlotReader};

mod presumed;

/// The first pause between two looks for news; it doubles up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(20);
/// What is wrong with a watermark whose file is not there.
const MISSING: &str = "it is missing";

/// Reads a journal without a lock and without writing anything. Follows the writing process as it goes, and sees what
/// that process has made durable.
///
/// After an unclean stop the watermark on disk may lag behind what was acknowledged: the next writer's open brings it
/// up to date.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(crate) core: Arc<Core>,
}

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) source: Source,
    /// None if the watermark's file is missing.
    slots: Option<SlotReader>,
    /// Where the log ends as far as its segments tell, if the watermark is lost and the end may be presumed.
    presumed: Option<(Offset, Term)>,
    pub(crate) log: LogId,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Reader {
    /// Opens the journal in `dir` for reading.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is none, [`Error::NotAJournal`] or [`Error::NewerFormat`] if there is something else.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_on(Arc::new(RealDisk), Arc::new(SystemClock), dir.as_ref())
    }

    /// Opens the journal in `dir` of this disk; the clock only tells the age of what is not yet read.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_on(disk: Arc<dyn Disk>, clock: Arc<dyn Clock>, dir: &Path) -> Result<Self, Error> {
        let reader = Self::look_at(disk, clock, dir)?;
        match reader.core.slots {
            Some(_) => Ok(reader),
            None => Err(lost_watermark(&reader.core.watermark(), MISSING)),
        }
    }

    /// Opens the journal in `dir` to look into it, also where the watermark is lost: then it is read up to the last group
    /// that verifies, and [`Reader::presumes`] says so.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn inspect(dir: impl AsRef<Path>) -> Result<Self, Error> {
        Self::inspect_on(Arc::new(RealDisk), Arc::new(SystemClock), dir.as_ref())
    }

    /// As [`Reader::inspect`], on this disk.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn inspect_on(disk: Arc<dyn Disk>, clock: Arc<dyn Clock>, dir: &Path) -> Result<Self, Error> {
        let mut reader = Self::look_at(disk, clock, dir)?;
        if reader.core.mark().is_err_and(|error| matches!(error, Error::Damaged(_))) {
            let presumed = presumed::end(&reader.core.source)?;
            if let Some(core) = Arc::get_mut(&mut reader.core) {
                core.presumed = Some(presumed);
            }
        }
        Ok(reader)
    }

    /// Whether the watermark is lost, and how far the log is durable was taken from its segments: what was appended last
    /// may not be.
    #[must_use]
    pub fn presumes(&self) -> bool {
        self.core.presumed.is_some()
    }

    /// Whether the last writer closed the journal in order and none has come since: then nothing durable lies behind
    /// [`Reader::durable`].
    ///
    /// # Errors
    /// [`Error::Io`] if the watermark cannot be read.
    pub fn is_closed(&self) -> Result<bool, Error> {
        let Some(slots) = &self.core.slots else { return Ok(false) };
        let mark = slots.newest().map_err(|error| Error::io("read", &self.core.watermark(), error))?;
        Ok(mark.is_some_and(|mark| mark.clean))
    }

    fn look_at(disk: Arc<dyn Disk>, clock: Arc<dyn Clock>, dir: &Path) -> Result<Self, Error> {
        let missing = |error: Error| match error {
            Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Error::Missing { path: dir.to_owned() }
            }
            other => other,
        };
        let segments = catalog::load(&*disk, dir, &[]).map_err(missing)?;
        let log = recovery::log_of(&*disk, dir, &segments)?;
        let slots = match SlotReader::open(&*disk, dir, log) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            opened => Some(opened.map_err(|e| Error::io("open", &dir.join(watermark::FILE_NAME), e))?),
        };
        let holes = Holes::load(&*disk, dir, log)?;
        if let Some(damage) = holes.damage() {
            tracing::error!(detail = %damage.detail, "the list of holes is damaged");
        }
        let source = Source::new(disk, dir.to_owned(), segments, holes).following();
        Ok(Self { core: Arc::new(Core { source, slots, presumed: None, log, clock }) })
    }

    /// A reader that follows the journal from `from` on, an offset that an append or a batch gave, or zero.
    #[must_use]
    pub fn tail(&self, from: Offset) -> Tail<Self> {
        Tail::new(self.clone(), from)
    }

    /// Reads from `from` to the durable end on all cores, in order: for rebuilding what is derived from the log.
    #[must_use]
    pub fn replay(&self, from: Offset) -> Replay {
        Replay::new(Arc::clone(&self.core) as Arc<dyn View>, from)
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
        let durable = self.listed()?;
        time::seek(&self.core.source, micros, durable)
    }

    /// Reads backwards, newest group first, from `before` on, an offset at which a group ends: the durable end, or where a
    /// batch ends or began.
    #[must_use]
    pub fn backward(&self, before: Offset) -> Backward {
        Backward::new(Arc::clone(&self.core) as Arc<dyn View>, before)
    }

    /// The last `count` records, in the log's order; fewer if there are not so many. All of them are in memory at once.
    ///
    /// # Errors
    /// [`LogError::Damaged`] if what is damaged stands among them; [`Reader::backward`] goes on before it.
    pub fn latest(&self, count: usize) -> Result<Batch, LogError> {
        backward::latest(Arc::clone(&self.core) as Arc<dyn View>, count)
    }

    /// The first place that is not durable: the end of what can be read.
    ///
    /// # Errors
    /// [`Error::Io`] if the watermark cannot be read.
    pub fn durable(&self) -> Result<Offset, Error> {
        self.core.mark().map(|(durable, _)| durable)
    }

    /// The first place that is not durable, once the list of segments is as new as that: what the writer has added is in
    /// it, and what it has removed is not.
    fn listed(&self) -> Result<Offset, Error> {
        // In this order: the list is never older than the watermark.
        let durable = self.durable()?;
        self.core.source.refresh()?;
        Ok(durable)
    }

    /// The journal's state, as far as it is durable.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read.
    pub fn status(&self) -> Result<Status, Error> {
        let durable = self.listed()?;
        let (records, _) = self.core.source.count_before(durable, durable)?;
        Ok(status_of(&self.core.source, self.core.log, durable, records))
    }

    /// Reads everything that is durable and checks every CRC, every BLAKE3, every commit and every seal.
    ///
    /// # Errors
    /// As [`crate::Journal::verify`].
    pub fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Verification, Error> {
        self.verify_with(VerifyOptions::default(), progress)
    }

    /// As [`Reader::verify`], only as much as the options say.
    ///
    /// # Errors
    /// As [`crate::Journal::verify_with`].
    pub fn verify_with(
        &self,
        options: VerifyOptions,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Verification, Error> {
        verify::verify(&self.core.source, self.durable()?, options, progress)
    }
}

impl Core {
    /// What the watermark says: the durable end, and the term it lies in.
    pub(crate) fn mark(&self) -> Result<(Offset, Term), Error> {
        if let Some(presumed) = self.presumed {
            return Ok(presumed);
        }
        let path = self.watermark();
        let failed = |error| Error::io("read", &path, error);
        let Some(slots) = &self.slots else { return Err(lost_watermark(&path, MISSING)) };
        match slots.newest().map_err(failed)? {
            Some(mark) => Ok((mark.durable, mark.term)),
            None if slots.is_blank().map_err(failed)? => Ok((Offset::ZERO, Term::FIRST)),
            None => Err(lost_watermark(&path, "neither of its slots verifies")),
        }
    }

    fn watermark(&self) -> PathBuf {
        self.source.dir.join(watermark::FILE_NAME)
    }
}

impl Log for Reader {
    fn identity(&self) -> LogId {
        self.core.log
    }

    fn terms(&self) -> Vec<TermStart> {
        catalog::terms(&self.core.source.segments())
    }

    fn bounds(&self) -> Result<Bounds, LogError> {
        let durable = self.listed()?;
        Ok(Bounds { oldest: self.core.source.oldest(), durable })
    }

    fn durability(&self) -> Durability {
        Durability::Synced
    }

    fn append(&self, _payloads: &[&[u8]]) -> Result<Vec<Appended>, LogError> {
        Err(LogError::Failed(Box::new(Error::ReadOnly), Kind::Fix))
    }

    fn read_into(&self, from: Offset, limit: ReadLimit, batch: &mut Batch) -> Result<(), LogError> {
        Ok(self.core.source.read_into(from, limit, self.durable()?, batch)?)
    }

    fn wait(&self, known: Offset, timeout: Duration) -> Result<Bounds, LogError> {
        let until = Instant::now() + timeout;
        let mut pause = FIRST_PAUSE;
        loop {
            let durable = self.durable()?;
            let left = until.saturating_duration_since(Instant::now());
            if durable > known || left.is_zero() {
                return self.bounds();
            }
            std::thread::park_timeout(pause.min(left));
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    fn lag(&self, from: Offset) -> Result<Lag, LogError> {
        Ok(lag_of(&self.core.source, &*self.core.clock, from, self.listed()?)?)
    }
}

/// How far the journal is durable cannot be read; the next writer finds it out.
fn lost_watermark(path: &Path, reason: &str) -> Error {
    let detail =
        format!("{}: {reason}; open the journal for writing once, which finds its end again", path.display());
    Error::Damaged(Damage { offset: Offset::ZERO, len: 0, detail })
}

/// The state of the journal that `source` reads.
pub(crate) fn status_of(source: &Source, log: LogId, durable: Offset, records: u64) -> Status {
    let segments = source.segments();
    let lengths = source.disk.list(&source.dir).unwrap_or_default();
    let statuses: Vec<SegmentStatus> = segments
        .iter()
        .map(|segment| {
            let name = segment::file_name(segment.base);
            let before = segment.header.as_ref().map(|header| header.records_before);
            let sealed = segment.seal.map(|seal| seal.records);
            SegmentStatus {
                base: segment.base,
                end: segment.next.unwrap_or(durable),
                records: sealed
                    .or_else(|| before.ok().map(|before| records.saturating_sub(before)))
                    .unwrap_or(0),
                file_bytes: lengths.iter().find(|listed| listed.name == name).map_or(0, |listed| listed.len),
                sealed: segment.next.is_some(),
                path: segment.path.clone(),
            }
        })
        .collect();
    Status {
        log,
        term: catalog::newest_term(&segments),
        oldest: source.oldest(),
        next: durable,
        durable,
        records,
        bytes: statuses.iter().map(|segment| segment.file_bytes).sum(),
        segments: statuses,
        durability: Durability::Synced,
        damage: source.holes().damage(),
        holes: source.holes().list().to_vec(),
    }
}

/// How far a reader at `from` is behind `durable`.
pub(crate) fn lag_of(
    source: &Source,
    clock: &dyn Clock,
    from: Offset,
    durable: Offset,
) -> Result<Lag, Error> {
    if from >= durable {
        return Ok(Lag::default());
    }
    let (before, next_time) = source.count_before(from, durable)?;
    let (all, _) = source.count_before(durable, durable)?;
    let age = next_time.map_or(0, |time| clock.now_micros().saturating_sub(time).max(0));
    let bytes = durable.get() - from.get();
    Ok(Lag { records: all.saturating_sub(before), bytes, seconds: age as f64 / 1e6 })
}
