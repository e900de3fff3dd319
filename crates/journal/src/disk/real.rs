//! The operating system's disk.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::Path;

use rustix::fs::FallocateFlags;

use super::{Disk, DiskFile, Held, Listed, Mode, Other, Written};

mod direct;
mod lock;
mod plain;

use direct::Direct;
pub use plain::{open_plain, sync_directory};

/// The operating system's disk. Files are created with mode 0600, directories with 0700.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            // Gone between listing and looking: a reader raced the writer's rename.
            let Ok(metadata) = entry.metadata() else { continue };
            if let (true, Ok(name)) = (metadata.is_file(), entry.file_name().into_string()) {
                listed.push(Listed { name, len: metadata.len() });
            }
        }
        Ok(listed)
    }

    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn DiskFile>> {
        let file = open_plain(path, &mut options(mode))?;
        Ok(Box::new(RealFile { file, direct: Direct::default() }))
    }

    fn list_others(&self, path: &Path) -> io::Result<Vec<Other>> {
        let mut others = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_file() {
                continue;
            }
            let name = entry.file_name();
            let is_dir = kind.is_dir() && name.to_str().is_some();
            others.push(Other { name: name.to_string_lossy().into_owned(), is_dir });
        }
        Ok(others)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        sync_directory(path)
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<Box<dyn Held>> {
        lock::take(path, holder)
    }
}

fn options(mode: Mode) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    match mode {
        Mode::Read => {}
        Mode::Write => {
            options.write(true);
        }
        Mode::CreateNew => {
            options.write(true).create_new(true);
        }
    }
    options
}

#[derive(Debug)]
struct RealFile {
    file: File,
    direct: Direct,
}

impl DiskFile for RealFile {
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize> {
        self.file.read_at(buf, pos)
    }

    fn write_at(&self, buf: &[u8], pos: u64) -> io::Result<usize> {
        self.file.write_at(buf, pos)
    }

    fn write_blocks(&self, buf: &[u8], pos: u64, durable: bool) -> io::Result<Written> {
        match self.direct.write(&self.file, buf, pos, durable)? {
            Some(written) => Ok(written),
            None => self.write_at(buf, pos).map(|bytes| Written { bytes, durable: false }),
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        self.file.metadata().map(|metadata| metadata.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, len) {
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::INVAL) => {
                if self.len()? < len {
                    self.file.set_len(len)
                } else {
                    Ok(())
                }
            }
            Err(errno) => Err(errno.into()),
        }
    }
}
