//! The hot paths whose instructions are counted, through public faces: those of the journal on a disk in memory.
//!
//! A path sets up the same whatever is asked of it, then does its work so many times: what two runs differ by is the work.

mod store;

use std::path::Path;
use std::sync::Arc;

use annals_journal::{Clock, Journal, Offset, Options};
use clap::{Args, ValueEnum};

use crate::memory_disk::MemoryDisk;
use crate::outcome::Outcome;
use crate::payload::{self, Payloads};

/// Records of one time.
pub(crate) const RECORDS: usize = 1000;
/// Payload bytes of each.
const RECORD_BYTES: usize = 128;
/// Records of a log that is read.
const LOG_RECORDS: usize = 10 * RECORDS;
/// The most times a path does its work.
pub(crate) const MOST_TIMES: u32 = 3;

/// Room for all of them: no path rolls, and what is done for an empty segment's size does not outweigh the rest.
const SEGMENT_BYTES: u64 = 4 << 20;

const DIR: &str = "/journal";

/// One way through the journal, or through worker and store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HotPath {
    /// Single durable appends.
    Append,
    /// A batch of 1000.
    AppendBatch,
    /// Reading all records, CRCs checked.
    Replay,
    /// Reading all records, CRCs and hashes checked.
    Verify,
    /// Opening after an unclean stop, all records in the active segment.
    Open,
    /// From a log into a store: read, decoded, applied in batches of 1000, folded.
    Ingest,
    /// Assertions by id, each for the first time.
    Get,
    /// Assertions by id, asked for before.
    GetAgain,
    /// Assertions that are not there.
    Absent,
    /// The ids of the hundred subjects of which most is said.
    Subject,
}

impl HotPath {
    /// As the command line and the record of counts name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::AppendBatch => "append-batch",
            Self::Replay => "replay",
            Self::Verify => "verify",
            Self::Open => "open",
            Self::Ingest => "ingest",
            Self::Get => "get",
            Self::GetAgain => "get-again",
            Self::Absent => "absent",
            Self::Subject => "subject",
        }
    }

    /// By how many percent a count may be off: allocators are not the same everywhere, and the maps of the store's engines
    /// have other seeds each time.
    pub(crate) fn tolerance(self) -> u64 {
        match self {
            Self::Append | Self::AppendBatch | Self::Replay | Self::Verify | Self::Open => 3,
            Self::Ingest | Self::Get | Self::GetAgain | Self::Absent | Self::Subject => 8,
        }
    }

    /// The records of one time, or how often is asked.
    pub(crate) fn records(self) -> u64 {
        let records = match self {
            Self::Append | Self::AppendBatch => RECORDS,
            Self::Replay | Self::Verify | Self::Open => LOG_RECORDS,
            Self::Ingest => store::APPLIED,
            Self::Get => store::ASKED,
            Self::GetAgain | Self::Absent => store::ASKED * store::ROUNDS,
            Self::Subject => store::LISTED * store::ROUNDS,
        };
        records as u64
    }
}

/// A path and how many times it does its work.
#[derive(Args)]
pub(crate) struct Hot {
    /// The path.
    #[arg(long)]
    path: HotPath,
    /// How many times.
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=i64::from(MOST_TIMES)))]
    times: u32,
}

impl Hot {
    /// Sets up and does the work.
    pub(crate) fn run(&self) -> Outcome<()> {
        match self.path {
            HotPath::Append => self.append(),
            HotPath::AppendBatch => self.append_batch(),
            HotPath::Replay => {
                let journal = filled(&MemoryDisk::default())?;
                self.repeat(|| replay(&journal))
            }
            HotPath::Verify => {
                let journal = filled(&MemoryDisk::default())?;
                self.repeat(|| {
                    let found = journal.verify(&mut |_, _| ())?;
                    expect(found.records as usize, LOG_RECORDS)
                })
            }
            HotPath::Open => self.open(),
            path => store::run(path, self.times),
        }
    }

    fn repeat(&self, mut work: impl FnMut() -> Outcome<()>) -> Outcome<()> {
        (0..self.times).try_for_each(|_| work())
    }

    fn append(&self) -> Outcome<()> {
        let journal = open(&MemoryDisk::default())?;
        let mut payloads = Payloads::new(RECORD_BYTES, 1);
        journal.append(payloads.next())?;
        self.repeat(|| (0..RECORDS).try_for_each(|_| Ok(journal.append(payloads.next()).map(drop)?)))
    }

    fn append_batch(&self) -> Outcome<()> {
        let journal = open(&MemoryDisk::default())?;
        let pool = payload::random(RECORDS * RECORD_BYTES, 1);
        let batch = payload::cut(&pool, RECORD_BYTES);
        journal.append_batch(&batch)?;
        self.repeat(|| Ok(journal.append_batch(&batch).map(drop)?))
    }

    fn open(&self) -> Outcome<()> {
        let disk = MemoryDisk::default();
        let journal = filled(&disk)?;
        // As many images as there can be times, so that making them is no part of the difference.
        let images: Vec<MemoryDisk> = (0..MOST_TIMES).map(|_| disk.image()).collect();
        let mut images = images.iter();
        self.repeat(|| {
            let image = images.next().ok_or("too many times")?;
            let opened = open(image)?;
            let records = opened.report().records;
            // Closing is no part of an open.
            std::mem::forget(opened);
            expect(records as usize, LOG_RECORDS)
        })?;
        std::mem::forget(journal);
        Ok(())
    }
}

/// A clock that stands still: what depends on the time does so in the same way each time.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now_micros(&self) -> i64 {
        0
    }
}

fn open(disk: &MemoryDisk) -> Outcome<Journal> {
    let options = Options { segment_bytes: SEGMENT_BYTES, ..Options::default() };
    Ok(Journal::open_on(Arc::new(disk.clone()), Arc::new(Still), Path::new(DIR), options)?)
}

/// A log of records in batches, all in one segment.
fn filled(disk: &MemoryDisk) -> Outcome<Journal> {
    let journal = open(disk)?;
    for seed in 0..(LOG_RECORDS / RECORDS) as u64 {
        let pool = payload::random(RECORDS * RECORD_BYTES, seed);
        journal.append_batch(&payload::cut(&pool, RECORD_BYTES))?;
    }
    Ok(journal)
}

fn replay(journal: &Journal) -> Outcome<()> {
    let mut records = 0;
    for batch in journal.tail(Offset::ZERO) {
        for record in batch?.iter() {
            std::hint::black_box(record.payload);
            records += 1;
        }
    }
    expect(records, LOG_RECORDS)
}

/// A path that did less than it should is not to pass for a fast one.
fn expect(seen: usize, records: usize) -> Outcome<()> {
    if seen == records { Ok(()) } else { Err(format!("{seen} of {records} records were seen").into()) }
}
