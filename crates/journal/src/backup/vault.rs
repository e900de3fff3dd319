//! A backup's directory: whose it is, who works in it, and how a file gets into it.
//!
//!   annals-backup.json   what this is, and of which log
//!   manifest.json        the backup
//!   segments/            {base}.wal whole segments, {base}-{end}.part the durable part of the one written to
//!   documents/           what stands beside the segments, each file named by its BLAKE3
//!   LOCK                 held (`flock`) by whoever works here
//!
//! B2: a file has its name only once its bytes are durable and were checked; before, it ends in `.tmp`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use annals_record::{LogId, RecordId};
use serde_json::{Value, json};

use super::manifest::{CopiedFile, Manifest};
use super::{DOCUMENTS, SEGMENTS};
use crate::disk::{self, Disk, DiskFile, Held, Mode};
use crate::error::Error;
use crate::journal;
use crate::sidecar;

/// The marker's name.
pub const MARKER: &str = "annals-backup.json";
/// What a first backup may leave that was cut off before it had said what it is.
pub const LEFT_BEHIND: [&str; 4] = [LOCK, "annals-backup.json.tmp", SEGMENTS, DOCUMENTS];
/// The newest layout known here.
const LAYOUT: u64 = 1;
/// The marker is a line.
const MARKER_LEN: u64 = 4096;
const LOCK: &str = "LOCK";
/// How much is copied at once.
const CHUNK: usize = 1 << 20;

/// A backup's directory that this process works in.
#[derive(Debug)]
pub(crate) struct Vault<'d> {
    pub(crate) disk: &'d dyn Disk,
    pub(crate) dir: PathBuf,
    /// The backup that is there.
    pub(crate) manifest: Option<Manifest>,
    _held: Option<Box<dyn Held>>,
}

impl<'d> Vault<'d> {
    /// Opens the directory to back log `log` up into, and makes it if nothing is there.
    pub(crate) fn open(disk: &'d dyn Disk, dir: &Path, log: LogId) -> Result<Self, Error> {
        let marked = match marker(disk, dir) {
            Err(Error::Missing { .. }) => None,
            read => Some(read?),
        };
        if let Some(other) = marked.filter(|marked| *marked != log) {
            let reason = format!("it is of log {other}, this is log {log}");
            return Err(Error::OtherBackup { path: dir.to_owned(), reason });
        }
        let born = journal::missing(disk, dir);
        for path in [dir, &dir.join(SEGMENTS), &dir.join(DOCUMENTS)] {
            disk.create_dir(path).map_err(|error| Error::io("create", path, error))?;
        }
        let held = lock(disk, dir)?;
        for path in born.iter().map(PathBuf::as_path).chain([dir]) {
            let parent =
                path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            disk.sync_dir(parent).map_err(|error| Error::io("sync", parent, error))?;
        }
        if marked.is_none() {
            let document = json!({"annals_backup": LAYOUT, "log": log.to_string()});
            sidecar::replace(disk, &dir.join(MARKER), &document)?;
        }
        let manifest = Manifest::read(disk, dir)?;
        Ok(Self { disk, dir: dir.to_owned(), manifest, _held: Some(held) })
    }

    /// Opens a backup to read it. Where the directory cannot be written to, nobody is kept out.
    pub(crate) fn existing(disk: &'d dyn Disk, dir: &Path) -> Result<(Self, Manifest), Error> {
        let log = marker(disk, dir).map_err(|error| match error {
            Error::Missing { path } => {
                Error::NoBackup { path, reason: "there is nothing at this place".to_owned() }
            }
            other => other,
        })?;
        let held = match lock(disk, dir) {
            Err(Error::Io { source, .. })
                if matches!(
                    source.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                None
            }
            locked => Some(locked?),
        };
        let unfinished = || Error::NoBackup {
            path: dir.to_owned(),
            reason: "the first backup into it was cut off; back up again".to_owned(),
        };
        let manifest = Manifest::read(disk, dir)?.ok_or_else(unfinished)?;
        if manifest.log != log {
            let reason = format!("it is of log {}, the directory of log {log}", manifest.log);
            return Err(Error::DamagedBackup { path: dir.join(super::manifest::FILE_NAME), reason });
        }
        let vault = Self { disk, dir: dir.to_owned(), manifest: Some(manifest.clone()), _held: held };
        Ok((vault, manifest))
    }

    /// The files of one of its directories, by their names below the backup, and their lengths.
    pub(crate) fn list(&self, within: &str) -> Result<BTreeMap<String, u64>, Error> {
        let dir = self.dir.join(within);
        let listed = match self.disk.list(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            listed => listed.map_err(|error| Error::io("list", &dir, error))?,
        };
        Ok(listed.into_iter().map(|listed| (format!("{within}/{}", listed.name), listed.len)).collect())
    }

    /// Puts these bytes into the backup, under their hash.
    pub(crate) fn put(&self, bytes: &[u8]) -> Result<CopiedFile, Error> {
        let blake3 = RecordId::of(bytes);
        let name = format!("{DOCUMENTS}/{blake3}");
        let path = self.dir.join(&name);
        disk::replace(self.disk, &path, bytes).map_err(|error| Error::io("write", &path, error))?;
        Ok(CopiedFile { name, len: bytes.len() as u64, blake3 })
    }

    /// Makes the names of all files durable.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        for dir in [self.dir.join(SEGMENTS), self.dir.join(DOCUMENTS), self.dir.clone()] {
            self.disk.sync_dir(&dir).map_err(|error| Error::io("sync", &dir, error))?;
        }
        Ok(())
    }

    /// Removes what no manifest names. It takes room and does no harm, so nothing fails with it.
    pub(crate) fn sweep(&self, manifest: &Manifest) {
        let named: BTreeSet<&str> = manifest.files().map(|file| &*file.name).collect();
        for within in [SEGMENTS, DOCUMENTS] {
            for name in self.list(within).unwrap_or_default().into_keys() {
                if !named.contains(&*name)
                    && let Err(error) = self.disk.remove(&self.dir.join(&name))
                {
                    tracing::warn!(%error, name, dir = %self.dir.display(), "a file that no backup needs stays");
                }
            }
        }
    }
}

/// Which log the backup in `dir` is of.
fn marker(disk: &dyn Disk, dir: &Path) -> Result<LogId, Error> {
    let path = dir.join(MARKER);
    let document = match sidecar::read(disk, &path, MARKER_LEN) {
        Err(Error::Sidecar { path, reason }) => return Err(Error::DamagedBackup { path, reason }),
        read => read?,
    };
    let Some(document) = document else {
        let listed = match disk.list(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            listed => listed.map_err(|error| Error::io("list", dir, error))?,
        };
        // A first backup that was cut off before it had said anything.
        let stranger =
            listed.iter().find(|listed| listed.name != LOCK && listed.name != format!("{MARKER}.tmp"));
        return Err(match stranger {
            None => Error::Missing { path: dir.to_owned() },
            Some(stranger) => Error::NoBackup {
                path: dir.to_owned(),
                reason: format!("it holds {:?} and no {MARKER}", stranger.name),
            },
        });
    };
    match document["annals_backup"].as_u64() {
        Some(LAYOUT) => {}
        Some(found) if found > LAYOUT => {
            let found = u32::try_from(found).unwrap_or(u32::MAX);
            return Err(Error::NewerFormat { path, found, known: LAYOUT as u32 });
        }
        _ => return Err(Error::DamagedBackup { path, reason: "it has no layout of ours".to_owned() }),
    }
    let log = document.get("log").and_then(Value::as_str).and_then(|log| log.parse().ok());
    log.ok_or_else(|| Error::DamagedBackup { path, reason: "it names no log".to_owned() })
}

fn lock(disk: &dyn Disk, dir: &Path) -> Result<Box<dyn Held>, Error> {
    let path = dir.join(LOCK);
    disk.lock(&path, &journal::holder()).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => Error::BackupInUse { path: dir.to_owned(), holder: error.to_string() },
        _ => Error::io("lock", &path, error),
    })
}

/// A copy under its temporary name.
pub(crate) struct Aside {
    pub(crate) file: Box<dyn DiskFile>,
    pub(crate) len: u64,
    pub(crate) blake3: RecordId,
    temporary: PathBuf,
    to: PathBuf,
}

/// Copies the first `len` bytes of a file beside where they belong: `from` is its path, for errors. `tell` hears of each
/// piece. After an error nothing of it is left.
pub(crate) fn copy_aside(
    disk: &dyn Disk,
    source: &dyn DiskFile,
    from: &Path,
    len: u64,
    to: &Path,
    tell: &mut dyn FnMut(u64),
) -> Result<Aside, Error> {
    let mut temporary = to.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    let copied = copy(disk, source, from, len, &temporary, tell);
    match copied {
        Ok((file, len, blake3)) => Ok(Aside { file, len, blake3, temporary, to: to.to_owned() }),
        Err(error) => {
            // A disk without room is not to be left fuller than it was.
            let _ = disk.remove(&temporary);
            Err(error)
        }
    }
}

fn copy(
    disk: &dyn Disk,
    source: &dyn DiskFile,
    from: &Path,
    len: u64,
    temporary: &Path,
    tell: &mut dyn FnMut(u64),
) -> Result<(Box<dyn DiskFile>, u64, RecordId), Error> {
    match disk.remove(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::io("remove", temporary, error));
        }
        _ => {}
    }
    let writing = |error| Error::io("write", temporary, error);
    let file = disk.open(temporary, Mode::CreateNew).map_err(writing)?;
    // No room is told before anything is copied.
    file.allocate(len).map_err(writing)?;
    let (mut pos, mut hasher) = (0, blake3::Hasher::new());
    let mut chunk = vec![0; CHUNK.min(len as usize)];
    while pos < len {
        let wanted = chunk.len().min((len - pos) as usize);
        let read = disk::read_full(source, &mut chunk[..wanted], pos)
            .map_err(|error| Error::io("read", from, error))?;
        if read == 0 {
            break;
        }
        hasher.update(&chunk[..read]);
        disk::write_full(&*file, &chunk[..read], pos).map_err(writing)?;
        pos += read as u64;
        tell(read as u64);
    }
    if pos < len {
        file.set_len(pos).map_err(writing)?;
    }
    Ok((file, pos, RecordId::from_bytes(*hasher.finalize().as_bytes())))
}

impl Aside {
    /// Gives the copy its name, after its bytes are durable. The name is durable once the directory is synced.
    pub(crate) fn settle(self, disk: &dyn Disk) -> Result<(), Error> {
        let to = self.to.clone();
        self.settle_as(disk, &to)
    }

    /// Gives the copy another name of its directory.
    pub(crate) fn settle_as(self, disk: &dyn Disk, to: &Path) -> Result<(), Error> {
        self.file.sync().map_err(|error| Error::io("sync", &self.temporary, error))?;
        drop(self.file);
        disk.rename(&self.temporary, to).map_err(|error| Error::io("rename", &self.temporary, error))
    }

    /// Takes the copy away.
    pub(crate) fn discard(self, disk: &dyn Disk) {
        drop(self.file);
        let _ = disk.remove(&self.temporary);
    }
}

/// The length and the BLAKE3 of a file of a backup.
pub(crate) fn hash(file: &dyn DiskFile, tell: &mut dyn FnMut(u64)) -> io::Result<(u64, RecordId)> {
    let (mut pos, mut hasher) = (0, blake3::Hasher::new());
    let mut chunk = vec![0; CHUNK.min(file.len()? as usize + 1)];
    loop {
        let read = disk::read_full(file, &mut chunk, pos)?;
        if read == 0 {
            return Ok((pos, RecordId::from_bytes(*hasher.finalize().as_bytes())));
        }
        hasher.update(&chunk[..read]);
        pos += read as u64;
        tell(read as u64);
    }
}
