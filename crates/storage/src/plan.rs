//! What a batch of changes does to content and index: decided here, written elsewhere.
//!
//!   each change -> there already? -> a duplicate: counted, nothing written
//!                                 -> from a batch that a crash cut off: into the index again
//!                                 -> fresh: into content and index
//!
//! Which of the three it is, the stored offset tells. Below the cursor everything in content is in the index too, so a
//! record that stands there was applied. At or beyond the cursor content may hold what the index has lost.

use std::collections::{BTreeMap, HashSet};

use annals_record::{EpochId, Offset, RecordId};

use crate::content::{Content, ContentBatch, Home, Kept, Place};
use crate::index::IndexReader;
use crate::keys::{assertion_key, epoch_key, epoch_prefix, readable, vote_key};
use crate::runs::Listed;
use crate::{Change, Counts, Digests, Effect, Error, Outcome, Subject};

/// A batch, decided.
pub(crate) struct Plan<'c> {
    pub(crate) batch: ContentBatch,
    pub(crate) edits: Edits<'c>,
    pub(crate) outcome: Outcome,
}

/// What a batch adds to the index.
#[derive(Default)]
pub(crate) struct Edits<'c> {
    /// The fresh assertions of each subject, in the log's order.
    pub(crate) subjects: BTreeMap<&'c str, Vec<Listed>>,
    /// Epochs whose name is new, and where.
    pub(crate) epochs: Vec<(Offset, EpochId)>,
    /// What is parked.
    pub(crate) dead_letters: Vec<(Offset, RecordId, &'c str)>,
    /// How many there are of what; of subjects only the index knows how many are new.
    pub(crate) counts: Counts,
    /// The sums over what is fresh.
    pub(crate) digests: Digests,
}

/// Decides batches against what is stored.
pub(crate) struct Planner<'c, 's> {
    content: &'s Content,
    index: &'s IndexReader,
    /// The cursor: content below it is in the index.
    base: Offset,
    seen: HashSet<RecordId>,
    named: HashSet<EpochId>,
    plan: Plan<'c>,
}

/// Where a record stands that is already in content.
enum Known {
    /// Below the cursor: it was applied.
    Applied,
    /// Not applied, and content has it at this offset or not at all.
    Not(Option<Offset>),
}

impl<'c, 's> Planner<'c, 's> {
    /// Decides what `changes`, which begin at `base`, do.
    pub(crate) fn plan(
        changes: &'c [Change<'_>],
        base: Offset,
        content: &'s Content,
        index: &'s IndexReader,
    ) -> Result<Plan<'c>, Error> {
        let plan = Plan {
            batch: content.batch(changes.len() + 1),
            edits: Edits::default(),
            outcome: Outcome::default(),
        };
        let mut planner = Self { content, index, base, seen: HashSet::new(), named: HashSet::new(), plan };
        for change in changes {
            planner.change(change)?;
        }
        Ok(planner.plan)
    }

    fn change(&mut self, change: &'c Change<'_>) -> Result<(), Error> {
        let (edits, outcome) = (&mut self.plan.edits, &mut self.plan.outcome);
        let fresh = match &change.effect {
            Effect::Application => {
                edits.counts.application += 1;
                outcome.application += 1;
                return Ok(());
            }
            Effect::DeadLetter { reason } => {
                edits.dead_letters.push((change.offset, change.id, reason));
                edits.counts.dead_letters += 1;
                outcome.dead_letters += 1;
                return Ok(());
            }
            _ if !self.seen.insert(change.id) => false,
            Effect::Assertion { subject } => self.assertion(change, subject)?,
            Effect::Vote { assertion } => self.vote(change, assertion)?,
            Effect::Epoch { epoch } => self.epoch(change, epoch)?,
        };
        let outcome = &mut self.plan.outcome;
        *(if fresh { &mut outcome.fresh } else { &mut outcome.duplicates }) += 1;
        Ok(())
    }

    fn assertion(&mut self, change: &Change<'_>, subject: &'c Subject) -> Result<bool, Error> {
        let key = assertion_key(&change.id);
        let kept = self.content.get(&key)?;
        let index = self.index;
        let known = self.known(kept, change, &key, || index.find(subject.as_str(), &change.id))?;
        let Known::Not(stored) = known else { return Ok(false) };
        if stored != Some(change.offset) {
            self.plan.batch.put(&key, change.offset, change.payload);
        }
        let edits = &mut self.plan.edits;
        let entry = Listed { offset: change.offset, id: change.id };
        edits.subjects.entry(subject.as_str()).or_default().push(entry);
        edits.counts.assertions += 1;
        edits.digests.add_assertion(&change.id);
        edits.digests.add_subject(subject.as_str(), &change.id);
        Ok(true)
    }

    fn vote(&mut self, change: &Change<'_>, assertion: &RecordId) -> Result<bool, Error> {
        let key = vote_key(assertion, &change.id);
        let kept = self.content.get(&key)?;
        let content = self.content;
        let place = || Ok(content.place(&change.id)?.map(|place| place.offset));
        let Known::Not(stored) = self.known(kept, change, &key, place)? else { return Ok(false) };
        if stored != Some(change.offset) {
            self.plan.batch.put(&key, change.offset, change.payload);
            self.plan.batch.place(&change.id, Place { offset: change.offset, home: Home::Vote(*assertion) });
        }
        self.plan.edits.counts.votes += 1;
        self.plan.edits.digests.add_vote(assertion, &change.id);
        Ok(true)
    }

    fn epoch(&mut self, change: &Change<'_>, epoch: &EpochId) -> Result<bool, Error> {
        if let Some(place) = self.content.place(&change.id)? {
            let key = epoch_key(epoch, place.offset);
            if place.offset < self.base {
                let kept = self.content.get(&key)?;
                if !kept.is_some_and(|kept| kept.is_intact(&change.id)) {
                    self.heal(&key, place.offset, change);
                }
                return Ok(false);
            }
            if place.offset != change.offset {
                self.plan.batch.remove(&key);
            }
        }
        let batch = &mut self.plan.batch;
        batch.put(&epoch_key(epoch, change.offset), change.offset, change.payload);
        batch.place(&change.id, Place { offset: change.offset, home: Home::Epoch(*epoch) });
        if self.is_new_name(epoch)? {
            self.plan.edits.epochs.push((change.offset, *epoch));
            self.plan.edits.counts.epochs += 1;
        }
        self.plan.edits.counts.epoch_versions += 1;
        self.plan.edits.digests.add_epoch(epoch, &change.id);
        Ok(true)
    }

    /// Whether a record was applied before, from what stands under its key. Bytes that are not the record's are
    /// written again from the log; then `elsewhere` knows the offset.
    fn known(
        &mut self,
        kept: Option<Kept>,
        change: &Change<'_>,
        key: &[u8],
        elsewhere: impl FnOnce() -> Result<Option<Offset>, Error>,
    ) -> Result<Known, Error> {
        let (offset, intact) = match kept {
            None => return Ok(Known::Not(None)),
            Some(kept) if kept.is_intact(&change.id) => (Some(kept.offset), true),
            Some(_) => (elsewhere()?, false),
        };
        match offset {
            Some(offset) if offset < self.base => {
                if !intact {
                    self.heal(key, offset, change);
                }
                Ok(Known::Applied)
            }
            offset => Ok(Known::Not(offset.filter(|_| intact))),
        }
    }

    /// Writes a record again whose stored bytes are not its own.
    fn heal(&mut self, key: &[u8], offset: Offset, change: &Change<'_>) {
        tracing::warn!(
            key = readable(key),
            offset = offset.get(),
            "damaged record written again from the log"
        );
        self.plan.batch.put(key, offset, change.payload);
    }

    /// Whether no version of an epoch was applied before this one.
    fn is_new_name(&mut self, epoch: &EpochId) -> Result<bool, Error> {
        if !self.named.insert(*epoch) {
            return Ok(false);
        }
        // Versions stand in the order of their offsets, so the first one tells.
        let Some(first) = self.content.prefix(&epoch_prefix(epoch)).next() else {
            return Ok(true);
        };
        let (key, value) = first?;
        Ok(Kept::read(&key, value)?.offset >= self.base)
    }
}
