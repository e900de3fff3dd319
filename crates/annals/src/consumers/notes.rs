//! What is wanted of workers, noted in the data directory, so that it outlives a process and other processes can want it.
//!
//!   consumers/NAME   a consumer of this name was registered, and what kind it is
//!   paused/NAME      the worker of this name is to rest: since when, and who said so
//!   resumed/NAME     it is to go on, also if it has failed: gone once it was told
//!   seeks/NAME       its sink is to be put elsewhere before anything more is applied
//!
//! Each is one small file, replaced at once and durably. The owner looks at them when it opens and once a second.

use std::fs;
use std::io;
use std::path::PathBuf;

use annals_journal::{Clock, SystemClock, holder};
use annals_record::{Offset, format_instant};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{ConsumerKind, check_name};
use crate::directory::{self, Directory};
use crate::error::Error;

const CONSUMERS: &str = "consumers";
const PAUSED: &str = "paused";
const RESUMED: &str = "resumed";
const SEEKS: &str = "seeks";
/// As much of a note as is read: it may be anything.
const NOTE_BYTES: u64 = 64 << 10;

/// A worker that is to rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Pause {
    /// Since when, as RFC 3339 has it; empty if the note does not say.
    #[serde(default)]
    pub since: String,
    /// The process that said so; empty if the note does not say.
    #[serde(default)]
    pub by: String,
}

/// A seek that was asked for and is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeekAsked {
    /// Where the sink is to stand.
    pub to: Offset,
    /// The process that asked for it.
    pub by: String,
    /// Why it was not done, if it was tried; then it is not tried again.
    pub refused: Option<String>,
}

/// The words of a seek.
#[derive(Serialize, Deserialize)]
struct SeekNote {
    to: u64,
    by: String,
    #[serde(default)]
    refused: Option<String>,
}

/// The words of a wish that a worker goes on.
#[derive(Serialize)]
struct Resumed {
    by: String,
}

/// What is known of a consumer that does not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Registered {
    pub(crate) kind: ConsumerKind,
}

/// The notes of a data directory.
#[derive(Clone, Debug)]
pub(crate) struct Notes {
    root: PathBuf,
}

impl Notes {
    pub(crate) fn of(directory: &Directory) -> Self {
        Self { root: directory.root().to_owned() }
    }

    /// Since when a worker is to rest, if it is. A note that cannot be understood is one all the same.
    pub(crate) fn paused(&self, name: &str) -> Result<Option<Pause>, Error> {
        let nobody = || Pause { since: String::new(), by: String::new() };
        self.read(PAUSED, name).map(|note| note.map(|note| note.unwrap_or_else(nobody)))
    }

    /// Notes that a worker is to rest. Who said so first stays noted.
    pub(crate) fn pause(&self, name: &str) -> Result<Pause, Error> {
        if let Some(paused) = self.paused(name)? {
            return Ok(paused);
        }
        let pause = Pause { since: format_instant(SystemClock.now_micros()), by: holder() };
        self.write(PAUSED, name, &pause)?;
        Ok(pause)
    }

    /// A worker need not rest any more; false if it was not to.
    pub(crate) fn resume(&self, name: &str) -> Result<bool, Error> {
        self.remove(PAUSED, name)
    }

    /// Notes that a worker is to go on, also if it has failed; false if it was not to rest.
    pub(crate) fn ask_to_resume(&self, name: &str) -> Result<bool, Error> {
        self.write(RESUMED, name, &Resumed { by: holder() })?;
        self.resume(name)
    }

    /// Whether a worker is to go on, also if it has failed; asked for once.
    pub(crate) fn take_resumed(&self, name: &str) -> Result<bool, Error> {
        self.remove(RESUMED, name)
    }

    /// Where a sink is to be put, if somebody wants that. A note that cannot be understood asks for nothing.
    pub(crate) fn seek(&self, name: &str) -> Result<Option<SeekAsked>, Error> {
        let note: Option<SeekNote> = self.read(SEEKS, name)?.flatten();
        Ok(note.map(|SeekNote { to, by, refused }| SeekAsked { to: Offset::new(to), by, refused }))
    }

    pub(crate) fn ask_to_seek(&self, name: &str, to: Offset) -> Result<(), Error> {
        self.write(SEEKS, name, &SeekNote { to: to.get(), by: holder(), refused: None })
    }

    /// A seek is done, or nobody wants it any more.
    pub(crate) fn sought(&self, name: &str) -> Result<bool, Error> {
        self.remove(SEEKS, name)
    }

    /// A seek cannot be done: whoever asked for it finds the reason here.
    pub(crate) fn refuse_seek(&self, name: &str, seek: SeekAsked, reason: String) -> Result<(), Error> {
        self.write(SEEKS, name, &SeekNote { to: seek.to.get(), by: seek.by, refused: Some(reason) })
    }

    /// Notes that there is a consumer of this name.
    pub(crate) fn register(&self, name: &str, kind: ConsumerKind) -> Result<(), Error> {
        let registered = Registered { kind };
        match self.read::<Registered>(CONSUMERS, name)?.flatten() {
            Some(known) if known == registered => Ok(()),
            _ => self.write(CONSUMERS, name, &registered),
        }
    }

    /// The consumers that were registered, by name.
    pub(crate) fn registered(&self) -> Result<Vec<(String, ConsumerKind)>, Error> {
        let dir = self.root.join(CONSUMERS);
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::io("list", &dir))?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.map_err(Error::io("list", &dir))?.file_name();
            let Some(name) = name.to_str().filter(|name| check_name(name).is_ok()) else { continue };
            if let Some(registered) = self.read::<Registered>(CONSUMERS, name)?.flatten() {
                found.push((name.to_owned(), registered.kind));
            }
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found)
    }

    /// Whether a consumer of this name was registered.
    pub(crate) fn is_registered(&self, name: &str) -> Result<bool, Error> {
        Ok(self.read::<Registered>(CONSUMERS, name)?.is_some())
    }

    /// Takes away all that is noted of a consumer; false if nothing was.
    pub(crate) fn forget(&self, name: &str) -> Result<bool, Error> {
        let noted = [SEEKS, RESUMED, PAUSED, CONSUMERS].map(|dir| self.remove(dir, name));
        noted.into_iter().try_fold(false, |any, removed| Ok(removed? || any))
    }

    /// A note: none if it is not there, some of none if it cannot be understood.
    fn read<T: DeserializeOwned>(&self, dir: &str, name: &str) -> Result<Option<Option<T>>, Error> {
        let path = self.path(dir, name)?;
        match directory::read_plain(&path, NOTE_BYTES) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).ok())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &path)(error)),
        }
    }

    fn write(&self, dir: &str, name: &str, note: &impl Serialize) -> Result<(), Error> {
        let path = self.path(dir, name)?;
        let dir = self.root.join(dir);
        if !dir.exists() {
            directory::create_dir(&dir)?;
            directory::sync_dir(&self.root)?;
        }
        // No name begins with a dot.
        let aside = dir.join(format!(".{name}.{}", std::process::id()));
        let mut bytes = serde_json::to_vec(note).map_err(|error| Error::io("write", &path)(error.into()))?;
        bytes.push(b'\n');
        directory::write_aside(&aside, &path, &bytes).map_err(Error::io("write", &path))
    }

    fn remove(&self, dir: &str, name: &str) -> Result<bool, Error> {
        let path = self.path(dir, name)?;
        match fs::remove_file(&path) {
            Ok(()) => directory::sync_dir(&self.root.join(dir)).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("remove", &path)(error)),
        }
    }

    /// Names come from command lines: none leads out of its directory.
    fn path(&self, dir: &str, name: &str) -> Result<PathBuf, Error> {
        check_name(name)?;
        Ok(self.root.join(dir).join(name))
    }
}

#[cfg(test)]
mod tests;
