//! What is measured: a log that can be opened, written to by several hands, and read again.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::outcome::{Outcome, unable};
use crate::work::Work;

/// What a figure stands for. Two figures are only comparable where these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Promise {
    /// What was acknowledged within the figure survives a power cut.
    pub(crate) durable: bool,
    /// Each record, or each group of them, is covered by a checksum, which was computed within the figure.
    pub(crate) checksums: bool,
    /// Each record has a cryptographic hash, which was computed within the figure.
    pub(crate) hashes: bool,
}

impl Promise {
    /// A limit: nothing but the bytes.
    pub(crate) const BARE: Self = Self { durable: false, checksums: false, hashes: false };
}

/// What is going to be written into a log.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "peers"), expect(dead_code, reason = "ours and the limits need not be told"))]
pub(crate) struct Room {
    /// At most so many payload bytes: a log of one file reserves them.
    pub(crate) bytes: u64,
    /// The records will be read again: a log that discards them at a checkpoint does not get there.
    pub(crate) keep: bool,
}

/// A log under test.
pub(crate) trait Contender: Sync {
    /// Its name in tables: `annals`, a peer's, or `raw-…` for a limit.
    fn name(&self) -> &'static str;

    /// What its figure of this work stands for.
    fn promise(&self, work: Work) -> Promise;

    /// Whether it takes part in this work with so many threads.
    fn takes(&self, work: Work, threads: usize) -> bool;

    /// Opens its log in `dir`, an existing directory, creating it if there is none.
    fn open(&self, dir: &Path, room: Room) -> Outcome<Box<dyn Log>>;

    /// Whether this work reads a log that has to be written first.
    fn needs_log(&self, work: Work) -> bool {
        work.is_prepared()
    }

    /// Reads all records that `dir` holds, from first to last, and says how long that took, without the open.
    fn scan(&self, work: Work, dir: &Path, bytes: u64) -> Outcome<Scanned> {
        let _ = (dir, bytes);
        unable(self.name(), work.name())
    }
}

/// An open log.
pub(crate) trait Log: Sync {
    /// The hand with which one thread appends. Each thread takes its own, once.
    fn hand(&self, thread: usize) -> Outcome<Box<dyn Hand + '_>>;

    /// Keeps `flight` appends of one task going for a time, if the log has them.
    #[cfg(feature = "async")]
    fn fly(&self, flight: usize, size: usize, window: Duration) -> Outcome<crate::latency::Latencies> {
        let _ = (flight, size, window);
        unable("this log", "async")
    }
}

/// One thread's way to append.
pub(crate) trait Hand {
    /// Appends one record and returns once it is durable.
    fn append(&mut self, payload: &[u8]) -> Outcome<()>;

    /// Appends records and returns once all are durable, with one sync.
    fn append_batch(&mut self, payloads: &[&[u8]]) -> Outcome<()> {
        let _ = payloads;
        unable("this log", "batch")
    }

    /// Appends one record under the log's policy that does not sync.
    fn append_unsynced(&mut self, payload: &[u8]) -> Outcome<()> {
        let _ = payload;
        unable("this log", "buffered")
    }
}

/// What a scan saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scanned {
    /// Records lent to the reader.
    pub(crate) records: u64,
    /// Their payload bytes.
    pub(crate) bytes: u64,
    /// The time it took.
    pub(crate) took: Duration,
}

/// A reader of records that does as little as a reader can: it counts them, and touches each.
#[derive(Debug)]
pub(crate) struct Tally {
    since: Instant,
    records: u64,
    bytes: u64,
    touched: u8,
}

impl Tally {
    /// Begins to count, and to take the time.
    pub(crate) fn start() -> Self {
        Self { since: Instant::now(), records: 0, bytes: 0, touched: 0 }
    }

    /// Sees one record.
    #[inline]
    pub(crate) fn see(&mut self, payload: &[u8]) {
        self.records += 1;
        self.bytes += payload.len() as u64;
        self.touched ^= payload.first().copied().unwrap_or_default();
    }

    /// Ends the count.
    pub(crate) fn end(self) -> Scanned {
        let took = self.since.elapsed();
        std::hint::black_box(self.touched);
        Scanned { records: self.records, bytes: self.bytes, took }
    }
}

/// Everybody who can take part in this build, ours first, limits last.
pub(crate) fn all() -> Vec<&'static dyn Contender> {
    let mut all: Vec<&'static dyn Contender> = vec![&crate::annals::Annals];
    #[cfg(feature = "peers")]
    all.extend(crate::peers::all());
    all.extend(crate::raw::all());
    all
}

/// The contender of this name.
pub(crate) fn named(name: &str) -> Outcome<&'static dyn Contender> {
    let found = all().into_iter().find(|contender| contender.name() == name);
    found.ok_or_else(|| format!("no contender is called {name}; peers need the feature `peers`").into())
}
