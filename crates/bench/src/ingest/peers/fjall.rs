//! fjall alone: one keyspace, a batch through its journal for each batch, and a sync when it is due.

use std::path::Path;

use annals_record::RecordId;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable as _, Snapshot};

use super::super::contender::{Answers, Contender, Store};
use super::super::keyed::{CURSOR, Filled, Keyed, Puts, cursor, subject};
use super::super::keys;
use super::super::work::Work;
use super::CACHE_BYTES;
use crate::outcome::Outcome;

/// The one under our content, for everything.
pub(crate) struct Fjall;

impl Contender for Fjall {
    fn name(&self) -> &'static str {
        "fjall"
    }

    fn takes(&self, work: Work) -> bool {
        super::takes(work)
    }

    fn promise(&self) -> &'static str {
        "checksums of blocks"
    }

    fn open(&self, dir: &Path) -> Outcome<Box<dyn Store>> {
        let database = Database::builder(dir.join("kv")).cache_size(CACHE_BYTES as u64).open()?;
        let keyspace = database.keyspace("kv", KeyspaceCreateOptions::default)?;
        let store = Lsm { database, keyspace };
        store.cursor()?;
        Ok(Box::new(Filled(store)))
    }
}

struct Lsm {
    database: Database,
    keyspace: Keyspace,
}

impl Keyed for Lsm {
    fn cursor(&self) -> Outcome<Option<u64>> {
        self.keyspace.get(CURSOR)?.map(|bytes| cursor(&bytes)).transpose()
    }

    fn write(&mut self, puts: &Puts<'_>, cursor: u64) -> Outcome<()> {
        let mut batch = self.database.batch();
        for (key, value) in puts.iter() {
            batch.insert(&self.keyspace, key, value);
        }
        batch.insert(&self.keyspace, CURSOR, cursor.to_le_bytes());
        Ok(batch.commit()?)
    }

    fn sync(&mut self) -> Outcome<()> {
        Ok(self.database.persist(PersistMode::SyncData)?)
    }

    fn answers(&self) -> Outcome<Box<dyn Answers + '_>> {
        let snapshot = self.database.snapshot();
        Ok(Box::new(Asked { snapshot, keyspace: &self.keyspace, key: Vec::new() }))
    }

    fn close(self) -> Outcome<()> {
        Ok(())
    }
}

struct Asked<'k> {
    snapshot: Snapshot,
    keyspace: &'k Keyspace,
    key: Vec<u8>,
}

impl Answers for Asked<'_> {
    fn get(&mut self, id: &RecordId) -> Outcome<bool> {
        self.key.clear();
        keys::assertion(&mut self.key, id);
        let found = self.snapshot.get(self.keyspace, &self.key)?;
        Ok(found.is_some_and(|value| !std::hint::black_box(&value).is_empty()))
    }

    fn list(&mut self, of: &str) -> Outcome<usize> {
        self.key.clear();
        subject(&mut self.key, of);
        let mut count = 0;
        for entry in self.snapshot.prefix(self.keyspace, &self.key) {
            std::hint::black_box(entry.key()?.last());
            count += 1;
        }
        Ok(count)
    }
}
