//! Appends that no sync follows, from one thread.

use std::time::{Duration, Instant};

use crate::contender::Log;
use crate::outcome::Outcome;
use crate::payload::Payloads;
use crate::sample::Sample;

/// Appends between two looks at the clock.
const STRIDE: u32 = 64;

/// Appends for `window`; records per second.
pub(crate) fn run(log: &dyn Log, size: usize, window: Duration) -> Outcome<Sample> {
    let mut payloads = Payloads::new(size, 2);
    let mut hand = log.hand(0)?;
    hand.append_unsynced(payloads.next())?;
    let (since, mut records) = (Instant::now(), 0_u64);
    while since.elapsed() < window {
        for _ in 0..STRIDE {
            hand.append_unsynced(payloads.next())?;
        }
        records += u64::from(STRIDE);
    }
    Ok(Sample::of(records as f64 / since.elapsed().as_secs_f64()))
}
