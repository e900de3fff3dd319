//! SQLite: one table without row ids, WAL, `synchronous=NORMAL`, a transaction for each batch.

use std::fs::File;
use std::path::{Path, PathBuf};

use annals_record::RecordId;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _};

use super::super::contender::{Answers, Contender, Store};
use super::super::keyed::{CURSOR, Filled, Keyed, Puts, cursor, subject};
use super::super::keys;
use super::super::work::Work;
use super::CACHE_BYTES;
use crate::outcome::Outcome;

/// Through rusqlite, with the SQLite it bundles.
pub(crate) struct Sqlite;

const PUT: &str = "INSERT OR REPLACE INTO kv (key, value) VALUES (?1, ?2)";
const GET: &str = "SELECT value FROM kv WHERE key = ?1";
const LIST: &str = "SELECT key FROM kv WHERE key >= ?1 AND key < ?2";

impl Contender for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn takes(&self, work: Work) -> bool {
        super::takes(work)
    }

    fn promise(&self) -> &'static str {
        "checksums in the WAL only"
    }

    fn open(&self, dir: &Path) -> Outcome<Box<dyn Store>> {
        let path = dir.join("kv.sqlite");
        let connection = Connection::open(&path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        // In KiB where it is negative.
        connection.pragma_update(None, "cache_size", -((CACHE_BYTES >> 10) as i64))?;
        let table = "CREATE TABLE IF NOT EXISTS kv (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID";
        connection.execute_batch(table)?;
        let wal = dir.join("kv.sqlite-wal");
        let store = Table { connection, wal };
        // The first read is what recovers the WAL.
        store.cursor()?;
        Ok(Box::new(Filled(store)))
    }
}

struct Table {
    connection: Connection,
    wal: PathBuf,
}

impl Keyed for Table {
    fn cursor(&self) -> Outcome<Option<u64>> {
        let found = self.connection.query_row(GET, [CURSOR], |row| row.get::<_, Vec<u8>>(0)).optional()?;
        found.map(|bytes| cursor(&bytes)).transpose()
    }

    fn write(&mut self, puts: &Puts<'_>, cursor: u64) -> Outcome<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut put = transaction.prepare_cached(PUT)?;
            for (key, value) in puts.iter() {
                put.execute([key, value])?;
            }
            put.execute([CURSOR, &cursor.to_le_bytes()])?;
        }
        Ok(transaction.commit()?)
    }

    fn sync(&mut self) -> Outcome<()> {
        // A commit under NORMAL is in the WAL and not synced; what a checkpoint has moved on is synced by SQLite.
        Ok(File::open(&self.wal)?.sync_data()?)
    }

    fn answers(&self) -> Outcome<Box<dyn Answers + '_>> {
        self.connection.execute_batch("BEGIN")?;
        let (get, list) = (self.connection.prepare_cached(GET)?, self.connection.prepare_cached(LIST)?);
        Ok(Box::new(Asked { get, list, key: Vec::new() }))
    }

    fn close(self) -> Outcome<()> {
        self.connection.close().map_err(|(_, error)| error.into())
    }
}

struct Asked<'c> {
    get: CachedStatement<'c>,
    list: CachedStatement<'c>,
    key: Vec<u8>,
}

impl Answers for Asked<'_> {
    fn get(&mut self, id: &RecordId) -> Outcome<bool> {
        self.key.clear();
        keys::assertion(&mut self.key, id);
        let mut rows = self.get.query([&self.key])?;
        let Some(row) = rows.next()? else { return Ok(false) };
        Ok(!std::hint::black_box(row.get_ref(0)?.as_blob()?).is_empty())
    }

    fn list(&mut self, of: &str) -> Outcome<usize> {
        self.key.clear();
        subject(&mut self.key, of);
        let mut end = self.key.clone();
        // The zero byte that ends the subject.
        if let Some(last) = end.last_mut() {
            *last = 1;
        }
        let mut rows = self.list.query([&self.key, &end])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            std::hint::black_box(row.get_ref(0)?.as_blob()?.last());
            count += 1;
        }
        Ok(count)
    }
}
