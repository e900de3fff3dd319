//! A disk that is memory and nothing else, so that what is counted is the journal.
//!
//! It takes every call and forgets every sync: no crash is played on it. For that, the test kit has a disk.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annals_journal::{Disk, DiskFile, Held, Listed, Mode};

/// A disk in memory; clones are handles to the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryDisk {
    files: Arc<Mutex<BTreeMap<PathBuf, MemoryFile>>>,
}

#[derive(Clone, Debug, Default)]
struct MemoryFile(Arc<Mutex<Vec<u8>>>);

#[derive(Debug)]
struct Unlocked;

impl Held for Unlocked {}

impl MemoryDisk {
    /// Another disk that holds the same, with nobody's locks: what a killed process leaves.
    pub(crate) fn image(&self) -> Self {
        let files = self.files();
        let copied = files.iter().map(|(path, file)| {
            let bytes = file.bytes().clone();
            (path.clone(), MemoryFile(Arc::new(Mutex::new(bytes))))
        });
        Self { files: Arc::new(Mutex::new(copied.collect())) }
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<PathBuf, MemoryFile>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for MemoryDisk {
    fn create_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        let files = self.files();
        let here = files.iter().filter(|(file, _)| file.parent() == Some(path));
        Ok(here
            .map(|(file, bytes)| Listed {
                name: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                len: bytes.bytes().len() as u64,
            })
            .collect())
    }

    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn DiskFile>> {
        let mut files = self.files();
        let file = match (files.get(path), mode) {
            (Some(_), Mode::CreateNew) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(file), _) => file.clone(),
            (None, Mode::CreateNew) => files.entry(path.to_owned()).or_default().clone(),
            (None, _) => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(Box::new(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = self.files();
        let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.files().remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, path: &Path, _holder: &str) -> io::Result<Box<dyn Held>> {
        self.files().entry(path.to_owned()).or_default();
        Ok(Box::new(Unlocked))
    }
}

impl MemoryFile {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DiskFile for MemoryFile {
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize> {
        let bytes = self.bytes();
        let from = bytes.len().min(pos as usize);
        let n = buf.len().min(bytes.len() - from);
        buf[..n].copy_from_slice(&bytes[from..from + n]);
        Ok(n)
    }

    fn write_at(&self, buf: &[u8], pos: u64) -> io::Result<usize> {
        let (mut bytes, pos) = (self.bytes(), pos as usize);
        if bytes.len() < pos + buf.len() {
            bytes.resize(pos + buf.len(), 0);
        }
        bytes[pos..pos + buf.len()].copy_from_slice(buf);
        Ok(buf.len())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes().len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.bytes().resize(len as usize, 0);
        Ok(())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let mut bytes = self.bytes();
        let len = bytes.len().max(len as usize);
        bytes.resize(len, 0);
        Ok(())
    }
}
