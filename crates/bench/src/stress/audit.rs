//! What every reader saw, held against what was acknowledged and what was purged.
//!
//!   ledger, purges, watermarks + passages -> the first thing that does not add up
//!
//! A stretch holds exactly the records that were acknowledged within it, each once and at its place. Between two stretches
//! lies a gap that ends where a purge ended. Whoever reads in order has come to the end.

use std::collections::BTreeSet;

use annals_journal::Offset;

use super::ledger::Ledger;
use super::passage::Passage;
use crate::outcome::Outcome;

/// What keeping house has left behind.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Where the log began, after each purge.
    pub(crate) oldest: BTreeSet<Offset>,
    /// How many records the receipts of all purges name.
    pub(crate) purged_records: u64,
    /// Moments, in microseconds since the epoch, and what was durable then: no group below it is younger.
    pub(crate) durable: Vec<(i64, Offset)>,
}

/// Holds a passage against the ledger.
pub(crate) fn passage(passage: &Passage, ledger: &Ledger, kept: &Kept) -> Outcome<()> {
    let of = |text: String| -> Outcome<()> { Err(format!("reader {}: {text}", passage.reader).into()) };
    let mut before: Option<Offset> = None;
    for stretch in &passage.stretches {
        let (from, to) = (stretch.from, stretch.to);
        if let Some(before) = before.filter(|before| *before >= from || !kept.oldest.contains(&from)) {
            return of(format!("a gap from {before} to {from}, where no purge has ended"));
        }
        before = Some(to);
        let expected = ledger.between(from, to);
        if stretch.sum.records != expected.records {
            let seen = stretch.sum.records;
            return of(format!(
                "from {from} to {to} it saw {seen} records, acknowledged are {}",
                expected.records
            ));
        }
        if stretch.sum != expected {
            let seen = expected.records;
            return of(format!(
                "from {from} to {to} it saw {seen} records as acknowledged, but not the same ones"
            ));
        }
    }
    if let Some(sought) = passage.sought {
        let then = sought.micros.min(sought.asked);
        let later = kept.durable.partition_point(|(at, _)| *at < then);
        if let Some((at, durable)) = later.checked_sub(1).and_then(|last| kept.durable.get(last))
            && sought.found < *durable
        {
            return of(format!(
                "time {} was found at {}, but at {at} all below {durable} was durable",
                sought.micros, sought.found
            ));
        }
    }
    Ok(())
}

/// Whether the last passage of each of these readers came to the end.
pub(crate) fn ends(
    passages: &[Passage],
    readers: impl IntoIterator<Item = usize>,
    end: Offset,
) -> Outcome<()> {
    for reader in readers {
        let last = passages.iter().rfind(|passage| passage.reader == reader).and_then(Passage::end);
        if last != Some(end) {
            return Err(format!("reader {reader} came to {last:?}, the log ends at {end}").into());
        }
    }
    Ok(())
}

/// Whether the receipts name as many records as were acknowledged below the place where the log begins, and the journal
/// counts as many as were acknowledged in all.
pub(crate) fn counts(ledger: &Ledger, kept: &Kept, oldest: Offset, counted: u64) -> Outcome<()> {
    let (gone, purged) = (ledger.between(Offset::ZERO, oldest).records, kept.purged_records);
    if gone != purged {
        return Err(
            format!("the receipts name {purged} records, below {oldest} {gone} were acknowledged").into()
        );
    }
    let acknowledged = ledger.records();
    if acknowledged != counted {
        return Err(format!("the journal counts {counted} records, acknowledged are {acknowledged}").into());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
