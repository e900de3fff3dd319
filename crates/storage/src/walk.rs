//! A store looked at whole: every key, every byte, every sum.
//!
//!   H:, V:, E:, I: -> hashes, places, digests --.
//!                                               |-> the same sums three times, or what differs
//!   S:, subjects, epochs -> order, digests -----'
//!
//! Memory does not grow with the store: what content says of subjects and what subjects say of content is compared as
//! two sums, and only if these differ are the entries looked up one by one.

mod content;
mod subjects;

use annals_record::{Offset, RecordId};

use crate::{Counts, Digest, Digests, Error, Family, Snapshot};

/// How many damaged keys a report names; it counts them all.
const NAMED: usize = 1000;
/// How many keys pass between two reports of progress.
const STRIDE: u64 = 1024;

/// What a walk over a whole store found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// The offset it reflects.
    pub as_of: Offset,
    /// What was counted.
    pub counts: Counts,
    /// What the cursor's transaction says there is.
    pub stored_counts: Counts,
    /// The sums over what was found.
    pub digests: Digests,
    /// The sums in the cursor's transaction.
    pub stored_digests: Digests,
    /// Keys that cannot be as they are, the first thousand.
    pub damaged: Vec<Damage>,
    /// How many such keys there are.
    pub damaged_total: u64,
}

/// A key that cannot be as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The family it belongs to; `None` for a dead letter.
    pub family: Option<Family>,
    /// The record it is about, where it is about one whose id is known.
    pub id: Option<RecordId>,
    /// The key, readable.
    pub key: String,
    /// What is wrong with it.
    pub detail: String,
}

impl Walk {
    /// Whether everything is as it should be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damaged_total == 0 && self.counts == self.stored_counts && self.digests == self.stored_digests
    }

    /// The families whose sums are not those of the cursor's transaction.
    #[must_use]
    pub fn differing(&self) -> Vec<Family> {
        self.digests.differing(&self.stored_digests)
    }
}

impl Snapshot<'_> {
    /// Reads everything in the store and checks it against itself. `progress` hears how many keys are done, of how many
    /// there should be.
    ///
    /// As of the past there are no stored counts and sums to compare with: those of the walk stand in their place.
    ///
    /// The index keeps its old pages meanwhile, so beside a busy worker its file grows for as long as this takes.
    ///
    /// # Errors
    /// When the store cannot be read; what is damaged in it is no error but part of the answer.
    pub fn walk(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Walk, Error> {
        // Of the past nothing is kept that could be compared.
        let stored = self.stored();
        let Counts { assertions, votes, epoch_versions, application, .. } = self.newest_counts();
        // Each assertion is met in H: and in S:, each vote and epoch record under its own key and its place.
        let total = assertions.saturating_add(votes).saturating_add(epoch_versions).saturating_mul(2);
        let mut walker = Walker {
            snapshot: self,
            counts: Counts { application: stored.map_or(0, |_| application), ..Counts::default() },
            digests: Digests::default(),
            content_binding: Digest::default(),
            subject_binding: Digest::default(),
            found: Findings::default(),
            done: 0,
            total,
            progress,
        };
        walker.assertions()?;
        walker.votes()?;
        walker.epochs()?;
        walker.places()?;
        walker.subjects()?;
        if walker.content_binding != walker.subject_binding {
            walker.match_subjects()?;
        }
        walker.counts.dead_letters = self.index.dead_letters_len()?;
        (walker.progress)(total, total);
        let Findings { damaged, total: damaged_total } = walker.found;
        Ok(Walk {
            as_of: self.as_of(),
            counts: walker.counts,
            stored_counts: stored.map_or(walker.counts, |stored| stored.counts),
            digests: walker.digests,
            stored_digests: stored.map_or(walker.digests, |stored| stored.digests),
            damaged,
            damaged_total,
        })
    }
}

/// A walk under way.
struct Walker<'w> {
    snapshot: &'w Snapshot<'w>,
    counts: Counts,
    digests: Digests,
    /// Over (subject, id, offset) as content has them.
    content_binding: Digest,
    /// Over the same as subjects have them.
    subject_binding: Digest,
    found: Findings,
    done: u64,
    total: u64,
    progress: &'w mut dyn FnMut(u64, u64),
}

impl Walker<'_> {
    fn step(&mut self) {
        self.done += 1;
        if self.done.is_multiple_of(STRIDE) {
            (self.progress)(self.done.min(self.total), self.total);
        }
    }
}

/// What is wrong, as far as it is named.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) damaged: Vec<Damage>,
    pub(crate) total: u64,
}

impl Findings {
    pub(crate) fn add(
        &mut self,
        family: impl Into<Option<Family>>,
        key: impl Into<String>,
        detail: impl Into<String>,
    ) {
        let key = key.into();
        self.add_of(family, record_of(&key), key, detail);
    }

    /// As [`Findings::add`], of what names a record otherwise than by its key.
    pub(crate) fn add_of(
        &mut self,
        family: impl Into<Option<Family>>,
        id: Option<RecordId>,
        key: impl Into<String>,
        detail: impl Into<String>,
    ) {
        self.total += 1;
        if self.damaged.len() < NAMED {
            let (family, key, detail) = (family.into(), key.into(), detail.into());
            self.damaged.push(Damage { family, id, key, detail });
        }
    }

    /// Takes damage as a finding; any other error stops the walk.
    pub(crate) fn take<T>(&mut self, family: Family, result: Result<T, Error>) -> Result<Option<T>, Error> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Error::Damaged { key, detail }) => {
                self.add(family, key, detail);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// The record whose id a readable key ends with.
fn record_of(key: &str) -> Option<RecordId> {
    let of_record = ["H:", "V:", "I:"].iter().any(|letter| key.starts_with(letter));
    key.rsplit(':').next().filter(|_| of_record)?.parse().ok()
}

#[cfg(test)]
mod tests;
