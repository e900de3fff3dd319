//! The tables of content as of one moment.
//!
//! Nearly everything is written once, beyond the cursor, and hides behind its offset until the cursor has passed it. What
//! is applied below the cursor does not: a dead letter that is read again. Whoever looked before must not meet it.

use std::ops::RangeInclusive;

use annals_record::{Offset, RecordId};
use fjall::{Readable, Slice, Snapshot};

use super::{Content, Entries, Kept, Payload, Place};
use crate::Error;
use crate::keys::place_key;
use crate::record_cache::Age;
use crate::value::Value;

/// Content as of one moment, or as it is.
pub(crate) struct Pinned<'c> {
    content: &'c Content,
    at: Option<(Snapshot, Age)>,
}

impl Content {
    /// The tables, as they are whenever they are read.
    pub(crate) fn now(&self) -> Pinned<'_> {
        Pinned { content: self, at: None }
    }

    /// The tables as they are at this moment, whatever is written later.
    pub(crate) fn pinned(&self) -> Pinned<'_> {
        Pinned { content: self, at: Some((self.database.snapshot(), self.records.age())) }
    }
}

impl<'c> Pinned<'c> {
    /// What stands under a key of `H:`, `V:` or `E:`.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Kept>, Error> {
        match self.value(key)? {
            Some(value) => Kept::read(key, value.into()).map(Some),
            None => Ok(None),
        }
    }

    /// Where a vote or an epoch record stands.
    pub(crate) fn place(&self, id: &RecordId) -> Result<Option<Place>, Error> {
        let key = place_key(id);
        match self.value(&key)? {
            Some(value) => Place::read(&key, &value).map(Some),
            None => Ok(None),
        }
    }

    /// Everything under these keys, in their order; from either end.
    pub(crate) fn range<K: AsRef<[u8]>>(&self, keys: RangeInclusive<K>) -> Entries<'c> {
        match &self.at {
            Some((at, _)) => {
                Entries { entries: at.range(&self.content.keyspace, keys), content: self.content }
            }
            None => self.content.range(keys),
        }
    }

    /// The assertion with this id, if it was asked for before: checked, and below the cursor by then.
    pub(crate) fn remembered(&self, id: &RecordId) -> Option<Kept> {
        let (_, age) = self.at.as_ref()?;
        let (offset, value) = self.content.records.get(id, *age)?;
        Some(Kept { offset, payload: Payload(value.into()) })
    }

    /// Keeps an assertion that was checked and lies below the cursor, if it comes from a table.
    pub(crate) fn remember(&self, id: &RecordId, offset: Offset, payload: &Payload) {
        if let (Some((_, age)), Value::Stored(value)) = (&self.at, &payload.0) {
            self.content.records.put(*id, *age, offset, value);
        }
    }

    fn value(&self, key: &[u8]) -> Result<Option<Slice>, Error> {
        let value = match &self.at {
            Some((at, _)) => at.get(&self.content.keyspace, key),
            None => self.content.keyspace.get(key),
        };
        value.map_err(self.content.reading())
    }
}
