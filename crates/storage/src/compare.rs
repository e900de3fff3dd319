//! A store compared with the log it came from, in memory that does not grow with either.
//!
//!   each change of the log -> what the store has under its id -> found, and the first: into the sums
//!                                                             -> found before: a duplicate
//!                                                             -> missing or different: damage
//!
//! A record counts where the store says it came first. If the store is wrong about that place, no change ever stands
//! there, the sums miss a record, and they differ from the store's.

use annals_record::{Offset, RecordId};

use crate::content::{Kept, Place};
use crate::keys::{assertion_key, epoch_key, readable, vote_key};
use crate::walk::Findings;
use crate::{Change, Counts, Damage, Digests, Effect, Error, Family, Passed, Snapshot, Walk};

/// A comparison under way. Every change of the log from its beginning to the snapshot's offset goes through it.
pub struct Comparison<'s> {
    snapshot: &'s Snapshot<'s>,
    /// Where the log begins.
    from: Offset,
    found: Findings,
    counts: Counts,
    digests: Digests,
    records: u64,
    duplicates: u64,
    /// Whether the store has any dead letter, given up or not.
    letters: bool,
    passed: Vec<Passed>,
}

/// What a comparison found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Where the log begins, and the comparison. What came before, retention has removed: the store alone says it, and its
    /// own counts and sums of it stand among those of the log.
    pub from: Offset,
    /// The offset it reflects.
    pub as_of: Offset,
    /// How many records of the log were compared.
    pub records: u64,
    /// How many of them stand earlier in the log.
    pub duplicates: u64,
    /// What the log holds, but for the number of subjects and of epochs by name, which are the store's.
    pub counts: Counts,
    /// The sums over what the log holds.
    pub digests: Digests,
    /// What the store says it holds.
    pub stored_counts: Counts,
    /// The store's sums.
    pub stored_digests: Digests,
    /// Ranges of the log that do not verify, and that the store has passed: nothing of them was compared.
    pub passed: Vec<Passed>,
    /// Keys that are not as the log has them, the first thousand.
    pub damaged: Vec<Damage>,
    /// How many such keys there are.
    pub damaged_total: u64,
}

impl Compared {
    /// Whether the store is what the log says, as far as the log can be read: see [`Compared::passed`].
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.damaged_total == 0 && self.counts == self.stored_counts && self.digests == self.stored_digests
    }

    /// The families in which they differ.
    #[must_use]
    pub fn differing(&self) -> Vec<Family> {
        self.digests.differing(&self.stored_digests)
    }
}

impl<'s> Comparison<'s> {
    /// A comparison with this snapshot.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(snapshot: &'s Snapshot<'s>) -> Result<Self, Error> {
        let Counts { subjects, epochs, dead_letters, .. } = snapshot.counts()?;
        let letters =
            dead_letters > 0 || snapshot.discarded_len()? > 0 || !snapshot.dead_letters(None, 1)?.is_empty();
        Ok(Self {
            snapshot,
            from: Offset::ZERO,
            found: Findings::default(),
            counts: Counts { subjects, epochs, ..Counts::default() },
            digests: Digests::default(),
            records: 0,
            duplicates: 0,
            letters,
            passed: Vec::new(),
        })
    }

    /// A comparison with a log whose beginning is gone: `before` is a walk over the store as of where the log begins.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn after(snapshot: &'s Snapshot<'s>, before: &Walk) -> Result<Self, Error> {
        let begun = Self::new(snapshot)?;
        let Counts { subjects, epochs, .. } = begun.counts;
        let counts = Counts { subjects, epochs, ..before.counts };
        Ok(Self { from: before.as_of, counts, digests: before.digests, ..begun })
    }

    /// Compares one change. Changes at or beyond the snapshot's offset are left out.
    ///
    /// # Errors
    /// When the store cannot be read; what is damaged in it is no error but part of the answer.
    pub fn add(&mut self, change: &Change<'_>) -> Result<(), Error> {
        if !self.snapshot.shows(change.offset) {
            return Ok(());
        }
        self.records += 1;
        if self.letters && self.is_parked(change)? {
            return Ok(());
        }
        match &change.effect {
            Effect::Assertion { subject } => {
                if self.is_first(Family::Assertions, change, &assertion_key(&change.id), None)? {
                    self.counts.assertions += 1;
                    self.digests.add_assertion(&change.id);
                    self.digests.add_subject(subject.as_str(), &change.id);
                }
            }
            Effect::Vote { assertion } => {
                let key = vote_key(assertion, &change.id);
                if self.is_first(Family::Votes, change, &key, Some(&change.id))? {
                    self.counts.votes += 1;
                    self.digests.add_vote(assertion, &change.id);
                }
            }
            Effect::Epoch { epoch } => {
                let place =
                    self.found.take(Family::Epochs, self.snapshot.content.place(&change.id))?.flatten();
                // A record without a place is looked for, and not found, where it would stand had it come first.
                let key = epoch_key(epoch, place.map_or(change.offset, |place| place.offset));
                if self.is_first(Family::Epochs, change, &key, Some(&change.id))? {
                    self.counts.epoch_versions += 1;
                    self.digests.add_epoch(epoch, &change.id);
                }
            }
            Effect::Application => self.counts.application += 1,
            Effect::DeadLetter { .. } => {
                self.counts.dead_letters += 1;
                let key = format!("dead letter {}", change.offset);
                self.found.add(None, key, "the log has it, the store does not");
            }
        }
        Ok(())
    }

    /// The range that the store has passed at this place of the log, which does not verify, if it has; it is named by
    /// what was found.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn passed_at(&mut self, offset: Offset) -> Result<Option<Passed>, Error> {
        let found = self.range_at(offset)?;
        self.passed.extend(found.clone());
        Ok(found)
    }

    fn range_at(&self, offset: Offset) -> Result<Option<Passed>, Error> {
        let ranges = self.snapshot.passed(None, usize::MAX)?;
        Ok(ranges.into_iter().find(|passed| passed.offset <= offset && offset < passed.end()))
    }

    /// What was found.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn finish(mut self) -> Result<Compared, Error> {
        if self.from > Offset::ZERO {
            // Of these nothing but their number is kept, and not when they came.
            self.counts.application = self.counts.application.max(self.snapshot.counts()?.application);
        }
        Ok(Compared {
            from: self.from,
            as_of: self.snapshot.as_of(),
            records: self.records,
            duplicates: self.duplicates,
            counts: self.counts,
            digests: self.digests,
            stored_counts: self.snapshot.counts()?,
            stored_digests: self.snapshot.digests()?,
            passed: self.passed,
            damaged: self.found.damaged,
            damaged_total: self.found.total,
        })
    }

    /// Whether the store has parked the record of this place, or noted that it was given up: then no more is expected.
    fn is_parked(&mut self, change: &Change<'_>) -> Result<bool, Error> {
        let letter = self.snapshot.dead_letter(change.offset)?.filter(|(letter, _)| letter.id == change.id);
        let Some((letter, given_up)) = letter else { return Ok(false) };
        self.counts.dead_letters += u64::from(!given_up);
        if !given_up && !matches!(change.effect, Effect::DeadLetter { .. }) {
            let key = format!("dead letter {}", change.offset);
            let detail = format!("it can be applied by now ({}): redrive it", letter.reason);
            self.found.add(None, key, detail);
        }
        Ok(true)
    }

    /// Whether the store has this record, and from here.
    fn is_first(
        &mut self,
        family: Family,
        change: &Change<'_>,
        key: &[u8],
        placed: Option<&RecordId>,
    ) -> Result<bool, Error> {
        let kept = self.found.take(family, self.snapshot.content.get(key))?.flatten();
        let Some(Kept { offset, payload }) = kept else {
            let passed = self.range_at(change.offset)?.is_some();
            let why = if passed { ": it has passed that place, which did not verify then" } else { "" };
            let detail = format!("the log has it at offset {}, the store does not{why}", change.offset);
            self.found.add(family, readable(key), detail);
            return Ok(false);
        };
        if *payload != *change.payload {
            self.found.add(family, readable(key), "its bytes are not those of the log");
            return Ok(false);
        }
        if offset > change.offset {
            let detail = format!("the store has it from offset {offset} on, the log from {}", change.offset);
            self.found.add(family, readable(key), detail);
            return Ok(false);
        }
        if let Some(id) = placed {
            let place: Option<Place> = self.found.take(family, self.snapshot.content.place(id))?.flatten();
            if place.map(|place| place.offset) != Some(offset) {
                self.found.add(family, format!("I:{id}"), "it does not name the record's place");
            }
        }
        self.duplicates += u64::from(offset < change.offset);
        Ok(offset == change.offset)
    }
}
