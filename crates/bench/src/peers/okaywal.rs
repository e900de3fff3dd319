//! okaywal: entries of chunks in files filled with zeros, checkpointed and recycled; a leader syncs for all.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use okaywal::{
    Configuration, Entry, EntryId, EntryWriter, LogManager, ReadChunkResult, SegmentReader, WriteAheadLog,
};

use crate::contender::{Contender, Hand, Log, Promise, Room, Scanned, Tally};
use crate::outcome::Outcome;
use crate::work::Work;

/// For rates it checkpoints every 48 MiB of a 64 MiB file, which discards and recycles: its idiom. A log that is read
/// again is never checkpointed.
pub(crate) struct Okaywal;

const FILE_BYTES: u32 = 64 << 20;
const CHECKPOINT_BYTES: u64 = 48 << 20;

impl Contender for Okaywal {
    fn name(&self) -> &'static str {
        "okaywal"
    }

    fn promise(&self, work: Work) -> Promise {
        super::checksummed(work)
    }

    fn takes(&self, work: Work, threads: usize) -> bool {
        super::takes(work, threads)
    }

    fn open(&self, dir: &Path, room: Room) -> Outcome<Box<dyn Log>> {
        Ok(Box::new(Open(configuration(dir, room.keep).open(Reader::default())?)))
    }

    /// Records are read in order only while it opens.
    fn scan(&self, _work: Work, dir: &Path, _bytes: u64) -> Outcome<Scanned> {
        let tally = Arc::new(Mutex::new(Some(Tally::start())));
        let log = configuration(dir, true).open(Reader { tally: Arc::clone(&tally), ..Reader::default() })?;
        let seen = tally.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(log);
        seen.map(Tally::end).ok_or_else(|| "okaywal lost the count".into())
    }
}

fn configuration(dir: &Path, keep: bool) -> Configuration {
    let checkpoint = if keep { u64::MAX } else { CHECKPOINT_BYTES };
    Configuration::default_for(dir).preallocate_bytes(FILE_BYTES).checkpoint_after_bytes(checkpoint)
}

/// Reads every chunk and asks for its checksum: a manager that skips chunks ends the recovery at the first entry.
#[derive(Debug, Default)]
struct Reader {
    tally: Arc<Mutex<Option<Tally>>>,
    chunk: Vec<u8>,
}

impl LogManager for Reader {
    fn recover(&mut self, entry: &mut Entry<'_>) -> io::Result<()> {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        while let ReadChunkResult::Chunk(mut chunk) = entry.read_chunk()? {
            self.chunk.clear();
            io::Read::read_to_end(&mut chunk, &mut self.chunk)?;
            if !chunk.check_crc()? {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a chunk does not match its checksum",
                ));
            }
            if let Some(tally) = tally.as_mut() {
                tally.see(&self.chunk);
            }
        }
        Ok(())
    }

    fn checkpoint_to(
        &mut self,
        _last: EntryId,
        _entries: &mut SegmentReader,
        _log: &WriteAheadLog,
    ) -> io::Result<()> {
        Ok(())
    }
}

struct Open(WriteAheadLog);

impl Log for Open {
    fn hand(&self, _thread: usize) -> Outcome<Box<dyn Hand + '_>> {
        Ok(Box::new(Writer { log: &self.0, long: None }))
    }
}

struct Writer<'a> {
    log: &'a WriteAheadLog,
    /// It has no commit without a sync: appends without one are chunks of one long entry.
    long: Option<EntryWriter<'a>>,
}

impl Hand for Writer<'_> {
    fn append(&mut self, payload: &[u8]) -> Outcome<()> {
        self.append_batch(&[payload])
    }

    fn append_batch(&mut self, payloads: &[&[u8]]) -> Outcome<()> {
        let mut entry = self.log.begin_entry()?;
        for payload in payloads {
            entry.write_chunk(payload)?;
        }
        Ok(entry.commit().map(drop)?)
    }

    fn append_unsynced(&mut self, payload: &[u8]) -> Outcome<()> {
        if self.long.is_none() {
            self.long = Some(self.log.begin_entry()?);
        }
        if let Some(entry) = &mut self.long {
            entry.write_chunk(payload)?;
        }
        Ok(())
    }
}
