//! Letting go what a plan shows: written down first, then out of sight, then removed.

use std::sync::{Arc, PoisonError};

use annals_record::Offset;

use super::{Blocker, Consent, Plan, PlannedSegment};
use crate::catalog::{self, Segment};
use crate::cursors;
use crate::error::Error;
use crate::journal::Journal;
use crate::purged::{self, Purged};
use crate::receipts::{self, Receipt};

pub(super) fn apply(journal: &Journal, plan: &Plan, consent: Consent) -> Result<Vec<Receipt>, Error> {
    let core = &**journal.core;
    let (disk, dir) = (&*core.source.disk, &*core.source.dir);
    // Held to the end: nobody else purges, and the journal is not closed, and opened elsewhere, meanwhile.
    let lock = core.lock.lock().unwrap_or_else(PoisonError::into_inner);
    if lock.is_none() {
        return Err(Error::Closed);
    }
    let poison = || core.commit.between_groups(|writer| writer.poison.clone()).flatten();
    if let Some(error) = core.commit.stopped().or_else(poison) {
        return Err(error);
    }
    if plan.log != core.log {
        return Err(Error::StalePlan { reason: format!("it was made for log {}", plan.log) });
    }
    if plan.purge.is_empty() {
        return Ok(Vec::new());
    }
    // Until what goes is written down no cursor is made or moved back: R4.
    let cursors = cursors::hold(disk, dir)?;
    let present = journal.plan(&plan.keep)?;
    compare(plan, &present)?;
    if let Some(jump) = present.clock.filter(|_| !consent.clock_jump) {
        return Err(Error::ClockJumped {
            at: jump.at,
            from_micros: jump.from_micros,
            to_micros: jump.to_micros,
        });
    }
    // A reader without a writer must not find an end that lies before the beginning.
    journal.settle()?;
    let segments = core.source.segments();
    let Some(kept) = segments.get(plan.purge.len()) else {
        return Err(Error::StalePlan { reason: "it leaves no segment".to_owned() });
    };
    let Ok(header) = &kept.header else {
        return Err(blocked(kept.base, "the segment after what would go is damaged; repair it first"));
    };
    let gone = receipts_of(&segments[..plan.purge.len()], &plan.purge, plan, core.clock.now_micros());
    let mut purged = Purged {
        log: core.log,
        oldest: kept.base,
        records_end: records_end(&segments[..plan.purge.len()]),
        records_before: header.records_before,
        chain: header.chain,
        receipts: Purged::read(disk, dir)?.map(|purged| purged.receipts).unwrap_or_default(),
    };
    // A purge that failed halfway has receipts already.
    let first = gone.first().map_or(kept.base, |receipt| receipt.base);
    purged.receipts.retain(|receipt| receipt.base < first);
    purged.receipts.extend(gone.iter().cloned());
    receipts::archive(disk, dir, core.log, &mut purged.receipts)?;
    purged.write(disk, dir)?;
    core.source.update(|segments| catalog::begin_at(segments, purged.oldest, purged.records_end));
    drop(cursors);
    tracing::info!(oldest = %purged.oldest, segments = gone.len(), keep = %plan.keep, "purged");
    purged::remove_below(disk, dir, purged.oldest)?;
    drop(lock);
    Ok(gone)
}

/// Whether what the plan shows can still go.
fn compare(plan: &Plan, present: &Plan) -> Result<(), Error> {
    for (i, planned) in plan.purge.iter().enumerate() {
        if present.purge.get(i) == Some(planned) {
            continue;
        }
        let now = present.blocked.iter().find(|blocked| blocked.segment == *planned);
        return Err(match now {
            Some(now) => {
                let by: Vec<String> = now.by.iter().map(Blocker::to_string).collect();
                blocked(planned.base, &by.join("; "))
            }
            None => {
                Error::StalePlan { reason: format!("segment {} is not the one to go any more", planned.base) }
            }
        });
    }
    Ok(())
}

fn blocked(base: Offset, by: &str) -> Error {
    Error::Blocked { base, by: by.to_owned() }
}

/// The end of the last group in these segments, or before them.
fn records_end(segments: &[Arc<Segment>]) -> Offset {
    let last = segments.iter().rev().find_map(|segment| match &segment.seal {
        Some(seal) => seal.times.map(|_| seal.end),
        // Its seal is lost and listed as lost: up to its end there may have been records.
        None => segment.next,
    });
    last.unwrap_or_else(|| segments.first().map_or(Offset::ZERO, |first| first.held_from))
}

fn receipts_of(
    segments: &[Arc<Segment>],
    planned: &[PlannedSegment],
    plan: &Plan,
    now_micros: i64,
) -> Vec<Receipt> {
    let chains = segments.iter().map(|segment| segment.seal.map_or([0; 32], |seal| seal.chain));
    let receipt = |(segment, chain): (&PlannedSegment, [u8; 32])| Receipt {
        base: segment.base,
        end: segment.end,
        records: segment.records.unwrap_or(0),
        bytes: segment.bytes,
        times: segment.times,
        chain,
        purged_at_micros: now_micros,
        reason: plan.keep.to_string(),
    };
    planned.iter().zip(chains).map(receipt).collect()
}
