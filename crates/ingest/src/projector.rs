//! One step of ingest, without threads: all of what a worker does to a store can be read here.

use std::sync::Arc;
use std::time::Instant;

use annals_record::{Applied, Cursor, Log, LogError, Offset, ReadLimit};
use annals_storage::{Change, Effect, Outcome, Passed, Sink};

use crate::decode::{Decode, change};
use crate::resume::{newest_term, resume};
use crate::rhythm::Rhythm;
use crate::{Error, OnDamage, Options};

/// Brings a store up to a log, a batch at a time.
pub struct Projector<L, S> {
    log: Arc<L>,
    store: Arc<S>,
    cursor: Cursor,
    limit: ReadLimit,
    holes: u64,
    damage: OnDamage,
    damaged: u64,
    decode: Decode,
}

/// What a step has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There was nothing to do: the store is up with the log.
    Idle,
    /// A batch was applied and is visible.
    Applied {
        /// Where the cursor stands now.
        next: Offset,
        /// How many records the batch had.
        records: u64,
        /// How many payload bytes.
        bytes: u64,
        /// What became of them.
        outcome: Outcome,
    },
}

impl<L: Log, S: Sink> Projector<L, S> {
    /// A projector that goes on where the store stands, if the store belongs to the log.
    ///
    /// # Errors
    /// [`Error::Refused`] if it does not (W2); what log and store say if they cannot be read.
    pub fn new(log: Arc<L>, store: Arc<S>) -> Result<Self, Error> {
        Self::with_options(log, store, &Options::default())
    }

    /// As [`Projector::new`], with batches and what to do about damage as these options say.
    ///
    /// # Errors
    /// As [`Projector::new`].
    pub fn with_options(log: Arc<L>, store: Arc<S>, options: &Options) -> Result<Self, Error> {
        let Options { batch: limit, damage, .. } = *options;
        let cursor = resume(&*log, &*store, damage)?;
        Ok(Self { log, store, cursor, limit, holes: 0, damage, damaged: 0, decode: change })
    }

    /// Decodes as another build would.
    #[cfg(test)]
    pub(crate) fn with_decode(self, decode: Decode) -> Self {
        Self { decode, ..self }
    }

    /// With another size of batches than 10,000 records or 8 MiB.
    #[must_use]
    pub fn with_limit(mut self, limit: ReadLimit) -> Self {
        self.set_limit(limit);
        self
    }

    /// Changes the size of batches from the next step on.
    pub fn set_limit(&mut self, limit: ReadLimit) {
        self.limit = limit;
    }

    /// How far the store has come.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// How many holes of the log it has passed: ranges that somebody has listed as lost.
    #[must_use]
    pub fn holes(&self) -> u64 {
        self.holes
    }

    /// How many damaged ranges of the log it has passed, which it only does if it is told to.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Applies the next batch, if there is one. A hole of the log is a batch without records: its loss is acknowledged,
    /// so the cursor goes on behind it. Damage stops the work, or is passed and noted: [`OnDamage`].
    ///
    /// # Errors
    /// Kind Retry: nothing happened, the same step may succeed later. Kind Stop or Fix: going on needs someone.
    pub fn step(&mut self) -> Result<Progress, Error> {
        let batch = match self.log.read(self.cursor.next, self.limit) {
            Err(LogError::Hole { offset, len }) => return self.pass(offset, len),
            Err(LogError::Damaged { offset, len, detail })
                if self.damage == OnDamage::PassAndList && len > 0 =>
            {
                return self.pass_damage(&Passed { offset, len, detail });
            }
            read => read?,
        };
        if batch.is_empty() && batch.next() <= self.cursor.next {
            return Ok(Progress::Idle);
        }
        let changes = batch.iter().map(self.decode).collect::<Result<Vec<_>, _>>()?;
        let cursor = self.after(&changes, batch.next());
        let outcome = self.store.apply(&changes, &cursor)?;
        self.cursor = cursor;
        report_dead_letters(&changes);
        let bytes = batch.iter().map(|entry| entry.payload.len() as u64).sum();
        Ok(Progress::Applied { next: cursor.next, records: batch.len() as u64, bytes, outcome })
    }

    /// Moves the cursor behind a hole.
    fn pass(&mut self, offset: Offset, len: u64) -> Result<Progress, Error> {
        let cursor = self.after(&[], Offset::new(offset.get().saturating_add(len)).max(self.cursor.next));
        let outcome = self.store.apply(&[], &cursor)?;
        self.cursor = cursor;
        self.holes += 1;
        tracing::warn!(offset = offset.get(), len, "passed a hole: what stood there is lost");
        Ok(Progress::Applied { next: cursor.next, records: 0, bytes: 0, outcome })
    }

    /// Moves the cursor behind a damaged range, and notes the range.
    fn pass_damage(&mut self, passed: &Passed) -> Result<Progress, Error> {
        let cursor = self.after(&[], passed.end().max(self.cursor.next));
        self.store.pass(passed, &cursor)?;
        self.cursor = cursor;
        self.damaged += 1;
        let Passed { offset, len, detail } = passed;
        tracing::error!(offset = offset.get(), len, %detail, "passed damage: what stands there is not in the store");
        let outcome = Outcome::default();
        Ok(Progress::Applied { next: cursor.next, records: 0, bytes: 0, outcome })
    }

    /// Makes everything applied durable.
    ///
    /// # Errors
    /// Kind Stop: the store has to be opened again.
    pub fn checkpoint(&self) -> Result<(), Error> {
        Ok(self.store.checkpoint()?)
    }

    /// Makes at least everything before `at_least` durable, as it costs the store least; says how far it is durable now.
    ///
    /// # Errors
    /// Kind Stop: the store has to be opened again.
    pub fn checkpoint_to(&self, at_least: Offset) -> Result<Offset, Error> {
        Ok(self.store.checkpoint_to(at_least)?)
    }

    /// Steps until the cursor has reached `until` or the log ends, with checkpoints as a worker makes them and one at
    /// the end, and with damage dealt with as these options say. `go_on` hears of every step and ends the run early by
    /// returning false.
    ///
    /// # Errors
    /// As [`Projector::step`] and [`Projector::checkpoint`].
    pub fn run_to(
        &mut self,
        until: Offset,
        options: &Options,
        go_on: &mut dyn FnMut(&Progress) -> bool,
    ) -> Result<Offset, Error> {
        let mut rhythm = Rhythm::new(options);
        self.damage = options.damage;
        while self.cursor.next < until {
            let progress = self.step()?;
            let Progress::Applied { next, .. } = progress else { break };
            rhythm.applied(next, Instant::now());
            if !go_on(&progress) {
                break;
            }
            if let Some(due) = rhythm.due(Instant::now()) {
                rhythm.checkpointed(self.checkpoint_to(due)?);
            }
        }
        self.checkpoint()?;
        Ok(self.cursor.next)
    }

    /// The cursor once these changes are applied.
    fn after(&self, changes: &[Change<'_>], next: Offset) -> Cursor {
        let last = changes.last().map(|change| Applied { offset: change.offset, id: change.id });
        Cursor {
            log: self.cursor.log,
            // Read after the batch: what it holds was durable by then, so it lies in this term or an earlier one.
            term: newest_term(&*self.log),
            next,
            last: last.or(self.cursor.last),
        }
    }
}

/// Says which records were parked (W3).
pub(crate) fn report_dead_letters(changes: &[Change<'_>]) {
    for change in changes {
        if let Effect::DeadLetter { reason } = &change.effect {
            tracing::warn!(offset = change.offset.get(), id = %change.id, %reason, "dead letter");
        }
    }
}

#[cfg(test)]
mod tests;
