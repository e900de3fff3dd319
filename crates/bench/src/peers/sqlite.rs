//! SQLite as a log: a table of blobs, WAL, `synchronous=FULL`, one connection.

use std::path::Path;

use rusqlite::Connection;

use super::Shared;
use crate::contender::{Contender, Hand, Log, Promise, Room, Scanned, Tally};
use crate::outcome::Outcome;
use crate::work::Work;

/// Through rusqlite, with the SQLite it bundles.
pub(crate) struct Sqlite;

const INSERT: &str = "INSERT INTO log (payload) VALUES (?1)";

impl Contender for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn promise(&self, work: Work) -> Promise {
        // Frames of its WAL have checksums; pages of the database, which a replay reads, have none.
        Promise { checksums: work != Work::Replay, ..super::checksummed(work) }
    }

    fn takes(&self, work: Work, threads: usize) -> bool {
        super::takes(work, threads)
    }

    fn open(&self, dir: &Path, _room: Room) -> Outcome<Box<dyn Log>> {
        Ok(Box::new(Shared::new(Table { connection: connect(dir)?, unsynced: false })))
    }

    fn scan(&self, _work: Work, dir: &Path, _bytes: u64) -> Outcome<Scanned> {
        let connection = connect(dir)?;
        let mut tally = Tally::start();
        let mut all = connection.prepare("SELECT payload FROM log ORDER BY id")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            tally.see(row.get_ref(0)?.as_blob()?);
        }
        Ok(tally.end())
    }
}

fn connect(dir: &Path) -> Outcome<Connection> {
    let connection = Connection::open(dir.join("log.sqlite"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection
        .execute_batch("CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY, payload BLOB NOT NULL)")?;
    // The first read is what recovers the WAL.
    connection.query_row("SELECT max(id) FROM log", [], |_| Ok(()))?;
    Ok(connection)
}

struct Table {
    connection: Connection,
    /// One transaction is open, without syncs, for as long as appends go on.
    unsynced: bool,
}

impl Hand for Table {
    fn append(&mut self, payload: &[u8]) -> Outcome<()> {
        self.connection.prepare_cached(INSERT)?.execute([payload])?;
        Ok(())
    }

    fn append_batch(&mut self, payloads: &[&[u8]]) -> Outcome<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            for payload in payloads {
                insert.execute([payload])?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn append_unsynced(&mut self, payload: &[u8]) -> Outcome<()> {
        if !self.unsynced {
            self.connection.pragma_update(None, "synchronous", "OFF")?;
            self.connection.execute_batch("BEGIN")?;
            self.unsynced = true;
        }
        self.append(payload)
    }
}
