//! A stream to read from: its open journal, or a reader of it where nobody writes.

use std::path::Path;
use std::sync::Arc;

use annals_journal::{
    Batch, Clock, Disk, Log, LogId, Offset, ReadLimit, ReceiptQuery, Receipts, RosterEntry,
};
use annals_journal::{Error as JournalError, LogError};

use crate::error::Error;
use crate::name::StreamName;
use crate::partitioned::Partitioned;
use crate::pool::{Entry, Lease};
use crate::root::{Core, Handles};
use crate::timeline::Timeline;

/// Who gives out streams to read: the root's writer, or a reader of the root.
pub(crate) trait Streamed: Send + Sync {
    /// The streams there are, by name.
    fn names(&self) -> Result<Vec<StreamName>, Error>;

    /// A stream that is there.
    fn source(&self, name: &StreamName) -> Result<Source, Error>;

    /// How many segment files a stream has, by looking at directories alone.
    fn segment_files(&self, name: &StreamName) -> Result<u64, Error>;

    fn timeline(&self) -> &dyn Timeline;

    fn clock(&self) -> &dyn Clock;

    /// What is learnt of sealed segments may be written down.
    fn writes(&self) -> bool;

    /// So many streams may be looked into at once.
    fn at_once(&self) -> usize;
}

/// A stream that is read, for the length of a call.
#[derive(Debug)]
pub(crate) enum Source {
    Open(Lease),
    Beside(annals_journal::Reader, Arc<Partitioned>),
}

/// Does the same with either.
macro_rules! of {
    ($source:expr, $log:ident => $does:expr) => {
        match $source {
            Source::Open(lease) => {
                let $log = &lease.journal;
                $does
            }
            Source::Beside($log, _) => $does,
        }
    };
}

impl Source {
    pub(crate) fn disk(&self) -> &Partitioned {
        match self {
            Self::Open(lease) => &lease.disk,
            Self::Beside(_, disk) => disk,
        }
    }

    pub(crate) fn log(&self) -> LogId {
        of!(self, log => log.identity())
    }

    /// The oldest place held, and the durable end.
    pub(crate) fn bounds(&self) -> Result<(Offset, Offset), LogError> {
        of!(self, log => log.bounds()).map(|bounds| (bounds.oldest, bounds.durable))
    }

    pub(crate) fn read(
        &self,
        from: Offset,
        limit: ReadLimit,
        batch: &mut Batch,
        times: &mut Vec<(Offset, i64)>,
    ) -> Result<(), LogError> {
        of!(self, log => log.read_timed(from, limit, batch, times))
    }

    /// The segments, the active one too.
    pub(crate) fn roster(&self) -> Result<Vec<RosterEntry>, JournalError> {
        of!(self, log => log.roster())
    }

    pub(crate) fn sealed(&self) -> Result<Vec<RosterEntry>, JournalError> {
        of!(self, log => log.sealed())
    }

    pub(crate) fn receipts(&self) -> Result<Receipts, JournalError> {
        of!(self, log => log.receipts(&ReceiptQuery::default()))
    }

    /// Makes durable what was accepted, where anything may be: what is read then has it.
    pub(crate) fn settle(&self) -> Result<(), JournalError> {
        match self {
            Self::Open(lease) if lease.journal.unsynced_records() > 0 => lease.journal.sync().map(drop),
            _ => Ok(()),
        }
    }
}

impl Core {
    /// A stream to read from. One that nobody has open, and that was closed in order, is only read; any other is opened, for
    /// its end has to be found first.
    pub(crate) fn source_of(self: &Arc<Self>, entry: &Arc<Entry>) -> Result<Source, Error> {
        if let Some(lease) = entry.lease_open() {
            return Ok(Source::Open(lease));
        }
        let (reader, disk) = match beside(&self.disk, &self.clock, entry) {
            Ok(beside) => beside,
            Err(JournalError::Missing { .. }) => {
                return Err(Error::NoStream { stream: entry.name.to_string() });
            }
            Err(_) => return self.lease(entry).map(Source::Open),
        };
        if reader.is_closed().unwrap_or(false) {
            return Ok(Source::Beside(reader, disk));
        }
        match self.lease(entry) {
            Ok(lease) => Ok(Source::Open(lease)),
            Err(Error::Closed) => Err(Error::Closed),
            // It cannot be written to; what is known to be durable can still be read.
            Err(error) => {
                tracing::warn!(stream = %entry.name, %error, "read only up to where its watermark stands");
                Ok(Source::Beside(reader, disk))
            }
        }
    }
}

/// A reader of a stream that another process, or nobody, writes.
pub(crate) fn beside(
    disk: &Arc<dyn Disk>,
    clock: &Arc<dyn Clock>,
    entry: &Entry,
) -> Result<(annals_journal::Reader, Arc<Partitioned>), JournalError> {
    // Nothing is born through it, so any bucket will do.
    let shown = Partitioned::new(Arc::clone(disk), entry.dir.clone(), annals_journal::Bucket::None);
    let shown = Arc::new(shown);
    let reader = annals_journal::Reader::open_on(Arc::clone(&shown) as _, Arc::clone(clock), &entry.dir)?;
    Ok((reader, shown))
}

/// Counts the segment files of the stream in `dir`.
pub(crate) fn segment_files(disk: &Arc<dyn Disk>, dir: &Path, name: &StreamName) -> Result<u64, Error> {
    let shown = Partitioned::new(Arc::clone(disk), dir.to_owned(), annals_journal::Bucket::None);
    shown.count().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::NoStream { stream: name.to_string() },
        _ => Error::io("list", dir, error),
    })
}

impl Streamed for Arc<Core> {
    fn names(&self) -> Result<Vec<StreamName>, Error> {
        if self.is_closed() {
            return Err(Error::Closed);
        }
        Ok(self.all().into_iter().map(|entry| entry.name.clone()).collect())
    }

    fn source(&self, name: &StreamName) -> Result<Source, Error> {
        if self.is_closed() {
            return Err(Error::Closed);
        }
        self.source_of(&self.existing(name.as_str())?)
    }

    fn segment_files(&self, name: &StreamName) -> Result<u64, Error> {
        let entry = self.existing(name.as_str())?;
        segment_files(&self.disk, &entry.dir, name)
    }

    fn timeline(&self) -> &dyn Timeline {
        &*self.options.timeline
    }

    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn writes(&self) -> bool {
        true
    }

    fn at_once(&self) -> usize {
        self.options.at_once
    }
}

/// The core, for as long as somebody holds a handle.
impl Streamed for Handles {
    fn names(&self) -> Result<Vec<StreamName>, Error> {
        self.0.names()
    }

    fn source(&self, name: &StreamName) -> Result<Source, Error> {
        self.0.source(name)
    }

    fn segment_files(&self, name: &StreamName) -> Result<u64, Error> {
        self.0.segment_files(name)
    }

    fn timeline(&self) -> &dyn Timeline {
        self.0.timeline()
    }

    fn clock(&self) -> &dyn Clock {
        Streamed::clock(&self.0)
    }

    fn writes(&self) -> bool {
        self.0.writes()
    }

    fn at_once(&self) -> usize {
        self.0.at_once()
    }
}
