//! Writing past the page cache, where Linux and the file system let us: one call, data and flush.
//!
//!   whole blocks -> O_DIRECT, RWF_DSYNC -> device -> flush
//!
//! A file system that refuses is asked once; from then on the page cache is used.

use std::fs::File;
use std::io;

use super::Written;

/// A file's way past the page cache, opened when it is first needed.
#[cfg(target_os = "linux")]
#[derive(Debug, Default)]
pub(super) struct Direct {
    file: std::sync::OnceLock<Option<File>>,
    refused: std::sync::atomic::AtomicBool,
}

#[cfg(target_os = "linux")]
impl Direct {
    /// Writes some of `buf`, or nothing (none) if this file has no such way.
    pub(super) fn write(
        &self,
        file: &File,
        buf: &[u8],
        pos: u64,
        durable: bool,
    ) -> io::Result<Option<Written>> {
        use std::sync::atomic::Ordering;

        use rustix::io::{Errno, ReadWriteFlags, pwritev2};

        // What a short write left may not be whole blocks any more.
        let whole = pos.is_multiple_of(4096) && buf.len().is_multiple_of(4096);
        if !whole || self.refused.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let Some(direct) = self.file.get_or_init(|| open(file)) else {
            return Ok(None);
        };
        let flags = if durable { ReadWriteFlags::DSYNC } else { ReadWriteFlags::empty() };
        match pwritev2(direct, &[io::IoSlice::new(buf)], pos, flags) {
            Ok(bytes) => Ok(Some(Written { bytes, durable })),
            Err(Errno::INVAL | Errno::OPNOTSUPP) => {
                tracing::debug!("the file system refuses direct writes; using the page cache");
                self.refused.store(true, Ordering::Relaxed);
                Ok(None)
            }
            Err(errno) => Err(errno.into()),
        }
    }
}

/// The same file once more, for direct writes. Through its descriptor: its name may have changed.
#[cfg(target_os = "linux")]
fn open(file: &File) -> Option<File> {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

    use rustix::fs::OFlags;

    let opened = std::fs::OpenOptions::new()
        .write(true)
        .custom_flags(OFlags::DIRECT.bits() as i32)
        .open(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let same = |direct: &File| {
        let (ours, theirs) = (file.metadata().ok()?, direct.metadata().ok()?);
        (ours.dev() == theirs.dev() && ours.ino() == theirs.ino()).then_some(())
    };
    opened.ok().filter(|direct| same(direct).is_some())
}

/// Elsewhere there is the page cache only.
#[cfg(not(target_os = "linux"))]
#[derive(Debug, Default)]
pub(super) struct Direct;

#[cfg(not(target_os = "linux"))]
impl Direct {
    pub(super) fn write(&self, _: &File, _: &[u8], _: u64, _: bool) -> io::Result<Option<Written>> {
        Ok(None)
    }
}
