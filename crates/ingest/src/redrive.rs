//! Dead letters, read again from the log and handed to the store as they are decoded now.
//!
//!   letters of the store -> their records in the log -> decode -> store: applied where they came, or still parked
//!
//! In the order of offsets, a batch at a time; each batch takes effect as a whole. The order does not matter for where
//! this ends (W6), so a run that is cut off is begun again without a thought.

use annals_record::{Entry, Log, LogError, Offset, ReadLimit};
use annals_storage::{Change, DeadLetter, Effect, HybridStore, Redriven};

use crate::decode::{Decode, change};
use crate::resume::fits;
use crate::{Error, OnDamage};

/// How many letters are read again at once, and about how many bytes of payload.
const BATCH: ReadLimit = ReadLimit { records: 1000, bytes: 8 << 20 };
/// How many records that could not be read are named.
const NAMED: usize = 100;

/// Which letters to read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'w> {
    /// All that are parked, but none that was given up.
    All,
    /// Those of these offsets, given up or not.
    At(&'w [Offset]),
}

/// What became of dead letters that were read again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Redrive {
    /// Of those whose records could be read.
    pub redriven: Redriven,
    /// How many records the log could not give; their letters stay as they are.
    pub unread_total: u64,
    /// The first hundred of these.
    pub unread: Vec<Unread>,
}

/// A record that the log could not give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Where it stood.
    pub offset: Offset,
    /// Why.
    pub reason: String,
}

/// Reads dead letters again. What can be applied now is applied as if it had been when it came; what cannot stays, with
/// its new reason. With `apply` false it only looks, and says what would become of them: then those that are there
/// already, from whichever place, are among the applied ones.
///
/// `progress` hears how many letters are done; it ends the run after a batch by returning false.
///
/// # Errors
/// [`Error::Refused`] if the store does not belong to this log; [`Error::Encoding`] if this build lays records out
/// differently; what the store says if it cannot be read or written.
pub fn redrive<L: Log>(
    log: &L,
    store: &HybridStore,
    which: Which<'_>,
    apply: bool,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<Redrive, Error> {
    redrive_with(change, log, store, which, apply, progress)
}

/// As [`redrive`], decoding as another build would.
pub(crate) fn redrive_with<L: Log>(
    decode: Decode,
    log: &L,
    store: &HybridStore,
    which: Which<'_>,
    apply: bool,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<Redrive, Error> {
    let Some(cursor) = store.snapshot()?.cursor() else { return Ok(Redrive::default()) };
    // Damage is no reason to leave what can be read as it is.
    fits("cursor", &cursor, log, OnDamage::PassAndList)?;
    let mut offsets = match which {
        Which::All => Vec::new(),
        Which::At(offsets) => offsets.to_vec(),
    };
    offsets.sort_unstable();
    offsets.dedup();
    let mut offsets = offsets.chunks(BATCH.records);
    let mut run = Run { decode, log, store, apply, pile: Vec::new(), bytes: 0, done: Redrive::default() };
    let (mut after, mut letters_done) = (None, 0);
    loop {
        let letters = match which {
            Which::All => store.snapshot()?.dead_letters(after, BATCH.records)?,
            Which::At(_) => match offsets.next() {
                Some(offsets) => run.picked(offsets)?,
                None => break,
            },
        };
        if which == Which::All && letters.is_empty() {
            break;
        }
        after = letters.last().map(|letter| letter.offset).or(after);
        letters_done += letters.len() as u64;
        letters.iter().try_for_each(|letter| run.add(letter))?;
        run.flush()?;
        if !progress(letters_done) {
            break;
        }
    }
    Ok(run.done)
}

/// Letters being read again.
struct Run<'r, L> {
    decode: Decode,
    log: &'r L,
    store: &'r HybridStore,
    apply: bool,
    /// Records that wait for their batch to be full, and how many bytes they have.
    pile: Vec<(DeadLetter, Vec<u8>)>,
    bytes: usize,
    done: Redrive,
}

impl<L: Log> Run<'_, L> {
    /// The letters of these offsets.
    fn picked(&mut self, offsets: &[Offset]) -> Result<Vec<DeadLetter>, Error> {
        let snapshot = self.store.snapshot()?;
        let mut letters = Vec::new();
        for offset in offsets {
            match snapshot.dead_letter(*offset)? {
                Some((letter, _)) => letters.push(letter),
                None => self.done.redriven.unknown += 1,
            }
        }
        Ok(letters)
    }

    fn add(&mut self, letter: &DeadLetter) -> Result<(), Error> {
        match record_of(self.log, letter) {
            Ok(payload) => {
                self.bytes += payload.len();
                self.pile.push((letter.clone(), payload));
            }
            Err(reason) => {
                self.done.unread_total += 1;
                if self.done.unread.len() < NAMED {
                    self.done.unread.push(Unread { offset: letter.offset, reason });
                }
            }
        }
        if self.bytes >= BATCH.bytes { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.bytes = 0;
        let pile = std::mem::take(&mut self.pile);
        let mut changes = Vec::with_capacity(pile.len());
        for (DeadLetter { offset, id, .. }, payload) in &pile {
            changes.push((self.decode)(Entry { offset: *offset, id: *id, payload })?);
        }
        let redriven = if self.apply { self.store.redrive(&changes)? } else { looked_at(&changes) };
        self.done.redriven.merge(&redriven);
        Ok(())
    }
}

/// The record of a letter, as the log has it; or why it has none.
///
/// # Errors
/// In words, for the letter stays as it is.
pub fn record_of<L: Log>(log: &L, letter: &DeadLetter) -> Result<Vec<u8>, String> {
    let read = log.read(letter.offset, ReadLimit { records: 1, bytes: 1 });
    let batch = read.map_err(|error| match error {
        LogError::Gap { .. } => "retention has removed its record".to_owned(),
        error => error.to_string(),
    })?;
    match batch.iter().next() {
        Some(entry) if (entry.offset, entry.id) == (letter.offset, letter.id) => Ok(entry.payload.to_vec()),
        _ => Err("another record stands there".to_owned()),
    }
}

/// What would become of these.
fn looked_at(changes: &[Change<'_>]) -> Redriven {
    let mut redriven = Redriven::default();
    for change in changes {
        match change.effect {
            Effect::DeadLetter { .. } => redriven.parked += 1,
            Effect::Application => redriven.application += 1,
            Effect::Assertion { .. } | Effect::Vote { .. } | Effect::Epoch { .. } => redriven.applied += 1,
        }
    }
    redriven
}

#[cfg(test)]
mod tests;
