//! A store built in one go from a whole log: sorted once, written once, in bounded memory.
//!
//!   changes -> sheaves, on any thread -> spill: bins and runs -> sorted -> content and index -> a store
//!
//!   directory/bulk/spill    what was added
//!   directory/bulk/note     how far that counts after a kill       directory/bulk/kept    and after a power cut
//!   directory/content, directory/index.redb: none of a store before directory/bulk is gone
//!
//! BB1: A directory with `bulk` in it is no store, however much of one lies beside it; the one rename that ends a build makes
//!     it one.
//! BB2: What is built holds what applying the same changes gives: the same keys, values, counts, digests and cursor.
//! BB3: A build that was cut off at any place is gone on with from its last note that holds, or begun anew; never from a guess.

mod finish;
mod layout;
mod merge;
mod note;
mod sheaf;
mod sorted;
mod spill;
mod subjects;

use std::fs;
use std::hash::RandomState;
use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use annals_record::Cursor;

use crate::directory::{CONTENT_DIR, INDEX_FILE, sync_directory};
use crate::lock::Lock;
use crate::order::follows_span;
use crate::{Counts, Error, plain};
use finish::Harvest;
use layout::Layout;
use note::Note;
pub use sheaf::{Sheaf, Sorter};
use spill::Spill;
use subjects::Subjects;

/// What a build keeps until it ends; a directory that has it is no store.
pub(crate) const SPILL_DIR: &str = "bulk";
/// What it is called while it is taken away.
pub(crate) const GONE_DIR: &str = "bulk.gone";
const SPILL_FILE: &str = "spill";
const NOTE_FILE: &str = "note";
/// A note that survives a power cut, for what it speaks of was synced before.
const KEPT_FILE: &str = "kept";
/// What is spilled is synced this many times more seldom than it is noted.
const NOTES_PER_SYNC: u32 = 5;
/// No more than this part of a build's time passes from one note to the next, so that many notes, each of which ends a run,
/// are made of long builds only.
const NOTE_PART: u32 = 50;
/// Of the memory there is, bins take at most this part, and subjects that.
const BINS_PART: usize = 4;
const SUBJECTS_PART: usize = 6;

/// How a build uses memory and disk. Nothing of it changes what ends up in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkOptions {
    /// About how much memory it takes, engines included, beside the sheaves that are being made. Less means more and smaller pieces on disk.
    /// Default: 192 MiB.
    pub memory_bytes: usize,
    /// How long what was added may wait for a note while more keeps coming, or a fiftieth of the time it has taken so far:
    /// so much, at most, is added again after a kill; after a power cut, five times as much. Default: 1 s.
    pub note_every: Duration,
}

impl Default for BulkOptions {
    fn default() -> Self {
        Self { memory_bytes: 192 << 20, note_every: Duration::from_secs(1) }
    }
}

/// A store being built. Dropped before it is finished, it can be gone on with.
pub struct BulkBuilder {
    path: PathBuf,
    memory: usize,
    note_every: Duration,
    layout: Layout,
    spill: Spill,
    subjects: Subjects,
    hashes: RandomState,
    cursor: Option<Cursor>,
    /// What is counted each time it comes.
    counts: Counts,
    /// What the last note said, and when.
    noted: Option<Note>,
    noted_at: Instant,
    begun_at: Instant,
    kept_at: Instant,
    /// What is being synced while more is added.
    keeping: Option<JoinHandle<Result<(), Error>>>,
    /// Whether something failed, or all is done: then nothing is noted any more.
    ended: bool,
    _lock: Lock,
}

impl BulkBuilder {
    /// Begins to build a store in a directory, which is made if it is missing. Whatever a build has left there goes.
    ///
    /// # Errors
    /// [`Error::Locked`] if somebody has the directory, [`Error::NotAStore`] if there is a store or anything else in it,
    /// [`Error::Io`] or [`Error::Full`] if it cannot be written.
    pub fn begin(path: impl AsRef<Path>, options: &BulkOptions) -> Result<Self, Error> {
        let path = path.as_ref();
        plain::create_directory(path).map_err(Error::io("create", path))?;
        let lock = Lock::take(path)?;
        let room = path.join(SPILL_DIR);
        if !room.exists() && (path.join(CONTENT_DIR).exists() || path.join(INDEX_FILE).exists()) {
            let reason = "there is a store already".to_owned();
            return Err(Error::NotAStore { path: path.to_owned(), reason });
        }
        // What lies beside it goes first: without it that would look like a store.
        clear_half_built(path)?;
        remove_all(&room)?;
        plain::create_directory(&room).map_err(Error::io("create", &room))?;
        sync_directory(path)?;
        let layout = Layout::within(options.memory_bytes / BINS_PART);
        let spill = Spill::create(&room.join(SPILL_FILE), layout.bins(), layout.block())?;
        Ok(Self::over(path, options, layout, spill, None, lock))
    }

    /// Goes on with a build that was cut off; `None` if there is none, or none that can be gone on with.
    ///
    /// # Errors
    /// [`Error::Locked`] if somebody has the directory, [`Error::Damaged`] if what the build has kept does not verify,
    /// [`Error::Io`] if it cannot be read.
    pub fn resume(path: impl AsRef<Path>, options: &BulkOptions) -> Result<Option<Self>, Error> {
        let path = path.as_ref();
        if !Self::is_begun(path) {
            return Ok(None);
        }
        let lock = Lock::take(path)?;
        let room = path.join(SPILL_DIR);
        let mut failed = None;
        for file in [NOTE_FILE, KEPT_FILE] {
            let Some(note) = Note::read(&room.join(file))? else { continue };
            let layout = note.layout;
            let spill = room.join(SPILL_FILE);
            match Spill::reopen(&spill, layout.bins(), layout.block(), note.len, &note.sum) {
                Ok(spill) => return Ok(Some(Self::over(path, options, layout, spill, Some(note), lock))),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    /// Whether a build has begun in this directory and has not ended.
    #[must_use]
    pub fn is_begun(path: &Path) -> bool {
        path.join(SPILL_DIR).exists()
    }

    fn over(
        path: &Path,
        options: &BulkOptions,
        layout: Layout,
        spill: Spill,
        noted: Option<Note>,
        lock: Lock,
    ) -> Self {
        let mut counts = Counts::default();
        if let Some(note) = &noted {
            (counts.dead_letters, counts.application) = (note.dead_letters, note.application);
        }
        Self {
            path: path.to_owned(),
            memory: options.memory_bytes,
            note_every: options.note_every,
            layout,
            spill,
            subjects: Subjects::default(),
            hashes: RandomState::new(),
            cursor: noted.and_then(|note| note.cursor),
            counts,
            noted,
            noted_at: Instant::now(),
            begun_at: Instant::now(),
            kept_at: Instant::now(),
            keeping: None,
            ended: false,
            _lock: lock,
        }
    }

    /// How far it has come: the cursor of the last `add`; `None` before the first.
    #[must_use]
    pub fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// Cuts batches for [`BulkBuilder::add`].
    #[must_use]
    pub fn sorter(&self) -> Sorter {
        Sorter { layout: self.layout, hashes: self.hashes.clone() }
    }

    /// Adds the changes of a sheaf, which this builder's sorter has cut, and moves the cursor. They are all records from
    /// the present cursor up to `cursor.next`.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`] if they do not follow the present cursor; [`Error::Io`] or [`Error::Full`] if they cannot be
    /// written: then the build has to be gone on with anew.
    pub fn add(&mut self, sheaf: &Sheaf, cursor: &Cursor) -> Result<(), Error> {
        follows_span(self.cursor, sheaf.span, sheaf.rises, cursor)?;
        self.ended = true;
        for (bin, records) in shares(&sheaf.shares, &sheaf.bytes) {
            self.spill.add(bin, records)?;
        }
        for (heap, entries) in shares(&sheaf.heaps, &sheaf.entries) {
            self.subjects.add(heap, entries);
        }
        self.counts.dead_letters += sheaf.dead_letters;
        self.counts.application += sheaf.application;
        if self.subjects.bytes() > self.memory / SUBJECTS_PART {
            self.subjects.write_run(&mut self.spill, self.layout.block())?;
        }
        self.cursor = Some(*cursor);
        self.ended = false;
        if self.noted_at.elapsed() >= self.note_every.max(self.begun_at.elapsed() / NOTE_PART) {
            let note = self.note()?;
            let idle = self.keeping.as_ref().is_none_or(JoinHandle::is_finished);
            if idle && self.kept_at.elapsed() >= self.note_every.saturating_mul(NOTES_PER_SYNC) {
                self.keep_aside(note)?;
            }
        }
        Ok(())
    }

    /// Has everything added so far be there after a kill and after a power cut.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Full`] if it cannot be written.
    pub fn keep(&mut self) -> Result<(), Error> {
        self.end_keeping()?;
        let note = self.note()?;
        self.keep_aside(note)?;
        self.end_keeping()
    }

    /// Builds the store, and ends with the directory as [`HybridStore::open`](crate::HybridStore::open) opens it.
    /// `progress` hears how many bytes of what was added are done, of how many.
    ///
    /// # Errors
    /// [`Error::Damaged`] if what it has kept does not verify; what the file system and the engines say. Then it can be
    /// gone on with, or be begun anew.
    pub fn finish(mut self, progress: &mut dyn FnMut(u64, u64)) -> Result<(), Error> {
        self.note()?;
        self.spill.end()?;
        self.subjects.shrink();
        self.ended = true;
        clear_half_built(&self.path)?;
        let harvest = Harvest {
            path: &self.path,
            spill: &self.spill,
            layout: self.layout,
            memory: self.memory,
            cursor: self.cursor,
            counts: self.counts,
        };
        harvest.bring_in(progress)?;
        sync_directory(&self.path)?;
        if let Err(error) = self.end_keeping() {
            tracing::warn!(%error, "what a build has kept could not be synced; it is not needed any more");
        }
        // From here on it is a store (BB1).
        clear_gone(&self.path)?;
        let room = self.path.join(SPILL_DIR);
        fs::rename(&room, self.path.join(GONE_DIR)).map_err(Error::io("rename", &room))?;
        sync_directory(&self.path)?;
        clear_gone(&self.path)
    }

    /// Writes what is in memory and says how far it counts after a kill.
    fn note(&mut self) -> Result<Note, Error> {
        let ended = std::mem::replace(&mut self.ended, true);
        let note = self.flush()?;
        if self.noted != Some(note) {
            note.write(&self.path.join(SPILL_DIR).join(NOTE_FILE), false)?;
        }
        (self.noted, self.noted_at, self.ended) = (Some(note), Instant::now(), ended);
        Ok(note)
    }

    /// Has what a note says hold after a power cut too, on a thread of its own: it takes the disk a while.
    fn keep_aside(&mut self, note: Note) -> Result<(), Error> {
        self.end_keeping()?;
        let (sync, file) = (self.spill.syncing()?, self.path.join(SPILL_DIR).join(KEPT_FILE));
        let keeping = move || {
            sync()?;
            note.write(&file, true)
        };
        let thread = thread::Builder::new().name("annals-keep".to_owned()).spawn(keeping);
        self.keeping = Some(thread.map_err(Error::io("start the thread that syncs of", &self.path))?);
        self.kept_at = Instant::now();
        Ok(())
    }

    /// Waits for what is being synced, if anything is.
    fn end_keeping(&mut self) -> Result<(), Error> {
        match self.keeping.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(kept) => kept.unwrap_or_else(|panic| resume_unwind(panic)),
        }
    }

    /// Writes what is in memory; what a note says of it.
    fn flush(&mut self) -> Result<Note, Error> {
        self.subjects.write_run(&mut self.spill, self.layout.block())?;
        self.spill.flush()?;
        Ok(Note {
            layout: self.layout,
            len: self.spill.len(),
            sum: self.spill.sum(),
            dead_letters: self.counts.dead_letters,
            application: self.counts.application,
            cursor: self.cursor,
        })
    }
}

impl Drop for BulkBuilder {
    fn drop(&mut self) {
        let noted = if self.ended { Ok(()) } else { self.note().map(|_| ()) };
        if let Err(error) = self.end_keeping().and(noted) {
            tracing::warn!(path = %self.path.display(), %error, "how far a build has come cannot be written down");
        }
    }
}

/// The shares of some bytes, which lie beside each other.
fn shares<'b>(shares: &[(usize, usize)], bytes: &'b [u8]) -> impl Iterator<Item = (usize, &'b [u8])> {
    let mut rest = bytes;
    shares.iter().map(move |(whose, len)| {
        let (share, others) = rest.split_at(*len);
        rest = others;
        (*whose, share)
    })
}

/// Takes away what a build has left of content and index.
fn clear_half_built(path: &Path) -> Result<(), Error> {
    remove_all(&path.join(CONTENT_DIR))?;
    let index = path.join(INDEX_FILE);
    match fs::remove_file(&index) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", &index)(error)),
        _ => Ok(()),
    }
}

/// Ends the taking away of what a store was built from, if a crash has cut that off.
pub(crate) fn clear_gone(path: &Path) -> Result<(), Error> {
    remove_all(&path.join(GONE_DIR))
}

/// Takes away a directory and all in it, if it is there.
fn remove_all(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// What a build has kept cannot be.
fn damaged(detail: impl Into<String>) -> Error {
    Error::Damaged { key: "what a build has kept".to_owned(), detail: detail.into() }
}

#[cfg(test)]
mod tests;
