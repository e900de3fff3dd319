//! A store compared with its log, record by record.

use annals_record::{CursorRefusal, Log, LogError, Offset, ReadLimit};
use annals_storage::{Compared, Comparison, HybridStore};

use crate::Error;
use crate::decode::decode;
use crate::resume::fits;

/// Reads the log from its beginning up to where the store stands and looks every record up in the store.
///
/// Together with [`annals_storage::Snapshot::walk`], which sums the store itself, this gives the three digests that
/// must agree: of the log, of what the store holds, and of what the cursor's transaction says. `progress` hears how far
/// the log is read, and how far it is to be.
///
/// # Errors
/// [`Error::Refused`] if the store does not belong to this log or the log's beginning is gone, what the log says where it is damaged, and what the
/// store says if it cannot be read. What is damaged in the store is no error but part of the answer.
pub fn compare<L: Log>(
    log: &L,
    store: &HybridStore,
    progress: &mut dyn FnMut(Offset, Offset),
) -> Result<Compared, Error> {
    let snapshot = store.snapshot()?;
    if let Some(cursor) = snapshot.cursor() {
        fits("cursor", &cursor, log)?;
    }
    let oldest = log.bounds()?.oldest;
    if oldest > Offset::ZERO {
        let refusal = CursorRefusal::Purged { cursor: Offset::ZERO, oldest };
        return Err(Error::Refused { part: "beginning", refusal });
    }
    let mut comparison = Comparison::new(&snapshot)?;
    let mut next = oldest;
    while next < snapshot.as_of() {
        let batch = match log.read(next, ReadLimit::default()) {
            // The store may hold what is lost there: then the digests differ by that.
            Err(LogError::Hole { offset, len }) => {
                next = Offset::new(offset.get().saturating_add(len)).max(next);
                continue;
            }
            read => read?,
        };
        if batch.next() <= next {
            break;
        }
        for change in decode(&batch)? {
            comparison.add(&change)?;
        }
        next = batch.next();
        progress(next.min(snapshot.as_of()), snapshot.as_of());
    }
    Ok(comparison.finish()?)
}

#[cfg(test)]
mod tests;
