//! Where a run keeps what.
//!
//!   data/        a data directory that has a journal and no store
//!   questions    what the stores are asked
//!   WHO/         a contender's store, while it is measured; WHO.abandoned/ as a kill has left it

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::directory;
use crate::outcome::Outcome;

/// What `stat` counts a file's blocks in.
const BLOCK_BYTES: u64 = 512;

/// The directory of a run.
#[derive(Clone, Debug)]
pub(crate) struct Place(PathBuf);

impl Place {
    /// At this path.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self(root)
    }

    /// The path.
    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// The journal in it.
    pub(crate) fn journal(&self) -> PathBuf {
        self.data().join("journal")
    }

    /// The questions.
    pub(crate) fn questions(&self) -> PathBuf {
        self.0.join("questions")
    }

    /// A contender's store.
    pub(crate) fn store(&self, who: &str) -> PathBuf {
        self.0.join(who)
    }

    /// A contender's store, as the process that was killed has left it.
    pub(crate) fn abandoned(&self, who: &str) -> PathBuf {
        self.0.join(format!("{who}.abandoned"))
    }

    /// Takes away what a rebuild has left in the data directory: everything but the journal.
    pub(crate) fn forget_store(&self) -> Outcome<()> {
        let data = self.data();
        for name in ["store", "store.seen", "status.json"] {
            remove(&data.join(name))?;
        }
        Ok(())
    }
}

/// What is allocated for all files below `dir`, in bytes.
pub(crate) fn disk_bytes(dir: &Path) -> Outcome<u64> {
    let mut sum = 0;
    for path in directory::files(dir)? {
        sum += fs::metadata(path)?.blocks() * BLOCK_BYTES;
    }
    Ok(sum)
}

/// Copies a directory and all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) -> Outcome<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(from, to)?;
        }
    }
    Ok(())
}

/// Removes a file or a directory, if it is there.
pub(crate) fn remove(path: &Path) -> Outcome<()> {
    if path.is_dir() {
        fs::remove_dir_all(path)?;
    } else if path.exists() {
        fs::remove_file(path)?;
    }
    Ok(())
}
