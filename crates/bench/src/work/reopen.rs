//! The time an open takes after an unclean stop.

use std::path::Path;
use std::time::Instant;

use crate::contender::{Contender, Log, Room};
use crate::directory;
use crate::outcome::Outcome;
use crate::payload::Payloads;
use crate::sample::Sample;

/// Records appended one by one before the log is abandoned.
const TAIL: usize = 256;

/// Opens the log in `dir`, which nobody closed, and says how many milliseconds that took. Abandons it again as it was
/// found: appended to, open, not closed.
pub(crate) fn run(who: &dyn Contender, dir: &Path, size: usize, room: Room) -> Outcome<Sample> {
    directory::warm(dir)?;
    let since = Instant::now();
    let log = who.open(dir, room)?;
    let millis = since.elapsed().as_secs_f64() * 1e3;
    abandon(log, size)?;
    Ok(Sample::of(millis))
}

/// Leaves a log as a process that was killed leaves it: the last records appended one by one, nothing closed.
pub(crate) fn abandon(log: Box<dyn Log>, size: usize) -> Outcome<()> {
    // Never dropped, and so never closed: the process ends with it.
    let log = Box::leak(log);
    let mut hand = log.hand(0)?;
    let mut payloads = Payloads::new(size, 4);
    for _ in 0..TAIL {
        hand.append(payloads.next())?;
    }
    std::mem::forget(hand);
    Ok(())
}
