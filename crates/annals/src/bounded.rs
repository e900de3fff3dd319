//! A log up to a place: what a rebuild reads while the log goes on.

use std::time::Duration;

use annals_record::{
    Appended, Batch, Bounds, Durability, Lag, Log, LogError, LogId, Offset, ReadLimit, TermStart,
};

/// A log as if it ended at `end`, an offset at which a group of it ends.
#[derive(Debug)]
pub(crate) struct Bounded<L> {
    log: L,
    end: Offset,
}

impl<L: Log> Bounded<L> {
    pub(crate) fn new(log: L, end: Offset) -> Self {
        Self { log, end }
    }
}

impl<L: Log> Log for Bounded<L> {
    fn identity(&self) -> LogId {
        self.log.identity()
    }

    fn terms(&self) -> Vec<TermStart> {
        self.log.terms()
    }

    fn bounds(&self) -> Result<Bounds, LogError> {
        let bounds = self.log.bounds()?;
        Ok(Bounds { durable: bounds.durable.min(self.end), ..bounds })
    }

    fn durability(&self) -> Durability {
        self.log.durability()
    }

    fn append(&self, payloads: &[&[u8]]) -> Result<Vec<Appended>, LogError> {
        self.log.append(payloads)
    }

    fn read_into(&self, from: Offset, limit: ReadLimit, batch: &mut Batch) -> Result<(), LogError> {
        if from >= self.end {
            batch.clear(from);
            return Ok(());
        }
        self.log.read_into(from, limit, batch)?;
        batch.cut(self.end);
        Ok(())
    }

    fn wait(&self, known: Offset, timeout: Duration) -> Result<Bounds, LogError> {
        if known >= self.end { self.bounds() } else { self.log.wait(known, timeout) }
    }

    fn lag(&self, from: Offset) -> Result<Lag, LogError> {
        self.log.lag(from)
    }
}
