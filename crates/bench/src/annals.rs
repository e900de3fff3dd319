//! Ours: default options, BLAKE3 and CRC32C of every record in every figure.

use std::path::Path;
#[cfg(feature = "async")]
use std::time::Duration;

use annals_journal::{Journal, Offset};

use crate::contender::{Contender, Hand, Log, Promise, Room, Scanned, Tally};
use crate::outcome::{Outcome, unable};
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
        match work {
            Work::Async => cfg!(feature = "async"),
            // The journal has no policy under which an append returns before its sync.
            Work::Buffered => false,
            _ => true,
        }
    }

    fn open(&self, dir: &Path, _room: Room) -> Outcome<Box<dyn Log>> {
        Ok(Box::new(Open(Journal::open(dir.join("journal"))?)))
    }

    fn scan(&self, work: Work, dir: &Path, bytes: u64) -> Outcome<Scanned> {
        let journal = Journal::open(dir.join("journal"))?;
        let mut tally = Tally::start();
        match work {
            Work::Replay => {
                for batch in journal.tail(Offset::ZERO) {
                    for record in batch?.iter() {
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
        crate::work::asynchronous::fly(flight, size, window, |payload| {
            let append = self.0.append_async(payload.to_vec());
            async move { Ok(append.await.map(drop)?) }
        })
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
}
