//! The journal's whole view of a file system: a dozen calls. Whatever can go wrong goes wrong here, so a fault is just
//! another disk, and no line of the journal knows it is under test.
//!
//! Paths are always a directory the caller chose, joined with plain file names.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

use annals_record::seeded::{self, Bug};

mod medium;
mod real;

pub use medium::{Medium, sync_concern, sync_time};
pub use real::{RealDisk, open_plain, sync_directory};

/// A file system. All methods may be called from several threads.
pub trait Disk: Debug + Send + Sync {
    /// Creates a directory and its parents; one that exists is fine.
    ///
    /// # Errors
    /// As the operating system says.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// The plain files of a directory, by name, with their lengths, in any order.
    ///
    /// # Errors
    /// `NotFound` if there is no such directory.
    fn list(&self, path: &Path) -> io::Result<Vec<Listed>>;

    /// Opens a file as `mode` says. Never follows a symbolic link in the last component, never waits, and refuses what is
    /// no plain file with one name.
    ///
    /// # Errors
    /// `NotFound`, `AlreadyExists` for [`Mode::CreateNew`], `InvalidInput` for what is no such file.
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn DiskFile>>;

    /// What a directory holds besides plain files: directories, and what is neither. Links are not followed. The journal
    /// itself never asks; who lays several journals out in directories does.
    ///
    /// # Errors
    /// `NotFound` if there is no such directory, `Unsupported` (the default) if this disk cannot tell.
    fn list_others(&self, path: &Path) -> io::Result<Vec<Other>> {
        Err(unsupported("list what is no plain file in", path))
    }

    /// Removes a directory that is empty. Durable after [`Disk::sync_dir`] of the one above.
    ///
    /// # Errors
    /// `DirectoryNotEmpty`; `Unsupported` (the default) if this disk cannot.
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        Err(unsupported("remove the directory", path))
    }

    /// Renames a file, replacing what has the new name. Durable after [`Disk::sync_dir`]. The journal renames within a
    /// directory only; across two, both have to be synced, the new name's first, or a power cut may leave neither name.
    ///
    /// # Errors
    /// As the operating system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Durable after [`Disk::sync_dir`].
    ///
    /// # Errors
    /// As the operating system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// As the operating system says; after an error the names' durability is unknown.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Takes the exclusive lock that the file at `path` stands for, creating it if needed, and writes `holder` into it.
    /// Held until the value is dropped or the process ends, however it ends.
    ///
    /// # Errors
    /// `WouldBlock` if somebody else holds it: the message is what that holder wrote.
    fn lock(&self, path: &Path, holder: &str) -> io::Result<Box<dyn Held>>;
}

/// An open file. Positions are bytes from its beginning.
pub trait DiskFile: Debug + Send + Sync {
    /// Reads what is there at `pos`, at most `buf.len()` bytes; 0 only at or beyond the end.
    ///
    /// # Errors
    /// As the operating system says.
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize>;

    /// Writes some of `buf` at `pos` and says how much; never 0 for a `buf` that is not empty.
    ///
    /// # Errors
    /// As the operating system says; some bytes may have been written.
    fn write_at(&self, buf: &[u8], pos: u64) -> io::Result<usize>;

    /// Writes some of `buf`, whole blocks of 4,096 bytes at a multiple of 4,096 and at such an address, and says how
    /// much. A disk that can makes them durable in the same call, if `durable`, and says so; the others are asked to
    /// [`DiskFile::sync`] after it. A disk that has a way past its cache takes it.
    ///
    /// By default this is [`DiskFile::write_at`], which is right for every disk.
    ///
    /// # Errors
    /// As [`DiskFile::write_at`] and, if `durable`, [`DiskFile::sync`].
    fn write_blocks(&self, buf: &[u8], pos: u64, durable: bool) -> io::Result<Written> {
        let _ = durable;
        self.write_at(buf, pos).map(|bytes| Written { bytes, durable: false })
    }

    /// Makes all data written and the file's length durable.
    ///
    /// # Errors
    /// After an error it is unknown what is durable, and a second call may lie: see `docs/durability.md`, I6.
    fn sync(&self) -> io::Result<()>;

    /// The file's length in bytes.
    ///
    /// # Errors
    /// As the operating system says.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// As [`DiskFile::len`].
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|len| len == 0)
    }

    /// Cuts or extends the file; an extension reads as zeros.
    ///
    /// # Errors
    /// As the operating system says.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Extends the file to at least `len` bytes of zeros with space reserved, so that writing there cannot run out of
    /// it. Where the file system cannot reserve, extending alone is enough.
    ///
    /// # Errors
    /// `StorageFull` if there is no room; the length is then unchanged.
    fn allocate(&self, len: u64) -> io::Result<()>;
}

/// What a write of whole blocks did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// How many bytes were written.
    pub bytes: usize,
    /// Whether they are durable already.
    pub durable: bool,
}

/// A lock that is held. Dropping it gives it back.
pub trait Held: Debug + Send + Sync {}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It exists; it is only read.
    Read,
    /// It exists; it is read and written.
    Write,
    /// It must not exist; it is created empty, to be read and written.
    CreateNew,
}

/// One file of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name in the directory.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
}

/// What stands in a directory and is no plain file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// Its name in the directory; what is not UTF-8 in it is replaced.
    pub name: String,
    /// Whether it is a directory, and its name is UTF-8; if not it is a link, a device, a FIFO or a socket.
    pub is_dir: bool,
}

fn unsupported(what: &str, path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("this disk cannot {what} {}", path.display()))
}

/// Fills `buf` from `pos` on, as far as the file goes, and says how far.
pub(crate) fn read_full(file: &dyn DiskFile, buf: &mut [u8], pos: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buf.len() {
        match file.read_at(&mut buf[done..], pos + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes all of `buf` at `pos`; a short write is continued, a write of nothing is an error.
pub(crate) fn write_full(file: &dyn DiskFile, buf: &[u8], pos: u64) -> io::Result<()> {
    let mut done = 0;
    while done < buf.len() {
        match file.write_at(&buf[done..], pos + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(_) if seeded::is_on(Bug::IgnoreShortWrite) => return Ok(()),
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes all of `buf`, whole blocks, at `pos`; says whether all of it is durable already.
pub(crate) fn write_all_blocks(file: &dyn DiskFile, buf: &[u8], pos: u64, durable: bool) -> io::Result<bool> {
    let (mut done, mut all_durable) = (0, true);
    while done < buf.len() {
        match file.write_blocks(&buf[done..], pos + done as u64, durable) {
            Ok(Written { bytes: 0, .. }) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                done += if seeded::is_on(Bug::IgnoreShortWrite) { buf.len() } else { written.bytes };
                all_durable &= written.durable;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all_durable)
}

/// Writes a whole small file so that a crash leaves the old one or the new one: temporary name, sync, rename, sync.
///
/// # Errors
/// As the operating system says; the old file stands then, unless the last sync failed.
pub fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    match disk.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.open(&temporary, Mode::CreateNew)?;
    write_full(&*file, bytes, 0)?;
    file.sync()?;
    drop(file);
    disk.rename(&temporary, path)?;
    path.parent().map_or(Ok(()), |dir| disk.sync_dir(dir))
}

#[cfg(test)]
mod tests;
