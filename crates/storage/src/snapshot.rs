//! Questions, answered as of one offset.
//!
//!   cursor -> index and content below that cursor
//!
//! Whatever is stored is written once under its key and carries the offset it came from. So what lies below the cursor is
//! exactly what had been applied then, whatever is applied meanwhile; and what lies below any earlier offset, what had
//! been applied by that.

mod lists;

use annals_record::{Cursor, DecodeError, Offset, Record, RecordId};

use crate::content::{Kept, Pinned, Place, damaged};
use crate::content_view::ContentView;
use crate::index::IndexReader;
use crate::index_view::IndexView;
use crate::keys::{IdPrefix, assertion_key, id_of_key, place_key};
use crate::layer::Layers;
use crate::standing::Standing;
use crate::{Counts, Digests, Error, Payload};

pub use lists::{EpochEntry, SubjectEntry};

/// A store as of one offset.
///
/// It keeps pages of the index from being used again, so take one per question.
pub struct Snapshot<'s> {
    pub(crate) index: IndexView,
    pub(crate) content: ContentView<'s>,
    standing: Standing,
    /// The offset it reflects, if that lies before the cursor.
    past: Option<Offset>,
}

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Where it stands in the log: its first appearance.
    pub offset: Offset,
    /// Its identity.
    pub id: RecordId,
    /// Its payload; it hashes to the id, that was checked when it was read.
    pub payload: Payload,
}

impl Stored {
    /// What the payload says.
    ///
    /// # Errors
    /// Never for what a worker stored; a store that was put together otherwise may hold anything.
    pub fn record(&self) -> Result<Record, DecodeError> {
        Record::decode(&self.payload)
    }
}

/// How many records an ambiguous prefix is answered with.
const CANDIDATES: usize = 10;

impl<'s> Snapshot<'s> {
    /// `index` was read while `layers` were the layers and `standing` was where the store stood.
    pub(crate) fn new(tables: Pinned<'s>, layers: Layers, index: IndexReader, standing: Standing) -> Self {
        let index = IndexView::new(index, layers.clone(), standing.next());
        Self { index, content: ContentView::over(tables, layers), standing, past: None }
    }

    /// The same store as of an earlier offset: every answer is what it was when everything before `offset` had been
    /// applied and nothing else, tallies and epochs included. An offset at or beyond the cursor changes nothing.
    ///
    /// Answers cost what they cost now, but for [`Snapshot::counts`] and [`Snapshot::digests`], which are only kept for
    /// the cursor: of the past they are found by reading everything.
    #[must_use]
    pub fn at(mut self, offset: Offset) -> Self {
        if offset < self.as_of() {
            self.index = self.index.up_to(offset);
            self.past = Some(offset);
        }
        self
    }

    /// The offset this snapshot reflects: everything before it, nothing at or after it.
    #[must_use]
    pub fn as_of(&self) -> Offset {
        self.past.unwrap_or(self.standing.next())
    }

    /// The cursor this snapshot was taken at; `None` before anything was applied. After [`Snapshot::at`] it still is.
    #[must_use]
    pub fn cursor(&self) -> Option<Cursor> {
        self.standing.cursor
    }

    /// How much the store holds. As of the past, records of the application's own types are not counted: the store does
    /// not keep them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn counts(&self) -> Result<Counts, Error> {
        match self.past {
            None => Ok(self.standing.counts),
            Some(_) => Ok(self.walk(&mut |_, _| {})?.counts),
        }
    }

    /// What the store holds, as sums to compare.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn digests(&self) -> Result<Digests, Error> {
        match self.past {
            None => Ok(self.standing.digests),
            Some(_) => Ok(self.walk(&mut |_, _| {})?.digests),
        }
    }

    /// How much the store holds at its cursor.
    pub(crate) fn newest_counts(&self) -> Counts {
        self.standing.counts
    }

    /// What the cursor's transaction says, if the snapshot reflects the cursor.
    pub(crate) fn stored(&self) -> Option<Standing> {
        self.past.is_none().then_some(self.standing)
    }

    /// The record with this id, of whatever type; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Damaged`] if its bytes do not hash to its id; when the store cannot be read.
    pub fn get(&self, id: &RecordId) -> Result<Option<Stored>, Error> {
        if let Some(assertion) = self.assertion(id)? {
            return Ok(Some(assertion));
        }
        match self.content.place(id)? {
            Some(place) if self.shows(place.offset) => self.at_place(&place, id).map(Some),
            _ => Ok(None),
        }
    }

    /// The assertion with this id; `None` if there is none, also where a vote or an epoch record has it. For an id that
    /// nothing has this costs half of what [`Snapshot::get`] does.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub fn assertion(&self, id: &RecordId) -> Result<Option<Stored>, Error> {
        let tables = self.content.tables();
        if let Some(Kept { offset, payload }) = tables.remembered(id)
            && self.shows(offset)
        {
            return Ok(Some(Stored { offset, id: *id, payload }));
        }
        let key = assertion_key(id);
        if let Some(kept) = self.content.get(&key)?
            && self.shows(kept.offset)
        {
            let stored = intact(&key, kept, id)?;
            tables.remember(id, stored.offset, &stored.payload);
            return Ok(Some(stored));
        }
        Ok(None)
    }

    /// The one record whose id begins so, of whatever type; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Ambiguous`], listing the first few, if there are several; otherwise as [`Snapshot::get`].
    pub fn find(&self, prefix: &IdPrefix) -> Result<Option<Stored>, Error> {
        if let Some(id) = prefix.whole() {
            return self.get(&id);
        }
        let (low, high) = prefix.bounds();
        let mut found = Vec::new();
        for entry in self.content.range(assertion_key(&low)..=assertion_key(&high)) {
            let (key, value) = entry?;
            let shows = self.shows(Kept::read(&key, value)?.offset);
            found.extend(id_of_key(&key).filter(|_| shows));
            if found.len() > CANDIDATES {
                break;
            }
        }
        for entry in self.content.range(place_key(&low)..=place_key(&high)) {
            let (key, value) = entry?;
            let shows = self.shows(Place::read(&key, &value)?.offset);
            found.extend(id_of_key(&key).filter(|_| shows));
            if found.len() > CANDIDATES * 2 {
                break;
            }
        }
        match found[..] {
            [] => Ok(None),
            [id] => self.get(&id),
            _ => {
                found.sort_unstable();
                let more = found.len() > CANDIDATES;
                found.truncate(CANDIDATES);
                Err(Error::Ambiguous { prefix: prefix.to_string(), candidates: found, more })
            }
        }
    }

    /// Whether something that was applied at this offset belongs to this snapshot.
    pub(crate) fn shows(&self, offset: Offset) -> bool {
        offset < self.as_of()
    }

    /// The assertion that an entry of the index names.
    fn listed(&self, id: &RecordId) -> Result<Stored, Error> {
        let key = assertion_key(id);
        match self.content.get(&key)? {
            Some(kept) => intact(&key, kept, id),
            None => Err(damaged(&key, "a subject lists it, but it is not there")),
        }
    }

    /// The vote or epoch record at its place.
    fn at_place(&self, place: &Place, id: &RecordId) -> Result<Stored, Error> {
        let key = place.key(id);
        match self.content.get(&key)? {
            Some(kept) => intact(&key, kept, id),
            None => Err(damaged(&place_key(id), "it names a place where nothing is")),
        }
    }
}

/// A record whose bytes are the ones its id names.
fn intact(key: &[u8], kept: Kept, id: &RecordId) -> Result<Stored, Error> {
    if !kept.is_intact(id) {
        return Err(damaged(key, "its bytes do not hash to its id"));
    }
    Ok(Stored { offset: kept.offset, id: *id, payload: kept.payload })
}

#[cfg(test)]
mod tests;
