//! Named cursors: how far a consumer has come, kept durably beside the segments for whoever has no transactional store.
//!
//!   cursors/{name}.cursor   where it stands, in two slots
//!   cursors/{name}.lock     held (`flock`) by its one consumer
//!   cursors/LOCK            held while a cursor is made, opened, moved back or removed, and while a purge is written down
//!
//! C1: `advance` returns once the place is durable; a crash leaves the place before or the one after, never one ahead.
//! C2: a cursor holds what it has not passed: a purge reads the cursors and writes down how far it goes under `LOCK`, and
//! a cursor is made, or moved back, under `LOCK` too. So the purge sees the cursor, or the cursor gets `Gap`.
//! C3: a cursor of another log, of a future that was cut off, ahead of the log or below what is held is refused with the
//! repair named; so is one that does not verify. Never a reset.
//! C4: one consumer at a time.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use annals_record::{Batch, Bounds, Cursor, CursorRefusal, Lag, Offset, ReadLimit};

use crate::catalog;
use crate::disk::{Disk, Held};
use crate::error::Error;
use crate::journal::{self, Journal};
use crate::reader::{self, Reader};
use crate::view::View;

mod named;
mod slots;

pub use named::NamedCursor;
use slots::Slots;
pub(crate) use slots::{Place, file_of};

/// The directory, within the journal's, that holds the cursors.
pub(crate) const DIR: &str = "cursors";
/// Longest name, in bytes.
const MAX_NAME: usize = 64;
const LOCK_FILE: &str = "LOCK";
const SUFFIX: &str = ".cursor";
/// `LOCK` is held for a few syncs at most; so often it is tried again, after pauses that double up to the last.
const TRIES: u32 = 100;
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(20);

/// A cursor as the directory shows it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CursorStatus {
    /// Its name.
    pub name: String,
    /// The next offset its consumer wants; none if it does not verify.
    pub position: Option<Offset>,
    /// How far its consumer is behind the durable end; none if it cannot be used.
    pub lag: Option<Lag>,
    /// When it moved last, microseconds since 1970-01-01T00:00:00Z.
    pub moved_at_micros: Option<i64>,
    /// What its consumer says of itself, if there is one now.
    pub held_by: Option<String>,
    /// Why it cannot be used, and what to do; none if all is well.
    pub problem: Option<String>,
}

/// A cursor as a purge sees it: what it says, or why that cannot be read.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) name: String,
    pub(crate) found: Result<Place, String>,
}

impl Journal {
    /// Opens the cursor of this name. The value holds it for this consumer alone; the journal may be closed meanwhile.
    ///
    /// A name has 1 to 64 of `a` to `z`, `0` to `9`, `.`, `_` and `-`, and begins with no dot.
    ///
    /// # Errors
    /// [`Error::NoCursor`]; [`Error::CursorName`]; [`Error::Locked`] if another consumer has it; [`Error::Cursor`] if it
    /// does not fit this log; [`Error::Sidecar`] if it does not verify.
    pub fn cursor(&self, name: &str) -> Result<NamedCursor, Error> {
        open(Arc::clone(&self.core.0) as Arc<dyn View>, name, None)
    }

    /// Opens the cursor of this name; if there is none, makes it, standing at `start`. From then on nothing behind it
    /// is purged.
    ///
    /// # Errors
    /// As [`Journal::cursor`]; [`Error::Gap`] or [`Error::Beyond`] if it is made and `start` is not held.
    pub fn cursor_at(&self, name: &str, start: Offset) -> Result<NamedCursor, Error> {
        open(Arc::clone(&self.core.0) as Arc<dyn View>, name, Some(start))
    }

    /// All cursors, by name.
    ///
    /// # Errors
    /// [`Error::Io`] if the directory cannot be read. A cursor that does not verify is a part of the answer.
    pub fn cursors(&self) -> Result<Vec<CursorStatus>, Error> {
        list(&**self.core, true)
    }

    /// Whether a cursor was ever made in this journal, also if it was removed since. Reads one directory.
    ///
    /// # Errors
    /// [`Error::Io`] if the directory cannot be read.
    pub fn had_cursors(&self) -> Result<bool, Error> {
        let dir = self.core.source.dir.join(DIR);
        match self.core.source.disk.list(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            listed => listed.map(|_| true).map_err(|error| Error::io("list", &dir, error)),
        }
    }

    /// Removes a cursor that nobody holds, whether it verifies or not. What it held back may then be purged.
    ///
    /// # Errors
    /// [`Error::NoCursor`], [`Error::CursorName`], [`Error::Locked`].
    pub fn remove_cursor(&self, name: &str) -> Result<(), Error> {
        remove(&**self.core, name)
    }
}

impl Reader {
    /// Opens the cursor of this name, as [`Journal::cursor`] does. Needs to write to the journal's directory.
    ///
    /// # Errors
    /// As [`Journal::cursor`].
    pub fn cursor(&self, name: &str) -> Result<NamedCursor, Error> {
        open(Arc::clone(&self.core) as Arc<dyn View>, name, None)
    }

    /// Opens or makes the cursor of this name, as [`Journal::cursor_at`] does. Needs to write to the journal's directory.
    ///
    /// # Errors
    /// As [`Journal::cursor_at`].
    pub fn cursor_at(&self, name: &str, start: Offset) -> Result<NamedCursor, Error> {
        open(Arc::clone(&self.core) as Arc<dyn View>, name, Some(start))
    }

    /// All cursors, by name. Who holds them is told only where the directory can be written to.
    ///
    /// # Errors
    /// As [`Journal::cursors`].
    pub fn cursors(&self) -> Result<Vec<CursorStatus>, Error> {
        list(&*self.core, true)
    }

    /// All cursors, by name, without a lock and without writing a byte: who holds them is not told.
    ///
    /// # Errors
    /// As [`Journal::cursors`].
    pub fn peek_cursors(&self) -> Result<Vec<CursorStatus>, Error> {
        list(&*self.core, false)
    }

    /// Removes a cursor that nobody holds, as [`Journal::remove_cursor`] does.
    ///
    /// # Errors
    /// As [`Journal::remove_cursor`].
    pub fn remove_cursor(&self, name: &str) -> Result<(), Error> {
        remove(&*self.core, name)
    }
}

/// Takes `LOCK`: no cursor is made, opened, moved back or removed, and no purge written down, until it is dropped.
pub(crate) fn hold(disk: &dyn Disk, journal: &Path) -> Result<Box<dyn Held>, Error> {
    let dir = journal.join(DIR);
    make_dir(disk, journal, &dir)?;
    let path = dir.join(LOCK_FILE);
    let mut pause = FIRST_PAUSE;
    for _ in 0..TRIES {
        match lock(disk, &path) {
            Err(Error::Locked { .. }) => std::thread::park_timeout(pause),
            locked => return locked,
        }
        pause = (pause * 2).min(LAST_PAUSE);
    }
    lock(disk, &path)
}

/// The cursors of a journal, by name. Takes no lock: a cursor that is being moved is seen before or after.
pub(crate) fn registered(disk: &dyn Disk, journal: &Path) -> Result<Vec<Registered>, Error> {
    let dir = journal.join(DIR);
    let listed = match disk.list(&dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(|error| Error::io("list", &dir, error))?,
    };
    let mut names: Vec<&str> = listed.iter().filter_map(|listed| listed.name.strip_suffix(SUFFIX)).collect();
    names.sort_unstable();
    let mut cursors = Vec::with_capacity(names.len());
    for name in names {
        let found = match Slots::read(disk, &data_path(&dir, name)) {
            Ok(place) => Ok(place),
            Err(Error::Sidecar { reason, .. }) => Err(reason),
            // Removed since the list was read.
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        cursors.push(Registered { name: name.to_owned(), found });
    }
    Ok(cursors)
}

fn open(view: Arc<dyn View>, name: &str, start: Option<Offset>) -> Result<NamedCursor, Error> {
    check_name(name)?;
    let source = view.source();
    let (disk, dir) = (Arc::clone(&source.disk), source.dir.join(DIR));
    let path = data_path(&dir, name);
    let exists = || Ok(names(&*disk, &dir)?.iter().any(|known| known == name));
    if start.is_none() && !exists()? {
        return Err(no_cursor(name));
    }
    let _making = hold(&*disk, &source.dir)?;
    // The directory, or the cursor, may be there for this process and not for the medium: its own sync may have failed.
    disk.sync_dir(&source.dir).map_err(|error| Error::io("sync", &source.dir, error))?;
    disk.sync_dir(&dir).map_err(|error| Error::io("sync", &dir, error))?;
    if !exists()? {
        let Some(start) = start else { return Err(no_cursor(name)) };
        let held = lock(&*disk, &lock_path(&dir, name))?;
        // The list was read before the lock was taken: a purge may have been written down in between.
        source.refresh()?;
        let (durable, segments) = view.look()?;
        let oldest = segments.first().map_or(durable, |first| first.held_from);
        if start < oldest {
            return Err(Error::Gap { wanted: start, oldest });
        }
        if start > durable {
            return Err(Error::Beyond { wanted: start, durable });
        }
        let (_, term) = view.end()?;
        let cursor = Cursor { log: view.log(), term, next: start, last: None };
        let place = Place { cursor, moved_at_micros: view.clock().now_micros() };
        let slots = Slots::create(&*disk, &path, &place)?;
        return Ok(NamedCursor::new(view, name, place, slots, held));
    }
    let held = lock(&*disk, &lock_path(&dir, name))?;
    let (slots, place) = Slots::open(&*disk, &path)?;
    source.refresh()?;
    check(&*view, name, &place.cursor)?;
    Ok(NamedCursor::new(view, name, place, slots, held))
}

/// Whether a cursor fits the log, and the log still holds the record that was applied last.
fn check(view: &dyn View, name: &str, cursor: &Cursor) -> Result<(), Error> {
    let refused = |refusal| Error::Cursor { name: name.to_owned(), refusal };
    let (durable, segments) = view.look()?;
    let oldest = segments.first().map_or(durable, |first| first.held_from);
    cursor.check(view.log(), &catalog::terms(&segments), Bounds { oldest, durable }).map_err(refused)?;
    let Some(last) = cursor.last.filter(|last| last.offset >= oldest) else {
        return Ok(());
    };
    let mut batch = Batch::default();
    let limit = ReadLimit { records: 1, bytes: 1 };
    match view.source().read_into(last.offset, limit, durable, &mut batch) {
        Ok(())
            if batch
                .iter()
                .next()
                .is_some_and(|entry| (entry.offset, entry.id) == (last.offset, last.id)) =>
        {
            Ok(())
        }
        Ok(_) | Err(Error::Beyond { .. }) => Err(refused(CursorRefusal::OtherRecord { offset: last.offset })),
        // What was applied may rot: it is not wanted again, and log and term have been checked.
        Err(Error::Damaged(_) | Error::Gap { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The cursors; who holds them is found out by trying their locks, if `ask`.
fn list(view: &dyn View, ask: bool) -> Result<Vec<CursorStatus>, Error> {
    let source = view.source();
    let (disk, dir) = (&*source.disk, source.dir.join(DIR));
    let registered = registered(disk, &source.dir)?;
    source.refresh()?;
    let (durable, _) = view.look()?;
    // Whoever tries a cursor's lock must hold `LOCK`, or a consumer that comes at this moment would be refused.
    let trying = if registered.is_empty() || !ask { None } else { hold(disk, &source.dir).ok() };
    let mut cursors = Vec::with_capacity(registered.len());
    for Registered { name, found } in registered {
        let held_by = trying.as_ref().and_then(|_| match lock(disk, &lock_path(&dir, &name)) {
            Err(Error::Locked { holder, .. }) => Some(holder),
            _ => None,
        });
        let problem = match &found {
            Ok(place) => check(view, &name, &place.cursor).err(),
            Err(reason) => Some(Error::Sidecar { path: data_path(&dir, &name), reason: reason.clone() }),
        };
        let lag = match (&found, &problem) {
            (Ok(place), None) => Some(reader::lag_of(source, view.clock(), place.cursor.next, durable)?),
            _ => None,
        };
        cursors.push(CursorStatus {
            name,
            position: found.as_ref().ok().map(|place| place.cursor.next),
            lag,
            moved_at_micros: found.as_ref().ok().map(|place| place.moved_at_micros),
            held_by,
            problem: problem.map(|error| error.to_string()),
        });
    }
    Ok(cursors)
}

fn remove(view: &dyn View, name: &str) -> Result<(), Error> {
    check_name(name)?;
    let (disk, journal) = (&*view.source().disk, &*view.source().dir);
    let dir = journal.join(DIR);
    if !names(disk, &dir)?.iter().any(|known| known == name) {
        return Err(no_cursor(name));
    }
    let _removing = hold(disk, journal)?;
    let locked = lock_path(&dir, name);
    let held = lock(disk, &locked)?;
    // The place first: a lock without a place is nothing, a place without a lock is free for anybody.
    for path in [data_path(&dir, name), locked] {
        match disk.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &path, error));
            }
            _ => {}
        }
    }
    drop(held);
    disk.sync_dir(&dir).map_err(|error| Error::io("sync", &dir, error))
}

fn names(disk: &dyn Disk, dir: &Path) -> Result<Vec<String>, Error> {
    match disk.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::io("list", dir, error)),
        Ok(listed) => Ok(listed
            .iter()
            .filter_map(|listed| listed.name.strip_suffix(SUFFIX))
            .map(str::to_owned)
            .collect()),
    }
}

/// Makes the directory's name durable too: a cursor in it is worth no more than the name.
fn make_dir(disk: &dyn Disk, journal: &Path, dir: &Path) -> Result<(), Error> {
    match disk.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        listed => return listed.map(drop).map_err(|error| Error::io("list", dir, error)),
    }
    disk.create_dir(dir).map_err(|error| Error::io("create", dir, error))?;
    disk.sync_dir(journal).map_err(|error| Error::io("sync", journal, error))
}

fn check_name(name: &str) -> Result<(), Error> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    if (1..=MAX_NAME).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(fits) {
        Ok(())
    } else {
        Err(Error::CursorName { name: name.chars().take(MAX_NAME + 1).collect() })
    }
}

fn lock(disk: &dyn Disk, path: &Path) -> Result<Box<dyn Held>, Error> {
    disk.lock(path, &journal::holder()).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => Error::Locked { path: path.to_owned(), holder: error.to_string() },
        _ => Error::io("lock", path, error),
    })
}

fn data_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(file_name(name))
}

/// The name of a cursor's file.
pub(crate) fn file_name(name: &str) -> String {
    format!("{name}{SUFFIX}")
}

fn lock_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.lock"))
}

fn no_cursor(name: &str) -> Error {
    Error::NoCursor { name: name.to_owned() }
}

#[cfg(test)]
mod tests;
