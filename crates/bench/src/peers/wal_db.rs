//! wal-db: lock-free appends, one `pwrite` each, syncs shared by a leader. Segments of 128 MiB.

use std::path::Path;

use wal_db::{SegmentedStore, Wal};

use crate::contender::{Contender, Hand, Log, Promise, Room, Scanned, Tally};
use crate::outcome::Outcome;
use crate::work::Work;

/// Its segmented store.
pub(crate) struct WalDb;

const SEGMENT_BYTES: u64 = 128 << 20;

impl Contender for WalDb {
    fn name(&self) -> &'static str {
        "wal-db"
    }

    fn promise(&self, work: Work) -> Promise {
        super::checksummed(work)
    }

    fn takes(&self, work: Work, threads: usize) -> bool {
        super::takes(work, threads)
    }

    fn open(&self, dir: &Path, _room: Room) -> Outcome<Box<dyn Log>> {
        Ok(Box::new(Open(Wal::open_segmented(dir, SEGMENT_BYTES)?)))
    }

    fn scan(&self, _work: Work, dir: &Path, _bytes: u64) -> Outcome<Scanned> {
        let wal = Wal::open_segmented(dir, SEGMENT_BYTES)?;
        let mut tally = Tally::start();
        for record in wal.iter()? {
            tally.see(record?.data());
        }
        Ok(tally.end())
    }
}

struct Open(Wal<SegmentedStore>);

impl Log for Open {
    fn hand(&self, _thread: usize) -> Outcome<Box<dyn Hand + '_>> {
        Ok(Box::new(Appender(&self.0)))
    }
}

struct Appender<'a>(&'a Wal<SegmentedStore>);

impl Hand for Appender<'_> {
    fn append(&mut self, payload: &[u8]) -> Outcome<()> {
        Ok(self.0.append_and_sync(payload).map(drop)?)
    }

    fn append_batch(&mut self, payloads: &[&[u8]]) -> Outcome<()> {
        for payload in payloads {
            self.append_unsynced(payload)?;
        }
        Ok(self.0.sync()?)
    }

    fn append_unsynced(&mut self, payload: &[u8]) -> Outcome<()> {
        Ok(self.0.append(payload).map(drop)?)
    }
}
