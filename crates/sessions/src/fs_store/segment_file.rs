//! One file that is appended to: its handle, and how many entries it was found to have.
//!
//! ```text
//!   lock -> still the file of that name? -> what others wrote is counted -> condition -> one write -> sync -> unlock
//! ```
//!
//! The tally is believed as long as the file is the same one, as long as it was and unchanged since; of a file that has
//! grown only the new end is read. So a count takes one look at the file's metadata.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, BufReader, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_journal::disk::open_plain;
use serde::de::DeserializeOwned;

use super::collect::Collector;
use super::commit::{Failed, commit};
use super::scan::{Tally, scan};
use crate::error::at;
use crate::reading::Reading;
use crate::{SegmentId, StoreError};

/// What is known of one file.
#[derive(Debug)]
pub(super) struct SegmentFile {
    path: PathBuf,
    segment: SegmentId,
    /// Open for appending, with which file it is.
    open: Option<(Arc<File>, FileId)>,
    counted: Option<Counted>,
    /// Why nothing more is acknowledged.
    poisoned: Option<String>,
    /// The file whose name is known to be durable.
    named: Option<FileId>,
}

/// Which file it is, whatever its name.
type FileId = (u64, u64);

#[derive(Clone, Copy, Debug)]
struct Counted {
    seen: Seen,
    tally: Tally,
}

/// What tells a file that has not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    id: FileId,
    len: u64,
    changed: (i64, i64),
}

/// Entries as lines, to be written as one.
pub(super) struct Lines<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) count: usize,
}

/// How lines are appended.
#[derive(Clone, Copy)]
pub(super) struct How<'a> {
    /// Whether the file is made if it is not there.
    pub(super) create: bool,
    /// If they are to be durable, how the file's name is made so, too: who made it may not have come to that.
    pub(super) durable: Option<Name<'a>>,
}

/// Makes the name of a file durable.
type Name<'a> = &'a dyn Fn() -> Result<(), StoreError>;

impl SegmentFile {
    pub(super) fn new(path: PathBuf, segment: SegmentId) -> Self {
        Self { path, segment, open: None, counted: None, poisoned: None, named: None }
    }

    /// Closes it; what was counted stays known.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// Whether it may be forgotten: nobody must acknowledge what follows a failed sync.
    pub(super) fn may_go(&self) -> bool {
        self.poisoned.is_none()
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// How many entries there are.
    pub(super) fn count(&mut self) -> Result<usize, StoreError> {
        let found = fs::symlink_metadata(&self.path).map_err(|error| self.missing("look at", error))?;
        if let Some(counted) = &self.counted
            && counted.seen == Seen::of(&found)
        {
            return Ok(counted.tally.entries());
        }
        let file = self.open_to_read()?;
        let path = self.path.clone();
        let tally = shared(&path, &file, || self.catch_up(&file))?;
        Ok(tally.entries())
    }

    /// Appends lines, if there are `expected` entries; how many there are then.
    pub(super) fn append(
        &mut self,
        lines: &Lines<'_>,
        expected: Option<usize>,
        how: How<'_>,
    ) -> Result<usize, StoreError> {
        loop {
            if let Some(reason) = &self.poisoned {
                return Err(StoreError::Poisoned { path: self.path.clone(), reason: reason.clone() });
            }
            let (file, id) = self.open_to_append(how.create)?;
            file.lock().map_err(at("lock", &self.path))?;
            // It may have lost its name since it was opened, and while its lock was waited for.
            let is_it = fs::symlink_metadata(&self.path).is_ok_and(|found| file_id(&found) == id);
            let appended = is_it.then(|| self.append_locked(&file, id, lines, expected, how.durable));
            // Nobody waits for what is done: closing gives the lock back as well.
            if file.unlock().is_err() || !is_it {
                self.open = None;
            }
            if let Some(count) = appended.transpose()? {
                return Ok(count);
            }
        }
    }

    fn append_locked(
        &mut self,
        file: &File,
        id: FileId,
        lines: &Lines<'_>,
        expected: Option<usize>,
        durable: Option<Name<'_>>,
    ) -> Result<usize, StoreError> {
        let mut tally = self.catch_up(file)?;
        let found = tally.entries();
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(StoreError::Conflict { segment: self.segment, expected, found });
        }
        // Before anything is written: if it fails, the log is as it was.
        if let Some(name) = durable.filter(|_| self.named != Some(id)) {
            name()?;
            self.named = Some(id);
        }
        let seal = tally.seal();
        if !seal.is_empty() {
            tracing::warn!(path = %self.path.display(), byte = tally.end, "a torn line is sealed off");
        }
        let len = self.counted.map_or(0, |counted| counted.seen.len);
        let committed = if seal.is_empty() {
            commit(file, len, lines.bytes, durable.is_some())
        } else {
            commit(file, len, &[seal, lines.bytes].concat(), durable.is_some())
        };
        // Whatever happened is counted anew, unless all is well.
        self.counted = None;
        match committed {
            Ok(()) => {}
            Err(Failed::Undone(error) | Failed::Left(error)) => {
                return Err(at("append to", &self.path)(error).into());
            }
            Err(Failed::Unsynced(error)) => {
                let reason = format!("a sync failed ({error}), and what it was to make durable may be lost");
                self.poisoned = Some(reason.clone());
                return Err(StoreError::Poisoned { path: self.path.clone(), reason });
            }
        }
        tally.wrote(seal.len(), lines.bytes.len(), lines.count);
        // Otherwise it is counted anew by the next one who asks.
        if let Ok(found) = file.metadata()
            && found.len() == tally.end
        {
            self.counted = Some(Counted { seen: Seen::of(&found), tally });
        }
        Ok(tally.entries())
    }

    /// Makes what is there durable.
    pub(super) fn sync(&mut self) -> Result<(), StoreError> {
        if let Some(reason) = &self.poisoned {
            return Err(StoreError::Poisoned { path: self.path.clone(), reason: reason.clone() });
        }
        let file = self.open_to_read()?;
        if let Err(error) = file.sync_all() {
            let reason = format!("a sync failed ({error}), and what it was to make durable may be lost");
            self.poisoned = Some(reason.clone());
            return Err(StoreError::Poisoned { path: self.path.clone(), reason });
        }
        Ok(())
    }

    /// Counts what is new in a file that is locked.
    fn catch_up(&mut self, mut file: &File) -> Result<Tally, StoreError> {
        let seen = Seen::of(&file.metadata().map_err(at("look at", &self.path))?);
        let mut tally = match self.counted {
            Some(counted) if counted.seen == seen => return Ok(counted.tally),
            Some(counted) if counted.seen.id == seen.id && counted.seen.len < seen.len => counted.tally,
            _ => Tally::default(),
        };
        file.seek(SeekFrom::Start(tally.end)).map_err(at("read", &self.path))?;
        scan(&mut BufReader::with_capacity(64 << 10, file), &mut tally, &mut |_| {})
            .map_err(at("read", &self.path))?;
        self.counted = Some(Counted { seen, tally });
        Ok(tally)
    }

    /// The file open for appending, and which one it is.
    fn open_to_append(&mut self, create: bool) -> Result<(Arc<File>, FileId), StoreError> {
        if let Some((file, id)) = &self.open {
            return Ok((Arc::clone(file), *id));
        }
        let mut options = OpenOptions::new();
        let file = open_plain(&self.path, options.read(true).append(true).create(create))
            .map_err(|error| self.missing("open", error))?;
        let id = file_id(&file.metadata().map_err(at("look at", &self.path))?);
        let file = Arc::new(file);
        self.open = Some((Arc::clone(&file), id));
        Ok((file, id))
    }

    fn open_to_read(&self) -> Result<File, StoreError> {
        open_plain(&self.path, OpenOptions::new().read(true)).map_err(|error| self.missing("open", error))
    }

    fn missing(&self, op: &'static str, error: io::Error) -> StoreError {
        match error.kind() {
            io::ErrorKind::NotFound => StoreError::NotFound(self.segment),
            _ => at(op, &self.path)(error).into(),
        }
    }
}

impl Seen {
    fn of(found: &Metadata) -> Self {
        Self { id: file_id(found), len: found.len(), changed: (found.ctime(), found.ctime_nsec()) }
    }
}

fn file_id(found: &Metadata) -> FileId {
    (found.dev(), found.ino())
}

/// What stands in the file at `path`.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Reading<T>> {
    let file = open_plain(path, OpenOptions::new().read(true))?;
    let mut collector = Collector::new(path);
    let mut tally = Tally::default();
    let scanned = shared(path, &file, || {
        scan(&mut BufReader::with_capacity(256 << 10, &file), &mut tally, &mut |line| collector.show(line))
    });
    scanned.map_err(at("read", path))?;
    Ok(collector.end(&tally))
}

/// Reads a segment's log, or its trace, from a file that is open already: entries are [`LogEntry`](crate::LogEntry) or
/// [`TraceEntry`](crate::TraceEntry). Nothing is locked, made or written, so what a writer is just appending shows as torn.
/// `path` is what damage is told of.
///
/// # Errors
/// What the file says.
pub fn read_lines<T: DeserializeOwned>(path: &Path, file: impl io::Read) -> io::Result<Reading<T>> {
    let mut collector = Collector::new(path);
    let mut tally = Tally::default();
    scan(&mut BufReader::with_capacity(256 << 10, file), &mut tally, &mut |line| collector.show(line))?;
    Ok(collector.end(&tally))
}

/// With the file locked against writers: what one is just writing, or taking back, is no damage.
fn shared<T, E: From<io::Error>>(
    path: &Path,
    file: &File,
    look: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    file.lock_shared().map_err(at("lock", path))?;
    let looked = look();
    file.unlock().map_err(at("unlock", path))?;
    looked
}
