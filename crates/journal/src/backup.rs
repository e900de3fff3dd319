//! Backups: the journal copied up to one durable offset while it is written to, and made a journal again.
//!
//!   cursors, keys -> durable end W -> holes, segments up to W, each checked -> names -> manifest -> leftovers
//!   manifest -> watermark W -> documents, segments, each checked -> the last one sealed into a new term
//!
//! B1: a backup is what the manifest in its directory says. A backup that is cut off anywhere leaves the one before it.
//! B3: what it holds is the log at one durable offset: everything that was durable before it began, whole groups, and
//! nothing of a later one.
//! B4: nothing gets into it that was not checked as copied: every CRC, every BLAKE3, every seal. Damage is an error, or
//! with consent is written down.
//! B5: a backup of another log, or of another past, is refused; so is a gap.
//! B6: a restore that is cut off leaves damage, never a shorter log; one that is whole goes on in a term of its own.

use std::path::Path;

use annals_record::Offset;

use crate::disk::{Disk, RealDisk};
use crate::error::Error;
use crate::reader::Reader;
use crate::view::View;

mod check;
mod copying;
mod documents;
mod manifest;
mod past;
pub(crate) mod receipt;
mod restore;
mod vault;

pub use check::Checked;
pub use manifest::{CopiedFile, DocumentCopy, Manifest, SegmentCopy};
pub use receipt::BackupReceipt;
pub use restore::{Restored, restore, restore_on};
pub use vault::{LEFT_BEHIND, MARKER};

/// The directories within a backup.
pub(crate) const SEGMENTS: &str = "segments";
pub(crate) const DOCUMENTS: &str = "documents";

/// How to back up. By default nothing is agreed to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackupOptions {
    /// Whether what does not verify is copied as it is and listed in the manifest. By default the backup is refused.
    pub accept_damage: bool,
}

/// What a backup did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackedUp {
    /// What the backup holds now.
    pub manifest: Manifest,
    /// Where the backup before it ended; none if it is the first one in its directory.
    pub former: Option<Offset>,
    /// Segment files that were copied.
    pub copied_segments: u64,
    /// Their bytes.
    pub copied_bytes: u64,
    /// Segment files of the backup that were there already.
    pub kept_segments: u64,
}

impl Reader {
    /// Backs the journal up into `dir`, which is made if it is not there, up to what is durable now. What an earlier
    /// backup into the same directory has copied of finished segments is not copied again; what retention has removed
    /// from the journal since stays in the backup. The journal may be written to, rolled and purged meanwhile, by this
    /// process or another one.
    ///
    /// `progress` is told the bytes of segments done and the bytes in all. A receipt is left in the journal's directory, for
    /// whoever plans a purge ([`crate::Plan::backups`]); where that cannot be written, the backup is none the worse.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let at = |name| dir.path().join(name);
    /// use annals_journal::backup::{self, BackupOptions};
    /// use annals_journal::{Journal, Reader};
    ///
    /// let journal = Journal::open(at("journal"))?;
    /// journal.append("kept")?;
    /// let backup = Reader::open(at("journal"))?.backup(at("backup"), BackupOptions::default(), &mut |_, _| {})?;
    /// assert_eq!(backup.manifest.durable, journal.durable());
    /// backup::restore(at("backup"), at("restored"), &mut |_, _| {})?;
    /// assert_eq!(Journal::open(at("restored"))?.latest(1)?.iter().count(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::Sidecar`] if something of the journal does not verify, and the options do not
    /// accept it; [`Error::NoBackup`], [`Error::OtherBackup`], [`Error::BackupGap`] and [`Error::DamagedBackup`] if `dir`
    /// cannot take it; [`Error::BackupInUse`]; [`Error::Full`]. After any of them the backup is what it was.
    pub fn backup(
        &self,
        dir: impl AsRef<Path>,
        options: BackupOptions,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<BackedUp, Error> {
        let (core, source) = (&*self.core, self.core.source());
        copying::back_up(core, &*source.disk, dir.as_ref(), options, progress)
    }
}

/// What the backup in `dir` holds, as its manifest says.
///
/// # Errors
/// [`Error::NoBackup`] if there is none, [`Error::DamagedBackup`] if its manifest does not verify,
/// [`Error::NewerFormat`], [`Error::BackupInUse`].
pub fn describe(dir: impl AsRef<Path>) -> Result<Manifest, Error> {
    describe_on(&RealDisk, dir.as_ref())
}

/// As [`describe`], on this disk.
///
/// # Errors
/// As [`describe`].
pub fn describe_on(disk: &dyn Disk, dir: &Path) -> Result<Manifest, Error> {
    vault::Vault::existing(disk, dir).map(|(_, manifest)| manifest)
}

/// Reads every file of the backup in `dir` and compares it with what the manifest says of it. `progress` is told the bytes
/// done and the bytes in all.
///
/// # Errors
/// As [`describe`]; a file that does not verify is a part of the answer.
pub fn check(dir: impl AsRef<Path>, progress: &mut dyn FnMut(u64, u64)) -> Result<Checked, Error> {
    check_on(&RealDisk, dir.as_ref(), progress)
}

/// As [`check`], on this disk.
///
/// # Errors
/// As [`check`].
pub fn check_on(disk: &dyn Disk, dir: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Checked, Error> {
    check::check(disk, dir, progress)
}

#[cfg(test)]
mod tests;
