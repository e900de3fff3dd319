//! What lies in a store's directory, looked at before anything is touched.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::Error;
use crate::lock::LOCK_FILE;

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
    for entry in entries {
        let name = entry.map_err(Error::io("read", path))?.file_name();
        if name == CONTENT_DIR || name == INDEX_FILE {
            return Ok(Found::Store);
        }
        if name != LOCK_FILE {
            foreign.get_or_insert(name);
        }
    }
    match foreign {
        None => Ok(Found::Nothing),
        Some(name) => {
            let reason = format!("it holds {} and neither {CONTENT_DIR} nor {INDEX_FILE}", name.display());
            Err(Error::NotAStore { path: path.to_owned(), reason })
        }
    }
}
