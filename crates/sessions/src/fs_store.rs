//! Sessions as directories of JSON lines, for any number of processes at once.
//!
//! ```text
//!   {root}/{session}/{segment}.jsonl          append: lock, count, one write of line and newline, sync
//!   {root}/{session}/{segment}.trace.jsonl    read:   lock shared, what stands and what does not
//! ```
//!
//! F1: the newline commits. A line without one was never acknowledged, and is sealed off before anything follows it.
//! F2: an append that fails leaves the file as it was, or a tail that counts for nothing.
//! F3: a damaged byte costs the line it lies in, and is reported with file, line and byte.
//! F4: whoever appends under a condition has the file locked from the look at the count until the line is written.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annals_journal::disk::sync_directory;

use crate::error::at;
use crate::line;
use crate::reading::{Read, ReadTrace};
use crate::store::check_session;
use crate::{LogEntry, SegmentId, SessionId, Store, StoreError, TraceEntry};

mod collect;
mod commit;
mod layout;
mod making;
mod places;
mod scan;
mod segment_file;

use layout::Layout;
use places::Places;
pub use segment_file::read_lines;
use segment_file::{How, Lines, SegmentFile};

/// So many files are kept open for appending; the others are opened again when they are appended to.
const OPEN_FILES: usize = 64;
/// Of so many segments the count is remembered; of the others the next one who asks reads the file.
const REMEMBERED: usize = 16_384;

/// What an acknowledgement of an [`FsStore`] means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FsSync {
    /// What has returned is durable: it survives a power cut.
    #[default]
    Always,
    /// Segments are durable when they are made, appends by [`Store::sync`]. An append that has returned is in the operating
    /// system's memory: it survives a killed process, not a power cut.
    Created,
    /// Nothing is durable but by [`Store::sync`].
    OnDemand,
}

/// How an [`FsStore`] is to work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FsOptions {
    /// What an acknowledgement means. Default: what has returned is durable.
    pub sync: FsSync,
}

/// A store of sessions in a directory, as `{root}/{session}/{segment}.jsonl`. Any number of processes may use it at once,
/// as may any number of threads of each.
#[derive(Debug)]
pub struct FsStore {
    layout: Layout,
    options: FsOptions,
    files: Mutex<Files>,
    places: Mutex<Places>,
}

type Key = (SessionId, SegmentId, Which);

/// Which of the two files of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Which {
    Log,
    Trace,
}

#[derive(Debug, Default)]
struct Files {
    known: HashMap<Key, (Arc<Mutex<SegmentFile>>, u64)>,
    /// Rises with every use.
    now: u64,
}

impl FsStore {
    /// The store in `root`, which is made if it is not there; what has returned is durable.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn new(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Self::open_with(root, FsOptions::default())
    }

    /// The store in `root`, with these options.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn open_with(root: impl Into<PathBuf>, options: FsOptions) -> Result<Self, StoreError> {
        let root = root.into();
        if !root.is_dir() {
            making::make_directory(&root)?;
            if let Some(parent) = root.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                sync_directory(parent).map_err(at("sync", parent))?;
            }
        }
        let places = Mutex::new(Places::new(root.join(layout::BY_SEGMENT)));
        let store = Self { layout: Layout { root }, options, files: Mutex::default(), places };
        store.finish_deletions();
        Ok(store)
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &std::path::Path {
        &self.layout.root
    }

    fn file(&self, session: SessionId, segment: SegmentId, which: Which) -> Arc<Mutex<SegmentFile>> {
        let path = || match which {
            Which::Log => self.layout.log(session, segment),
            Which::Trace => self.layout.trace(session, segment),
        };
        let mut files = lock(&self.files);
        files.now += 1;
        let now = files.now;
        let (file, used) = files
            .known
            .entry((session, segment, which))
            .or_insert_with(|| (Arc::new(Mutex::new(SegmentFile::new(path(), segment))), 0));
        *used = now;
        let file = Arc::clone(file);
        files.shrink();
        file
    }

    fn write(
        &self,
        (session, segment): (SessionId, SegmentId),
        entries: &[LogEntry],
        expected: Option<usize>,
    ) -> Result<usize, StoreError> {
        check_session(session, entries)?;
        let bytes = lines(entries, true)?;
        if self.layout.session_dir(session)?.is_none() {
            return Err(StoreError::NotFound(segment));
        }
        let name =
            || making::sync_names(&self.layout, &self.layout.session(session)).map_err(StoreError::from);
        let always = self.options.sync == FsSync::Always;
        let how = How { create: false, durable: always.then_some(&name) };
        let file = self.file(session, segment, Which::Log);
        let lines = Lines { bytes: &bytes, count: entries.len() };
        lock(&file).append(&lines, expected, how)
    }

    fn require(&self, session: SessionId, segment: SegmentId) -> Result<(), StoreError> {
        if self.exists(session, segment)? { Ok(()) } else { Err(StoreError::NotFound(segment)) }
    }

    /// Removes what a deletion has left that was cut off.
    fn finish_deletions(&self) {
        let finished = layout::each(&self.layout.root, &mut |entry, name| {
            let session = name.strip_prefix(layout::DELETED).and_then(|rest| rest.get(..36));
            if session.and_then(SessionId::from_name).is_some() && entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            }
            Ok(())
        });
        if let Err(error) = finished {
            tracing::debug!(%error, "a deletion could not be finished");
        }
    }
}

impl Store for FsStore {
    fn append(&self, session: SessionId, segment: SegmentId, entry: &LogEntry) -> Result<(), StoreError> {
        match self.write((session, segment), std::slice::from_ref(entry), None) {
            Err(StoreError::NotFound(_)) if matches!(entry, LogEntry::SegmentStart { .. }) => {
                self.create_segment(session, segment, std::slice::from_ref(entry))
            }
            written => written.map(drop),
        }
    }

    fn append_many(
        &self,
        session: SessionId,
        segment: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        if entries.is_empty() {
            return self.require(session, segment);
        }
        self.write((session, segment), entries, None).map(drop)
    }

    fn append_if(
        &self,
        session: SessionId,
        segment: SegmentId,
        expected: usize,
        entries: &[LogEntry],
    ) -> Result<usize, StoreError> {
        self.write((session, segment), entries, Some(expected))
    }

    fn read_all(&self, session: SessionId, segment: SegmentId) -> Result<Vec<LogEntry>, StoreError> {
        self.read(session, segment)?.whole()
    }

    fn read(&self, session: SessionId, segment: SegmentId) -> Result<Read, StoreError> {
        if self.layout.session_dir(session)?.is_none() {
            return Err(StoreError::NotFound(segment));
        }
        let read: Read = match segment_file::read(&self.layout.log(session, segment)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StoreError::NotFound(segment));
            }
            read => read?,
        };
        for damaged in &read.damaged {
            tracing::warn!(%damaged, "a line of a session is no entry");
        }
        Ok(read)
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        let mut sessions = self.layout.sessions()?;
        sessions.sort_unstable_by(|a, b| b.cmp(a));
        Ok(sessions)
    }

    fn list_segments(&self, session: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        let segments = self.layout.segments(session, false)?;
        let mut segments: Vec<SegmentId> = segments.into_iter().map(|(segment, _)| segment).collect();
        segments.sort_unstable_by(|a, b| b.cmp(a));
        Ok(segments)
    }

    fn lookup_session_of(&self, segment: SegmentId) -> Result<Option<SessionId>, StoreError> {
        let mut places = lock(&self.places);
        if let Some(session) = places.find(segment)
            && self.exists(session, segment)?
        {
            return Ok(Some(session));
        }
        // Not made by this crate, or not there: one look into each session, which is no scan of any.
        for session in self.layout.sessions()? {
            if self.exists(session, segment)? {
                places.enter(segment, session);
                return Ok(Some(session));
            }
        }
        Ok(None)
    }

    fn create_segment(
        &self,
        session: SessionId,
        segment: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        check_session(session, entries)?;
        let lines = lines(entries, false)?;
        // Before it is there: whoever finds it there finds it entered.
        lock(&self.places).enter(segment, session);
        making::make(&self.layout, session, segment, &lines, self.options.sync != FsSync::OnDemand)
    }

    fn exists(&self, session: SessionId, segment: SegmentId) -> Result<bool, StoreError> {
        if self.layout.session_dir(session)?.is_none() {
            return Ok(false);
        }
        let path = self.layout.log(session, segment);
        match fs::symlink_metadata(&path) {
            Ok(found) => Ok(found.is_file()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(at("look at", &path)(error).into()),
        }
    }

    fn read_entry_count(&self, session: SessionId, segment: SegmentId) -> Result<usize, StoreError> {
        if self.layout.session_dir(session)?.is_none() {
            return Err(StoreError::NotFound(segment));
        }
        let file = self.file(session, segment, Which::Log);
        lock(&file).count()
    }

    fn append_trace(
        &self,
        session: SessionId,
        segment: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        line::encode(entry, false, &mut bytes)?;
        self.require(session, segment)?;
        let file = self.file(session, segment, Which::Trace);
        let how = How { create: true, durable: None };
        lock(&file).append(&Lines { bytes: &bytes, count: 1 }, None, how).map(drop)
    }

    fn read_trace(&self, session: SessionId, segment: SegmentId) -> Result<ReadTrace, StoreError> {
        self.require(session, segment)?;
        match segment_file::read(&self.layout.trace(session, segment)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(ReadTrace::default()),
            read => Ok(read?),
        }
    }

    fn sync(&self, session: SessionId, segment: SegmentId) -> Result<(), StoreError> {
        self.require(session, segment)?;
        let file = self.file(session, segment, Which::Log);
        lock(&file).sync()?;
        Ok(making::sync_names(&self.layout, &self.layout.session(session))?)
    }

    fn session_modified_at(&self, session: SessionId) -> Result<Option<u64>, StoreError> {
        let segments = self.layout.segments(session, true)?;
        Ok(segments.into_iter().map(|(_, written)| written).max())
    }

    fn delete_session(&self, session: SessionId) -> Result<bool, StoreError> {
        let Some(dir) = self.layout.session_dir(session)? else { return Ok(false) };
        // At once under another name, so that no half of it is ever seen; what is left after a crash, the next one to open
        // the store removes.
        let name = format!("{}{session}.{:016x}", layout::DELETED, fastrand::u64(..));
        let aside = self.layout.root.join(name);
        match fs::rename(&dir, &aside) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            renamed => renamed.map_err(at("delete", &dir))?,
        }
        lock(&self.files).known.retain(|(of, _, _), _| *of != session);
        sync_directory(&self.layout.root).map_err(at("sync", &self.layout.root))?;
        match fs::remove_dir_all(&aside) {
            // Whoever opens the store meanwhile takes it for a deletion that was cut off.
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(at("remove", &aside)(error).into())
            }
            _ => Ok(true),
        }
    }
}

impl Files {
    /// Closes what was not used for longest, and forgets what was not used for longer still. What is in use stays.
    fn shrink(&mut self) {
        let idle = |file: &Arc<Mutex<SegmentFile>>| Arc::strong_count(file) == 1;
        if self.known.len() > REMEMBERED {
            let oldest = self.median_use();
            let may_go = |file: &Arc<Mutex<SegmentFile>>| file.try_lock().is_ok_and(|file| file.may_go());
            self.known.retain(|_, (file, used)| *used > oldest || !idle(file) || !may_go(file));
        }
        if !self.now.is_multiple_of(OPEN_FILES as u64 / 2) {
            return;
        }
        // As many as were used since the last time stay open, and those of the time before.
        let recent = self.now.saturating_sub(OPEN_FILES as u64);
        for (file, used) in self.known.values() {
            if *used <= recent
                && idle(file)
                && let Ok(mut file) = file.try_lock()
                && file.is_open()
            {
                file.close();
            }
        }
    }

    fn median_use(&self) -> u64 {
        let mut uses: Vec<u64> = self.known.values().map(|(_, used)| *used).collect();
        let middle = uses.len() / 2;
        *uses.select_nth_unstable(middle).1
    }
}

/// Entries as lines: as one batch, unless the file they are to be is made whole anyway.
fn lines(entries: &[LogEntry], batch: bool) -> Result<Vec<u8>, StoreError> {
    let mut lines = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        line::encode(entry, batch && at + 1 < entries.len(), &mut lines)?;
    }
    Ok(lines)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
