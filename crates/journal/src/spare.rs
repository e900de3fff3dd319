//! The segment to come: its file is made ahead of its time, and filled with zeros while the active segment fills up.
//!
//!   active   [groups ................ |            ]
//!   spare    [zeros ..................... |        ]   a little further on, so that it is ready when it is wanted
//!
//! Overwriting blocks that were written once takes half the time of writing new ones, whose place the file system has to
//! note with each sync. The zeros go past the page cache, in small pieces: a group waits behind one at most.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use annals_record::seeded::{self, Bug};

use crate::block::{BLOCK, Blocks};
use crate::disk::{self, Disk, DiskFile, Mode};
use crate::error::Error;
use crate::segment::{self, SegmentHeader};
use crate::sync::{Condvar, Instant, Mutex, MutexGuard};

/// Zeros of so many bytes are written at once.
const PIECE: u64 = 128 << 10;
/// The first segment of a log is filled when the log is made, as far as that goes in this time.
const FIRST: Duration = Duration::from_millis(50);

/// A file that will be a segment: it has its space, and no name yet.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) allocated: u64,
    /// All blocks below here were written once.
    pub(crate) zeroed: u64,
    path: PathBuf,
    /// It is not worth it: the disk has no way past its cache.
    refused: bool,
}

impl Prepared {
    /// Creates the file of a segment to come under a temporary name.
    pub(crate) fn new(disk: &dyn Disk, dir: &Path, name: &str, segment_bytes: u64) -> Result<Self, Error> {
        let path = dir.join(format!("{name}.tmp"));
        match disk.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &path, error));
            }
            _ => {}
        }
        let file = disk.open(&path, Mode::CreateNew).map_err(|error| Error::io("create", &path, error))?;
        if let Err(error) = file.allocate(segment_bytes) {
            drop(file);
            let _ = disk.remove(&path);
            return Err(Error::io("reserve space for", &path, error));
        }
        Ok(Self { file: file.into(), allocated: segment_bytes, zeroed: 0, path, refused: false })
    }

    /// What an earlier writer made and did not use, `len` bytes at `path`: nothing but zeros was ever written to it, or a header,
    /// which is written anew. Its blocks may have been written, so it is worth more than a new one; and to remove it takes
    /// some file systems longer than all else that an open does.
    pub(crate) fn left(disk: &dyn Disk, path: PathBuf, len: u64) -> io::Result<Self> {
        let file = disk.open(&path, Mode::Write)?;
        file.allocate(len)?;
        Ok(Self { file: file.into(), allocated: len, zeroed: 0, path, refused: false })
    }

    /// Gives its space back.
    pub(crate) fn discard(self, disk: &dyn Disk) -> io::Result<()> {
        drop(self.file);
        disk.remove(&self.path)
    }

    /// Gives it its header and its name, durably.
    pub(crate) fn born(self, disk: &dyn Disk, dir: &Path, header: &SegmentHeader) -> Result<Self, Error> {
        let (path, named) = (&self.path, dir.join(segment::file_name(header.base)));
        disk::write_full(&*self.file, &header.encode(), 0)
            .map_err(|error| Error::io("write", path, error))?;
        self.file.sync().map_err(|error| Error::io("sync", path, error))?;
        disk.rename(path, &named).map_err(|error| Error::io("name", &named, error))?;
        if !seeded::is_on(Bug::SkipDirSync) {
            disk.sync_dir(dir).map_err(|error| Error::io("sync", dir, error))?;
        }
        Ok(self)
    }

    /// How long the next piece is, if there is one below `to`.
    fn piece(&self, to: u64) -> Option<usize> {
        let whole = self.allocated / BLOCK as u64 * BLOCK as u64;
        let len = PIECE.min(whole - self.zeroed);
        (!self.refused && len > 0 && self.zeroed < to).then_some(len as usize)
    }

    fn wrote(&mut self, len: usize, outcome: io::Result<bool>) -> Result<(), Error> {
        match outcome {
            Ok(past_cache) => self.refused = !past_cache,
            Err(error) => return Err(Error::io("fill", &self.path, error)),
        }
        self.zeroed += if self.refused { 0 } else { len as u64 };
        Ok(())
    }
}

/// Fills a file with zeros between two places, whole blocks, as far as that goes in a little time; says how far.
pub(crate) fn fill(file: &dyn DiskFile, from: u64, to: u64) -> io::Result<u64> {
    let (zeros, until) = (zeros(), Instant::now() + FIRST);
    let mut at = from;
    while at + PIECE <= to && Instant::now() < until {
        if !write(file, zeros.as_slice(), at, at == from)? {
            break;
        }
        at += PIECE;
    }
    file.sync().map(|()| at)
}

/// Writes zeros; whether they went past the cache. The first ones are written durably, for that tells.
fn write(file: &dyn DiskFile, zeros: &[u8], pos: u64, first: bool) -> io::Result<bool> {
    let past_cache = disk::write_all_blocks(file, zeros, pos, first)?;
    Ok(past_cache || !first)
}

/// What a file is filled with.
pub(crate) fn zeros() -> Blocks {
    let mut zeros = Blocks::in_huge_pages();
    zeros.fill_to(PIECE as usize);
    zeros
}

/// Where the next segment's file waits to be wanted.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    prepared: Option<Prepared>,
    /// A piece is on its way.
    busy: bool,
    /// How far it should be filled.
    to: u64,
}

impl Spare {
    pub(crate) fn is_none(&self) -> bool {
        self.lock().prepared.is_none()
    }

    pub(crate) fn put(&self, prepared: Prepared) {
        self.lock().prepared = Some(prepared);
    }

    /// Takes it, once nothing is on its way to it.
    pub(crate) fn take(&self) -> Option<Prepared> {
        let mut state =
            self.changed.wait_while(self.lock(), |state| state.busy).unwrap_or_else(PoisonError::into_inner);
        state.to = 0;
        state.prepared.take()
    }

    /// It should be filled as far as `to`; true if that is something to do.
    pub(crate) fn want(&self, to: u64) -> bool {
        let mut state = self.lock();
        state.to = state.to.max(to);
        state.prepared.as_ref().is_some_and(|prepared| prepared.piece(to).is_some())
    }

    /// Fills in a piece, if one is wanted.
    pub(crate) fn fill_some(&self, zeros: &Blocks) -> Result<bool, Error> {
        let (file, pos, len) = {
            let mut state = self.lock();
            let to = state.to;
            let Some(prepared) = &state.prepared else { return Ok(false) };
            let Some(len) = prepared.piece(to) else { return Ok(false) };
            let piece = (Arc::clone(&prepared.file), prepared.zeroed, len);
            state.busy = true;
            piece
        };
        let mut busy = Busy { spare: self, ends: false };
        let outcome = write(&*file, &zeros.as_slice()[..len], pos, pos == 0);
        let mut state = self.lock();
        let filled = state.prepared.as_mut().map_or(Ok(()), |prepared| prepared.wrote(len, outcome));
        drop(state);
        busy.ends = filled.is_ok();
        filled.map(|()| true)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A piece on its way. However that ends, who waits for it goes on.
struct Busy<'a> {
    spare: &'a Spare,
    ends: bool,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut state = self.spare.lock();
        state.busy = false;
        // An error may have been the only report of it, and a panic reports nothing: another file, then.
        let spoiled = if self.ends { None } else { state.prepared.take() };
        drop(state);
        self.spare.changed.notify_all();
        // One without a length is taken up by nobody. Under a panic the disk is not asked again.
        if let Some(spoiled) = spoiled.filter(|_| !std::thread::panicking()) {
            let _ = spoiled.file.set_len(0);
        }
    }
}

#[cfg(test)]
mod tests;
