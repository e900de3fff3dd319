//! Stores beside each other, and the one that counts.
//!
//!   root/CURRENT            "gen-000002"
//!   root/gen-000001/        the one before, kept for going back
//!   root/gen-000002/        the one that answers
//!   root/gen-000003/        being built, or left over from a rebuild that was cut off
//!   root/gen-000003.gone/   being taken away
//!
//! G1: The pointer names a finished generation or none, whatever happens while it changes: it is written aside, synced,
//!     renamed, and its directory synced.
//! G2: The generation that answers is never taken away, nor one whose store is open. What is being taken away is no
//!     generation any more, however little of it is gone.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use annals_record::seeded::{self, Bug};

use crate::directory::sync_directory;
use crate::lock::Lock;
use crate::{Error, plain};

const POINTER: &str = "CURRENT";
const POINTER_ASIDE: &str = "CURRENT.new";
const NAME: &str = "gen-";
/// As much of the pointer as is read: it may be anything.
const POINTER_BYTES: u64 = 64;
/// What the name of a generation that is being taken away ends with.
const GONE: &str = ".gone";
/// As much of a mark as is read.
const MARK_BYTES: u64 = 64 << 10;

/// The number of a generation, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(u32);

impl Generation {
    /// The number.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    /// Reads the name of a generation's directory; `None` if it is none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let number = name.strip_prefix(NAME)?.parse().ok()?;
        let generation = Self(number);
        (number > 0 && generation.to_string() == name).then_some(generation)
    }
}

impl fmt::Display for Generation {
    /// The name of its directory.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{NAME}{:06}", self.0)
    }
}

/// A file beside a generation's store that says how far it has come. What stands in it is up to whoever writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// `rebuild.json`: its making has begun, and can be gone on with.
    Begun,
    /// `finished.json`: it was whole.
    Finished,
}

impl Mark {
    /// The name of its file.
    fn file(self) -> &'static str {
        match self {
            Self::Begun => "rebuild.json",
            Self::Finished => "finished.json",
        }
    }
}

/// A directory of stores, one of which is current. Whoever changes it owns it: the log's writer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generations {
    root: PathBuf,
}

impl Generations {
    /// The generations under a directory, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory of a generation.
    #[must_use]
    pub fn path(&self, generation: Generation) -> PathBuf {
        self.root.join(generation.to_string())
    }

    /// The generation that answers; `None` if none was ever finished.
    ///
    /// # Errors
    /// [`Error::Pointer`] if the pointer names no generation that is there, [`Error::Io`] if it cannot be read.
    pub fn current(&self) -> Result<Option<Generation>, Error> {
        let path = self.root.join(POINTER);
        let bytes = match plain::read(&path, POINTER_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        let name = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let Some(generation) = std::str::from_utf8(name).ok().and_then(Generation::named) else {
            return Err(Error::Pointer { path, detail: format!("it says \"{}\"", name.escape_ascii()) });
        };
        if !self.path(generation).is_dir() {
            return Err(Error::Pointer { path, detail: format!("it says {generation}, which is not there") });
        }
        Ok(Some(generation))
    }

    /// All generations that are there, finished or not, oldest first.
    ///
    /// # Errors
    /// [`Error::Io`] if the directory cannot be read.
    pub fn list(&self) -> Result<Vec<Generation>, Error> {
        let mut found: Vec<_> = self.names()?.iter().filter_map(|name| Generation::named(name)).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// Makes the directory of a generation newer than all others. It does not count until [`Generations::switch`].
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Full`] if it cannot be made.
    pub fn create_next(&self) -> Result<Generation, Error> {
        plain::create_directory(&self.root).map_err(Error::io("create", &self.root))?;
        let newest = self.list()?.last().map_or(0, |newest| newest.0);
        let Some(number) = newest.checked_add(1) else {
            let detail = format!("generation {newest} has no successor");
            return Err(Error::Pointer { path: self.root.clone(), detail });
        };
        let next = Generation(number);
        let path = self.path(next);
        plain::create_directory(&path).map_err(Error::io("create", &path))?;
        sync_directory(&self.root)?;
        // What retention has removed from the log is in a generation alone: its name is worth no less than its bytes.
        if let Some(parent) = self.root.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_directory(parent)?;
        }
        Ok(next)
    }

    /// Makes a generation the one that answers, at once and durably (G1).
    ///
    /// # Errors
    /// [`Error::Missing`] if it is not there; [`Error::Io`] or [`Error::Full`] if the pointer cannot be written: then
    /// it says what it said before.
    pub fn switch(&self, to: Generation) -> Result<(), Error> {
        let store = self.path(to);
        if !store.is_dir() {
            return Err(Error::Missing { path: store });
        }
        let (aside, path) = (self.root.join(POINTER_ASIDE), self.root.join(POINTER));
        write_aside(&aside, &path, format!("{to}\n").as_bytes())?;
        sync_directory(&self.root)
    }

    /// Writes a mark, at once and durably; one that was there is replaced. The store has to be durable before.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Full`] if it cannot be written: then it says what it said before.
    pub fn mark(&self, generation: Generation, mark: Mark, text: &[u8]) -> Result<(), Error> {
        let store = self.path(generation);
        let path = store.join(mark.file());
        write_aside(&path.with_extension("json.new"), &path, text)?;
        sync_directory(&store)
    }

    /// What a mark says, at most its first 64 KiB; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read.
    pub fn marked(&self, generation: Generation, mark: Mark) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path(generation).join(mark.file());
        match plain::read(&path, MARK_BYTES) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &path)(error)),
        }
    }

    /// Takes away a generation that does not answer (G2). One that is not there is no error.
    ///
    /// # Errors
    /// [`Error::Pointer`] if it is the current one, [`Error::Locked`] if its store is open, [`Error::Io`] if it cannot
    /// be taken away.
    pub fn remove(&self, generation: Generation) -> Result<(), Error> {
        if self.current()? == Some(generation) {
            let detail = format!("{generation} is the current one and stays");
            return Err(Error::Pointer { path: self.root.join(POINTER), detail });
        }
        let path = self.path(generation);
        if !path.is_dir() {
            return Ok(());
        }
        drop(Lock::take(&path)?);
        let gone = self.root.join(format!("{generation}{GONE}"));
        remove_all(&gone)?;
        // From here on it is no generation: a removal that is cut off leaves nothing that looks like one.
        fs::rename(&path, &gone).map_err(Error::io("rename", &path))?;
        sync_directory(&self.root)?;
        remove_all(&gone)
    }

    /// Ends the removals that were cut off; returns how many.
    ///
    /// # Errors
    /// [`Error::Io`] if something cannot be taken away.
    pub fn remove_gone(&self) -> Result<usize, Error> {
        let mut removed = 0;
        for name in self.names()? {
            let number = name.strip_suffix(GONE);
            if number.is_some_and(|name| Generation::named(name).is_some()) {
                remove_all(&self.root.join(name))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The names in the directory; none if it is not there.
    fn names(&self) -> Result<Vec<String>, Error> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("read", &self.root)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(Error::io("read", &self.root))?.file_name();
            // A name that is no text is none of ours.
            names.extend(name.into_string());
        }
        Ok(names)
    }
}

/// Replaces a file at once: whoever reads it finds the old one or the new one.
fn write_aside(aside: &Path, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    plain::replace(aside, path, bytes, !seeded::is_on(Bug::PointerUnsynced)).map_err(Error::io("write", path))
}

/// Takes away a directory and all in it, if it is there.
fn remove_all(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
