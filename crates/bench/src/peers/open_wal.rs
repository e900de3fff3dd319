//! open-wal: one writer, `append` stages, `commit` writes and syncs. Segments of 128 MiB, reserved with fallocate.

use std::path::Path;

use open_wal::{Lsn, Wal, WalConfig};

use super::Shared;
use crate::contender::{Contender, Hand, Log, Promise, Room, Scanned, Tally};
use crate::outcome::Outcome;
use crate::work::Work;

/// One `pwrite` and one `fdatasync` per commit. Its append without a commit stays in its own memory: nothing reaches the
/// operating system.
pub(crate) struct OpenWal;

impl Contender for OpenWal {
    fn name(&self) -> &'static str {
        "open-wal"
    }

    fn promise(&self, work: Work) -> Promise {
        super::checksummed(work)
    }

    fn takes(&self, work: Work, threads: usize) -> bool {
        super::takes(work, threads)
    }

    fn open(&self, dir: &Path, _room: Room) -> Outcome<Box<dyn Log>> {
        Ok(Box::new(Shared::new(Writer(Wal::open(dir, WalConfig::default())?.0))))
    }

    fn scan(&self, _work: Work, dir: &Path, _bytes: u64) -> Outcome<Scanned> {
        let (wal, _) = Wal::open(dir, WalConfig::default())?;
        let mut tally = Tally::start();
        let mut reader = wal.reader_from(Lsn(0))?;
        while let Some(record) = reader.next() {
            tally.see(record?.1);
        }
        Ok(tally.end())
    }
}

struct Writer(Wal);

impl Hand for Writer {
    fn append(&mut self, payload: &[u8]) -> Outcome<()> {
        self.append_batch(&[payload])
    }

    fn append_batch(&mut self, payloads: &[&[u8]]) -> Outcome<()> {
        for payload in payloads {
            self.0.append(payload)?;
        }
        Ok(self.0.commit().map(drop)?)
    }

    fn append_unsynced(&mut self, payload: &[u8]) -> Outcome<()> {
        Ok(self.0.append(payload).map(drop)?)
    }
}
