//! Content put right from the log: what is damaged or lost is written again, proven by its id.
//!
//!   each change of the log, from its beginning -> is it in content, whole, at its place? -> no: queued, written, durable
//!
//! HL1: Nothing is written but bytes that hash to the id they stand under.
//! HL2: Nothing is written at a guessed offset: it is the first at which a log that was read whole has the record, or one
//!     that the store knows from elsewhere; where neither says, the damage stays.
//!
//! Index, counts, digests and cursor are not touched: healed content comes to the sums that there were.

use std::collections::HashSet;

use annals_record::{EpochId, Offset, RecordId};

use crate::content::{ContentBatch, Home, Kept, Place};
use crate::content_view::ContentView;
use crate::keys::{assertion_key, epoch_key, epoch_prefix, place_key, readable, vote_key};
use crate::runs::Listed;
use crate::{Change, Damage, Effect, Error, HybridStore, Snapshot};

/// So many bytes of payloads are collected before they are written.
const ENOUGH: usize = 8 << 20;
/// So many of what was healed are named; all are counted.
const NAMED: usize = 1000;

/// A key of content that the log makes whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Healed {
    /// The key, readable.
    pub key: String,
    /// The record.
    pub id: RecordId,
    /// Where it stands in the log first.
    pub offset: Offset,
    /// Where in the log its bytes were read.
    pub from: Offset,
    /// What was wrong with the key.
    pub detail: &'static str,
}

/// What a healing did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Healing {
    /// Keys that were made whole, the first thousand.
    pub healed: Vec<Healed>,
    /// How many there are.
    pub healed_total: u64,
    /// The records they belong to.
    pub ids: HashSet<RecordId>,
    /// The epochs of which there are keys among them.
    epochs: HashSet<EpochId>,
}

impl Healing {
    /// Whether what a walk found before this was done is gone once it is done.
    #[must_use]
    pub fn explains(&self, damage: &Damage) -> bool {
        // A version's key does not hold its record's id, and one that is lost makes the next look like the first.
        let of_epoch = || {
            let epoch = damage.key.strip_prefix("E:")?.split(':').next()?;
            Some(self.epochs.contains(&epoch.parse().ok()?))
        };
        damage.id.is_some_and(|id| self.ids.contains(&id))
            || of_epoch().unwrap_or(damage.key == "epochs" && !self.epochs.is_empty())
    }
}

/// A healing under way. Every change of the log goes through it, from the log's beginning on.
pub struct Healer<'s> {
    store: &'s HybridStore,
    snapshot: Snapshot<'s>,
    apply: bool,
    batch: ContentBatch,
    bytes: usize,
    healing: Healing,
}

/// What is wrong under a key.
type Flaw = Option<&'static str>;

const LOST: &str = "it is not there";
const CHANGED: &str = "its bytes do not hash to its id";
const MISPLACED: &str = "its offset is not where the log has it first";
const UNPLACED: &str = "it does not name its record's place";

impl HybridStore {
    /// Begins to put content right from the log, as far as the store has come. Without `apply` it only finds out what
    /// would be written.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn healer(&self, apply: bool) -> Result<Healer<'_>, Error> {
        let batch = self.core.content.batch(64);
        let snapshot = self.snapshot()?;
        Ok(Healer { store: self, snapshot, apply, batch, bytes: 0, healing: Healing::default() })
    }
}

impl Healer<'_> {
    /// Looks one change up, and heals what is wrong with it. `whole` says whether all of the log before it was read:
    /// then, and only then, the first change with an id is where that record came first.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn add(&mut self, change: &Change<'_>, whole: bool) -> Result<(), Error> {
        if !self.snapshot.shows(change.offset)
            || self.healing.ids.contains(&change.id)
            // What proves the bytes; the log has checked it, and it costs little.
            || RecordId::of(change.payload) != change.id
        {
            return Ok(());
        }
        match &change.effect {
            Effect::Assertion { subject } => self.assertion(change, subject.as_str(), whole)?,
            Effect::Vote { assertion } => self.vote(change, assertion, whole)?,
            Effect::Epoch { epoch } => self.epoch(change, epoch, whole)?,
            Effect::Application | Effect::DeadLetter { .. } => {}
        }
        if self.bytes >= ENOUGH {
            self.write()?;
        }
        Ok(())
    }

    /// Writes what is left to write; everything is durable on return.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn finish(mut self) -> Result<Healing, Error> {
        self.write()?;
        Ok(self.healing)
    }

    fn assertion(&mut self, change: &Change<'_>, subject: &str, whole: bool) -> Result<(), Error> {
        let key = assertion_key(&change.id);
        let kept = readable_or_none(self.content().get(&key))?;
        let flaw = flaw_of(kept.as_ref(), change);
        let offset = match flaw {
            // The first with this id.
            Some(_) if whole => Some(change.offset),
            Some(_) => readable_or_none(self.snapshot.index.find(subject, &change.id))?,
            None => match kept.map(|kept| kept.offset) {
                Some(offset) if offset < change.offset => self.listed_here(change, subject)?,
                _ => None,
            },
        };
        // What its subject lists here, content has from elsewhere.
        let flaw = flaw.or(offset.map(|_| MISPLACED));
        if let (Some(flaw), Some(offset)) = (flaw, offset.filter(|offset| *offset <= change.offset)) {
            self.put(&key, offset, change, flaw);
        }
        Ok(())
    }

    /// The change's offset, if its subject lists it there.
    fn listed_here(&self, change: &Change<'_>, subject: &str) -> Result<Option<Offset>, Error> {
        let Change { offset, id, .. } = *change;
        let before = offset.get().checked_sub(1).map(Offset::new);
        let listed = readable_or_none(self.snapshot.index.listed(subject, before, 1).map(Some))?;
        Ok(listed.filter(|listed| listed[..] == [Listed { offset, id }]).map(|_| offset))
    }

    fn vote(&mut self, change: &Change<'_>, assertion: &RecordId, whole: bool) -> Result<(), Error> {
        let key = vote_key(assertion, &change.id);
        let home = Home::Vote(*assertion);
        let kept = readable_or_none(self.content().get(&key))?;
        let place = readable_or_none(self.content().place(&change.id))?.filter(|place| place.home == home);
        let mut flaw = flaw_of(kept.as_ref(), change);
        let known = kept.as_ref().filter(|_| flaw.is_none()).map(|kept| kept.offset);
        let placed = place.map(|place| place.offset).filter(|placed| *placed <= change.offset);
        if flaw.is_none() && known == placed {
            return Ok(());
        }
        let offset = match (known, placed) {
            _ if whole => change.offset,
            (Some(offset), None) | (None, Some(offset)) => offset,
            // Two that differ, or none.
            _ => return Ok(()),
        };
        if known.is_some_and(|known| known != offset) {
            flaw = Some(MISPLACED);
        }
        if let Some(flaw) = flaw {
            self.put(&key, offset, change, flaw);
        }
        self.place(offset, home, placed == Some(offset), change);
        Ok(())
    }

    fn epoch(&mut self, change: &Change<'_>, epoch: &EpochId, whole: bool) -> Result<(), Error> {
        let home = Home::Epoch(*epoch);
        let place = readable_or_none(self.content().place(&change.id))?.filter(|place| place.home == home);
        let placed = place.map(|place| place.offset).filter(|placed| *placed <= change.offset);
        let at_place = match placed {
            Some(placed) => readable_or_none(self.content().get(&epoch_key(epoch, placed)))?,
            None => None,
        };
        let flaw = flaw_of(at_place.as_ref(), change)
            .or(at_place.filter(|kept| Some(kept.offset) != placed).map(|_| MISPLACED));
        if placed.is_some() && flaw.is_none() {
            return Ok(());
        }
        let offset = match placed {
            _ if whole => change.offset,
            Some(placed) => placed,
            // Its bytes may be whole under their key, and only the place lost.
            None => match self.version_with(epoch, change)? {
                Some(offset) => offset,
                None => return Ok(()),
            },
        };
        let key = epoch_key(epoch, offset);
        let kept = readable_or_none(self.content().get(&key))?;
        let flaw =
            flaw_of(kept.as_ref(), change).or(kept.filter(|kept| kept.offset != offset).map(|_| MISPLACED));
        if let Some(flaw) = flaw {
            self.put(&key, offset, change, flaw);
        }
        self.place(offset, home, placed == Some(offset), change);
        Ok(())
    }

    /// Where a version of an epoch with these bytes stands.
    fn version_with(&self, epoch: &EpochId, change: &Change<'_>) -> Result<Option<Offset>, Error> {
        for entry in self.content().prefix(&epoch_prefix(epoch)) {
            let (key, value) = entry?;
            let kept = readable_or_none(Kept::read(&key, value).map(Some))?;
            if let Some(kept) = kept.filter(|kept| *kept.payload == *change.payload) {
                return Ok(Some(kept.offset));
            }
        }
        Ok(None)
    }

    fn put(&mut self, key: &[u8], offset: Offset, change: &Change<'_>, flaw: &'static str) {
        if self.apply {
            self.batch.put(key, offset, change.payload);
            self.bytes += change.payload.len();
        }
        self.note(key, offset, change, flaw);
    }

    fn place(&mut self, offset: Offset, home: Home, is_there: bool, change: &Change<'_>) {
        if is_there {
            return;
        }
        if self.apply {
            self.batch.place(&change.id, Place { offset, home });
            self.bytes += 64;
        }
        self.note(&place_key(&change.id), offset, change, UNPLACED);
    }

    fn note(&mut self, key: &[u8], offset: Offset, change: &Change<'_>, detail: &'static str) {
        let Change { id, offset: from, .. } = *change;
        let Healing { healed, healed_total, ids, epochs } = &mut self.healing;
        if let Effect::Epoch { epoch } = &change.effect {
            epochs.insert(*epoch);
        }
        *healed_total += 1;
        ids.insert(id);
        if healed.len() < NAMED {
            healed.push(Healed { key: readable(key), id, offset, from, detail });
        }
        if self.apply {
            tracing::warn!(key = readable(key), offset = offset.get(), detail, "healed from the log");
        }
    }

    fn write(&mut self) -> Result<(), Error> {
        self.bytes = 0;
        let batch = std::mem::replace(&mut self.batch, self.store.core.content.batch(64));
        if self.apply { self.store.put_right(batch) } else { Ok(()) }
    }

    fn content(&self) -> &ContentView<'_> {
        &self.snapshot.content
    }
}

/// What is wrong with what stands under a change's key; a record at a lower offset is its first appearance.
fn flaw_of(kept: Option<&Kept>, change: &Change<'_>) -> Flaw {
    match kept {
        None => Some(LOST),
        Some(kept) if *kept.payload != *change.payload => Some(CHANGED),
        Some(kept) if kept.offset > change.offset => Some(MISPLACED),
        Some(_) => None,
    }
}

/// What cannot be understood is as good as not there.
fn readable_or_none<T>(read: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    match read {
        Err(Error::Damaged { .. }) => Ok(None),
        read => read,
    }
}

#[cfg(test)]
mod tests;
