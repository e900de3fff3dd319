//! What a record costs on disk.

use std::path::Path;

use crate::contender::{Contender, Room};
use crate::directory;
use crate::outcome::Outcome;
use crate::payload::{self, Payloads};
use crate::sample::Sample;
use crate::work::batch;

/// Records appended one by one.
const ALONE: usize = 8192;
/// Batches appended.
const BATCHES: usize = 50;

/// Writes records and divides what stands in the files, from the first to the last byte that is not zero, by their
/// number. The log stays open: what it would tidy up at close is what it costs while it works.
pub(crate) fn run(who: &dyn Contender, dir: &Path, size: usize, batched: bool) -> Outcome<Sample> {
    let records = if batched { BATCHES * batch::RECORDS } else { ALONE };
    let log = who.open(dir, Room { bytes: (records * size) as u64, keep: true })?;
    let mut hand = log.hand(0)?;
    if batched {
        for index in 0..BATCHES {
            let pool = payload::random(batch::RECORDS * size, index as u64);
            hand.append_batch(&payload::cut(&pool, size))?;
        }
    } else {
        let mut payloads = Payloads::new(size, 3);
        for _ in 0..ALONE {
            hand.append(payloads.next())?;
        }
    }
    Ok(Sample::of(directory::extent(dir)? as f64 / records as f64))
}
