//! Other logs, each used as its own documentation would have it: see `docs/performance.md` for what each promises.
//!
//! A log with one writer stands under a mutex where many threads append: that is how it would be used, and no layer that
//! groups appends was written for it.

mod okaywal;
mod open_wal;
mod raft_engine;
mod seglog;
mod sqlite;
mod wal_db;

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::contender::{Contender, Hand, Log, Promise};
use crate::outcome::Outcome;
use crate::work::Work;

/// All peers.
pub(crate) fn all() -> Vec<&'static dyn Contender> {
    vec![
        &okaywal::Okaywal,
        &raft_engine::RaftEngine,
        &open_wal::OpenWal,
        &seglog::Seglog,
        &wal_db::WalDb,
        &sqlite::Sqlite,
    ]
}

/// All of them sync and checksum; none hashes.
fn checksummed(work: Work) -> Promise {
    Promise { durable: work != Work::Buffered, checksums: true, hashes: false }
}

/// The works of a log that appends, syncs and replays.
fn takes(work: Work, threads: usize) -> bool {
    match work {
        Work::Durable | Work::Replay | Work::Open | Work::Bytes | Work::BytesBatch => true,
        Work::Batch | Work::Buffered => threads == 1,
        _ => false,
    }
}

/// A log with one writer, for many threads.
struct Shared<W>(Mutex<W>);

impl<W> Shared<W> {
    fn new(writer: W) -> Self {
        Self(Mutex::new(writer))
    }
}

impl<W: Hand + Send> Log for Shared<W> {
    fn hand(&self, _thread: usize) -> Outcome<Box<dyn Hand + '_>> {
        Ok(Box::new(Turn(&self.0)))
    }
}

/// Takes the one writer for each append.
struct Turn<'a, W>(&'a Mutex<W>);

impl<W> Turn<'_, W> {
    fn writer(&self) -> MutexGuard<'_, W> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Hand> Hand for Turn<'_, W> {
    fn append(&mut self, payload: &[u8]) -> Outcome<()> {
        self.writer().append(payload)
    }

    fn append_batch(&mut self, payloads: &[&[u8]]) -> Outcome<()> {
        self.writer().append_batch(payloads)
    }

    fn append_unsynced(&mut self, payload: &[u8]) -> Outcome<()> {
        self.writer().append_unsynced(payload)
    }
}
