//! The store's payloads by their ids, for records whose bytes in the journal are damaged.

use std::path::Path;

use annals_journal::Refill;
use annals_record::RecordId;
use annals_storage::{Generations, HybridStore};

use crate::directory::Directory;
use crate::error::Error;

/// The store of a data directory that no process has open, as a salvage asks it for payloads: [`annals_journal::salvage`].
pub struct StoreRefill {
    store: HybridStore,
}

impl StoreRefill {
    /// Opens the store that answers in this data directory. The journal is not touched.
    ///
    /// # Errors
    /// [`Error::Missing`] or [`Error::NotOurs`] if it is no data directory; [`Error::Store`] if there is no store, another
    /// process has it, or it cannot be used.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        let directory = Directory::existing(dir.as_ref())?;
        let generations = Generations::new(directory.store());
        let missing = || annals_storage::Error::Missing { path: directory.store() };
        let generation = generations.current()?.ok_or_else(missing)?;
        Ok(Self { store: HybridStore::open_existing(generations.path(generation))? })
    }
}

impl Refill for StoreRefill {
    fn payload(&self, id: &RecordId) -> Option<Vec<u8>> {
        // What the store cannot give is lost or not; the salvage says which.
        let stored = self.store.snapshot().ok()?.get(id).ok()??;
        Some(stored.payload.to_vec())
    }
}
