//! The store that lies in a directory, whichever of the two it is.

use std::io;
use std::path::Path;

use annals_journal::Reader;

use crate::error::at;
use crate::{FsStore, JournalStore, Store, StoreError};

/// Opens what is there: the journal of a [`JournalStore`], or else the directory of an [`FsStore`]. Makes nothing.
///
/// # Errors
/// [`StoreError::Io`] of kind `NotFound` if there is no such directory; as [`JournalStore::open`].
pub fn open_store(root: impl AsRef<Path>) -> Result<Box<dyn Store>, StoreError> {
    let root = root.as_ref();
    let found = std::fs::metadata(root).map_err(at("open", root))?;
    if !found.is_dir() {
        return Err(at("open", root)(io::Error::from(io::ErrorKind::NotADirectory)).into());
    }
    match Reader::inspect(root) {
        // No journal: files then. Whatever else is wrong with one is for its open to say.
        Err(annals_journal::Error::Missing { .. } | annals_journal::Error::NotAJournal { .. }) => {
            Ok(Box::new(FsStore::new(root)?))
        }
        _ => Ok(Box::new(JournalStore::open(root)?)),
    }
}

#[cfg(test)]
mod tests;
