//! Files that must be ordinary ones, whatever somebody has put in their place.
//!
//!   open: not followed, not waited for, not handed to children -> look at what was opened -> a file with one name
//!
//! A symbolic link is never followed, a FIFO never waited for, a device never read; what has a second name is refused, for
//! what is written to it would be written somewhere else, too. The journal opens its files by the same rule
//! (`annals-journal`, `disk`); neither knows the other. Files are made with mode 0600, directories with 0700.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// The mode of every file and directory that is made here: its owner's alone.
const FILE: u32 = 0o600;
const DIRECTORY: u32 = 0o700;
/// Where fjall has its tables.
const TABLES: &str = "tables";

/// Opens a plain file as `options` say, which must not ask for truncation: that would come before the look at what it is.
/// `InvalidInput`, saying what is there, for anything else.
pub(crate) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = options.mode(FILE).custom_flags(flags.bits() as i32).open(path);
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

/// Opens a file to read and write it, and makes it if it is not there.
pub(crate) fn open_or_create(path: &Path) -> io::Result<File> {
    open(path, OpenOptions::new().read(true).write(true).create(true).truncate(false))
}

/// A new file in the place of what has this name; what has it loses it, and is not written to.
pub(crate) fn create_anew(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    open(path, OpenOptions::new().read(true).write(true).create_new(true))
}

/// The first `most` bytes of a file.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path, OpenOptions::new().read(true))?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Replaces a file at once: whoever reads it finds the old one or the new one. Its name is durable once the directory is
/// synced, its bytes are then, too, if `synced`.
pub(crate) fn replace(aside: &Path, path: &Path, bytes: &[u8], synced: bool) -> io::Result<()> {
    let mut file = create_anew(aside)?;
    file.write_all(bytes)?;
    if synced {
        file.sync_all()?;
    }
    fs::rename(aside, path)
}

/// Makes a directory and those above it; one that is there is fine.
pub(crate) fn create_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY).create(path)
}

/// Makes the names in a directory survive a power cut. What is no directory is refused, not waited for.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    let flags = OFlags::DIRECTORY | OFlags::NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?.sync_all()
}

/// Refuses a directory of an engine, which opens its files by their names, if anything under it is no directory and no
/// plain file with one name. Tables may have a second one: they are never written to again, and `aside` links them.
pub(crate) fn refuse_foreign(path: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let found = entry.file_type()?;
        if found.is_dir() {
            refuse_foreign(&entry.path())?;
            continue;
        }
        let names = match found.is_file() && !path.ends_with(TABLES) {
            true => entry.metadata()?.nlink(),
            false => 1,
        };
        if !found.is_file() || names > 1 {
            let what = if names > 1 { "a file with a second name (hard link)" } else { kind(found) };
            let what =
                format!("{} is not a plain file, but {what}: it is not touched", entry.path().display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
    }
    Ok(())
}

/// What stands there instead, if that is why it cannot be opened: `ELOOP` and `ENXIO` say little to a person.
fn instead(path: &Path) -> Option<io::Error> {
    let found = fs::symlink_metadata(path).ok()?;
    (!found.is_file()).then(|| refused(kind(found.file_type())))
}

fn refused(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("not a plain file, but {what}: it is not touched"))
}

fn kind(found: fs::FileType) -> &'static str {
    match found {
        found if found.is_symlink() => "a symbolic link",
        found if found.is_dir() => "a directory",
        found if found.is_fifo() => "a FIFO",
        found if found.is_socket() => "a socket",
        _ => "a device",
    }
}
