//! A data directory made of a backup.
//!
//!   annals.restoring (durable) -> restoring/ = the journal, whole, in its new term -> journal/ -> annals.json -> store
//!
//! D2: the marker gets its name last: a restore that is cut off leaves no data directory, and the next one takes away
//! what it left.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use annals_journal::backup::{self, Restored as RestoredJournal};
use annals_journal::disk::open_plain;
use annals_journal::{Error as JournalError, Journal};

use crate::directory::{self, Directory, JOURNAL, MARKER, RESTORING};
use crate::error::Error;
use crate::lineage;
use crate::rebuild::{RebuildOptions, RebuildProgress, Rebuilt, rebuild};

/// Where the journal is made.
const ASIDE: &str = "restoring";
const CURSORS: &str = "cursors";

/// How to restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreOptions {
    /// Whether the store is built from the restored journal. If not, the first open does it. Default: true.
    pub rebuild: bool,
}

impl Default for RestoreOptions {
    fn default() -> Self {
        Self { rebuild: true }
    }
}

/// How far a restore has come.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum RestoreProgress {
    /// Files are copied and checked: so many bytes of so many.
    Copying {
        /// Bytes done.
        done: u64,
        /// Bytes in all.
        all: u64,
    },
    /// The store is built.
    Rebuilding(RebuildProgress),
}

/// What a restore did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Restored {
    /// The journal: what the backup holds, and the term in which it goes on.
    pub journal: RestoredJournal,
    /// The store, if it was built.
    pub rebuilt: Option<Rebuilt>,
}

/// Makes a data directory at `to`, which must be missing or empty, of the backup in `from`. Every file is compared with
/// the manifest as it is copied; the journal goes on in a term of its own, so that a cursor or a store of the other
/// future is refused; the store is built from it.
///
/// # Errors
/// [`Error::Journal`], as [`annals_journal::backup::restore`]; then `to` is as it was. [`Error::Store`] or
/// [`Error::Ingest`] if the store cannot be built: then the data is restored, and `rebuild` makes its store.
pub fn restore(
    from: &Path,
    to: &Path,
    options: RestoreOptions,
    progress: &mut dyn FnMut(&RestoreProgress),
) -> Result<Restored, Error> {
    // Before anything is made.
    backup::describe(from)?;
    let existed = to.exists();
    let marker = begin(to)?;
    let journal = match place(from, to, progress) {
        Ok(journal) => journal,
        Err(error) => {
            if let Err(error) = clear(to, existed) {
                tracing::warn!(%error, dir = %to.display(), "what is left of a restore stays; the next one takes it away");
            }
            return Err(error);
        }
    };
    drop(marker);
    let rebuilt = match options.rebuild && journal.damage.is_none() {
        true => Some(rebuild(to, &RebuildOptions::default(), &mut |heard| {
            progress(&RestoreProgress::Rebuilding(*heard));
        })?),
        false => None,
    };
    Ok(Restored { journal, rebuilt })
}

/// Makes the directory, and says in it what it is going to be. The file is locked: one restore at a time.
fn begin(to: &Path) -> Result<File, Error> {
    if let Some(found) = stranger(to)? {
        return Err(JournalError::NotEmpty { path: to.to_owned(), found }.into());
    }
    directory::make(to)?;
    let path = to.join(RESTORING);
    let opened = open_plain(&path, File::options().create(true).truncate(false).write(true));
    let file = opened.map_err(Error::io("create", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::Locked { path: to.to_owned(), holder: "another restore".to_owned() });
        }
        Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
    }
    if to.join(MARKER).exists() {
        // Another restore has ended since the look; the file is its, or made by the call above.
        let _ = fs::remove_file(&path);
        return Err(JournalError::NotEmpty { path: to.to_owned(), found: MARKER.to_owned() }.into());
    }
    for name in [ASIDE, JOURNAL] {
        remove_dir(&to.join(name))?;
    }
    file.set_len(0).map_err(Error::io("write", &path))?;
    io::Write::write_all(&mut &file, &Directory::marker()).map_err(Error::io("write", &path))?;
    file.sync_all().map_err(Error::io("sync", &path))?;
    sync(to)?;
    Ok(file)
}

/// Makes the journal aside, whole, and gives it and then the marker their names.
fn place(
    from: &Path,
    to: &Path,
    progress: &mut dyn FnMut(&RestoreProgress),
) -> Result<RestoredJournal, Error> {
    let aside = to.join(ASIDE);
    let copied = &mut |done, all| progress(&RestoreProgress::Copying { done, all });
    let restored = backup::restore(from, &aside, copied)?;
    // Whether cursors were ever made is known by their directory.
    let cursors = aside.join(CURSORS);
    directory::create_dir(&cursors)?;
    forget_generations(&aside)?;
    sync(&aside)?;
    let journal = to.join(JOURNAL);
    fs::rename(&aside, &journal).map_err(Error::io("rename", &aside))?;
    sync(to)?;
    // From here on it is a data directory (D2).
    let marker = to.join(RESTORING);
    fs::rename(&marker, to.join(MARKER)).map_err(Error::io("rename", &marker))?;
    sync(to)?;
    Ok(restored)
}

/// Stores that were kept for going back are not here, and nothing is to be held for them.
fn forget_generations(journal: &Path) -> Result<(), Error> {
    let journal = Journal::open(journal)?;
    for cursor in journal.cursors()? {
        if lineage::is_cursor_name(&cursor.name) {
            journal.remove_cursor(&cursor.name)?;
        }
    }
    match journal.close() {
        Ok(()) | Err(JournalError::Closed) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What is in a directory that no restore has left there.
fn stranger(to: &Path) -> Result<Option<String>, Error> {
    let entries = match fs::read_dir(to) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(Some("a file".to_owned())),
        Err(error) => return Err(Error::io("list", to)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(Error::io("list", to))?.file_name());
    }
    let begun = names.iter().any(|name| name == RESTORING);
    let left =
        |name: &std::ffi::OsString| begun && [RESTORING, ASIDE, JOURNAL].iter().any(|ours| name == *ours);
    Ok(names.iter().find(|name| !left(name)).map(|name| name.display().to_string()))
}

/// Takes away what a restore has made. The marker goes last.
fn clear(to: &Path, existed: bool) -> Result<(), Error> {
    for name in [ASIDE, JOURNAL] {
        remove_dir(&to.join(name))?;
    }
    let marker = to.join(RESTORING);
    fs::remove_file(&marker).map_err(Error::io("remove", &marker))?;
    if !existed {
        fs::remove_dir(to).map_err(Error::io("remove", to))?;
    }
    Ok(())
}

fn remove_dir(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

fn sync(dir: &Path) -> Result<(), Error> {
    directory::sync_dir(dir)
}
