//! Content written in one go, in the order of its keys, into tables that nobody reads yet.

use annals_record::Cursor;
use fjall::PersistMode;

use super::{Content, Synced};
use crate::Error;
use crate::cursor_bytes::Reach;
use crate::keys;

/// Takes a key and its value.
pub(crate) type Put<'p> = dyn FnMut(&[u8], &[u8]) -> Result<(), Error> + 'p;

impl Content {
    /// Has `fill` put keys, strictly in their order, and values. All of them or none are there afterwards, durable.
    pub(crate) fn load(&self, fill: impl FnOnce(&mut Put<'_>) -> Result<(), Error>) -> Result<Synced, Error> {
        let engine = |error| Error::engine("content", "load", &self.path, error);
        let mut ingestion = self.keyspace.start_ingestion().map_err(engine)?;
        fill(&mut |key, value| ingestion.write(key, value).map_err(engine))?;
        ingestion.finish().map_err(engine)?;
        self.database.persist(PersistMode::SyncAll).map_err(engine)?;
        Ok(Synced(()))
    }

    /// The key and the value that say how far the log's effects reach, and whose content this is.
    pub(crate) fn reach_entry(&self, cursor: &Cursor) -> (&'static [u8], Vec<u8>) {
        (keys::REACH, Reach { cursor: *cursor, store: self.store }.to_bytes())
    }
}
