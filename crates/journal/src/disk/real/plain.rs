//! Opening a file that must be an ordinary one, whatever somebody has put in its place.
//!
//!   open: not followed, not waited for, not handed to children -> look at what was opened -> a file with one name
//!
//! A symbolic link is never followed, a FIFO never waited for, a device never read; what has a second name is refused, for
//! what is written to it would be written somewhere else, too. One that lost its only name meanwhile is fine: a purge, or
//! a newer file in its place.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// The mode of every file that is made here: its owner's alone.
const OWNER_ONLY: u32 = 0o600;

/// Opens a plain file as `options` say, which must not ask for truncation: that would come before the look at what it is.
/// A file that is made has mode 0600. Never follows a symbolic link in the last component, and never waits.
///
/// # Errors
/// `InvalidInput`, saying what is there, for what is no plain file or has more than one name; else as the operating system
/// says.
pub fn open_plain(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = options.mode(OWNER_ONLY).custom_flags(flags.bits() as i32).open(path);
    let file = opened.map_err(|error| instead(path).unwrap_or(error))?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(refused(kind(found.file_type())));
    }
    match found.nlink() {
        0 | 1 => Ok(file),
        names => Err(refused(&format!("a file with {names} names (hard links)"))),
    }
}

/// Makes the names in a directory durable. What is no directory is refused, not waited for.
///
/// # Errors
/// As the operating system says.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    let flags = OFlags::DIRECTORY | OFlags::NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?.sync_all()
}

/// What stands there instead, if that is why it cannot be opened: `ELOOP` and `ENXIO` say little to a person.
fn instead(path: &Path) -> Option<io::Error> {
    let found = std::fs::symlink_metadata(path).ok()?;
    (!found.is_file()).then(|| refused(kind(found.file_type())))
}

fn refused(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("not a plain file, but {what}: it is not touched"))
}

fn kind(found: std::fs::FileType) -> &'static str {
    match found {
        found if found.is_symlink() => "a symbolic link",
        found if found.is_dir() => "a directory",
        found if found.is_fifo() => "a FIFO",
        found if found.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(test)]
mod tests;
