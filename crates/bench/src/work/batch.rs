//! Batches of records, one sync each, from one thread.

use std::time::{Duration, Instant};

use crate::contender::Log;
use crate::outcome::Outcome;
use crate::payload;
use crate::sample::Sample;

/// Records in a batch.
pub(crate) const RECORDS: usize = 1000;

/// Appends batches for `window`; records per second.
pub(crate) fn run(log: &dyn Log, size: usize, window: Duration) -> Outcome<Sample> {
    let pool = payload::random(RECORDS * size, 1);
    let batch = payload::cut(&pool, size);
    let mut hand = log.hand(0)?;
    hand.append_batch(&batch)?;
    let (since, mut records) = (Instant::now(), 0);
    while since.elapsed() < window {
        hand.append_batch(&batch)?;
        records += batch.len();
    }
    Ok(Sample::of(records as f64 / since.elapsed().as_secs_f64()))
}
