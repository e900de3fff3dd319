//! Journal time over the whole log, and where it jumped.
//!
//!   seal: first, last | seal: first, last | active: first, last | now
//!
//! Seals tell the ends of each segment; within one groups are read only where its ends say that there may be a step.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use annals_record::Offset;

use super::ClockJump;
use crate::catalog::Segment;
use crate::error::Error;
use crate::scan::{self, Scan, Step, Window};
use crate::segment::SegmentHeader;
use crate::source::Source;

/// Smaller steps of a clock are daily business: leap seconds, a time server, a reboot.
const SLACK_MICROS: i64 = 60_000_000;
/// How far from its end the active segment is looked into for its last group, at first.
const LOOK_BACK: u64 = 64 << 10;

/// The times of each segment's first and last group; none where there is no group, or the segment does not verify.
pub(crate) fn times(
    source: &Source,
    segments: &[Arc<Segment>],
    durable: Offset,
) -> Result<Vec<Option<(i64, i64)>>, Error> {
    segments
        .iter()
        .map(|segment| match (&segment.header, segment.next) {
            (Ok(header), None) if segment.base < durable => {
                let file = source.open(segment)?;
                let failed = |error| Error::io("read", &segment.path, error);
                let window = || Window::new(&*file, header.file_pos(durable).0);
                let first = first_time(header, window().map_err(failed)?).map_err(failed)?;
                let last = last_time(header, durable, window).map_err(failed)?;
                Ok(first.zip(last))
            }
            _ => Ok(segment.seal.and_then(|seal| seal.times)),
        })
        .collect()
}

/// The newest of all times.
pub(super) fn newest(times: &[Option<(i64, i64)>]) -> Option<i64> {
    times.iter().flatten().map(|(first, last)| *first.max(last)).max()
}

/// The first step that makes ages doubtful: back by more than a minute, forth by more than the age that is kept (and by
/// more than a minute), or a system clock that lies before the log's.
pub(super) fn find(
    source: &Source,
    segments: &[Arc<Segment>],
    times: &[Option<(i64, i64)>],
    durable: Offset,
    age: Duration,
    now_micros: i64,
) -> Result<Option<ClockJump>, Error> {
    let leap = micros(age).max(SLACK_MICROS);
    let jumps = |from: i64, to: i64| to < from.saturating_sub(SLACK_MICROS) || to.saturating_sub(from) > leap;
    let mut before = None;
    for (segment, times) in segments.iter().zip(times) {
        let Some((first, last)) = *times else { continue };
        if let Some(from_micros) = before.filter(|before| jumps(*before, first)) {
            return Ok(Some(ClockJump { at: segment.base, from_micros, to_micros: first }));
        }
        if jumps(first, last)
            && let Some(jump) = step_within(source, segment, durable, jumps)?
        {
            return Ok(Some(jump));
        }
        before = Some(last);
    }
    let behind = newest(times).filter(|newest| now_micros < newest.saturating_sub(SLACK_MICROS));
    Ok(behind.map(|from_micros| ClockJump { at: durable, from_micros, to_micros: now_micros }))
}

pub(super) fn micros(age: Duration) -> i64 {
    i64::try_from(age.as_micros()).unwrap_or(i64::MAX)
}

/// The first step between two groups of a segment.
fn step_within(
    source: &Source,
    segment: &Segment,
    durable: Offset,
    jumps: impl Fn(i64, i64) -> bool,
) -> Result<Option<ClockJump>, Error> {
    let Ok(header) = &segment.header else { return Ok(None) };
    let failed = |error| Error::io("read", &segment.path, error);
    let file = source.open(segment)?;
    let end = segment.next.unwrap_or(durable).min(durable);
    let window = Window::new(&*file, header.file_pos(end).0).map_err(failed)?;
    let mut scan = Scan::new(header, window, segment.base).over(source.holes());
    let mut before = None;
    while let Step::Group(group) = scan.step().map_err(failed)? {
        let to_micros = group.commit.time_micros;
        if let Some(from_micros) = before.filter(|before| jumps(*before, to_micros)) {
            return Ok(Some(ClockJump { at: group.start, from_micros, to_micros }));
        }
        before = Some(to_micros);
    }
    Ok(None)
}

fn first_time(header: &SegmentHeader, window: Window<'_>) -> io::Result<Option<i64>> {
    Ok(match Scan::new(header, window, header.base).step()? {
        Step::Group(group) => Some(group.commit.time_micros),
        _ => None,
    })
}

/// The time of the last group below `durable`: looked for from a landmark near the end, from ever further back.
fn last_time<'a>(
    header: &SegmentHeader,
    durable: Offset,
    window: impl Fn() -> io::Result<Window<'a>>,
) -> io::Result<Option<i64>> {
    let mut back = LOOK_BACK;
    loop {
        let from = durable.get().saturating_sub(back).max(header.base.get()).next_multiple_of(8);
        let mut window = window()?;
        let begin = if from <= header.base.get() {
            Some(header.base)
        } else {
            scan::next_landmark(header, &mut window, Offset::new(from))?.map(|landmark| landmark.resume)
        };
        let mut last = None;
        if let Some(begin) = begin {
            let mut scan = Scan::new(header, window, begin);
            while let Step::Group(group) = scan.step()? {
                last = Some(group.commit.time_micros);
            }
        }
        if last.is_some() || from <= header.base.get() {
            return Ok(last);
        }
        back = back.saturating_mul(8);
    }
}
