//! The beginning of a projection, where that of the log is gone: from a store that has applied what was there.
//!
//!   store, up to the log's oldest place -> assertions, in any order -> projection, and then its cursor at that place
//!
//! Only for projections that do not depend on the order, and look at assertions alone: those we bring.

use annals_record::{Cursor, CursorRefusal, Entry, Log, Offset};
use annals_storage::{HybridStore, ProjectionStore, Sink, Stored};

use crate::Error;
use crate::decode::change;
use crate::resume::newest_term;

/// How many assertions are handed over at once, and about how many bytes of payload.
const BATCH: (usize, usize) = (10_000, 8 << 20);

/// Gives a projection in which nothing was applied what a store knows of the time before the log begins, and puts its cursor
/// there. Cut off, it is done again; where the log is whole, or something was applied, nothing is done.
///
/// # Errors
/// [`Error::Refused`] if the store has not come to where the log begins; what store, log and projection say.
pub fn seed<L: Log>(log: &L, store: &HybridStore, projection: &ProjectionStore) -> Result<(), Error> {
    let oldest = log.bounds()?.oldest;
    if oldest == Offset::ZERO || projection.cursor()?.is_some() {
        return Ok(());
    }
    let snapshot = store.snapshot()?;
    let fits = snapshot.cursor().filter(|cursor| cursor.log == log.identity() && cursor.next >= oldest);
    if fits.is_none() {
        let refusal = CursorRefusal::Purged { cursor: snapshot.as_of(), oldest };
        return Err(Error::Refused { part: "beginning", refusal });
    }
    let snapshot = snapshot.at(oldest);
    let mut after = None;
    loop {
        let page = snapshot.assertions(after.as_ref(), BATCH.0, BATCH.1)?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        let mut changes = Vec::with_capacity(page.len());
        for Stored { offset, id, payload } in &page {
            changes.push(change(Entry { offset: *offset, id: *id, payload })?);
        }
        projection.seed(&changes)?;
    }
    tracing::info!(projection = projection.name(), oldest = oldest.get(), "begun with what the store knows");
    projection.apply(&[], &Cursor::start(log.identity(), newest_term(log), oldest))?;
    Ok(())
}

#[cfg(test)]
mod tests;
