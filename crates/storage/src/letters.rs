//! Dead letters, read again: what becomes of each is decided here, and done elsewhere.
//!
//!   letter and what its record does now -> there from an earlier place? -> the letter goes
//!                                       -> there from a later one?      -> it moves to where it came first
//!                                       -> not there?                   -> it is applied where it came
//!                                       -> still cannot be applied?     -> the letter stays, with its new reason
//!
//! Everything in a store is keyed by content and carries its offset, and under each key the lowest offset stays (S3). So
//! the order in which letters are read again changes nothing, and no later record has to wait for one that is parked.

mod step;

use std::collections::{HashMap, HashSet};

use annals_record::{EpochId, Offset, RecordId};

pub(crate) use step::{Deed, Step};

use crate::chunk::{Part, Piece};
use crate::content::{Content, ContentBatch, Home, Kept, Place};
use crate::index::{IndexReader, kept_reason};
use crate::index_view::IndexView;
use crate::keys::{assertion_key, epoch_key, epoch_prefix, last_with, place_key, vote_key};
use crate::standing::Standing;
use crate::{Change, Effect, Error};

/// What became of dead letters that were read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redriven {
    /// Applied: they are there now, from where they came.
    pub applied: u64,
    /// There already, from a later place: now from where they came first.
    pub moved: u64,
    /// There already, from an earlier place.
    pub duplicates: u64,
    /// Of the application's own types.
    pub application: u64,
    /// They cannot be applied yet: the letters stay, with their new reasons.
    pub parked: u64,
    /// No letter of this offset and id was there (any more).
    pub unknown: u64,
}

impl Redriven {
    /// Adds what another counts.
    pub fn merge(&mut self, other: &Self) {
        self.applied += other.applied;
        self.moved += other.moved;
        self.duplicates += other.duplicates;
        self.application += other.application;
        self.parked += other.parked;
        self.unknown += other.unknown;
    }
}

/// What is to be done.
pub(crate) struct Redrive {
    pub(crate) steps: Vec<Step>,
    /// Where the store stands afterwards.
    pub(crate) standing: Standing,
    pub(crate) redriven: Redriven,
}

/// Decides letters against what is stored, while nothing is collected in memory.
pub(crate) struct Redriver<'s> {
    content: &'s Content,
    letters: &'s IndexReader,
    index: &'s IndexView,
    base: Offset,
    seen: HashSet<RecordId>,
    subjects: HashSet<String>,
    /// Where the names of epochs come first once everything so far is done.
    names: HashMap<EpochId, Offset>,
    redrive: Redrive,
}

impl<'s> Redriver<'s> {
    /// Decides what becomes of the letters that `changes` are about; they are in the order of their offsets.
    pub(crate) fn plan(
        changes: &[&Change<'_>],
        content: &'s Content,
        letters: &'s IndexReader,
        index: &'s IndexView,
        standing: Standing,
    ) -> Result<Redrive, Error> {
        let redrive = Redrive { steps: Vec::new(), standing, redriven: Redriven::default() };
        let mut redriver = Self {
            content,
            letters,
            index,
            base: standing.next(),
            seen: HashSet::new(),
            subjects: HashSet::new(),
            names: HashMap::new(),
            redrive,
        };
        for change in changes {
            redriver.change(change)?;
        }
        Ok(redriver.redrive)
    }

    fn change(&mut self, change: &Change<'_>) -> Result<(), Error> {
        let parked = self.letters.dead_letter(change.offset)?;
        let letter = match &parked {
            Some(letter) => Some(letter.clone()),
            None => self.letters.discarded_letter(change.offset)?,
        };
        let redriven = &mut self.redrive.redriven;
        let Some(letter) = letter.filter(|letter| letter.id == change.id) else {
            redriven.unknown += 1;
            return Ok(());
        };
        let deed = match &change.effect {
            Effect::DeadLetter { reason } => {
                redriven.parked += 1;
                let reason = kept_reason(reason);
                if reason != letter.reason {
                    self.redrive.steps.push(Step::keep(change.offset, reason));
                }
                return Ok(());
            }
            Effect::Application => {
                redriven.application += 1;
                self.redrive.standing.counts.application += 1;
                Step::drop(change.offset)
            }
            _ if !self.seen.insert(change.id) => self.duplicate(change),
            Effect::Assertion { subject } => self.assertion(change, subject.as_str())?,
            Effect::Vote { assertion } => self.vote(change, assertion)?,
            Effect::Epoch { epoch } => self.epoch(change, epoch)?,
        };
        self.redrive.steps.push(deed);
        // One that was given up is not counted among the parked ones.
        self.redrive.standing.counts.dead_letters -= u64::from(parked.is_some());
        Ok(())
    }

    fn assertion(&mut self, change: &Change<'_>, subject: &str) -> Result<Step, Error> {
        let key = assertion_key(&change.id);
        let index = self.index;
        match self.stands(&key, change, || index.find(subject, &change.id))? {
            Some(at) if at <= change.offset => return Ok(self.duplicate(change)),
            Some(_) => self.redrive.redriven.moved += 1,
            None => {
                self.redrive.redriven.applied += 1;
                let Standing { counts, digests, .. } = &mut self.redrive.standing;
                counts.assertions += 1;
                if self.subjects.insert(subject.to_owned()) && !index.has_subject(subject)? {
                    counts.subjects += 1;
                }
                digests.add_assertion(&change.id);
                digests.add_subject(subject, &change.id);
            }
        }
        Ok(Step::apply(&piece(change, Part::Assertion { subject }), None))
    }

    fn vote(&mut self, change: &Change<'_>, assertion: &RecordId) -> Result<Step, Error> {
        let key = vote_key(assertion, &change.id);
        let content = self.content;
        let elsewhere = || Ok(content.place(&change.id)?.map(|place| place.offset));
        match self.stands(&key, change, elsewhere)? {
            Some(at) if at <= change.offset => return Ok(self.duplicate(change)),
            Some(_) => self.redrive.redriven.moved += 1,
            None => {
                self.redrive.redriven.applied += 1;
                let Standing { counts, digests, .. } = &mut self.redrive.standing;
                counts.votes += 1;
                digests.add_vote(assertion, &change.id);
            }
        }
        Ok(Step::apply(&piece(change, Part::Vote { assertion: *assertion }), None))
    }

    fn epoch(&mut self, change: &Change<'_>, epoch: &EpochId) -> Result<Step, Error> {
        match self.content.place(&change.id)?.filter(|place| place.offset < self.base) {
            Some(place) if place.offset <= change.offset => return Ok(self.duplicate(change)),
            Some(_) => self.redrive.redriven.moved += 1,
            None => {
                self.redrive.redriven.applied += 1;
                let Standing { counts, digests, .. } = &mut self.redrive.standing;
                counts.epoch_versions += 1;
                digests.add_epoch(epoch, &change.id);
            }
        }
        let first = match self.names.get(epoch) {
            Some(first) => Some(*first),
            None => self.first_version(epoch)?,
        };
        let name = match first {
            None => {
                self.redrive.standing.counts.epochs += 1;
                Some(change.offset)
            }
            // The name came here first, not there.
            Some(first) if change.offset < first => Some(first),
            Some(_) => None,
        };
        self.names.insert(*epoch, first.map_or(change.offset, |first| first.min(change.offset)));
        Ok(Step::apply(&piece(change, Part::Epoch { epoch: *epoch, new_name: name.is_some() }), name))
    }

    fn duplicate(&mut self, change: &Change<'_>) -> Step {
        self.redrive.redriven.duplicates += 1;
        Step::drop(change.offset)
    }

    /// Where a record stands that was applied; what a crash has left beyond the cursor was not. Where its bytes are not
    /// its own, `elsewhere` knows.
    fn stands(
        &self,
        key: &[u8],
        change: &Change<'_>,
        elsewhere: impl FnOnce() -> Result<Option<Offset>, Error>,
    ) -> Result<Option<Offset>, Error> {
        let at = match self.content.get(key)? {
            None => None,
            Some(kept) if kept.is_intact(&change.id) => Some(kept.offset),
            Some(_) => elsewhere()?,
        };
        Ok(at.filter(|at| *at < self.base))
    }

    /// Where the first version of an epoch stands that was applied.
    fn first_version(&self, epoch: &EpochId) -> Result<Option<Offset>, Error> {
        let prefix = epoch_prefix(epoch);
        let Some(first) = self.content.range(prefix.to_vec()..=last_with(&prefix)).next() else {
            return Ok(None);
        };
        let (key, value) = first?;
        Ok(Some(Kept::read(&key, value.into())?.offset).filter(|first| *first < self.base))
    }
}

/// What steps do to content.
pub(crate) fn content_of(steps: &[Step], content: &Content) -> Result<ContentBatch, Error> {
    let mut batch = content.batch(steps.len() * 2);
    for step in steps {
        let Deed::Apply { piece, .. } = step.deed()? else { continue };
        let Piece { offset, id, part, content: payload } = piece;
        match part {
            Part::Assertion { .. } => batch.put(&assertion_key(&id), offset, payload),
            Part::Vote { assertion } => {
                batch.put(&vote_key(&assertion, &id), offset, payload);
                batch.place(&id, Place { offset, home: Home::Vote(assertion) });
            }
            Part::Epoch { epoch, .. } => {
                if let Some(place) = content.place(&id)?
                    && place.offset != offset
                {
                    batch.remove(&place.key(&id));
                }
                batch.put(&epoch_key(&epoch, offset), offset, payload);
                batch.place(&id, Place { offset, home: Home::Epoch(epoch) });
            }
            Part::DeadLetter => {}
        }
    }
    Ok(batch)
}

/// The keys under which a crash has left a record beyond the cursor. What is parked must not show under them once the
/// cursor has passed it.
pub(crate) fn leftovers(content: &Content, id: &RecordId, base: Offset) -> Result<Vec<Vec<u8>>, Error> {
    let mut keys = Vec::new();
    let key = assertion_key(id);
    if content.get(&key)?.is_some_and(|kept| kept.offset >= base) {
        keys.push(key.to_vec());
    }
    if let Some(place) = content.place(id)?.filter(|place| place.offset >= base) {
        keys.extend([place.key(id), place_key(id).to_vec()]);
    }
    Ok(keys)
}

fn piece<'c>(change: &Change<'c>, part: Part<'c>) -> Piece<'c> {
    Piece { offset: change.offset, id: change.id, part, content: change.payload }
}
