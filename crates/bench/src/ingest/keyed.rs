//! Any store of keys and values, filled from the journal as ours is: read, decoded by the same code, written a batch at
//! a time, each batch in one piece with how far it reaches.

mod puts;

use std::sync::Arc;
use std::time::Instant;

use annals_ingest::decode;
use annals_journal::Reader;
use annals_record::{Batch, Log as _, Offset, ReadLimit};

use super::contender::{Answers, Store, Syncs};
use crate::outcome::Outcome;

pub(crate) use puts::{CURSOR, Puts, subject};

/// A store of keys and values.
pub(crate) trait Keyed {
    /// Where the last batch ended, as [`Keyed::write`] was told; none in an empty store.
    fn cursor(&self) -> Outcome<Option<u64>>;

    /// Writes a batch and its cursor, all or nothing. Visible on return, durable with the next sync.
    fn write(&mut self, puts: &Puts<'_>, cursor: u64) -> Outcome<()>;

    /// Makes everything written durable.
    fn sync(&mut self) -> Outcome<()>;

    /// One snapshot, to be asked.
    fn answers(&self) -> Outcome<Box<dyn Answers + '_>>;

    /// Closes it in order.
    fn close(self) -> Outcome<()>;
}

/// One of them, to be filled.
pub(crate) struct Filled<K>(pub(crate) K);

impl<K: Keyed> Store for Filled<K> {
    fn pour(&mut self, log: &Arc<Reader>, batches: Option<u64>, syncs: Syncs) -> Outcome<()> {
        let mut next = self.0.cursor()?.map_or(log.bounds()?.oldest, Offset::new);
        let (mut batch, mut left) = (Batch::default(), batches.unwrap_or(u64::MAX));
        let mut synced = Instant::now();
        while left > 0 {
            log.read_into(next, ReadLimit::default(), &mut batch)?;
            if batch.is_empty() && batch.next() <= next {
                break;
            }
            self.0.write(&Puts::of(&decode(&batch)?), batch.next().get())?;
            (next, left) = (batch.next(), left - 1);
            if matches!(syncs, Syncs::Every(time) if synced.elapsed() >= time) {
                self.0.sync()?;
                synced = Instant::now();
            }
        }
        if syncs == Syncs::Never { Ok(()) } else { self.0.sync() }
    }

    fn answers(&self) -> Outcome<Box<dyn Answers + '_>> {
        self.0.answers()
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        self.0.close()
    }
}

/// The number that a cursor's bytes are.
pub(crate) fn cursor(bytes: &[u8]) -> Outcome<u64> {
    Ok(u64::from_le_bytes(bytes.try_into().map_err(|_| "the cursor has another length")?))
}
