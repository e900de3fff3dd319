//! Which records of an application's own types a journal holds: the store has no list of them, so the journal is read.

use std::collections::HashSet;

use annals_record::{Log, LogError, Offset, ReadLimit, RecordId};

use crate::error::Error;

/// The ids of a journal's records of an application's own types, 32 bytes each.
#[derive(Clone, Debug, Default)]
pub struct OwnRecords(HashSet<RecordId>);

impl OwnRecords {
    /// Reads them. What is damaged there is passed.
    ///
    /// # Errors
    /// [`Error::Log`] if the log cannot be read.
    pub fn of(log: &dyn Log) -> Result<Self, Error> {
        let bounds = log.bounds()?;
        let (mut at, mut ids) = (bounds.oldest, HashSet::new());
        while at < bounds.durable {
            match log.read(at, ReadLimit { records: 10_000, bytes: 8 << 20 }) {
                Ok(batch) => {
                    let own = batch.iter().filter(|entry| entry.payload.first() >= Some(&128));
                    ids.extend(own.map(|entry| entry.id));
                    at = if batch.is_empty() { bounds.durable } else { batch.next() };
                }
                Err(LogError::Damaged { offset, len, .. } | LogError::Hole { offset, len }) => {
                    at = Offset::new(offset.get().saturating_add(len)).max(Offset::new(at.get() + 1));
                }
                Err(LogError::Gap { oldest, .. }) => at = oldest,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self(ids))
    }

    /// Adds an id. False if it is there.
    pub fn insert(&mut self, id: RecordId) -> bool {
        self.0.insert(id)
    }
}
