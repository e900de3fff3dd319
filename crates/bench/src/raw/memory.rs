//! What the cores do with bytes in memory: hash, checksum and copy them; scan them; hash them on all cores.

use std::path::Path;
use std::thread;

use crate::contender::{Contender, Hand, Log, Promise, Room, Scanned, Tally};
use crate::outcome::{Outcome, unable};
use crate::payload;
use crate::work::Work;

/// The bytes each core goes over again and again. More than its caches hold.
const REGION_BYTES: usize = 64 << 20;
/// The records of a scan.
const RECORD_BYTES: usize = 1024;

/// BLAKE3, CRC32C and one copy of each record, and nothing else: the limit of a buffered append that carries both.
pub(crate) struct Copy;

impl Contender for Copy {
    fn name(&self) -> &'static str {
        "raw-buffered"
    }

    fn promise(&self, _work: Work) -> Promise {
        Promise { durable: false, checksums: true, hashes: true }
    }

    fn takes(&self, work: Work, threads: usize) -> bool {
        matches!((work, threads), (Work::Buffered, 1))
    }

    fn open(&self, _dir: &Path, _room: Room) -> Outcome<Box<dyn Log>> {
        Ok(Box::new(Memory))
    }
}

struct Memory;

impl Log for Memory {
    fn hand(&self, _thread: usize) -> Outcome<Box<dyn Hand + '_>> {
        Ok(Box::new(Copier { buffer: vec![0; 1 << 20], at: 0 }))
    }
}

struct Copier {
    buffer: Vec<u8>,
    at: usize,
}

impl Hand for Copier {
    fn append(&mut self, _payload: &[u8]) -> Outcome<()> {
        unable("raw-buffered", "durable")
    }

    fn append_unsynced(&mut self, payload: &[u8]) -> Outcome<()> {
        let hash = blake3::hash(payload);
        let sum = crc32c::crc32c(payload);
        if self.at + payload.len() > self.buffer.len() {
            self.at = 0;
        }
        self.buffer[self.at..self.at + payload.len()].copy_from_slice(payload);
        self.at += payload.len();
        std::hint::black_box((&self.buffer, hash, sum));
        Ok(())
    }
}

/// CRC32C of each KiB of memory, one core: no file, no system call.
pub(crate) struct Scan;

impl Contender for Scan {
    fn name(&self) -> &'static str {
        "raw-memory"
    }

    fn promise(&self, _work: Work) -> Promise {
        Promise { checksums: true, ..Promise::BARE }
    }

    fn takes(&self, work: Work, _threads: usize) -> bool {
        work == Work::Replay
    }

    fn needs_log(&self, _work: Work) -> bool {
        false
    }

    fn open(&self, _dir: &Path, _room: Room) -> Outcome<Box<dyn Log>> {
        unable(self.name(), "open")
    }

    fn scan(&self, _work: Work, _dir: &Path, bytes: u64) -> Outcome<Scanned> {
        let region = payload::random(REGION_BYTES, 6);
        let mut tally = Tally::start();
        for _ in 0..rounds(bytes, 1) {
            for record in region.chunks_exact(RECORD_BYTES) {
                std::hint::black_box(crc32c::crc32c(record));
                tally.see(record);
            }
        }
        Ok(tally.end())
    }
}

/// BLAKE3 of each KiB of memory, on all cores: the limit of a replay that checks hashes one record at a time.
pub(crate) struct Blake3;

impl Contender for Blake3 {
    fn name(&self) -> &'static str {
        "raw-blake3"
    }

    fn promise(&self, _work: Work) -> Promise {
        Promise { hashes: true, ..Promise::BARE }
    }

    fn takes(&self, work: Work, _threads: usize) -> bool {
        work == Work::ReplayHash
    }

    fn needs_log(&self, _work: Work) -> bool {
        false
    }

    fn open(&self, _dir: &Path, _room: Room) -> Outcome<Box<dyn Log>> {
        unable(self.name(), "open")
    }

    fn scan(&self, _work: Work, _dir: &Path, bytes: u64) -> Outcome<Scanned> {
        let cores = thread::available_parallelism()?.get();
        let region = payload::random(REGION_BYTES, 7);
        let rounds = rounds(bytes, cores);
        let tally = Tally::start();
        thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(|| {
                    for _ in 0..rounds {
                        for record in region.chunks_exact(RECORD_BYTES) {
                            std::hint::black_box(blake3::hash(record));
                        }
                    }
                });
            }
        });
        let read = (rounds * cores * REGION_BYTES) as u64;
        Ok(Scanned { records: read / RECORD_BYTES as u64, bytes: read, ..tally.end() })
    }
}

fn rounds(bytes: u64, cores: usize) -> usize {
    (bytes as usize).div_ceil(REGION_BYTES * cores)
}
