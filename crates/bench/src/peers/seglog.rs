//! seglog: one writer over one fallocated file, buffered, a commit marker and `fdatasync` at each commit.

use std::path::Path;

use seglog::read::Reader;
use seglog::write::Writer;

use super::Shared;
use crate::contender::{Contender, Hand, Log, Promise, Room, Scanned, Tally};
use crate::outcome::Outcome;
use crate::work::Work;

/// A segment of seglog has one size for ever, and it knows one segment: the file is made large enough.
pub(crate) struct Seglog;

const FILE: &str = "segment";

/// At least this: the rates know no number of records.
const LEAST_BYTES: u64 = 64 << 20;

impl Contender for Seglog {
    fn name(&self) -> &'static str {
        "seglog"
    }

    fn promise(&self, work: Work) -> Promise {
        super::checksummed(work)
    }

    fn takes(&self, work: Work, threads: usize) -> bool {
        super::takes(work, threads)
    }

    fn open(&self, dir: &Path, room: Room) -> Outcome<Box<dyn Log>> {
        let path = dir.join(FILE);
        let size = (LEAST_BYTES + room.bytes + room.bytes / 4) as usize;
        let writer = if path.exists() {
            Writer::<0>::open(&path, size, 0)?
        } else {
            Writer::<0>::create(&path, size, 0)?
        };
        Ok(Box::new(Shared::new(Segment { writer, position: 0 })))
    }

    fn scan(&self, _work: Work, dir: &Path, _bytes: u64) -> Outcome<Scanned> {
        let mut reader = Reader::<0>::open_read_only(dir.join(FILE), None)?;
        let mut tally = Tally::start();
        let mut records = reader.iter(0);
        while let Some(record) = records.next_record()? {
            tally.see(&record.data);
        }
        Ok(tally.end())
    }
}

struct Segment {
    writer: Writer<0>,
    /// What a commit marker carries: the caller's count.
    position: u64,
}

impl Hand for Segment {
    fn append(&mut self, payload: &[u8]) -> Outcome<()> {
        self.append_batch(&[payload])
    }

    fn append_batch(&mut self, payloads: &[&[u8]]) -> Outcome<()> {
        for payload in payloads {
            self.append_unsynced(payload)?;
        }
        Ok(self.writer.commit(self.position).map(drop)?)
    }

    fn append_unsynced(&mut self, payload: &[u8]) -> Outcome<()> {
        self.position += 1;
        Ok(self.writer.append(&[], payload).map(drop)?)
    }
}
