//! A data directory backed up while it is in use: its journal, which is the truth.
//!
//!   nobody has it, and it was not closed in order -> put in order first
//!   -> journal up to one durable offset -> DIR
//!
//! The store is derived: a restore makes it anew. A copy of it would be larger than the journal, could only be had from
//! the process that owns it, and would have to be compared with the journal all the same.

use std::fs;
use std::path::{Path, PathBuf};

use annals_journal::backup::{self, BackedUp, Checked, Manifest};
use annals_journal::{BackupOptions, Error as JournalError, OpenReport, Reader};

use crate::annals::{Annals, open_journal};
use crate::directory::Directory;
use crate::error::Error;
use crate::options::Options;
use crate::status::log_reader;

/// What a backup of a data directory did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Backup {
    /// What the backup holds now, and what of it was copied.
    pub journal: BackedUp,
    /// The process that has the data meanwhile, if one does.
    pub owner: Option<String>,
    /// What putting the journal in order has found, if nobody had it and it was not closed in order.
    pub opened: Option<OpenReport>,
}

/// Backs up the data directory at `data` into `dir`, which is made if it is missing or empty. A process that has the data
/// goes on meanwhile. What an earlier backup into the same directory has copied of finished segments is not copied again.
///
/// `progress` is told the bytes of segments done and the bytes in all.
///
/// # Errors
/// [`Error::Missing`] or [`Error::NotOurs`] if there is no data; [`Error::Journal`] as
/// [`Reader::backup`](annals_journal::Reader::backup) says. After any of them the backup is what it was.
pub fn backup(
    data: &Path,
    dir: &Path,
    options: BackupOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Backup, Error> {
    Directory::existing(data)?;
    refuse_foreign(data, dir)?;
    let (owner, opened) = put_in_order(data)?;
    let journal = log_reader(data)?.backup(dir, options, progress)?;
    Ok(Backup { journal, owner, opened })
}

impl Annals {
    /// Backs up the journal into `dir`, as [`backup`](crate::backup) does, while it is in use here. Everything that was
    /// acknowledged before is in it.
    ///
    /// # Errors
    /// As [`backup`](crate::backup).
    pub fn backup(
        &self,
        dir: impl AsRef<Path>,
        options: BackupOptions,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<BackedUp, Error> {
        refuse_foreign(self.path(), dir.as_ref())?;
        Ok(log_reader(self.path())?.backup(dir, options, progress)?)
    }
}

/// What the backup in `dir` holds, as its manifest says. Needs no data directory.
///
/// # Errors
/// [`Error::Journal`], as [`annals_journal::backup::describe`].
pub fn describe_backup(dir: &Path) -> Result<Manifest, Error> {
    Ok(backup::describe(dir)?)
}

/// Reads every file of the backup in `dir` and compares it with the manifest. Needs no data directory.
///
/// # Errors
/// [`Error::Journal`], as [`annals_journal::backup::check`].
pub fn check_backup(dir: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Checked, Error> {
    Ok(backup::check(dir, progress)?)
}

/// Who has the data; if nobody has, and it was not closed in order, it is opened once: its watermark may lag behind what
/// was acknowledged.
fn put_in_order(data: &Path) -> Result<(Option<String>, Option<OpenReport>), Error> {
    let closed = log_reader(data).and_then(|reader: Reader| Ok(reader.is_closed()?));
    if matches!(closed, Ok(true)) {
        return Ok((None, None));
    }
    let options = Options { create: false, ..Options::default() };
    match open_journal(data, &options) {
        Ok((_, journal)) => {
            let report = journal.report().clone();
            match journal.close() {
                Ok(()) | Err(JournalError::Closed) => {}
                // What it found is told by whoever reads it next.
                Err(error) if report.damage.is_some() => tracing::warn!(%error, "the journal is damaged"),
                Err(error) => return Err(error.into()),
            }
            Ok((None, Some(report)))
        }
        Err(Error::Locked { holder, .. }) => Ok((Some(holder), None)),
        // It can be read where it cannot be written to, and whoever reads it next says what is wrong with it.
        Err(error @ (Error::Journal(_) | Error::Io { .. })) => {
            tracing::warn!(%error, "the journal cannot be put in order; it is backed up as far as it says that it is durable");
            Ok((None, None))
        }
        Err(error) => Err(error),
    }
}

/// A backup goes where nothing is, or where backups are; and not into the data, with which it would be lost.
fn refuse_foreign(data: &Path, dir: &Path) -> Result<(), Error> {
    let refused =
        |reason: String| -> Error { JournalError::NoBackup { path: dir.to_owned(), reason }.into() };
    let within = |path: PathBuf| path.starts_with(fs::canonicalize(data).unwrap_or_else(|_| data.to_owned()));
    let nearest = dir.ancestors().find_map(|path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        fs::canonicalize(path).ok()
    });
    if nearest.is_some_and(within) {
        return Err(refused("it lies within the data directory, and would be lost with it".to_owned()));
    }
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            return Err(refused("it is no directory".to_owned()));
        }
        Err(error) => return Err(Error::io("list", dir)(error)),
    };
    let mut stranger = None;
    for entry in entries {
        let name = entry.map_err(Error::io("list", dir))?.file_name();
        if name == backup::MARKER {
            return Ok(());
        }
        if !backup::LEFT_BEHIND.iter().any(|left| name == *left) {
            stranger = Some(name);
        }
    }
    match stranger {
        Some(name) => {
            Err(refused(format!("it holds {:?} and no {}", name.display().to_string(), backup::MARKER)))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
