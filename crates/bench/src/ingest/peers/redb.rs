//! redb alone: one table, a transaction for each batch that is not synced, and one that is when it is due.

use std::path::Path;

use annals_record::RecordId;
use redb::{Database, Durability, ReadOnlyTable, ReadableDatabase as _, TableDefinition, TableError};

use super::super::contender::{Answers, Contender, Store};
use super::super::keyed::{CURSOR, Filled, Keyed, Puts, cursor, subject};
use super::super::keys;
use super::super::work::Work;
use super::CACHE_BYTES;
use crate::outcome::Outcome;

/// The one under our index, for everything.
pub(crate) struct Redb;

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("kv");

impl Contender for Redb {
    fn name(&self) -> &'static str {
        "redb"
    }

    fn takes(&self, work: Work) -> bool {
        super::takes(work)
    }

    fn promise(&self) -> &'static str {
        "checksums of pages, checked by a repair"
    }

    fn open(&self, dir: &Path) -> Outcome<Box<dyn Store>> {
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(dir.join("kv.redb"))?;
        let store = Tree(database);
        store.cursor()?;
        Ok(Box::new(Filled(store)))
    }
}

struct Tree(Database);

impl Keyed for Tree {
    fn cursor(&self) -> Outcome<Option<u64>> {
        let table = match self.0.begin_read()?.open_table(TABLE) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            table => table?,
        };
        table.get(CURSOR)?.map(|bytes| cursor(bytes.value())).transpose()
    }

    fn write(&mut self, puts: &Puts<'_>, cursor: u64) -> Outcome<()> {
        let mut writing = self.0.begin_write()?;
        writing.set_durability(Durability::None)?;
        {
            let mut table = writing.open_table(TABLE)?;
            for (key, value) in puts.iter() {
                table.insert(key, value)?;
            }
            table.insert(CURSOR, cursor.to_le_bytes().as_slice())?;
        }
        Ok(writing.commit()?)
    }

    fn sync(&mut self) -> Outcome<()> {
        let mut writing = self.0.begin_write()?;
        // Without it the first open after a kill reads the whole file.
        writing.set_quick_repair(true);
        Ok(writing.commit()?)
    }

    fn answers(&self) -> Outcome<Box<dyn Answers + '_>> {
        Ok(Box::new(Asked { table: self.0.begin_read()?.open_table(TABLE)?, key: Vec::new() }))
    }

    fn close(self) -> Outcome<()> {
        Ok(())
    }
}

struct Asked {
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
    key: Vec<u8>,
}

impl Answers for Asked {
    fn get(&mut self, id: &RecordId) -> Outcome<bool> {
        self.key.clear();
        keys::assertion(&mut self.key, id);
        let found = self.table.get(self.key.as_slice())?;
        Ok(found.is_some_and(|value| !std::hint::black_box(value.value()).is_empty()))
    }

    fn list(&mut self, of: &str) -> Outcome<usize> {
        self.key.clear();
        subject(&mut self.key, of);
        let mut count = 0;
        for entry in self.table.range(self.key.as_slice()..)? {
            let (key, _) = entry?;
            if !key.value().starts_with(&self.key) {
                break;
            }
            std::hint::black_box(key.value().last());
            count += 1;
        }
        Ok(count)
    }
}
