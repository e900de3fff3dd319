//! An older copy of the store, taken as it stands: what it lacks is applied again.

use std::path::Path;
use std::sync::Arc;

use annals_ingest::Projector;
use annals_record::{Log, Offset};

use crate::annals::open_journal;
use crate::directory::current_store;
use crate::error::Error;
use crate::options::Options;

/// What a rewind does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rewound {
    /// How far the store had come, as was seen.
    pub from: Offset,
    /// Where it stands, and goes on from.
    pub to: Offset,
    /// Records that are applied again.
    pub records: u64,
    /// Whether it was done; else it was only looked at.
    pub done: bool,
}

/// Takes a store that has applied less than it once had, so that the next open goes on from where it stands. Nothing of
/// the journal changes. Without `apply` it only looks, and changes nothing.
///
/// # Errors
/// As [`crate::Annals::open_existing`], but for an older store; [`Error::Ingest`] if the store does not fit the journal
/// for another reason, and then nothing is changed.
pub fn rewind(dir: &Path, apply: bool) -> Result<Rewound, Error> {
    let options = Options { create: false, ..Options::default() };
    let (directory, journal) = open_journal(dir, &options)?;
    let store = Arc::new(current_store(&directory, options.store)?);
    // It refuses what no rewind mends.
    Projector::new(Arc::new(journal.clone()), Arc::clone(&store))?;
    let seen = directory.seen_file();
    let to = store.durable_cursor()?.map_or(Offset::ZERO, |cursor| cursor.next);
    let from = store.seen_at(&seen)?.unwrap_or(to).max(to);
    let records = journal.lag(to)?.records;
    if apply {
        store.rewind(&seen)?;
        tracing::info!(from = from.get(), to = to.get(), "the store goes on from where it stands");
    }
    drop(store);
    journal.close()?;
    Ok(Rewound { from, to, records, done: apply })
}
