//! The part of a walk that reads content.

use annals_record::{EpochId, Offset, Record, RecordId};

use super::Walker;
use crate::content::{Home, Kept, Place};
use crate::keys::{self, epoch_of_key, id_of_key, place_key, readable, vote_of_key};
use crate::{Digest, Error, Family};

impl Walker<'_> {
    /// Every assertion: its bytes hash to its id and are an assertion.
    pub(super) fn assertions(&mut self) -> Result<(), Error> {
        self.each(Family::Assertions, keys::ASSERTIONS, |walker, key, kept| {
            let id = id_of_key(key).ok_or("it is no key of an assertion")?;
            let Record::Assertion(assertion) = record(&kept, &id)? else {
                return Err("it is no assertion".to_owned().into());
            };
            walker.counts.assertions += 1;
            walker.digests.add_assertion(&id);
            walker.content_binding.merge(&binding(&assertion.subject, &id, kept.offset));
            Ok(())
        })
    }

    /// Every vote: its bytes hash to its id, it votes on the assertion of its key, and its id finds it.
    pub(super) fn votes(&mut self) -> Result<(), Error> {
        self.each(Family::Votes, keys::VOTES, |walker, key, kept| {
            let (assertion, id) = vote_of_key(key).ok_or("it is no key of a vote")?;
            match record(&kept, &id)? {
                Record::Vote(vote) if vote.assertion == assertion => {}
                _ => return Err("it is no vote on the assertion of its key".to_owned().into()),
            }
            walker.counts.votes += 1;
            walker.digests.add_vote(&assertion, &id);
            walker.placed(&id, Place { offset: kept.offset, home: Home::Vote(assertion) })
        })
    }

    /// Every epoch record: it is of the epoch of its key, from the offset of its key, and its id finds it.
    pub(super) fn epochs(&mut self) -> Result<(), Error> {
        let mut last: Option<EpochId> = None;
        let mut names = 0;
        self.each(Family::Epochs, keys::EPOCHS, |walker, key, kept| {
            let (epoch, offset) = epoch_of_key(key).ok_or("it is no key of an epoch")?;
            if last.replace(epoch) != Some(epoch) {
                names += 1;
                // The first version of an epoch is where the index lists its name.
                if !walker.lists_epoch(&epoch, offset)? {
                    return Err("the index does not list this epoch where it came first".to_owned().into());
                }
            }
            let id = RecordId::of(&kept.payload);
            match record(&kept, &id)? {
                Record::Epoch(record) if record.id() == epoch => {}
                _ => return Err("it is no record of the epoch of its key".to_owned().into()),
            }
            if kept.offset != offset {
                return Err("its offset is not the one in its key".to_owned().into());
            }
            walker.counts.epoch_versions += 1;
            walker.digests.add_epoch(&epoch, &id);
            walker.placed(&id, Place { offset, home: Home::Epoch(epoch) })
        })?;
        self.counts.epochs = names;
        let listed = self.snapshot.index.epochs_len()?;
        if listed != names && self.snapshot.stored().is_some() {
            let detail = format!("the index lists {listed} epochs, content has {names}");
            self.found.add(Family::Epochs, "epochs", detail);
        }
        Ok(())
    }

    /// Every place: it names a vote or an epoch record that is there.
    pub(super) fn places(&mut self) -> Result<(), Error> {
        let snapshot = self.snapshot;
        for entry in snapshot.content.prefix(keys::PLACES) {
            let (key, value) = entry?;
            self.step();
            let place = self.found.take(Family::Votes, Place::read(&key, &value))?;
            let Some(place) = place.filter(|place| snapshot.shows(place.offset)) else { continue };
            let family = match place.home {
                Home::Vote(_) => Family::Votes,
                Home::Epoch(_) => Family::Epochs,
            };
            let there = match id_of_key(&key) {
                Some(id) => {
                    snapshot.content.get(&place.key(&id))?.is_some_and(|kept| kept.offset == place.offset)
                }
                None => false,
            };
            if !there {
                self.found.add(family, readable(&key), "it names a place where its record is not");
            }
        }
        Ok(())
    }

    /// Visits every key of a family that belongs to the snapshot.
    fn each(
        &mut self,
        family: Family,
        prefix: &[u8],
        mut visit: impl FnMut(&mut Self, &[u8], Kept) -> Result<(), Wrong>,
    ) -> Result<(), Error> {
        let snapshot = self.snapshot;
        for entry in snapshot.content.prefix(prefix) {
            let (key, value) = entry?;
            self.step();
            let kept = self.found.take(family, Kept::read(&key, value))?;
            let Some(kept) = kept.filter(|kept| snapshot.shows(kept.offset)) else { continue };
            match visit(self, &key, kept) {
                Ok(()) => {}
                Err(Wrong::Key(detail)) => self.found.add(family, readable(&key), detail),
                Err(Wrong::Store(error)) => {
                    self.found.take::<()>(family, Err(error))?;
                }
            }
        }
        Ok(())
    }

    /// Checks that an id finds its record.
    fn placed(&self, id: &RecordId, expected: Place) -> Result<(), Wrong> {
        if self.snapshot.content.place(id)? != Some(expected) {
            return Err(format!("{} does not name its place", readable(&place_key(id))).into());
        }
        Ok(())
    }

    /// Whether the index lists an epoch at the offset of its first record.
    fn lists_epoch(&self, epoch: &EpochId, first: Offset) -> Result<bool, Error> {
        let before = first.get().checked_sub(1).map(Offset::new);
        Ok(self.snapshot.index.epochs(before, 1)? == [(first, *epoch)])
    }
}

/// Why a key does not pass.
pub(super) enum Wrong {
    /// It cannot be as it is.
    Key(String),
    /// The store could not be read.
    Store(Error),
}

impl From<String> for Wrong {
    fn from(detail: String) -> Self {
        Self::Key(detail)
    }
}

impl From<&str> for Wrong {
    fn from(detail: &str) -> Self {
        Self::Key(detail.to_owned())
    }
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// The record in a payload that hashes to this id.
fn record(kept: &Kept, id: &RecordId) -> Result<Record, Wrong> {
    if !kept.is_intact(id) {
        return Err("its bytes do not hash to its id".into());
    }
    Record::decode(&kept.payload).map_err(|error| error.to_string().into())
}

/// One assertion's sum over subject, id and offset.
pub(super) fn binding(subject: &str, id: &RecordId, offset: Offset) -> Digest {
    let mut one = Digest::default();
    one.add(Family::Subjects, &[subject.as_bytes(), id.as_bytes(), &offset.get().to_le_bytes()]);
    one
}
