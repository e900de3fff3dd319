//! Stores beside each other, and the one that counts.
//!
//!   root/CURRENT       "gen-000002"
//!   root/gen-000001/   the one before, kept for going back
//!   root/gen-000002/   the one that answers
//!   root/gen-000003/   being built, or left over from a rebuild that was cut off
//!
//! G1: The pointer names a finished generation or none, whatever happens while it changes: it is written aside, synced,
//!     renamed, and its directory synced.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::Error;

const POINTER: &str = "CURRENT";
const POINTER_ASIDE: &str = "CURRENT.new";
const NAME: &str = "gen-";
/// As much of the pointer as is read: it may be anything.
const POINTER_BYTES: u64 = 64;

/// The number of a generation, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(u32);

impl Generation {
    /// The number.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    /// Reads the name of a generation's directory.
    fn named(name: &str) -> Option<Self> {
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
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("open", &path)(error)),
        };
        let mut bytes = Vec::new();
        file.take(POINTER_BYTES).read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
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
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("read", &self.root)(error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.map_err(Error::io("read", &self.root))?.file_name();
            found.extend(name.to_str().and_then(Generation::named));
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Makes the directory of a generation newer than all others. It does not count until [`Generations::switch`].
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Full`] if it cannot be made.
    pub fn create_next(&self) -> Result<Generation, Error> {
        fs::create_dir_all(&self.root).map_err(Error::io("create", &self.root))?;
        let newest = self.list()?.last().map_or(0, |newest| newest.0);
        let Some(number) = newest.checked_add(1) else {
            let detail = format!("generation {newest} has no successor");
            return Err(Error::Pointer { path: self.root.clone(), detail });
        };
        let next = Generation(number);
        let path = self.path(next);
        fs::create_dir(&path).map_err(Error::io("create", &path))?;
        sync_directory(&self.root)?;
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
        let mut file = File::create(&aside).map_err(Error::io("create", &aside))?;
        let written = writeln!(file, "{to}").and_then(|()| file.sync_all());
        written.map_err(Error::io("write", &aside))?;
        fs::rename(&aside, &path).map_err(Error::io("rename", &aside))?;
        sync_directory(&self.root)
    }

    /// Takes away a generation that does not answer.
    ///
    /// # Errors
    /// [`Error::Pointer`] if it is the current one, [`Error::Io`] if it cannot be taken away.
    pub fn remove(&self, generation: Generation) -> Result<(), Error> {
        if self.current()? == Some(generation) {
            let detail = format!("{generation} is the current one and stays");
            return Err(Error::Pointer { path: self.root.join(POINTER), detail });
        }
        let path = self.path(generation);
        match fs::remove_dir_all(&path) {
            Ok(()) => sync_directory(&self.root),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::io("remove", &path)(error)),
        }
    }

    /// Takes away what rebuilds that were cut off have left: every generation newer than the current one, or all if
    /// none is current. Returns what was taken away.
    ///
    /// # Errors
    /// As [`Generations::remove`].
    pub fn remove_unfinished(&self) -> Result<Vec<Generation>, Error> {
        let current = self.current()?;
        let mut unfinished = self.list()?;
        unfinished.retain(|generation| Some(*generation) > current);
        for generation in &unfinished {
            self.remove(*generation)?;
        }
        Ok(unfinished)
    }
}

/// Makes the names in a directory survive a power cut.
fn sync_directory(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(Error::io("sync", path))
}

#[cfg(test)]
mod tests;
