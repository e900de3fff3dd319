//! What a batch of changes does to a store: decided here, done elsewhere.
//!
//!   each change -> there already? -> a duplicate: counted, nothing written
//!                                 -> not, or only what a crash has left beyond the cursor: a piece for the active layer
//!
//! Which of the two it is, the stored offset tells. Below the cursor everything in content is in the index too, so a
//! record that stands there was applied. At or beyond the cursor content may hold what the index has lost.

use std::collections::HashSet;
use std::sync::RwLockReadGuard;

use annals_record::{EpochId, Offset, RecordId};

use crate::chunk::{Part, Piece};
use crate::content::{Content, ContentBatch, Home, Kept};
use crate::content_view::ContentView;
use crate::index::kept_reason;
use crate::index_view::IndexView;
use crate::keys::{assertion_key, epoch_key, epoch_prefix, readable, vote_key};
use crate::known::KnownSubjects;
use crate::layer::{Held, Layers, Spread};
use crate::letters::leftovers;
use crate::{Change, Counts, Digests, Effect, Error, Outcome, Subject};

/// A batch, decided.
#[derive(Default)]
pub(crate) struct Plan<'c> {
    /// What is new.
    pub(crate) pieces: Vec<Piece<'c>>,
    /// What has to be put right in content at once; most batches have nothing of it.
    pub(crate) repairs: Option<ContentBatch>,
    /// How many there are of what is new.
    pub(crate) counts: Counts,
    /// The sums over what is new.
    pub(crate) digests: Digests,
    pub(crate) outcome: Outcome,
}

/// Decides batches against what is stored.
pub(crate) struct Planner<'c, 's> {
    tables: &'s Content,
    content: ContentView<'s>,
    /// What the layers hold, the active one first: nobody adds to them meanwhile.
    held: Vec<RwLockReadGuard<'s, Held>>,
    index: &'s IndexView,
    /// The cursor: content below it was applied.
    base: Offset,
    seen: HashSet<RecordId, Spread>,
    named: HashSet<EpochId>,
    known: &'s mut KnownSubjects,
    plan: Plan<'c>,
}

impl<'c, 's> Planner<'c, 's> {
    /// Decides what `changes`, which begin at `base`, do.
    pub(crate) fn plan(
        changes: &'c [Change<'_>],
        base: Offset,
        tables: &'s Content,
        layers: &'s Layers,
        index: &'s IndexView,
        known: &'s mut KnownSubjects,
    ) -> Result<Plan<'c>, Error> {
        let mut planner = Self {
            tables,
            content: ContentView::new(tables, layers.clone()),
            held: layers.newest_first().map(|layer| layer.held()).collect(),
            index,
            base,
            seen: HashSet::with_capacity_and_hasher(changes.len(), Spread::default()),
            named: HashSet::new(),
            known,
            plan: Plan { pieces: Vec::with_capacity(changes.len()), ..Plan::default() },
        };
        for change in changes {
            planner.change(change)?;
        }
        Ok(planner.plan)
    }

    fn change(&mut self, change: &'c Change<'_>) -> Result<(), Error> {
        let plan = &mut self.plan;
        let part = match &change.effect {
            Effect::Application => {
                plan.counts.application += 1;
                plan.outcome.application += 1;
                return Ok(());
            }
            Effect::DeadLetter { reason } => {
                let (offset, id) = (change.offset, change.id);
                let content = kept_reason(reason).as_bytes();
                plan.pieces.push(Piece { offset, id, part: Part::DeadLetter, content });
                plan.counts.dead_letters += 1;
                plan.outcome.dead_letters += 1;
                // An earlier build may have applied it, and a crash lost all but its bytes.
                for key in leftovers(self.tables, &id, self.base)? {
                    self.repairs().remove(&key);
                }
                return Ok(());
            }
            _ if !self.seen.insert(change.id) => None,
            Effect::Assertion { subject } => self.assertion(change, subject)?,
            Effect::Vote { assertion } => self.vote(change, assertion)?,
            Effect::Epoch { epoch } => self.epoch(change, epoch)?,
        };
        let plan = &mut self.plan;
        match part {
            Some(part) => {
                let Change { offset, id, payload, .. } = *change;
                plan.pieces.push(Piece { offset, id, part, content: payload });
                plan.outcome.fresh += 1;
            }
            None => plan.outcome.duplicates += 1,
        }
        Ok(())
    }

    fn assertion(&mut self, change: &Change<'_>, subject: &'c Subject) -> Result<Option<Part<'c>>, Error> {
        if self.held.iter().any(|held| held.assertions.contains_key(&change.id)) {
            return Ok(None);
        }
        let key = assertion_key(&change.id);
        let index = self.index;
        let kept = self.tables.get(&key)?;
        if self.was_applied(kept, change, &key, || index.find(subject.as_str(), &change.id))? {
            return Ok(None);
        }
        let subject = subject.as_str();
        if !self.known.contains(subject) {
            self.plan.counts.subjects += u64::from(!index.has_subject(subject)?);
            // From here on there is one: what the plan says is done, or nothing is done any more.
            self.known.add(subject);
        }
        self.plan.counts.assertions += 1;
        self.plan.digests.add_assertion(&change.id);
        self.plan.digests.add_subject(subject, &change.id);
        Ok(Some(Part::Assertion { subject }))
    }

    fn vote(&mut self, change: &Change<'_>, assertion: &RecordId) -> Result<Option<Part<'c>>, Error> {
        if self.held.iter().any(|held| held.votes.contains_key(&change.id)) {
            return Ok(None);
        }
        let key = vote_key(assertion, &change.id);
        let tables = self.tables;
        let place = || Ok(tables.place(&change.id)?.map(|place| place.offset));
        let kept = tables.get(&key)?;
        if self.was_applied(kept, change, &key, place)? {
            return Ok(None);
        }
        self.plan.counts.votes += 1;
        self.plan.digests.add_vote(assertion, &change.id);
        Ok(Some(Part::Vote { assertion: *assertion }))
    }

    fn epoch(&mut self, change: &Change<'_>, epoch: &EpochId) -> Result<Option<Part<'c>>, Error> {
        if let Some(place) = self.content.place(&change.id)? {
            let key = epoch_key(epoch, place.offset);
            if place.offset < self.base {
                let kept = self.content.get(&key)?;
                if place.home != Home::Epoch(*epoch) || !kept.is_some_and(|kept| kept.is_intact(&change.id)) {
                    self.heal(&key, place.offset, change);
                }
                return Ok(None);
            }
            if place.offset != change.offset {
                self.repairs().remove(&key);
            }
        }
        let new_name = self.is_new_name(epoch)?;
        self.plan.counts.epochs += u64::from(new_name);
        self.plan.counts.epoch_versions += 1;
        self.plan.digests.add_epoch(epoch, &change.id);
        Ok(Some(Part::Epoch { epoch: *epoch, new_name }))
    }

    /// Whether a record was applied before, from what stands under its key in the tables. Bytes that are not the
    /// record's are written again from the log; then `elsewhere` knows the offset.
    fn was_applied(
        &mut self,
        kept: Option<Kept>,
        change: &Change<'_>,
        key: &[u8],
        elsewhere: impl FnOnce() -> Result<Option<Offset>, Error>,
    ) -> Result<bool, Error> {
        let Some(kept) = kept else { return Ok(false) };
        if kept.is_intact(&change.id) {
            return Ok(kept.offset < self.base);
        }
        match elsewhere()? {
            Some(offset) if offset < self.base => {
                self.heal(key, offset, change);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Writes a record again whose stored bytes are not its own.
    fn heal(&mut self, key: &[u8], offset: Offset, change: &Change<'_>) {
        tracing::warn!(
            key = readable(key),
            offset = offset.get(),
            "damaged record written again from the log"
        );
        self.repairs().put(key, offset, change.payload);
    }

    fn repairs(&mut self) -> &mut ContentBatch {
        let tables = self.tables;
        self.plan.repairs.get_or_insert_with(|| tables.batch(1))
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
