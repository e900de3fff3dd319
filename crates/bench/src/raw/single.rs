//! One thread, one file: write and sync, in three ways; and write alone.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::file::{self, BLOCK, Ring};
use crate::contender::{Contender, Hand, Log, Promise, Room};
use crate::outcome::{Outcome, unable};
use crate::work::Work;

use memmap2::{MmapMut, MmapOptions};

/// As much memory at least, and a multiple of it: a huge page.
const HUGE_PAGE: usize = 2 << 20;
/// Enough for any repetition of the rates: blocks are written once.
const RESERVED_BYTES: u64 = 4 << 30;
/// Zeros cost real writes: this much is written again and again.
pub(super) const ZEROED_BYTES: u64 = 64 << 20;

/// A way to make a write durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sync {
    /// `pwrite` and `fdatasync` into reserved space.
    Reserved,
    /// The same over zeros that were written before.
    Zeroed,
    /// One `O_DIRECT|O_DSYNC` write of whole blocks over such zeros, out of huge pages if there are any.
    Direct,
}

/// One thread that writes and syncs.
pub(crate) struct Single {
    name: &'static str,
    sync: Sync,
}

/// Plain write and fdatasync in a fallocated file.
pub(crate) const FDATASYNC: Single = Single { name: "raw-fdatasync", sync: Sync::Reserved };
/// The same over zeros.
pub(crate) const ZEROED: Single = Single { name: "raw-zeroed", sync: Sync::Zeroed };
/// One synced write of whole blocks, past the page cache.
pub(crate) const DSYNC: Single = Single { name: "raw-dsync", sync: Sync::Direct };

impl Contender for Single {
    fn name(&self) -> &'static str {
        self.name
    }

    fn promise(&self, _work: Work) -> Promise {
        Promise { durable: true, ..Promise::BARE }
    }

    fn takes(&self, work: Work, threads: usize) -> bool {
        matches!((work, threads), (Work::Durable | Work::Batch, 1))
    }

    fn open(&self, dir: &Path, _room: Room) -> Outcome<Box<dyn Log>> {
        let path = dir.join("raw");
        let (file, len) = match self.sync {
            Sync::Reserved => (file::reserved(&path, RESERVED_BYTES)?, RESERVED_BYTES),
            Sync::Zeroed => (file::zeroed(&path, ZEROED_BYTES)?, ZEROED_BYTES),
            Sync::Direct => {
                drop(file::zeroed(&path, ZEROED_BYTES)?);
                (file::direct(&path)?, ZEROED_BYTES)
            }
        };
        Ok(Box::new(Open { file, sync: self.sync, ring: Mutex::new(Ring::new(len)) }))
    }
}

struct Open {
    file: File,
    sync: Sync,
    ring: Mutex<Ring>,
}

impl Log for Open {
    fn hand(&self, _thread: usize) -> Outcome<Box<dyn Hand + '_>> {
        let ring = *self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Box::new(Writer { open: self, ring, buffer: memory(HUGE_PAGE)? }))
    }
}

struct Writer<'a> {
    open: &'a Open,
    ring: Ring,
    buffer: MmapMut,
}

/// So much memory in huge pages, if the system has any: a write past the page cache then goes to the device in one piece.
fn memory(bytes: usize) -> Outcome<MmapMut> {
    let memory = MmapOptions::new().len(bytes.next_multiple_of(HUGE_PAGE)).map_anon()?;
    let _ = memory.advise(memmap2::Advice::HugePage);
    Ok(memory)
}

impl Writer<'_> {
    fn write(&mut self, payloads: &[&[u8]]) -> Outcome<()> {
        let bytes = payloads.iter().map(|payload| payload.len()).sum::<usize>();
        let len = match self.open.sync {
            // `O_DIRECT` wants whole blocks in memory that is aligned to them, as a mapping is.
            Sync::Direct => bytes.next_multiple_of(BLOCK),
            Sync::Reserved | Sync::Zeroed => bytes,
        };
        if self.buffer.len() < len {
            self.buffer = memory(len)?;
        }
        let mut at = 0;
        for payload in payloads {
            self.buffer[at..at + payload.len()].copy_from_slice(payload);
            at += payload.len();
        }
        self.open.file.write_all_at(&self.buffer[..len], self.ring.take(len))?;
        if self.open.sync != Sync::Direct {
            self.open.file.sync_data()?;
        }
        Ok(())
    }
}

impl Hand for Writer<'_> {
    fn append(&mut self, payload: &[u8]) -> Outcome<()> {
        self.write(&[payload])
    }

    fn append_batch(&mut self, payloads: &[&[u8]]) -> Outcome<()> {
        self.write(payloads)
    }
}

/// Sequential writes of a mebibyte, gathered, without a sync: what the page cache takes.
pub(crate) struct RawWrite;

impl Contender for RawWrite {
    fn name(&self) -> &'static str {
        "raw-write"
    }

    fn promise(&self, _work: Work) -> Promise {
        Promise::BARE
    }

    fn takes(&self, work: Work, threads: usize) -> bool {
        matches!((work, threads), (Work::Buffered, 1))
    }

    fn open(&self, dir: &Path, _room: Room) -> Outcome<Box<dyn Log>> {
        Ok(Box::new(Gathered(file::reserved(&dir.join("raw"), RESERVED_BYTES)?)))
    }
}

struct Gathered(File);

const GATHER_BYTES: usize = 1 << 20;

impl Log for Gathered {
    fn hand(&self, _thread: usize) -> Outcome<Box<dyn Hand + '_>> {
        let buffer = Vec::with_capacity(GATHER_BYTES);
        Ok(Box::new(Gatherer { file: &self.0, ring: Ring::new(RESERVED_BYTES), buffer }))
    }
}

struct Gatherer<'a> {
    file: &'a File,
    ring: Ring,
    buffer: Vec<u8>,
}

impl Hand for Gatherer<'_> {
    fn append(&mut self, _payload: &[u8]) -> Outcome<()> {
        unable("raw-write", "durable")
    }

    fn append_unsynced(&mut self, payload: &[u8]) -> Outcome<()> {
        self.buffer.extend_from_slice(payload);
        if self.buffer.len() >= GATHER_BYTES {
            self.file.write_all_at(&self.buffer, self.ring.take(self.buffer.len()))?;
            self.buffer.clear();
        }
        Ok(())
    }
}
