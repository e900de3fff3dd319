//! How soon an answer holds what was appended: from an append that is durable to its record being found.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use annals::Annals;
use annals_record::{Assertion, Offset, Record, Value};

use super::sample::{Load, Sample};
use super::set::{Set, subject};
use super::work::Work;
use crate::outcome::Outcome;

/// What is there before anything is measured.
const THERE_BEFORE: u64 = 50_000;
/// More than can be appended in any window.
const SET: u64 = 20_000_000;
/// Records of a batch of the thread that ingests.
const BATCH: usize = 1000;
/// So many of its batches may wait to be applied: enough that the worker never waits for one.
const BATCHES_BEHIND: usize = 4;
/// Between an answer and the next append.
const PAUSE: Duration = Duration::from_millis(5);
/// No answer takes as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The 99th percentile in milliseconds, idle and under full ingest, each over `window`.
pub(crate) fn run(dir: &Path, window: Duration) -> Outcome<[Sample; 2]> {
    let annals = Annals::open(dir)?;
    let mut set = Set::new(SET);
    feed(&annals, &mut set, |records| records < THERE_BEFORE)?;
    annals.catch_up()?;
    let idle = measure(&annals, 0, window)?;
    let done = AtomicBool::new(false);
    let full = thread::scope(|scope| {
        let feeder = scope.spawn(|| feed(&annals, &mut set, |_| !done.load(Ordering::Relaxed)));
        let full = measure(&annals, 1 << 32, window);
        done.store(true, Ordering::Relaxed);
        feeder.join().map_err(|_| "the thread that ingests has panicked")??;
        full
    })?;
    annals.close()?;
    Ok([(Load::Idle, idle), (Load::Full, full)]
        .map(|(load, value)| Sample { load: Some(load), ..Sample::of(Work::Visible, value) }))
}

/// Appends the set a batch at a time, as fast as the worker follows, for as long as it is told to.
fn feed(annals: &Annals, set: &mut Set, go_on: impl Fn(u64) -> bool) -> Outcome<()> {
    let mut behind: VecDeque<Offset> = VecDeque::new();
    let mut records = 0;
    while go_on(records) {
        let mut payloads = Vec::with_capacity(BATCH);
        while payloads.len() < BATCH {
            payloads.push(set.next()?.ok_or("the set has ended before its time")?.payload);
        }
        let appended = annals.journal().append_batch(&payloads)?;
        behind.extend(appended.last().map(|last| last.next));
        records += BATCH as u64;
        if behind.len() > BATCHES_BEHIND
            && let Some(oldest) = behind.pop_front()
        {
            annals.wait_for(oldest, PATIENCE)?;
        }
    }
    Ok(())
}

/// Appends single records, numbered from `first` on, and waits for each to be found; the 99th percentile.
fn measure(annals: &Annals, first: i64, window: Duration) -> Outcome<f64> {
    let mut took = Vec::new();
    let since = Instant::now();
    while since.elapsed() < window {
        let number = first + took.len() as i64;
        let record = Record::Assertion(Assertion::new(subject(0), "is seen", Value::Int(number)));
        let appended = annals.append(&record)?;
        let durable = Instant::now();
        annals.wait_for(appended.next, PATIENCE)?;
        if annals.get(&appended.id)?.is_none() {
            return Err(format!("the record at {} was to be visible and is not", appended.offset).into());
        }
        took.push(durable.elapsed());
        thread::park_timeout(PAUSE);
    }
    Ok(percentile_99(&mut took).as_secs_f64() * 1e3)
}

/// Ninety-nine of a hundred took no longer.
fn percentile_99(took: &mut [Duration]) -> Duration {
    took.sort_unstable();
    let place = (took.len() * 99).div_ceil(100).saturating_sub(1);
    took.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentile_is_the_time_that_ninety_nine_of_a_hundred_stay_within() {
        let mut took: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile_99(&mut took), Duration::from_millis(198));
        assert_eq!(percentile_99(&mut [Duration::from_millis(3)]), Duration::from_millis(3));
        assert_eq!(percentile_99(&mut []), Duration::ZERO);
    }
}
