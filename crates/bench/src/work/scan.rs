//! Reading a log from first to last, and writing the log to be read.

use std::path::Path;

use crate::contender::{Contender, Room};
use crate::directory;
use crate::outcome::Outcome;
use crate::payload;
use crate::sample::Sample;
use crate::work::{Work, batch, reopen};

/// Writes a log of so many payload bytes in batches of 1000, and a few records one by one, and abandons it open.
pub(crate) fn prepare(who: &dyn Contender, dir: &Path, size: usize, bytes: u64) -> Outcome<()> {
    let log = who.open(dir, Room { bytes, keep: true })?;
    {
        let mut hand = log.hand(0)?;
        let (mut written, mut seed) = (0, 0);
        while written < bytes {
            let pool = payload::random(batch::RECORDS * size, seed);
            hand.append_batch(&payload::cut(&pool, size))?;
            written += pool.len() as u64;
            seed += 1;
        }
        // A hand of an open transaction would end it here; ours are between two batches.
    }
    reopen::abandon(log, size)
}

/// Reads all of it; GB of payload per second.
pub(crate) fn run(who: &dyn Contender, work: Work, dir: &Path, bytes: u64) -> Outcome<Sample> {
    directory::warm(dir)?;
    let seen = who.scan(work, dir, bytes)?;
    if seen.bytes < bytes {
        return Err(
            format!("{} read {} of {bytes} bytes, {} records", who.name(), seen.bytes, seen.records).into()
        );
    }
    Ok(Sample::of(seen.bytes as f64 / seen.took.as_secs_f64() / 1e9))
}
