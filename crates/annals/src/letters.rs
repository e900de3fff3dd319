//! Dead letters: records that could not be applied, looked at, read again, or given up; and damage that is passed.
//!
//!   parked -> redrive: read from the log again, applied as if it had been when it came
//!          -> discard: given up, noted in the store; the log keeps the record

use std::path::Path;
use std::sync::{Arc, PoisonError};

use annals_ingest::{OnDamage, Projector, Redrive, Which};
use annals_record::{Log, LogError, Offset, ReadLimit, RecordId};
use annals_storage::{DeadLetter, HybridStore, Passed, Sink};

use crate::annals::{Annals, STORE_CURSOR, open_journal};
use crate::consumers::Notes;
use crate::directory::current_store;
use crate::error::Error;
use crate::options::Options;

/// How many letters are looked through at a time.
const PAGE: usize = 1000;

/// A dead letter, and all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Letter {
    /// Place, id and reason.
    pub letter: DeadLetter,
    /// Whether it was given up.
    pub given_up: bool,
    /// When its batch was written, by the writer's clock, in microseconds since the epoch; none if that cannot be read.
    pub time_micros: Option<i64>,
    /// Its record, as the log has it; or why the log has none.
    pub payload: Result<Vec<u8>, String>,
}

impl Annals {
    /// Records that could not be applied, in the log's order: at most `limit`, those after the offset `after`.
    ///
    /// # Errors
    /// [`Error::Store`] if the store cannot be read.
    pub fn dead_letters(&self, after: Option<Offset>, limit: usize) -> Result<Vec<DeadLetter>, Error> {
        Ok(self.store().snapshot()?.dead_letters(after, limit)?)
    }

    /// All that is known of the dead letter of this offset, given up or not; none if there is none.
    ///
    /// # Errors
    /// [`Error::Store`] if the store cannot be read, [`Error::Journal`] if a file of the journal cannot be.
    pub fn dead_letter(&self, offset: Offset) -> Result<Option<Letter>, Error> {
        match self.store().snapshot()?.dead_letter(offset)? {
            Some((letter, given_up)) => self.letter(letter, given_up).map(Some),
            None => Ok(None),
        }
    }

    /// All that is known of a dead letter that the store has named.
    ///
    /// # Errors
    /// As [`Annals::dead_letter`].
    pub fn letter(&self, letter: DeadLetter, given_up: bool) -> Result<Letter, Error> {
        let payload = annals_ingest::record_of(self.journal(), &letter);
        let time_micros = match payload {
            Ok(_) => self.journal().time_of(letter.offset)?,
            Err(_) => None,
        };
        Ok(Letter { letter, given_up, time_micros, payload })
    }

    /// The dead letters, given up or not, for whose ids `wanted` says yes, in the log's order of those that are parked,
    /// then of those that were given up. Looks through all of them.
    ///
    /// # Errors
    /// [`Error::Store`] if the store cannot be read.
    pub fn dead_letters_of(
        &self,
        wanted: impl Fn(&RecordId) -> bool,
    ) -> Result<Vec<(DeadLetter, bool)>, Error> {
        let store = self.store();
        let snapshot = store.snapshot()?;
        let mut found = Vec::new();
        for given_up in [false, true] {
            let mut after = None;
            loop {
                let page = match given_up {
                    false => snapshot.dead_letters(after, PAGE)?,
                    true => snapshot.discarded(after, PAGE)?,
                };
                let Some(last) = page.last() else { break };
                after = Some(last.offset);
                found.extend(
                    page.into_iter().filter(|letter| wanted(&letter.id)).map(|letter| (letter, given_up)),
                );
            }
        }
        Ok(found)
    }

    /// Reads dead letters again. What this version can apply is applied as if it had been when it came, durably and a
    /// batch at a time; what it cannot stays, with its new reason. In whichever order letters are read again, the store
    /// ends the same. With `apply` false it only says what would become of them.
    ///
    /// Projections take as well what they could not read before.
    ///
    /// `progress` hears how many letters are done, and ends the run by returning false. A rebuild is waited for.
    ///
    /// # Errors
    /// [`Error::Ingest`] if the store does not belong to the journal, or cannot be read or written.
    pub fn redrive(
        &self,
        which: Which<'_>,
        apply: bool,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Redrive, Error> {
        let _no_rebuild = self.rebuilding.lock().unwrap_or_else(PoisonError::into_inner);
        let redriven = annals_ingest::redrive(self.journal(), &self.store(), which, apply, progress)?;
        if apply {
            self.projections.apply_late();
        }
        Ok(redriven)
    }

    /// Gives dead letters up; returns those that were parked until now. They are no longer counted among the dead letters
    /// nor missed by a check, and can be read again by naming them. The log keeps their records. A rebuild is waited for.
    ///
    /// The note is the store's own. A rebuild takes it over from the store it replaces; where that one is lost, the letters
    /// are parked again.
    ///
    /// # Errors
    /// [`Error::Store`] if the store cannot be written.
    pub fn discard(&self, offsets: &[Offset]) -> Result<Vec<DeadLetter>, Error> {
        let _no_rebuild = self.rebuilding.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(self.store().discard(offsets)?)
    }
}

/// Gives up in a store that was built anew what was given up in the one it replaces.
pub(crate) fn take_over_discards(from: &HybridStore, to: &HybridStore) -> Result<(), Error> {
    let snapshot = from.snapshot()?;
    let mut after = None;
    loop {
        let page: Vec<_> = snapshot.discarded(after, PAGE)?.iter().map(|letter| letter.offset).collect();
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(*last);
        to.discard(&page)?;
    }
}

/// What passing damage does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DamagePassed {
    /// The ranges of the journal that do not verify and that the store has not come to, or had not.
    pub passed: Vec<Passed>,
    /// How far the store has come.
    pub cursor: Offset,
    /// Whether it was done; else it was only looked at.
    pub done: bool,
}

/// Has the store of a data directory pass what is damaged in the journal ahead of it, and come up with the rest. The
/// ranges are noted in the store; what stands there is not in it. Without `apply` it only looks, and changes nothing.
///
/// # Errors
/// As [`crate::Annals::open_existing`]; [`Error::Ingest`] if the store does not fit the journal; [`Error::Paused`] if it is
/// paused, and `apply` is wanted.
pub fn pass_damage(dir: &Path, apply: bool) -> Result<DamagePassed, Error> {
    let options = Options { create: false, ..Options::default() };
    let (directory, journal) = open_journal(dir, &options)?;
    let store = Arc::new(current_store(&directory, options.store)?);
    let mut options = options.ingest;
    options.damage = OnDamage::PassAndList;
    let log = Arc::new(journal.clone());
    // It refuses what passing does not mend.
    let mut projector = Projector::with_options(Arc::clone(&log), Arc::clone(&store), &options)?;
    let passed = ahead(&journal, projector.cursor().next)?;
    if apply && Notes::of(&directory).paused(STORE_CURSOR)?.is_some() {
        let (offset, applied) = (journal.durable(), projector.cursor().next);
        return Err(Error::Paused { name: STORE_CURSOR.to_owned(), offset, applied });
    }
    if apply {
        store.watch(&directory.seen_file())?;
        projector.run_to(journal.durable(), &options, &mut |_| true)?;
    }
    let cursor = store.cursor()?.map_or(Offset::ZERO, |cursor| cursor.next);
    drop((projector, store, log));
    journal.close().or_else(|error| match error {
        annals_journal::Error::Closed => Ok(()),
        other => Err(other),
    })?;
    Ok(DamagePassed { passed, cursor, done: apply })
}

/// What does not verify from an offset on.
fn ahead<L: Log>(log: &L, from: Offset) -> Result<Vec<Passed>, Error> {
    let (mut next, mut ranges) = (from, Vec::new());
    loop {
        let end = match log.read(next, ReadLimit::default()) {
            Ok(batch) => batch.next(),
            Err(LogError::Hole { offset, len }) => Offset::new(offset.get().saturating_add(len)),
            Err(LogError::Damaged { offset, len, detail }) => {
                ranges.push(Passed { offset, len, detail });
                Offset::new(offset.get().saturating_add(len))
            }
            Err(error) => return Err(error.into()),
        };
        if end <= next {
            return Ok(ranges);
        }
        next = end;
    }
}

#[cfg(test)]
mod tests;
