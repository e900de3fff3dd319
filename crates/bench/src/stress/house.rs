//! Keeping house while others write and read: purging, sealing on request, scrubbing.
//!
//!   plan -> apply -> where the log begins is noted -> rest -> ...

use std::num::NonZeroU64;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use annals_journal::{Blocker, Clock, Consent, Error, Journal, Keep, Log, Scrub, SystemClock};

use super::audit::Kept;
use super::course::Course;
use crate::outcome::Outcome;

/// What stays, in segments.
const SEGMENTS: u64 = 64;
/// Between two rounds.
const REST: Duration = Duration::from_millis(25);
/// Fast enough to come round while others write.
const SCRUB_BYTES: u64 = 512 << 20;

/// How often what was done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chores {
    pub(crate) purges: u64,
    pub(crate) purged_segments: u64,
    /// Plans that a cursor stood in the way of.
    pub(crate) held_back: u64,
    /// Plans that did not fit any more when they were to be applied.
    pub(crate) refused: u64,
    /// Seals on request.
    pub(crate) seals: u64,
}

/// Keeps house until the run is stopped. `seen` shows others how far it is.
pub(crate) fn keep(
    journal: &Journal,
    course: &Course,
    segment_bytes: u64,
    seen: &Mutex<Chores>,
) -> Outcome<Kept> {
    let mut kept = Kept::default();
    let mut chores = Chores::default();
    let scrub = Scrub {
        bytes_per_second: NonZeroU64::MIN.saturating_add(SCRUB_BYTES),
        pause_between_passes: Duration::from_millis(5),
    };
    let mut scrubbing = journal.start_scrub(scrub)?;
    for round in 1_u64.. {
        if course.is_stopped() {
            break;
        }
        // In this order: what is durable was so at the moment.
        let durable = journal.durable();
        kept.durable.push((SystemClock.now_micros(), durable));
        let keep = match round % 200 {
            0 => Keep::Newest,
            n if n % 3 == 0 => Keep::Bytes(SEGMENTS * segment_bytes),
            _ => Keep::Segments(SEGMENTS),
        };
        purge(journal, &keep, &mut kept, &mut chores)?;
        if round % 40 == 0 {
            journal.seal()?;
            chores.seals += 1;
            drop(scrubbing);
            scrubbing = journal.start_scrub(scrub)?;
        }
        let damaged = journal.scrub_status().damaged;
        if let Some(damage) = damaged.first() {
            return Err(format!("the scrub found damage: {damage:?}").into());
        }
        *seen.lock().unwrap_or_else(PoisonError::into_inner) = chores;
        course.pause(REST);
    }
    drop(scrubbing);
    Ok(kept)
}

fn purge(journal: &Journal, keep: &Keep, kept: &mut Kept, chores: &mut Chores) -> Outcome<()> {
    let plan = journal.plan(keep)?;
    let is_cursor = |by: &Blocker| matches!(by, Blocker::Cursor { .. });
    chores.held_back += u64::from(plan.blocked.iter().any(|blocked| blocked.by.iter().any(is_cursor)));
    let others = plan.blocked.iter().flat_map(|blocked| &blocked.by);
    let expected =
        |by: &&Blocker| matches!(by, Blocker::Cursor { .. } | Blocker::Active | Blocker::Earlier { .. });
    if let Some(by) = others.into_iter().find(|by| !expected(by)) {
        return Err(format!("nothing is wrong, but a purge is told: {by}").into());
    }
    match journal.apply(&plan, Consent::default()) {
        Ok(receipts) if receipts.is_empty() => Ok(()),
        Ok(receipts) => {
            let oldest = journal.bounds()?.oldest;
            if oldest != plan.oldest_after || receipts.len() != plan.purge.len() {
                return Err(
                    format!("{plan:?} was applied, and the log begins at {oldest}: {receipts:?}").into()
                );
            }
            // C2: who is there now was there, or was made where the log begins.
            for cursor in journal.cursors()? {
                if cursor.problem.is_some() || cursor.position.is_none_or(|position| position < oldest) {
                    return Err(format!("the log begins at {oldest}, past a cursor: {cursor:?}").into());
                }
            }
            kept.oldest.insert(oldest);
            kept.purged_records += receipts.iter().map(|receipt| receipt.records).sum::<u64>();
            chores.purges += 1;
            chores.purged_segments += receipts.len() as u64;
            Ok(())
        }
        // A cursor was made since the plan was, or is being made.
        Err(Error::StalePlan { .. } | Error::Blocked { .. } | Error::Locked { .. }) => {
            chores.refused += 1;
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
