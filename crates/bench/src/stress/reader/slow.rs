//! The slow reader: a consumer with a named cursor that falls behind, and what becomes of it without one.
//!
//!   cursor made -> reads slowly, nothing is purged -> catches up -> cursor removed -> rests until retention has passed
//!   it -> gap -> follows for a while -> ...

use std::time::{Duration, Instant};

use annals_journal::{Error, Offset};

use super::{Reading, Way};
use crate::outcome::Outcome;
use crate::stress::gauge::Count;
use crate::stress::passage::Passage;

/// How long retention is held back, at most, before the reader catches up.
const HELD_MILLIS: u64 = 3_000;
/// How long it rests in the hope that retention passes it.
const REST: Duration = Duration::from_secs(4);
/// A step of a rest, or of reading slowly.
const NAP: Duration = Duration::from_millis(20);

/// Its whole way, from where the log begins to the end.
pub(super) fn pass(reading: &mut Reading<'_>) -> Outcome<Passage> {
    let name = format!("slow-{}", reading.reader);
    let mut way = Way::begin(reading, Offset::ZERO, None);
    loop {
        held(reading, &mut way, &name)?;
        rest(reading);
        if follow(reading, &mut way)? {
            return Ok(way.witness.end());
        }
    }
}

/// Reads behind a cursor: from the moment it is made there is no gap.
fn held(reading: &mut Reading<'_>, way: &mut Way, name: &str) -> Outcome<()> {
    if reading.course.is_stopped() {
        return Ok(());
    }
    let mut cursor = match reading.side.cursor_at(name, way.position()) {
        Ok(cursor) => cursor,
        // Retention was faster: the tail is told the same.
        Err(Error::Gap { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let slowly = Duration::from_millis(reading.random.u64(500..HELD_MILLIS));
    let begun = Instant::now();
    loop {
        let is_slow = begun.elapsed() < slowly && !reading.course.is_stopped();
        if !is_slow && way.position() >= reading.side.durable()? || begun.elapsed() > 2 * slowly {
            break;
        }
        reading.course.end()?;
        way.step(reading, false)?;
        reading.gauge.add(Count::Held, 1);
        if is_slow || reading.random.u32(0..16) == 0 {
            cursor.advance(way.position(), None)?;
        }
        if is_slow {
            reading.course.pause(NAP);
        }
    }
    drop(cursor);
    Ok(reading.side.remove_cursor(name)?)
}

/// Reads nothing for a while: at this rate retention passes it.
fn rest(reading: &Reading<'_>) {
    let begun = Instant::now();
    while begun.elapsed() < REST && !reading.course.is_stopped() {
        reading.gauge.add(Count::Beats, 1);
        reading.course.pause(NAP);
    }
}

/// Follows for a while; whether it has come to the end.
fn follow(reading: &mut Reading<'_>, way: &mut Way) -> Outcome<bool> {
    let time = Duration::from_millis(reading.random.u64(200..2_000));
    let begun = Instant::now();
    loop {
        match reading.course.end()? {
            Some(end) if way.position() >= end => return Ok(true),
            None if begun.elapsed() >= time => return Ok(false),
            _ => {}
        }
        way.step(reading, true)?;
    }
}
