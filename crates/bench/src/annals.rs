//! Ours: default options, BLAKE3 and CRC32C of every record in every figure.

use std::path::Path;
#[cfg(feature = "async")]
use std::time::Duration;

use annals_journal::{Batch, Journal, Offset, Options, SyncPolicy};

use crate::contender::{Contender, Hand, Log, Promise, Room, Scanned, Tally};
use crate::outcome::{Outcome, unable};
#[cfg(feature = "async")]
use crate::payload::Payloads;
use crate::work::Work;

/// The journal of this workspace.
pub(crate) struct Annals;

impl Contender for Annals {
    fn name(&self) -> &'static str {
        "annals"
    }

    fn promise(&self, work: Work) -> Promise {
        Promise { durable: work != Work::Buffered, checksums: true, hashes: work != Work::Replay }
    }

    fn takes(&self, work: Work, _threads: usize) -> bool {
        work != Work::Async || cfg!(feature = "async")
    }

    fn open(&self, dir: &Path, room: Room) -> Outcome<Box<dyn Log>> {
        let sync = if room.synced { SyncPolicy::default() } else { SyncPolicy::OnDemand };
        let options = Options { sync, ..Options::default() };
        Ok(Box::new(Open(Journal::open_with(dir.join("journal"), options)?)))
    }

    fn scan(&self, work: Work, dir: &Path, bytes: u64) -> Outcome<Scanned> {
        let journal = Journal::open(dir.join("journal"))?;
        let mut tally = Tally::start();
        match work {
            Work::Replay => {
                let mut replay = journal.replay(Offset::ZERO);
                let mut batch = Batch::default();
                while replay.next_into(&mut batch)? {
                    for record in batch.iter() {
                        tally.see(record.payload);
                    }
                }
                Ok(tally.end())
            }
            Work::ReplayHash => {
                let found = journal.verify(&mut |_, _| ())?;
                let scanned = tally.end();
                if !found.damaged.is_empty() {
                    return Err(format!("the log of the measurement is damaged: {:?}", found.damaged).into());
                }
                Ok(Scanned { records: found.records, bytes, ..scanned })
            }
            _ => unable(self.name(), work.name()),
        }
    }
}

struct Open(Journal);

impl Log for Open {
    fn hand(&self, _thread: usize) -> Outcome<Box<dyn Hand + '_>> {
        Ok(Box::new(Appender(&self.0)))
    }

    #[cfg(feature = "async")]
    fn fly(&self, flight: usize, size: usize, window: Duration) -> Outcome<crate::latency::Latencies> {
        let payloads = Payloads::new(size, 5);
        crate::work::asynchronous::fly(flight, &payloads, window, |payload| self.0.append_async(payload))
    }
}

struct Appender<'a>(&'a Journal);

impl Hand for Appender<'_> {
    fn append(&mut self, payload: &[u8]) -> Outcome<()> {
        Ok(self.0.append(payload).map(drop)?)
    }

    fn append_batch(&mut self, payloads: &[&[u8]]) -> Outcome<()> {
        Ok(self.0.append_batch(payloads).map(drop)?)
    }

    fn append_unsynced(&mut self, payload: &[u8]) -> Outcome<()> {
        // The policy that the journal was opened with does not sync.
        self.append(payload)
    }
}
