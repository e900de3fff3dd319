//! The calls a disk can get, and a record of those it got.

use std::path::Path;
use std::sync::Arc;

/// One kind of call to a disk or to a file on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// `Disk::create_dir`.
    CreateDir,
    /// `Disk::list` and `Disk::list_others`.
    List,
    /// `Disk::open`, in any mode.
    Open,
    /// `Disk::rename`.
    Rename,
    /// `Disk::remove`.
    Remove,
    /// `Disk::remove_dir`.
    RemoveDir,
    /// `Disk::sync_dir`.
    SyncDir,
    /// `Disk::lock`.
    Lock,
    /// `DiskFile::read_at`.
    Read,
    /// `DiskFile::write_at`.
    Write,
    /// `DiskFile::sync`.
    Sync,
    /// `DiskFile::len`.
    Len,
    /// `DiskFile::set_len`.
    SetLen,
    /// `DiskFile::allocate`.
    Allocate,
}

impl Call {
    /// Every kind, in the order of their declaration.
    pub const ALL: [Self; 14] = [
        Self::CreateDir,
        Self::List,
        Self::Open,
        Self::Rename,
        Self::Remove,
        Self::RemoveDir,
        Self::SyncDir,
        Self::Lock,
        Self::Read,
        Self::Write,
        Self::Sync,
        Self::Len,
        Self::SetLen,
        Self::Allocate,
    ];

    /// Whether the call may change what a crash leaves. A crash just before one that does not is a crash before the
    /// next one that does.
    #[must_use]
    pub const fn changes(self) -> bool {
        !matches!(self, Self::List | Self::Read | Self::Len)
    }
}

/// One call that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// What was called.
    pub call: Call,
    /// On which path; for a rename the old one.
    pub path: Arc<Path>,
}

/// The calls a disk got: how many of each kind, and those that change something one by one.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallLog {
    counts: [u64; Call::ALL.len()],
    made: Vec<Made>,
}

impl CallLog {
    pub(crate) fn add(&mut self, call: Call, path: impl Into<Arc<Path>>) {
        self.counts[call as usize] += 1;
        if call.changes() {
            self.made.push(Made { call, path: path.into() });
        }
    }

    /// Counts a call without keeping it.
    pub(crate) fn note(&mut self, call: Call) {
        self.counts[call as usize] += 1;
    }

    pub(crate) fn count(&self, call: Call) -> u64 {
        self.counts[call as usize]
    }

    /// How many calls there were that change something.
    pub(crate) fn steps(&self) -> u64 {
        self.made.len() as u64
    }

    pub(crate) fn made(&self) -> &[Made] {
        &self.made
    }
}
