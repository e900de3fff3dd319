//! The versions of a projection, side by side in its directory.
//!
//!   v000001.redb       has come up with the log: answers
//!   v000002.building   has not yet
//!
//! The name says which answers, so whoever looks needs to open nothing, and the change from the one to the other is a
//! rename: at once, or not at all (PJ3).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use annals_record::Cursor;

use super::check_name;
use super::file::read_beside;
use crate::directory::sync_directory;
use crate::{Error, plain};

const COMPLETE: &str = "redb";
const BUILDING: &str = "building";
/// What a directory is called that is being taken away. No projection has such a name.
const GONE: &str = ".gone";

/// What a version holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShelfContent {
    /// How far it has applied the log; `None` before anything was.
    pub cursor: Option<Cursor>,
    /// How many entries it has.
    pub entries: u64,
    /// How many records it could not read.
    pub undecoded: u64,
    /// How many damaged ranges of the log it has passed.
    pub passed: u64,
}

/// The directory of one projection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelf {
    dir: PathBuf,
    root: PathBuf,
    name: String,
}

/// A version on a shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShelfVersion {
    /// Its number.
    pub version: u32,
    /// Whether it has come up with the log once.
    pub complete: bool,
    /// How many bytes its file has.
    pub bytes: u64,
}

impl Shelf {
    /// The shelf of the projection of this name, in the directory of all of them. Nothing is touched.
    ///
    /// # Errors
    /// [`Error::ProjectionName`] if that is no name.
    pub fn of(root: impl AsRef<Path>, name: &str) -> Result<Self, Error> {
        check_name(name)?;
        let root = root.as_ref().to_owned();
        Ok(Self { dir: root.join(name), root, name: name.to_owned() })
    }

    /// All shelves in the directory of projections, by name.
    ///
    /// # Errors
    /// When it cannot be read. If it is not there, there are none.
    pub fn all(root: impl AsRef<Path>) -> Result<Vec<Self>, Error> {
        let root = root.as_ref();
        let entries = match fs::read_dir(root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::io("list", root))?,
        };
        let mut shelves = Vec::new();
        for entry in entries {
            let entry = entry.map_err(Error::io("list", root))?;
            let name = entry.file_name();
            let shelf = name.to_str().and_then(|name| Self::of(root, name).ok());
            shelves.extend(shelf.filter(Self::is_there));
        }
        shelves.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(shelves)
    }

    /// Takes away what a removal that was cut off has left.
    ///
    /// # Errors
    /// When the file system does not let us.
    pub fn sweep(root: impl AsRef<Path>) -> Result<(), Error> {
        let gone = root.as_ref().join(GONE);
        match fs::remove_dir_all(&gone) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", &gone)(error)),
            _ => Ok(()),
        }
    }

    /// The projection's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether its directory is there: whether the projection is kept at all.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.dir.is_dir()
    }

    /// Makes the directory, durably.
    ///
    /// # Errors
    /// When the file system does not let us.
    pub fn create(&self) -> Result<(), Error> {
        plain::create_directory(&self.dir).map_err(Error::io("create", &self.dir))?;
        sync_directory(&self.root)?;
        self.root.parent().map_or(Ok(()), sync_directory)
    }

    /// The versions that are there, by number; of one number the complete one comes last. What is none of ours is left
    /// alone.
    ///
    /// # Errors
    /// When the directory cannot be read. If it is not there, there are none.
    pub fn versions(&self) -> Result<Vec<ShelfVersion>, Error> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::io("list", &self.dir))?,
        };
        let mut versions = Vec::new();
        for entry in entries {
            let entry = entry.map_err(Error::io("list", &self.dir))?;
            let name = entry.file_name();
            let Some((version, complete)) = name.to_str().and_then(version_of) else { continue };
            // What goes while it is listed is not there.
            let Ok(metadata) = entry.metadata() else { continue };
            versions.push(ShelfVersion { version, complete, bytes: metadata.len() });
        }
        versions.sort_unstable();
        Ok(versions)
    }

    /// What a version holds, if that can be read without changing a byte; `None` while it is in use, and after a crash.
    #[must_use]
    pub fn look(&self, version: &ShelfVersion) -> Option<ShelfContent> {
        let reader = read_beside(&self.path(version.version, version.complete))?;
        let (undecoded, passed) = reader.missing().ok()?;
        let entries = reader.entries().and_then(|entries| entries.len()).ok()?;
        Some(ShelfContent { cursor: reader.cursor().ok()?, entries, undecoded, passed })
    }

    /// Has the next open of this version begin anew; the one that is there answers until it has come up with the log.
    ///
    /// # Errors
    /// When the file system does not let us.
    pub fn start_over(&self, version: u32) -> Result<(), Error> {
        let path = self.path(version, false);
        // Whoever still has the former file open keeps that one.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &path)(error));
            }
            _ => {}
        }
        plain::create_anew(&path).and_then(|file| file.sync_all()).map_err(Error::io("create", &path))?;
        sync_directory(&self.dir)
    }

    /// Takes the projection away with all its versions: at once, also if it is cut off.
    ///
    /// # Errors
    /// When the file system does not let us.
    pub fn remove(&self) -> Result<(), Error> {
        Self::sweep(&self.root)?;
        let gone = self.root.join(GONE);
        match fs::rename(&self.dir, &gone) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            renamed => renamed.map_err(Error::io("remove", &self.dir))?,
        }
        sync_directory(&self.root)?;
        Self::sweep(&self.root)
    }

    /// The file of a version.
    pub(super) fn path(&self, version: u32, complete: bool) -> PathBuf {
        self.dir.join(format!("v{version:06}.{}", if complete { COMPLETE } else { BUILDING }))
    }

    /// A version has come up with the log, durably: it is the one that answers, also after a power cut.
    pub(super) fn promote(&self, version: u32) -> Result<(), Error> {
        let path = self.path(version, true);
        fs::rename(self.path(version, false), &path).map_err(Error::io("rename", &path))?;
        sync_directory(&self.dir)
    }

    /// Takes one file away. Whoever has it open reads on.
    pub(super) fn discard(&self, version: u32, complete: bool) {
        let path = self.path(version, complete);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                // It takes room and does no harm; the next open tries again.
                tracing::warn!(%error, path = %path.display(), "an old version of a projection cannot be taken away");
            }
            _ => tracing::info!(path = %path.display(), "an old version of a projection was taken away"),
        }
    }
}

/// The version and state in a file's name; `None` if it is none of ours.
fn version_of(name: &str) -> Option<(u32, bool)> {
    let (version, state) = name.strip_prefix('v')?.split_once('.')?;
    let complete = match state {
        COMPLETE => true,
        BUILDING => false,
        _ => return None,
    };
    let digits = version.len() >= 6 && version.bytes().all(|byte| byte.is_ascii_digit());
    let number = version.parse().ok().filter(|number| digits && format!("{number:06}") == version)?;
    Some((number, complete))
}
