//! What a policy would let go, and what is in the way: reads, and decides nothing that lasts.

use std::sync::Arc;
use std::time::Duration;

use annals_record::seeded::{self, Bug};
use annals_record::{Bounds, Cursor, Offset};

use super::{BlockedSegment, Blocker, Keep, Plan, PlannedSegment, jump};
use crate::backup::{BackupReceipt, receipt};
use crate::catalog::{self, Segment};
use crate::checkpoint;
use crate::cursors::{self, Registered};
use crate::error::Error;
use crate::holes::Holes;
use crate::purged::{self, Purged};
use crate::segment::HEADER_LEN;
use crate::view::View;

/// Plans what `keep` would remove.
pub(crate) fn plan(view: &dyn View, keep: &Keep) -> Result<Plan, Error> {
    let source = view.source();
    // In this order: a cursor that is read first never lies ahead of the end.
    let cursors = cursors::registered(&*source.disk, &source.dir)?;
    let (durable, segments) = view.look()?;
    let purged = match Purged::read(&*source.disk, &source.dir) {
        Ok(Some(purged)) if purged.log != view.log() => {
            Some(format!("{} belongs to log {}", purged::FILE_NAME, purged.log))
        }
        Ok(_) => None,
        Err(Error::Sidecar { path, reason }) => Some(format!("{} does not verify: {reason}", path.display())),
        Err(error) => return Err(error),
    };
    let (candidates, clock) = match keep {
        Keep::Everything => (0, None),
        Keep::Segments(count) => (over(segments.len(), *count), None),
        Keep::Newest => (over(segments.len(), 2), None),
        Keep::From(offset) => {
            let ended = |segment: &&Arc<Segment>| segment.next.is_some_and(|next| next <= *offset);
            (segments.iter().take_while(ended).count(), None)
        }
        Keep::Bytes(limit) => (over_bytes(&segments, durable, *limit), None),
        Keep::Age(age) => {
            let times = jump::times(source, &segments, durable)?;
            let jump = jump::find(source, &segments, &times, durable, *age, view.clock().now_micros())?;
            (expired(&times, &segments, *age), jump)
        }
    };
    let latest_checkpoint = checkpoint::latest_offset(source, durable)?;
    let in_the_way = InTheWay {
        latest_checkpoint,
        cursors: judge(view, cursors, &segments, durable),
        purged,
        holes: source.holes(),
    };
    let mut plan = Plan {
        log: view.log(),
        keep: *keep,
        oldest: segments.first().map_or(durable, |first| first.held_from),
        oldest_after: segments.first().map_or(durable, |first| first.held_from),
        purge: Vec::new(),
        blocked: Vec::new(),
        kept_segments: 0,
        kept_bytes: 0,
        clock,
        backups: known_backups(view, &segments, durable),
    };
    // The end of the last group so far: whoever stands there has passed what comes before.
    let mut records_end = plan.oldest;
    for (i, segment) in segments.iter().enumerate() {
        let planned = planned(segment, durable);
        match (segment.seal, segment.next) {
            (Some(seal), _) if seal.times.is_some() => records_end = seal.end,
            (None, Some(next)) => records_end = next,
            _ => {}
        }
        if i < candidates {
            let mut by = in_the_way.of(segment, records_end);
            if let (true, Some(first)) = (by.is_empty(), plan.blocked.first()) {
                by.push(Blocker::Earlier { base: first.segment.base });
            }
            if by.is_empty() {
                plan.oldest_after = records_end;
                plan.purge.push(planned);
                continue;
            }
            plan.kept_bytes += planned.bytes;
            plan.blocked.push(BlockedSegment { segment: planned, by });
        } else {
            plan.kept_bytes += planned.bytes;
        }
        plan.kept_segments += 1;
    }
    Ok(plan)
}

/// The backups that the journal knows of, but for those of a future that it does not have.
fn known_backups(view: &dyn View, segments: &[Arc<Segment>], durable: Offset) -> Vec<BackupReceipt> {
    let source = view.source();
    let terms = catalog::terms(segments);
    let bounds = Bounds { oldest: Offset::ZERO, durable };
    let mut backups = receipt::read(&*source.disk, &source.dir, view.log());
    backups.retain(|backup| {
        let end = Cursor { log: view.log(), term: backup.term, next: backup.durable, last: None };
        end.check(view.log(), &terms, bounds).is_ok()
    });
    backups
}

/// What may be in the way of any segment.
struct InTheWay {
    latest_checkpoint: Option<Offset>,
    cursors: Vec<(String, Result<Offset, String>)>,
    purged: Option<String>,
    holes: Holes,
}

impl InTheWay {
    /// What is in the way of this segment, the last group up to whose end ends at `records_end`.
    fn of(&self, segment: &Segment, records_end: Offset) -> Vec<Blocker> {
        let mut by = Vec::new();
        let mut damaged = |reason: &str| by.push(Blocker::Damaged { reason: reason.to_owned() });
        // What is listed as lost is missed by nobody: all of it, or its seal.
        let is_listed = segment.next.is_some_and(|next| {
            let within = self.holes.within(segment.base, next);
            self.holes.bridge(segment.base) >= next
                || segment.header.is_ok() && within.last().is_some_and(|hole| hole.end() == next)
        });
        match (&segment.header, &segment.flaw) {
            _ if is_listed => {}
            // A seal that is lost is such a flaw.
            (Err(reason), _) | (_, Some(reason)) => damaged(reason),
            _ => {}
        }
        if segment.next.is_none() {
            by.push(Blocker::Active);
        }
        by.extend(self.purged.iter().map(|reason| Blocker::Purged { reason: reason.clone() }));
        by.extend(
            self.latest_checkpoint
                .filter(|offset| segment.next.is_none_or(|end| *offset < end))
                .map(|offset| Blocker::Checkpoint { offset }),
        );
        let blind = seeded::is_on(Bug::PurgePastCursors);
        by.extend(self.cursors.iter().filter(|_| !blind).filter_map(|(name, position)| match position {
            Ok(position) if segment.next.is_some() && *position >= records_end => None,
            Ok(position) => Some(Blocker::Cursor { name: name.clone(), position: *position }),
            Err(reason) => Some(Blocker::UnusableCursor { name: name.clone(), reason: reason.clone() }),
        }));
        by
    }
}

/// Where each cursor stands, or why that cannot be believed.
fn judge(
    view: &dyn View,
    cursors: Vec<Registered>,
    segments: &[Arc<Segment>],
    durable: Offset,
) -> Vec<(String, Result<Offset, String>)> {
    let oldest = segments.first().map_or(durable, |first| first.held_from);
    let bounds = Bounds { oldest, durable };
    let terms = catalog::terms(segments);
    cursors
        .into_iter()
        .map(|Registered { name, found }| {
            let position = found.and_then(|found| {
                let fits = found.cursor.check(view.log(), &terms, bounds);
                fits.map(|()| found.cursor.next).map_err(|refusal| refusal.to_string())
            });
            (name, position)
        })
        .collect()
}

pub(crate) fn planned(segment: &Segment, durable: Offset) -> PlannedSegment {
    let end = segment.next.unwrap_or(durable).max(segment.base);
    PlannedSegment {
        base: segment.base,
        end,
        bytes: HEADER_LEN + (end.get() - segment.base.get()),
        records: segment.seal.map(|seal| seal.records),
        times: segment.seal.and_then(|seal| seal.times),
    }
}

/// How many of `len` are more than `most`; one always stays.
fn over(len: usize, most: u64) -> usize {
    len.saturating_sub(usize::try_from(most.max(1)).unwrap_or(usize::MAX))
}

fn over_bytes(segments: &[Arc<Segment>], durable: Offset, limit: u64) -> usize {
    let sizes: Vec<u64> = segments.iter().map(|segment| planned(segment, durable).bytes).collect();
    let mut all: u64 = sizes.iter().sum();
    let go = sizes.iter().take_while(|size| {
        let goes = all > limit;
        all -= **size;
        goes
    });
    go.count()
}

/// The segments up to the last one that is too old with none before it that is not. Those without a time go with the
/// ones behind them.
fn expired(times: &[Option<(i64, i64)>], segments: &[Arc<Segment>], age: Duration) -> usize {
    let age = jump::micros(age);
    let Some(newest) = jump::newest(times) else { return 0 };
    let young = |times: &Option<(i64, i64)>| {
        times.is_some_and(|(first, last)| first.max(last) >= newest.saturating_sub(age))
    };
    let old = times.iter().position(young).unwrap_or(segments.len());
    times[..old].iter().rposition(Option::is_some).map_or(0, |last| last + 1)
}
