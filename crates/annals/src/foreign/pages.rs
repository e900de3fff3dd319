//! A file's bytes, a stretch at a time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// So much is read at once, if less is asked for.
const PAGE: usize = 256 << 10;

/// A file, read at any place.
#[derive(Debug)]
pub(super) struct Pages {
    file: File,
    len: u64,
    /// What was read last, and where it begins.
    read: Vec<u8>,
    at: u64,
}

impl Pages {
    pub(super) fn of(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, len, read: Vec::new(), at: 0 })
    }

    /// The length when it was opened, or where it was found to end since.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The `wanted` bytes at `at`; fewer where the file ends. The caller bounds `wanted`.
    pub(super) fn get(&mut self, at: u64, wanted: usize) -> io::Result<&[u8]> {
        let left = self.len.saturating_sub(at);
        let mut wanted = usize::try_from(left).unwrap_or(usize::MAX).min(wanted);
        let begins = at.checked_sub(self.at).and_then(|begins| usize::try_from(begins).ok());
        if let Some(begins) = begins
            && begins.checked_add(wanted).is_some_and(|end| end <= self.read.len())
        {
            return Ok(&self.read[begins..begins + wanted]);
        }
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(wanted.max(PAGE));
        self.read.resize(room, 0);
        self.at = at;
        let mut filled = 0;
        while filled < room {
            match self.file.read_at(&mut self.read[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(some) => filled += some,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.read.clear();
                    return Err(error);
                }
            }
        }
        if filled < room {
            // It was cut meanwhile.
            self.read.truncate(filled);
            self.len = at + filled as u64;
            wanted = wanted.min(filled);
        }
        Ok(&self.read[..wanted])
    }
}
