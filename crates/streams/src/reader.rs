//! A root that is only read: beside the process that writes it, or without one.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use annals_journal::{Clock, Disk, RealDisk, SystemClock};

use crate::error::Error;
use crate::manifest::{self, Manifest};
use crate::name::StreamName;
use crate::options::Options;
use crate::pool::Entry;
use crate::receipts::{self, PurgeReceipt, QuarantineReceipt, Receipts, Wanted};
use crate::replay::{Query, Replay};
use crate::root::{Foreign, Survey, WAL};
use crate::source::{Source, Streamed, beside, segment_files};
use crate::stats::{self, Stats};
use crate::streams::Streams;
use crate::timeline::Timeline;

/// So many streams are looked into at once at most.
const AT_ONCE: usize = 8;

/// Reads a root without a lock and without writing anything. Sees what the writing process has made durable, as its watermarks
/// say; after an unclean stop they may lag behind, and the next writer's first call to a stream brings its own up to date.
#[derive(Clone, Debug)]
pub struct Reader {
    shelf: Arc<Beside>,
}

#[derive(Debug)]
struct Beside {
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    wal: PathBuf,
    timeline: Arc<dyn Timeline>,
    /// Streams that were seen to be directories: a link in a stream's place is not followed.
    known: Mutex<BTreeSet<StreamName>>,
}

impl Beside {
    fn survey(&self) -> Result<Survey, Error> {
        Survey::of(&*self.disk, &self.wal).map_err(|error| Error::io("list", &self.wal, error))
    }

    /// A stream that is there.
    fn entry(&self, name: &StreamName) -> Result<Entry, Error> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(name) {
            known.extend(self.survey()?.names);
        }
        if !known.contains(name) {
            return Err(Error::NoStream { stream: name.to_string() });
        }
        Ok(Entry::new(name.clone(), self.wal.join(name.directory()), true))
    }
}

impl Streamed for Beside {
    fn names(&self) -> Result<Vec<StreamName>, Error> {
        Ok(self.survey()?.names)
    }

    fn source(&self, name: &StreamName) -> Result<Source, Error> {
        let entry = self.entry(name)?;
        match beside(&self.disk, &self.clock, &entry) {
            Ok((reader, disk)) => Ok(Source::Beside(reader, disk)),
            Err(annals_journal::Error::Missing { .. }) => Err(Error::NoStream { stream: name.to_string() }),
            Err(error) => Err(Error::of(name.as_str(), error)),
        }
    }

    fn segment_files(&self, name: &StreamName) -> Result<u64, Error> {
        segment_files(&self.disk, &self.entry(name)?.dir, name)
    }

    fn timeline(&self) -> &dyn Timeline {
        &*self.timeline
    }

    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn writes(&self) -> bool {
        false
    }

    fn at_once(&self) -> usize {
        AT_ONCE
    }
}

impl Reader {
    /// Opens the root `root` for reading.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be listed.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, Error> {
        let timeline = Options::default().timeline;
        Self::open_on(Arc::new(RealDisk), Arc::new(SystemClock), root.as_ref(), timeline)
    }

    /// Opens the root `root` of this disk; the clock only says when answers were made.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        root: &Path,
        timeline: Arc<dyn Timeline>,
    ) -> Result<Self, Error> {
        let shelf = Beside { disk, clock, wal: root.join(WAL), timeline, known: Mutex::default() };
        shelf.survey()?;
        Ok(Self { shelf: Arc::new(shelf) })
    }

    /// The names of the streams there are now, sorted.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn names(&self) -> Result<Vec<String>, Error> {
        Ok(self.shelf.names()?.iter().map(StreamName::to_string).collect())
    }

    /// What there is in the root that is not ours.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn foreign(&self) -> Result<Vec<Foreign>, Error> {
        Ok(self.shelf.survey()?.strangers)
    }

    /// A reader of one stream, which follows it.
    ///
    /// # Errors
    /// [`Error::NoStream`]; [`Error::Journal`].
    pub fn stream(&self, stream: &str) -> Result<annals_journal::Reader, Error> {
        let entry = self.shelf.entry(&StreamName::new(stream)?)?;
        let opened = beside(&self.shelf.disk, &self.shelf.clock, &entry);
        opened.map(|(reader, _)| reader).map_err(|error| Error::of(stream, error))
    }

    /// The records of one stream, or of all, by time, within exact bounds: see [`Streams::replay`].
    ///
    /// # Errors
    /// [`Error::NoStream`]; [`Error::Io`].
    pub fn replay(&self, query: &Query) -> Result<Replay, Error> {
        Replay::new(Arc::clone(&self.shelf) as Arc<dyn Streamed>, query, VecDeque::new())
    }

    /// How many segment files one stream has, or all have.
    ///
    /// # Errors
    /// [`Error::NoStream`]; [`Error::Io`].
    pub fn segment_count(&self, stream: Option<&str>) -> Result<u64, Error> {
        count(&*self.shelf, stream)
    }

    /// The segments of one stream, or of all: see [`Streams::manifest`].
    ///
    /// # Errors
    /// As [`Streams::manifest`].
    pub fn manifest(&self, stream: Option<&str>) -> Result<Manifest, Error> {
        manifest::manifest(&*self.shelf, stream)
    }

    /// What one stream, or all, add up to: see [`Streams::stats`].
    ///
    /// # Errors
    /// As [`Streams::stats`].
    pub fn stats(&self, stream: Option<&str>) -> Result<Stats, Error> {
        stats::stats(&*self.shelf, stream)
    }

    /// Receipts of purged segments: see [`Streams::purge_receipts`].
    ///
    /// # Errors
    /// As [`Streams::purge_receipts`].
    pub fn purge_receipts(&self, wanted: &Wanted) -> Result<Receipts<PurgeReceipt>, Error> {
        receipts::purged(&*self.shelf, wanted)
    }

    /// Receipts of the quarantine: see [`Streams::quarantine_receipts`].
    ///
    /// # Errors
    /// As [`Streams::quarantine_receipts`].
    pub fn quarantine_receipts(&self, wanted: &Wanted) -> Result<Receipts<QuarantineReceipt>, Error> {
        receipts::quarantined(&*self.shelf, wanted)
    }
}

impl Streams {
    /// How many segment files one stream has, or all have, the active ones counted.
    ///
    /// # Errors
    /// [`Error::NoStream`]; [`Error::Io`].
    pub fn segment_count(&self, stream: Option<&str>) -> Result<u64, Error> {
        count(&*self.core, stream)
    }

    /// The segments of one stream, or of all, each with what it holds. Of sealed ones the times are kept beside them; one
    /// that has none yet is read, and so is the active one.
    ///
    /// # Errors
    /// [`Error::NoStream`]; for one stream whatever is wrong with it; for all that is a part of the answer.
    pub fn manifest(&self, stream: Option<&str>) -> Result<Manifest, Error> {
        manifest::manifest(&*self.core, stream)
    }

    /// What one stream, or all and each of them, add up to.
    ///
    /// # Errors
    /// As [`Streams::manifest`].
    pub fn stats(&self, stream: Option<&str>) -> Result<Stats, Error> {
        stats::stats(&*self.core, stream)
    }

    /// Receipts of purged segments, oldest first. What does not verify is listed with them.
    ///
    /// # Errors
    /// [`Error::NoStream`]; [`Error::Journal`] of one stream if a file cannot be read.
    pub fn purge_receipts(&self, wanted: &Wanted) -> Result<Receipts<PurgeReceipt>, Error> {
        receipts::purged(&*self.core, wanted)
    }

    /// Receipts of bytes that were put into quarantine, oldest first.
    ///
    /// # Errors
    /// As [`Streams::purge_receipts`].
    pub fn quarantine_receipts(&self, wanted: &Wanted) -> Result<Receipts<QuarantineReceipt>, Error> {
        receipts::quarantined(&*self.core, wanted)
    }
}

/// Counts segment files by looking at directories alone.
fn count(shelf: &dyn Streamed, stream: Option<&str>) -> Result<u64, Error> {
    let mut count = 0;
    let names = match stream {
        Some(stream) => vec![StreamName::new(stream)?],
        None => shelf.names()?,
    };
    for name in names {
        match shelf.segment_files(&name) {
            Ok(files) => count += files,
            Err(Error::NoStream { .. }) if stream.is_none() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}
