//! A store compared with its log, record by record.

use annals_record::{Log, LogError, Offset, ReadLimit};
use annals_storage::{Compared, Comparison, HybridStore};

use crate::decode::decode;
use crate::resume::fits;
use crate::{Error, OnDamage};

/// Reads the log from its beginning up to where the store stands and looks every record up in the store. Where retention
/// has removed the log's beginning, the store's own sums as of there stand for it: see [`Compared::from`].
///
/// Together with [`annals_storage::Snapshot::walk`], which sums the store itself, this gives the three digests that
/// must agree: of the log, of what the store holds, and of what the cursor's transaction says. `progress` hears how far
/// the log is read, and how far it is to be.
///
/// # Errors
/// [`Error::Refused`] if the store does not belong to this log, or has not come to where the log begins; [`Error::Damaged`] where
/// the log is and the store has not passed it, and what the store says if it cannot be read. What is damaged in the store is no error but part of the answer.
pub fn compare<L: Log>(
    log: &L,
    store: &HybridStore,
    progress: &mut dyn FnMut(Offset, Offset),
) -> Result<Compared, Error> {
    let snapshot = store.snapshot()?;
    if let Some(cursor) = snapshot.cursor() {
        fits("cursor", &cursor, log, OnDamage::PassAndList)?;
    }
    let oldest = log.bounds()?.oldest;
    let mut comparison = if oldest > Offset::ZERO {
        let before = store.snapshot()?.at(oldest).walk(&mut |_, _| {})?;
        Comparison::after(&snapshot, &before)?
    } else {
        Comparison::new(&snapshot)?
    };
    let mut next = oldest;
    while next < snapshot.as_of() {
        let batch = match log.read(next, ReadLimit::default()) {
            // The store may hold what is lost there: then the digests differ by that.
            Err(LogError::Hole { offset, len }) => {
                next = Offset::new(offset.get().saturating_add(len)).max(next);
                continue;
            }
            // So is what was passed as damaged, and is named by the answer; other damage ends the comparison.
            Err(LogError::Damaged { offset, len, detail }) => {
                let damage = || Error::Damaged { offset, len, detail: detail.clone() };
                let passed = comparison.passed_at(offset)?.ok_or_else(damage)?;
                next = passed.end().max(Offset::new(offset.get().saturating_add(len)));
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
