//! A data directory: what lies where, and how ours is told from anybody else's.
//!
//!   annals.json   what this is: {"annals":1}
//!   journal/      the truth
//!   store/        generations derived from it, and CURRENT, which names one
//!   projections/  further indexes derived from it, a directory for each
//!   store.seen    how far the store was durable: tells an older copy of it
//!   status.json   the owner's last word, for other processes
//!
//! D1: A directory with anything in it that is not ours is left as it is, to the byte.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use annals_journal::disk::{Disk, RealDisk, open_plain, sync_directory};
use annals_storage::{Generations, HybridStore, Options as StoreOptions};

use crate::error::Error;

pub(crate) const MARKER: &str = "annals.json";
pub(crate) const JOURNAL: &str = "journal";
const MARKER_ASIDE: &str = "annals.json.tmp";
/// What the marker is called while a restore is under way, which makes it the marker last.
pub(crate) const RESTORING: &str = "annals.restoring";
/// The newest layout known here.
const LAYOUT: u32 = 1;
/// As much of the marker as is read: it may be anything.
const MARKER_BYTES: u64 = 4096;

/// The paths in a data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directory {
    root: PathBuf,
}

impl Directory {
    /// The data directory at `root`, which must be one already.
    pub(crate) fn existing(root: &Path) -> Result<Self, Error> {
        match look(root)? {
            Found::Ours => Ok(Self { root: root.to_owned() }),
            Found::Nothing => Err(Error::Missing { path: root.to_owned() }),
        }
    }

    /// The data directory at `root`; made if there is nothing yet.
    pub(crate) fn existing_or_new(root: &Path) -> Result<Self, Error> {
        if matches!(look(root)?, Found::Nothing) {
            make(root)?;
            // Of several that find nothing one makes it, and the others find it made.
            let making = File::open(root).map_err(Error::io("open", root))?;
            making.lock().map_err(Error::io("lock", root))?;
            if matches!(look(root)?, Found::Nothing) {
                let marker = root.join(MARKER);
                write_aside(&root.join(MARKER_ASIDE), &marker, &Self::marker())
                    .map_err(Error::io("write", &marker))?;
            }
        }
        Ok(Self { root: root.to_owned() })
    }

    /// The bytes of the marker.
    pub(crate) fn marker() -> Vec<u8> {
        format!("{{\"annals\":{LAYOUT}}}\n").into_bytes()
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join(JOURNAL)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    pub(crate) fn projections(&self) -> PathBuf {
        self.root.join("projections")
    }

    /// Beside the store, so that it stays when somebody puts an older one in its place.
    pub(crate) fn seen_file(&self) -> PathBuf {
        self.root.join("store.seen")
    }

    pub(crate) fn status_file(&self) -> PathBuf {
        self.root.join("status.json")
    }
}

/// The journal's directory: `journal/` in a data directory, also in one whose marker is lost, or `dir` itself if it holds a
/// journal alone. Touches nothing.
///
/// # Errors
/// [`Error::Missing`] if there is nothing, [`Error::NotOurs`] if there is something else, [`Error::NewerFormat`].
pub fn journal_dir(dir: &Path) -> Result<PathBuf, Error> {
    let within = dir.join(JOURNAL);
    match look(dir) {
        Ok(Found::Ours) => Ok(within),
        Ok(Found::Nothing) => Err(Error::Missing { path: dir.to_owned() }),
        Err(Error::NotOurs { .. }) if holds_a_journal(dir) => Ok(dir.to_owned()),
        Err(Error::NotOurs { .. }) if holds_a_journal(&within) => Ok(within),
        Err(error) => Err(error),
    }
}

/// Whether a segment or a watermark lies here, by name: whether they are ours, whoever opens them finds out.
fn holds_a_journal(dir: &Path) -> bool {
    let is_ours = |name: &str| {
        name == "watermark"
            || name
                .strip_suffix(".wal")
                .is_some_and(|base| base.len() == 16 && u64::from_str_radix(base, 16).is_ok())
    };
    let Ok(entries) = fs::read_dir(dir) else { return false };
    entries.flatten().any(|entry| entry.file_name().to_str().is_some_and(is_ours))
}

/// What the marker says. A newer version may say more.
#[derive(serde::Deserialize)]
struct Marker {
    annals: u32,
}

enum Found {
    Ours,
    Nothing,
}

/// Looks before anything is touched.
fn look(root: &Path) -> Result<Found, Error> {
    let marker = root.join(MARKER);
    match read_bounded(&marker) {
        Ok(bytes) => return layout_of(&marker, &bytes).map(|()| Found::Ours),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(Error::NotOurs { path: root.to_owned(), reason: "it is no directory".to_owned() });
        }
        Err(error) => return Err(Error::io("read", &marker)(error)),
    }
    if root.join(RESTORING).exists() {
        let reason =
            "a restore into it is under way or was cut off; `annals restore` does it again".to_owned();
        return Err(Error::NotOurs { path: root.to_owned(), reason });
    }
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(Error::io("list", root)(error)),
    };
    for entry in entries {
        let name = entry.map_err(Error::io("list", root))?.file_name();
        // A creation that was cut off leaves the marker under its temporary name.
        if name != MARKER_ASIDE {
            // The marker comes first: who has made the rest meanwhile has made it, too.
            if let Ok(bytes) = read_bounded(&marker) {
                return layout_of(&marker, &bytes).map(|()| Found::Ours);
            }
            let reason = format!("it holds {:?} and no {MARKER}", name.display().to_string());
            return Err(Error::NotOurs { path: root.to_owned(), reason });
        }
    }
    Ok(Found::Nothing)
}

fn layout_of(marker: &Path, bytes: &[u8]) -> Result<(), Error> {
    let refuse = || {
        let reason = format!("its {MARKER} is not one of ours");
        Error::NotOurs { path: marker.parent().unwrap_or(marker).to_owned(), reason }
    };
    match serde_json::from_slice::<Marker>(bytes) {
        Ok(Marker { annals: LAYOUT }) => Ok(()),
        Ok(Marker { annals: found }) if found > LAYOUT => {
            Err(Error::NewerFormat { path: marker.to_owned(), found, known: LAYOUT })
        }
        _ => Err(refuse()),
    }
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    read_plain(path, MARKER_BYTES)
}

/// The first `most` bytes of a small file of ours. What is no plain file is refused, never followed and never waited for.
pub(crate) fn read_plain(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    use io::Read;
    let mut bytes = Vec::new();
    open_plain(path, File::options().read(true))?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes a directory and those above it, its owner's alone; one that is there is fine.
pub(crate) fn create_dir(path: &Path) -> Result<(), Error> {
    RealDisk.create_dir(path).map_err(Error::io("create", path))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> Result<(), Error> {
    sync_directory(path).map_err(Error::io("sync", path))
}

/// Replaces a small file at once and durably: whoever reads it finds the old one or the new one.
pub(crate) fn write_aside(aside: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Whatever has the temporary name loses it, and is not written to.
    match fs::remove_file(aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = open_plain(aside, File::options().write(true).create_new(true))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(aside, path)?;
    path.parent().map_or(Ok(()), sync_directory)
}

/// Makes a directory and its parents, and their names durable: what is acknowledged in it is worth no more than these. Its
/// own name also if it is there, for an earlier attempt may have been cut off behind the making.
pub(crate) fn make(dir: &Path) -> Result<(), Error> {
    let above = |path: &Path| match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let born = dir.ancestors().skip(1).take_while(|path| !path.as_os_str().is_empty() && !path.exists());
    let named: Vec<PathBuf> = std::iter::once(dir).chain(born).map(above).collect();
    create_dir(dir)?;
    named.iter().try_for_each(|parent| sync_dir(parent))
}

/// The store that answers, for whoever has taken the journal's lock.
///
/// # Errors
/// [`annals_storage::Error::Missing`] if there is none; what opening it says.
pub(crate) fn current_store(directory: &Directory, options: StoreOptions) -> Result<HybridStore, Error> {
    let generations = Generations::new(directory.store());
    match generations.current()? {
        Some(generation) => Ok(HybridStore::open_existing_with(generations.path(generation), options)?),
        None => Err(annals_storage::Error::Missing { path: directory.store() }.into()),
    }
}

#[cfg(test)]
mod tests;
