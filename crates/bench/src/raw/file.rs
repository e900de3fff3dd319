//! Files prepared as a log would have them: space reserved, or written with zeros and synced.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{FallocateFlags, OFlags, fallocate};

use crate::outcome::Outcome;

/// Whole blocks: what a device writes at least, and what `O_DIRECT` asks for.
pub(crate) const BLOCK: usize = 4096;

/// A file of `len` bytes of reserved space.
pub(crate) fn reserved(path: &Path, len: u64) -> Outcome<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    fallocate(&file, FallocateFlags::empty(), 0, len)?;
    file.sync_all()?;
    Ok(file)
}

/// A file of `len` bytes of zeros that were written and synced: overwriting them changes no metadata.
pub(crate) fn zeroed(path: &Path, len: u64) -> Outcome<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let zeros = vec![0; 1 << 20];
    let mut at = 0;
    while at < len {
        file.write_all_at(&zeros, at)?;
        at += zeros.len() as u64;
    }
    file.sync_all()?;
    Ok(file)
}

/// The file at `path`, written past the page cache, each write synced in itself.
pub(crate) fn direct(path: &Path) -> Outcome<File> {
    let flags = OFlags::DIRECT | OFlags::DSYNC;
    let file = OpenOptions::new().write(true).custom_flags(flags.bits().cast_signed()).open(path);
    file.map_err(|error| format!("{}: O_DIRECT|O_DSYNC is refused here: {error}", path.display()).into())
}

/// Where the next write goes: on, and back to the beginning where the file ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ring {
    at: u64,
    len: u64,
}

impl Ring {
    /// A ring of `len` bytes.
    pub(crate) fn new(len: u64) -> Self {
        Self { at: 0, len }
    }

    /// The place of the next `bytes`.
    pub(crate) fn take(&mut self, bytes: usize) -> u64 {
        if self.at + bytes as u64 > self.len {
            self.at = 0;
        }
        let at = self.at;
        self.at += bytes as u64;
        at
    }
}
