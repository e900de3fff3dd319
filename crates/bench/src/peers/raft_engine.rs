//! raft-engine: many logs ("regions") in one, entries with rising indexes in each; the best group commit of the peers.
//!
//! Each thread writes a region of its own: one region takes its entries in order, and so from one thread at a time.

use std::path::Path;

use protobuf::descriptor::UninterpretedOption;
use raft_engine::{Config, Engine, LogBatch, MessageExt, ReadableSize};

use crate::contender::{Contender, Hand, Log, Promise, Room, Scanned, Tally};
use crate::outcome::Outcome;
use crate::work::Work;

/// Without compression, otherwise as it comes.
pub(crate) struct RaftEngine;

/// Entries fetched at a time.
const FETCH: u64 = 1024;

/// A message with an index and bytes, as Raft's entries have: one that the protobuf crate brings along, so that no
/// generated code is needed for the same two fields.
struct Record;

impl MessageExt for Record {
    type Entry = UninterpretedOption;

    fn index(entry: &Self::Entry) -> u64 {
        entry.get_positive_int_value()
    }
}

impl Contender for RaftEngine {
    fn name(&self) -> &'static str {
        "raft-engine"
    }

    fn promise(&self, work: Work) -> Promise {
        super::checksummed(work)
    }

    fn takes(&self, work: Work, threads: usize) -> bool {
        super::takes(work, threads)
    }

    fn open(&self, dir: &Path, _room: Room) -> Outcome<Box<dyn Log>> {
        Ok(Box::new(Open(engine(dir)?)))
    }

    fn scan(&self, _work: Work, dir: &Path, _bytes: u64) -> Outcome<Scanned> {
        let engine = engine(dir)?;
        let mut tally = Tally::start();
        let last = engine.last_index(region(0)).unwrap_or_default();
        let mut next = engine.first_index(region(0)).unwrap_or(1);
        let mut entries = Vec::with_capacity(FETCH as usize);
        while next <= last {
            let end = (next + FETCH).min(last + 1);
            engine.fetch_entries_to::<Record>(region(0), next, end, None, &mut entries)?;
            for entry in entries.drain(..) {
                tally.see(entry.get_string_value());
            }
            next = end;
        }
        Ok(tally.end())
    }
}

fn engine(dir: &Path) -> Outcome<Engine> {
    let dir = dir.to_str().ok_or("raft-engine wants a directory whose name is UTF-8")?.to_owned();
    Ok(Engine::open(Config { dir, batch_compression_threshold: ReadableSize(0), ..Config::default() })?)
}

fn region(thread: usize) -> u64 {
    thread as u64 + 1
}

struct Open(Engine);

impl Log for Open {
    fn hand(&self, thread: usize) -> Outcome<Box<dyn Hand + '_>> {
        let region = region(thread);
        let last = self.0.last_index(region).unwrap_or_default();
        Ok(Box::new(Writer { engine: &self.0, region, last, batch: LogBatch::default() }))
    }
}

struct Writer<'a> {
    engine: &'a Engine,
    region: u64,
    last: u64,
    batch: LogBatch,
}

impl Writer<'_> {
    fn write(&mut self, payloads: &[&[u8]], sync: bool) -> Outcome<()> {
        let entries: Vec<UninterpretedOption> = payloads
            .iter()
            .zip(self.last + 1..)
            .map(|(payload, index)| {
                let mut entry = UninterpretedOption::new();
                entry.set_positive_int_value(index);
                entry.set_string_value(payload.to_vec());
                entry
            })
            .collect();
        self.batch.add_entries::<Record>(self.region, &entries)?;
        self.engine.write(&mut self.batch, sync)?;
        self.last += entries.len() as u64;
        Ok(())
    }
}

impl Hand for Writer<'_> {
    fn append(&mut self, payload: &[u8]) -> Outcome<()> {
        self.write(&[payload], true)
    }

    fn append_batch(&mut self, payloads: &[&[u8]]) -> Outcome<()> {
        self.write(payloads, true)
    }

    fn append_unsynced(&mut self, payload: &[u8]) -> Outcome<()> {
        self.write(&[payload], false)
    }
}
