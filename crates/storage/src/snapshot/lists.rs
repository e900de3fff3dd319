//! Questions with many answers, a page at a time.
//!
//! Each takes the last answer of the page before and a limit, so no answer is ever longer than its caller wants.

use annals_record::{EpochId, Offset, RecordId};

use super::{Snapshot, Stored, intact};
use crate::content::{Kept, damaged};
use crate::index::DeadLetter;
use crate::keys::{assertion_key, epoch_prefix, id_of_key, vote_key, vote_of_key, votes_prefix};
use crate::runs::Listed;
use crate::{Error, Passed, Tally, tally};

/// A subject, and how much is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectEntry {
    /// The subject.
    pub subject: String,
    /// How many distinct assertions it has.
    pub assertions: u64,
    /// Where the first of them stands.
    pub first: Offset,
}

/// An epoch as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochEntry {
    /// The epoch.
    pub epoch: EpochId,
    /// Where its name came first; pages go on after it.
    pub first: Offset,
    /// Its latest version.
    pub latest: Stored,
}

impl Snapshot<'_> {
    /// How many assertions a subject has; `None` if it has none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn subject_entry(&self, subject: &str) -> Result<Option<SubjectEntry>, Error> {
        let row = self.index.subject(subject)?;
        Ok(row.map(|row| SubjectEntry {
            subject: subject.to_owned(),
            assertions: row.count,
            first: row.first,
        }))
    }

    /// A subject's assertions, in the log's order: at most `limit`, those after the offset `after`.
    ///
    /// # Errors
    /// [`Error::Damaged`] if one's bytes do not hash to its id; when the store cannot be read.
    pub fn subject(&self, subject: &str, after: Option<Offset>, limit: usize) -> Result<Vec<Stored>, Error> {
        let listed = self.index.listed(subject, after, limit)?;
        listed.iter().map(|entry| self.listed(&entry.id)).collect()
    }

    /// As [`Snapshot::subject`], but only where they stand and their ids: content is not read at all.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn subject_ids(
        &self,
        subject: &str,
        after: Option<Offset>,
        limit: usize,
    ) -> Result<Vec<Listed>, Error> {
        self.index.listed(subject, after, limit)
    }

    /// Assertions in the order of their ids, which is none of the log's: those after the id `after`, at most `limit` of them
    /// or about `bytes` of payload. For whoever wants all of them.
    ///
    /// # Errors
    /// [`Error::Damaged`] if one's bytes do not hash to its id; when the store cannot be read.
    pub fn assertions(
        &self,
        after: Option<&RecordId>,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Stored>, Error> {
        let first = after.copied().unwrap_or(RecordId::from_bytes([0; 32]));
        let last = RecordId::from_bytes([0xff; 32]);
        let (mut found, mut held) = (Vec::new(), 0);
        for entry in self.content.range(assertion_key(&first)..=assertion_key(&last)) {
            let (key, value) = entry?;
            let kept = Kept::read(&key, value)?;
            let Some(id) = id_of_key(&key) else { return Err(damaged(&key, "it is no key of an assertion")) };
            if Some(&id) == after || !self.shows(kept.offset) {
                continue;
            }
            let stored = intact(&key, kept, &id)?;
            held += stored.payload.len();
            found.push(stored);
            if found.len() >= limit || held >= bytes {
                break;
            }
        }
        Ok(found)
    }

    /// Subjects that begin with `prefix`, in the order of their bytes: at most `limit`, those after `after`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn subjects(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<SubjectEntry>, Error> {
        let rows = self.index.subjects(prefix, after, limit)?;
        let entry = |(subject, row): (String, crate::index_view::SubjectRow)| SubjectEntry {
            subject,
            assertions: row.count,
            first: row.first,
        };
        Ok(rows.into_iter().map(entry).collect())
    }

    /// An assertion's votes, in the order of their ids: at most `limit`, those after the vote `after`. The assertion
    /// itself need not be there.
    ///
    /// # Errors
    /// [`Error::Damaged`] if one's bytes do not hash to its id; when the store cannot be read.
    pub fn votes(
        &self,
        assertion: &RecordId,
        after: Option<&RecordId>,
        limit: usize,
    ) -> Result<Vec<Stored>, Error> {
        let mut votes = Vec::new();
        if limit > 0 {
            self.each_vote(assertion, after, |vote| {
                votes.push(vote);
                Ok(votes.len() < limit)
            })?;
        }
        Ok(votes)
    }

    /// An assertion's votes counted, one per voter: the one with the highest `seq`, then with the larger id. `None` if
    /// the assertion is not there (yet): its votes count as soon as it is.
    ///
    /// Memory grows with the number of voters of this one assertion.
    ///
    /// # Errors
    /// As [`Snapshot::votes`].
    pub fn tally(&self, assertion: &RecordId) -> Result<Option<Tally>, Error> {
        let kept = self.content.get(&assertion_key(assertion))?;
        if !kept.is_some_and(|kept| self.shows(kept.offset)) {
            return Ok(None);
        }
        let mut ballots = tally::Ballots::default();
        self.each_vote(assertion, None, |vote| {
            ballots.cast(assertion, &vote)?;
            Ok(true)
        })?;
        Ok(Some(ballots.count()))
    }

    /// Epochs in the order in which their names came, each with its latest version: at most `limit`, those whose name
    /// came after the offset `after`.
    ///
    /// # Errors
    /// [`Error::Damaged`] if one's bytes do not hash to its id; when the store cannot be read.
    pub fn epochs(&self, after: Option<Offset>, limit: usize) -> Result<Vec<EpochEntry>, Error> {
        let mut entries = Vec::new();
        for (first, epoch) in self.index.epochs(after, limit)? {
            let Some(latest) = self.epoch(&epoch)? else {
                return Err(damaged(
                    &epoch_prefix(&epoch),
                    "the index has this epoch, but no version is there",
                ));
            };
            entries.push(EpochEntry { epoch, first, latest });
        }
        Ok(entries)
    }

    /// An epoch's latest version; `None` if there is none.
    ///
    /// # Errors
    /// As [`Snapshot::epochs`].
    pub fn epoch(&self, epoch: &EpochId) -> Result<Option<Stored>, Error> {
        for entry in self.content.prefix(&epoch_prefix(epoch)).rev() {
            let (key, value) = entry?;
            let kept = Kept::read(&key, value)?;
            if self.shows(kept.offset) {
                return self.version(&key, kept).map(Some);
            }
        }
        Ok(None)
    }

    /// All versions of an epoch, in the log's order.
    ///
    /// # Errors
    /// As [`Snapshot::epochs`].
    pub fn epoch_versions(
        &self,
        epoch: &EpochId,
        after: Option<Offset>,
        limit: usize,
    ) -> Result<Vec<Stored>, Error> {
        let mut versions = Vec::new();
        for entry in self.content.prefix(&epoch_prefix(epoch)) {
            let (key, value) = entry?;
            let kept = Kept::read(&key, value)?;
            if versions.len() >= limit || !self.shows(kept.offset) {
                break;
            }
            if Some(kept.offset) > after {
                versions.push(self.version(&key, kept)?);
            }
        }
        Ok(versions)
    }

    /// Records that could not be applied, in the log's order: at most `limit`, those after the offset `after`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn dead_letters(&self, after: Option<Offset>, limit: usize) -> Result<Vec<DeadLetter>, Error> {
        self.index.dead_letters(after, limit)
    }

    /// The dead letter of this offset, and whether it was given up.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn dead_letter(&self, offset: Offset) -> Result<Option<(DeadLetter, bool)>, Error> {
        if !self.shows(offset) {
            return Ok(None);
        }
        let before = offset.get().checked_sub(1).map(Offset::new);
        let parked = self.index.dead_letters(before, 1)?.pop().filter(|letter| letter.offset == offset);
        if let Some(letter) = parked {
            return Ok(Some((letter, false)));
        }
        Ok(self.index.discarded_letter(offset)?.map(|letter| (letter, true)))
    }

    /// Dead letters that were given up, in the log's order: at most `limit`, those after the offset `after`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn discarded(&self, after: Option<Offset>, limit: usize) -> Result<Vec<DeadLetter>, Error> {
        self.index.discarded(after, limit)
    }

    /// How many dead letters were given up. They are not among those that [`Snapshot::counts`] counts.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn discarded_len(&self) -> Result<u64, Error> {
        self.index.discarded_len()
    }

    /// Ranges of the log that did not verify and were passed, in its order: at most `limit`, those after the offset
    /// `after`. What stood there is not in the store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn passed(&self, after: Option<Offset>, limit: usize) -> Result<Vec<Passed>, Error> {
        self.index.passed(after, limit)
    }

    /// Visits an assertion's votes, in the order of their ids, until `visit` says that it is enough.
    fn each_vote(
        &self,
        assertion: &RecordId,
        after: Option<&RecordId>,
        mut visit: impl FnMut(Stored) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let last = vote_key(assertion, &RecordId::from_bytes([0xff; 32]));
        let entries = match after {
            Some(after) => self.content.range(vote_key(assertion, after)..=last),
            None => self.content.prefix(&votes_prefix(assertion)),
        };
        for entry in entries {
            let (key, value) = entry?;
            let kept = Kept::read(&key, value)?;
            let Some((_, vote)) = vote_of_key(&key) else {
                return Err(damaged(&key, "it is no key of a vote"));
            };
            if Some(&vote) == after || !self.shows(kept.offset) {
                continue;
            }
            if !visit(intact(&key, kept, &vote)?)? {
                break;
            }
        }
        Ok(())
    }

    /// A version of an epoch. Its key does not hold its id, so what proves its bytes is that the id has a place.
    fn version(&self, key: &[u8], kept: Kept) -> Result<Stored, Error> {
        let id = RecordId::of(&kept.payload);
        match self.content.place(&id)? {
            Some(place) if place.key(&id) == key => {
                Ok(Stored { offset: kept.offset, id, payload: kept.payload })
            }
            _ => Err(damaged(key, "its bytes do not hash to the id of a version of this epoch")),
        }
    }
}
