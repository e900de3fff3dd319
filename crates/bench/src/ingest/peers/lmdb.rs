//! LMDB: one database, a transaction for each batch, `MDB_NOSYNC` and a sync when it is due.
//!
//! Through lmdb-rkv, whose environments are opened without `unsafe`.

use std::path::Path;

use annals_record::RecordId;
use lmdb::{
    Cursor as _, Database, DatabaseFlags, Environment, EnvironmentFlags, Error, RoTransaction,
    Transaction as _, WriteFlags,
};

use super::super::contender::{Answers, Contender, Store};
use super::super::keyed::{CURSOR, Filled, Keyed, Puts, cursor, subject};
use super::super::keys;
use super::super::work::Work;
use crate::outcome::Outcome;

/// Through lmdb-rkv, with the LMDB it bundles.
pub(crate) struct Lmdb;

/// More than any set takes: address space, not memory.
const MAP_BYTES: usize = 256 << 30;

impl Contender for Lmdb {
    fn name(&self) -> &'static str {
        "lmdb"
    }

    fn takes(&self, work: Work) -> bool {
        super::takes(work)
    }

    fn promise(&self) -> &'static str {
        "no checksums; a power cut between syncs may cost all of it"
    }

    fn open(&self, dir: &Path) -> Outcome<Box<dyn Store>> {
        let environment =
            Environment::new().set_flags(EnvironmentFlags::NO_SYNC).set_map_size(MAP_BYTES).open(dir)?;
        let database = environment.create_db(None, DatabaseFlags::empty())?;
        let store = Map { environment, database };
        store.cursor()?;
        Ok(Box::new(Filled(store)))
    }
}

struct Map {
    environment: Environment,
    database: Database,
}

impl Keyed for Map {
    fn cursor(&self) -> Outcome<Option<u64>> {
        let transaction = self.environment.begin_ro_txn()?;
        match transaction.get(self.database, &CURSOR) {
            Err(Error::NotFound) => Ok(None),
            found => cursor(found?).map(Some),
        }
    }

    fn write(&mut self, puts: &Puts<'_>, cursor: u64) -> Outcome<()> {
        let mut transaction = self.environment.begin_rw_txn()?;
        for (key, value) in puts.iter() {
            transaction.put(self.database, &key, &value, WriteFlags::empty())?;
        }
        transaction.put(self.database, &CURSOR, &cursor.to_le_bytes(), WriteFlags::empty())?;
        Ok(transaction.commit()?)
    }

    fn sync(&mut self) -> Outcome<()> {
        Ok(self.environment.sync(true)?)
    }

    fn answers(&self) -> Outcome<Box<dyn Answers + '_>> {
        let transaction = self.environment.begin_ro_txn()?;
        Ok(Box::new(Asked { transaction, database: self.database, key: Vec::new() }))
    }

    fn close(self) -> Outcome<()> {
        Ok(())
    }
}

struct Asked<'e> {
    transaction: RoTransaction<'e>,
    database: Database,
    key: Vec<u8>,
}

impl Answers for Asked<'_> {
    fn get(&mut self, id: &RecordId) -> Outcome<bool> {
        self.key.clear();
        keys::assertion(&mut self.key, id);
        match self.transaction.get(self.database, &self.key) {
            Err(Error::NotFound) => Ok(false),
            // The first and the last byte: a value is not fetched from memory before it is looked at.
            found => Ok(std::hint::black_box(found.map(|value| (value.first(), value.last())))?.0.is_some()),
        }
    }

    fn list(&mut self, of: &str) -> Outcome<usize> {
        self.key.clear();
        subject(&mut self.key, of);
        let mut cursor = self.transaction.open_ro_cursor(self.database)?;
        let mut count = 0;
        for entry in cursor.iter_from(&self.key) {
            let (key, _) = entry?;
            if !key.starts_with(&self.key) {
                break;
            }
            std::hint::black_box(key.last());
            count += 1;
        }
        Ok(count)
    }
}
