//! What lies in a store's directory, looked at before anything is touched; and its names made durable.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::bulk::{GONE_DIR, SPILL_DIR};
use crate::lock::LOCK_FILE;
use crate::{Error, plain};

/// The directory of content.
pub(crate) const CONTENT_DIR: &str = "content";
/// The file of the index.
pub(crate) const INDEX_FILE: &str = "index.redb";

/// What is in a directory.
pub(crate) enum Found {
    /// A store, or the beginning of one.
    Store,
    /// No directory, or an empty one.
    Nothing,
}

/// Looks before anything is touched.
pub(crate) fn found_at(path: &Path) -> Result<Found, Error> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            return Err(Error::NotAStore { path: path.to_owned(), reason: "it is no directory".to_owned() });
        }
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    let mut foreign = None;
    let mut found = Found::Nothing;
    for entry in entries {
        let name = entry.map_err(Error::io("read", path))?.file_name();
        if name == CONTENT_DIR || name == INDEX_FILE {
            found = Found::Store;
            continue;
        }
        if name == SPILL_DIR {
            let reason =
                "one is being built there, or its building was cut off, and a rebuild goes on with it"
                    .to_owned();
            return Err(Error::NotAStore { path: path.to_owned(), reason });
        }
        if name != LOCK_FILE && name != GONE_DIR {
            foreign.get_or_insert(name);
        }
    }
    match foreign.filter(|_| matches!(found, Found::Nothing)) {
        None => Ok(found),
        Some(name) => {
            let reason = format!("it holds {} and neither {CONTENT_DIR} nor {INDEX_FILE}", name.display());
            Err(Error::NotAStore { path: path.to_owned(), reason })
        }
    }
}

/// Makes the names in a directory survive a power cut.
pub(crate) fn sync_directory(path: &Path) -> Result<(), Error> {
    plain::sync_directory(path).map_err(Error::io("sync", path))
}
