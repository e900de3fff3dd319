//! How many records of the journal stand before a worker's cursor, without counting them each time.

use std::sync::{Arc, Mutex, PoisonError};

use annals_journal::Journal;
use annals_record::Offset;

use crate::error::Error;

/// Counts what a worker has applied: what it says it has applied, and what stood before that, counted once.
#[derive(Clone, Debug, Default)]
pub(crate) struct AppliedCount(Arc<Mutex<Option<Base>>>);

#[derive(Clone, Copy, Debug)]
struct Base {
    /// The records before what the worker has applied.
    records: u64,
    /// How many holes it had passed: within a hole records may have stood that it never applies.
    holes: u64,
}

impl AppliedCount {
    /// How many records stand before `cursor`, where the worker was when it said this of its progress. Reads a segment
    /// of the journal the first time, and after a hole.
    pub(crate) fn records(
        &self,
        journal: &Journal,
        cursor: Offset,
        progress: &annals_ingest::Status,
    ) -> Result<u64, Error> {
        let mut base = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let records = match *base {
            Some(base) if base.holes == progress.holes => base.records,
            _ => {
                let records = journal.records_before(cursor)?.saturating_sub(progress.records);
                *base = Some(Base { records, holes: progress.holes });
                records
            }
        };
        Ok(records + progress.records)
    }
}
