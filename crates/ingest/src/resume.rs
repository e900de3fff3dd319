//! Where work goes on, if the store belongs to this log at all.

use annals_record::{Cursor, CursorRefusal, Log, LogError, Offset, ReadLimit, Term};
use annals_storage::Sink;

use crate::{Error, OnDamage};

/// The cursor to go on from: the store's, or the log's beginning for a store that is empty.
///
/// # Errors
/// [`Error::Refused`] if the store was filled from another log or another past of it, or if the log's beginning is
/// gone; what log and store say if they cannot be read.
pub(crate) fn resume<L: Log, S: Sink>(log: &L, store: &S, damage: OnDamage) -> Result<Cursor, Error> {
    let cursor = store.cursor()?;
    if let Some(cursor) = &cursor {
        fits("cursor", cursor, log, damage)?;
    }
    // After a crash content may hold more than the cursor covers. What it holds has to be this log's past too, for it
    // shows as soon as the cursor has passed it.
    if let Some(reach) = store.reach()?.filter(|reach| Some(*reach) != cursor) {
        fits("content", &reach, log, damage)?;
    }
    match cursor {
        Some(cursor) => Ok(cursor),
        None => start(log),
    }
}

/// As [`resume`], for what is being built and has come as far as `cursor`.
pub(crate) fn resume_build<L: Log>(log: &L, cursor: Option<Cursor>) -> Result<Cursor, Error> {
    match cursor {
        Some(cursor) => fits("cursor", &cursor, log, OnDamage::Stop).map(|()| cursor),
        None => start(log),
    }
}

/// The cursor of a store in which nothing was applied.
fn start<L: Log>(log: &L) -> Result<Cursor, Error> {
    let oldest = log.bounds()?.oldest;
    if oldest > Offset::ZERO {
        let refusal = CursorRefusal::Purged { cursor: Offset::ZERO, oldest };
        return Err(Error::Refused { part: "cursor", refusal });
    }
    Ok(Cursor::start(log.identity(), newest_term(log), oldest))
}

/// Checks that a cursor belongs to this log and that the record it applied last is the one that stands there.
pub(crate) fn fits<L: Log>(
    part: &'static str,
    cursor: &Cursor,
    log: &L,
    damage: OnDamage,
) -> Result<(), Error> {
    let bounds = log.bounds()?;
    let refused = |refusal| Error::Refused { part, refusal };
    cursor.check(log.identity(), &log.terms(), bounds).map_err(refused)?;
    // A record that retention has taken away proves nothing; identity and term have to do.
    let Some(last) = cursor.last.filter(|last| last.offset >= bounds.oldest) else {
        return Ok(());
    };
    let batch = match log.read(last.offset, ReadLimit { records: 1, bytes: 1 }) {
        // Nor does one that is lost and listed as lost.
        Err(LogError::Hole { .. }) => return Ok(()),
        // Nor does one that was damaged since, if damage is to be passed.
        Err(LogError::Damaged { offset, .. }) if damage == OnDamage::PassAndList => {
            tracing::warn!(offset = offset.get(), "the record applied last is damaged and proves nothing");
            return Ok(());
        }
        read => read?,
    };
    let there = batch.iter().next();
    if there.is_none_or(|entry| (entry.offset, entry.id) != (last.offset, last.id)) {
        return Err(refused(CursorRefusal::OtherRecord { offset: last.offset }));
    }
    Ok(())
}

/// The log's present term.
pub(crate) fn newest_term<L: Log>(log: &L) -> Term {
    log.terms().last().map_or(Term::FIRST, |newest| newest.term)
}

#[cfg(test)]
mod tests;
