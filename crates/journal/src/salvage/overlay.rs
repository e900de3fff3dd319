//! A file as it will be once it is mended: what is on disk, and the bytes that are known to be others.

use std::io;

use super::Known;
use crate::disk::{self, DiskFile};

/// Bytes that are known to be others than what stands in the file.
#[derive(Debug)]
pub(super) struct Patch {
    pub(super) pos: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) how: Known,
}

impl Patch {
    fn end(&self) -> u64 {
        self.pos + self.bytes.len() as u64
    }
}

/// The file, patched. It is only read.
#[derive(Debug)]
pub(super) struct Overlay {
    pub(super) file: Box<dyn DiskFile>,
    pub(super) patches: Vec<Patch>,
}

impl Overlay {
    /// Adds a patch; false if there is one at its place already.
    pub(super) fn patch(&mut self, pos: u64, bytes: Vec<u8>, how: Known) -> bool {
        let fresh = self.patches.iter().all(|patch| patch.pos != pos);
        if fresh {
            self.patches.push(Patch { pos, bytes, how });
        }
        fresh
    }
}

impl DiskFile for Overlay {
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize> {
        let len = self.len()?.saturating_sub(pos).min(buf.len() as u64) as usize;
        let buf = &mut buf[..len];
        let read = disk::read_full(&*self.file, buf, pos)?;
        buf[read..].fill(0);
        for patch in &self.patches {
            let (from, to) = (patch.pos.max(pos), patch.end().min(pos + len as u64));
            if from < to {
                let patched = &patch.bytes[(from - patch.pos) as usize..(to - patch.pos) as usize];
                buf[(from - pos) as usize..(to - pos) as usize].copy_from_slice(patched);
            }
        }
        Ok(len)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&self) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn len(&self) -> io::Result<u64> {
        let patched = self.patches.iter().map(Patch::end).max().unwrap_or(0);
        self.file.len().map(|len| len.max(patched))
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn allocate(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}
