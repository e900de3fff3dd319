//! A foreign directory: listed and opened without following a link, and never written to.
//!
//! Every step down is taken from the directory that is open already, so a name that becomes a link meanwhile leads nowhere.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};

use super::receipt::Loss;
use crate::error::Error;

/// Deeper than this no store has anything.
const DEPTH: usize = 6;
/// More files than this are refused: none of the stores has as many, and their names are held in memory.
const MOST: usize = 1_000_000;

/// A directory, open.
#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
    dir: OwnedFd,
}

/// A regular file of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// As seen from the root.
    pub(super) path: Arc<Path>,
    /// Its length when it was listed.
    pub(super) bytes: u64,
}

impl Entry {
    pub(super) fn name(&self) -> &str {
        self.path.file_name().and_then(OsStr::to_str).unwrap_or("")
    }
}

/// What is in it.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The regular files, by their paths.
    pub(super) files: Vec<Entry>,
    /// What is neither file nor directory, and directories that cannot be read.
    pub(super) losses: Vec<Loss>,
}

impl Root {
    /// Opens the directory.
    ///
    /// # Errors
    /// [`Error::Foreign`] if it is none, [`Error::Io`] if it cannot be opened.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(dir) => Ok(Self { path: path.to_owned(), dir }),
            Err(rustix::io::Errno::NOTDIR) => {
                Err(Error::Foreign { path: path.to_owned(), reason: "it is no directory".to_owned() })
            }
            Err(error) => Err(Error::io("open", path)(error.into())),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Lists what is below, down to `depth` directories.
    pub(super) fn list(&self, depth: usize) -> Result<Listing, Error> {
        let mut listing = Listing::default();
        self.list_into(&self.dir, Path::new(""), depth.min(DEPTH), &mut listing)?;
        listing.files.sort();
        Ok(listing)
    }

    fn list_into(&self, dir: &OwnedFd, at: &Path, depth: usize, out: &mut Listing) -> Result<(), Error> {
        let lost = |path: &Path, reason: String| Loss {
            file: Arc::from(path),
            offset: 0,
            bytes: 0,
            items: None,
            reason,
        };
        let names = match names(dir) {
            Ok(names) => names,
            Err(error) => {
                out.losses.push(lost(at, format!("the directory cannot be read: {error}")));
                return Ok(());
            }
        };
        for name in names {
            let name = OsStr::from_bytes(&name);
            let path = at.join(name);
            let found = match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(found) => found,
                Err(error) => {
                    out.losses.push(lost(&path, format!("it cannot be looked at: {error}")));
                    continue;
                }
            };
            match FileType::from_raw_mode(found.st_mode) {
                FileType::RegularFile => {
                    if out.files.len() >= MOST {
                        let reason = format!("it has more than {MOST} files");
                        return Err(Error::Foreign { path: self.path.clone(), reason });
                    }
                    let bytes = u64::try_from(found.st_size).unwrap_or(0);
                    out.files.push(Entry { path: Arc::from(path), bytes });
                }
                FileType::Directory if depth == 0 => {}
                FileType::Directory => match openat(dir, name, below(OFlags::DIRECTORY), Mode::empty()) {
                    Ok(below) => self.list_into(&below, &path, depth - 1, out)?,
                    Err(error) => {
                        out.losses.push(lost(&path, format!("the directory cannot be opened: {error}")));
                    }
                },
                FileType::Symlink => out.losses.push(lost(&path, "a link, which is not followed".to_owned())),
                other => {
                    out.losses.push(lost(&path, format!("no regular file ({other:?}), and not opened")));
                }
            }
        }
        Ok(())
    }

    /// Opens a file that was listed.
    pub(super) fn file(&self, path: &Path) -> io::Result<File> {
        let mut names = path.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        });
        let Some(last) = names.next_back() else { return Err(io::ErrorKind::NotFound.into()) };
        let mut dir: Option<OwnedFd> = None;
        for name in names {
            let from = dir.as_ref().unwrap_or(&self.dir).as_fd();
            dir = Some(openat(from, name, below(OFlags::DIRECTORY), Mode::empty())?);
        }
        let from = dir.as_ref().unwrap_or(&self.dir).as_fd();
        // NONBLOCK: a FIFO that takes the file's place meanwhile keeps nobody waiting.
        let file = File::from(openat(from, last, below(OFlags::NONBLOCK), Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no regular file any more"));
        }
        Ok(file)
    }
}

fn below(more: OFlags) -> OFlags {
    OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | more
}

fn names(dir: &OwnedFd) -> io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(name);
        }
        if names.len() > MOST {
            return Err(io::Error::other(format!("it has more than {MOST} entries")));
        }
    }
    names.sort();
    Ok(names)
}
