//! What a directory lies on: which file system, and what that says of promises that rest on it.
//!
//!   statfs -> its name -> a concern, if locks, syncs or names there are known not to mean what they mean on a disk
//!
//! Nothing is refused for it: where locks or syncs fail, they fail at open. It is for whoever has to decide where data lie.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// A disk that answers a sync faster than this has not waited for any medium that we know of.
const TOO_FAST: Duration = Duration::from_micros(50);
/// So many syncs are timed; the one in the middle counts.
const PROBES: usize = 15;

/// What a directory lies on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Medium {
    /// The file system: `ext4`, `tmpfs`; a number in hex if it is none that is known here.
    pub file_system: String,
    /// What is to be minded there; none if nothing is known.
    pub concern: Option<&'static str>,
}

impl Medium {
    /// What the file or directory at `path` lies on.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn of(path: &Path) -> io::Result<Self> {
        Ok(Self::numbered(rustix::fs::statfs(path)?.f_type as u64 & u64::from(u32::MAX)))
    }

    /// The file system with this number, by `linux/magic.h`.
    fn numbered(number: u64) -> Self {
        const MEMORY: Option<&str> =
            Some("it is memory: nothing there survives a power cut, whatever is synced");
        const NETWORK: Option<&str> = Some(
            "it is on another machine: a lock and a sync are worth what that machine and the way to it make of them",
        );
        const LAYERS: Option<&str> = Some(
            "it lies in layers, as a container's does: it may go with the container; mount a volume there",
        );
        const PROGRAM: Option<&str> =
            Some("a program stands behind it: a sync is worth what that program makes of it");
        let (name, concern) = match number {
            0xef53 => ("ext4", None),
            0x5846_5342 => ("xfs", None),
            0x9123_683e => ("btrfs", None),
            0x2fc1_2fc1 => ("zfs", None),
            0xf2f5_2010 => ("f2fs", None),
            0xca45_1a4e => ("bcachefs", None),
            0x0102_1994 => ("tmpfs", MEMORY),
            0x8584_58f6 => ("ramfs", MEMORY),
            0x6969 => ("nfs", NETWORK),
            0xff53_4d42 => ("cifs", NETWORK),
            0xfe53_4d42 => ("smb2", NETWORK),
            0x0102_1997 => ("9p", NETWORK),
            0x00c3_6400 => ("ceph", NETWORK),
            0x794c_7630 => ("overlay", LAYERS),
            0x6573_5546 => ("fuse", PROGRAM),
            _ => return Self { file_system: format!("{number:#x}"), concern: None },
        };
        Self { file_system: name.to_owned(), concern }
    }
}

/// How long a sync takes in a directory, the middle of fifteen, each of one block of a file that has no name and is gone
/// afterwards.
///
/// # Errors
/// As the operating system says; `Unsupported` where a file has to have a name.
pub fn sync_time(dir: &Path) -> io::Result<Duration> {
    let file = nameless(dir)?;
    let mut times = Vec::with_capacity(PROBES);
    for probe in 0..PROBES {
        file.write_all_at(&[probe as u8 + 1; 4096], 0)?;
        let begun = Instant::now();
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times[PROBES / 2])
}

/// A file that is gone once it is closed, however the process ends.
#[cfg(target_os = "linux")]
fn nameless(dir: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};

    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(dir, flags, Mode::from_raw_mode(0o600))?))
}

#[cfg(not(target_os = "linux"))]
fn nameless(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// What a sync that takes so long says of the disk, if it says anything.
#[must_use]
pub fn sync_concern(time: Duration) -> Option<&'static str> {
    (time < TOO_FAST).then_some(
        "no medium is that fast: it is memory, has a cache that outlives a power cut, or says that it has written what it has not",
    )
}

#[cfg(test)]
mod tests;
