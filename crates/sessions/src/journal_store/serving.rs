//! The entries of one segment, out of a journal in which those of others stand between them.

use std::path::Path;

use annals_journal::{Batch, Journal, Log, LogError, Offset, ReadLimit};
use serde::de::DeserializeOwned;

use super::envelope::{self, Head, What};
use super::index;
use crate::reading::{DamagedLine, Fault, Reading};
use crate::{SegmentId, SessionId, StoreError};

/// What lies closer together than so many bytes is read at once.
const NEAR: u64 = 64 << 10;

/// Whose entries are served.
pub(super) struct Wanted<'a> {
    pub(super) dir: &'a Path,
    pub(super) session: SessionId,
    pub(super) segment: SegmentId,
    pub(super) what: What,
}

impl Wanted<'_> {
    /// Reads what stands at these places, in order.
    pub(super) fn read<T: DeserializeOwned>(
        &self,
        journal: &Journal,
        places: &[u64],
    ) -> Result<Reading<T>, StoreError> {
        let mut reading = Reading { count: places.len(), ..Reading::default() };
        let mut batch = Batch::default();
        let mut damaged = None;
        for (at, place) in places.iter().enumerate() {
            let Some(offset) = index::place(*place) else {
                let reason = "damage to the journal has taken it".to_owned();
                reading.damaged.push(self.damaged((at, reading.entries.len()), 0, reason));
                continue;
            };
            if !holds(&batch, offset) {
                let next = places.get(at + 1).copied().and_then(index::place);
                let near = next.is_some_and(|next| next.get() - offset.get() < NEAR);
                let limit = ReadLimit { records: if near { usize::MAX } else { 1 }, bytes: NEAR as usize };
                damaged = match journal.read_into(offset, limit, &mut batch) {
                    Ok(()) => None,
                    Err(error) => Some(lost(error)?),
                };
            }
            let found = match &damaged {
                Some(reason) => Err(reason.clone()),
                None => self.entry(&batch, offset, at),
            };
            match found {
                Ok(entry) => reading.entries.push(entry),
                Err(reason) => {
                    reading.damaged.push(self.damaged((at, reading.entries.len()), *place, reason));
                }
            }
        }
        Ok(reading)
    }

    fn entry<T: DeserializeOwned>(&self, batch: &Batch, offset: Offset, at: usize) -> Result<T, String> {
        let Some(record) = batch.iter().find(|record| record.offset == offset) else {
            return Err("no record begins there".into());
        };
        let Some((head, json)) = Head::of(record.payload) else {
            return Err("it is no session's record".into());
        };
        let own = head.session == self.session && head.segment == self.segment && head.what == self.what;
        if !own || head.number != at as u64 {
            return Err("it is another entry's record".into());
        }
        envelope::entry(json)
    }

    fn damaged(&self, (at, index): (usize, usize), byte: u64, reason: String) -> DamagedLine {
        let (path, what) = (self.dir.to_owned(), Fault::Damaged);
        DamagedLine { path, line: at + 1, index, byte, len: 0, what, reason }
    }
}

/// Whether a batch, which begins where its first record does, covers a place.
fn holds(batch: &Batch, offset: Offset) -> bool {
    batch.iter().next().is_some_and(|first| first.offset <= offset) && offset < batch.next()
}

/// Why an entry is lost, if the journal says so; whatever else is wrong is an error.
pub(super) fn lost(error: LogError) -> Result<String, StoreError> {
    match error {
        LogError::Damaged { .. } | LogError::Hole { .. } | LogError::Gap { .. } => Ok(error.to_string()),
        error => Err(failed(error)),
    }
}

/// An error of the log that is no loss.
pub(super) fn failed(error: LogError) -> StoreError {
    StoreError::Io(std::io::Error::other(error))
}
