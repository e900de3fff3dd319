//! Waiting for more, and reading while others append.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::written::{ALL, FEW, Served, Written, append, fill, payload, same};
use super::{Fault, Outcome, Subject, ensure};
use crate::{Log, Offset, ReadLimit};

/// How long is waited for what has to come: whoever needs longer has lost the wake-up.
const LONG: Duration = Duration::from_secs(5);
/// How long is waited in vain.
const SHORT: Duration = Duration::from_millis(60);
/// Clocks may differ by so much in what they call a stretch of time.
const BLUR: Duration = Duration::from_millis(2);

const APPENDERS: usize = 4;
const APPENDS: usize = 40;
const FOLLOWERS: usize = 2;

pub(super) fn durable_end<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    thread::scope(|scope| {
        let appender = scope.spawn(|| {
            let mut written = Vec::new();
            for number in 0..FEW {
                append(&log, &[payload(number), payload(number + 1)], number, &mut written)?;
                let next = written.last().map_or(Offset::ZERO, |last| last.receipt.next);
                let end = log.bounds()?.durable;
                ensure!(
                    next <= end,
                    "an append that ends at {next} is acknowledged, the durable end is {end}"
                );
                let batch = log.read(written[2 * number].offset(), ALL)?;
                ensure!(batch.len() >= 2, "what was acknowledged at {next} is not served");
            }
            Ok(())
        });
        let mut at = Offset::ZERO;
        while !appender.is_finished() || at < log.bounds()?.durable {
            let batch = log.read(at, ALL)?;
            // Asked after the read, and it only rises.
            let end = log.bounds()?.durable;
            if let Some(last) = batch.iter().next_back() {
                ensure!(last.offset < end, "a record at {} is served, the durable end is {end}", last.offset);
            }
            ensure!(batch.next() <= end, "a batch ends at {}, the durable end is {end}", batch.next());
            at = batch.next();
        }
        joined(appender.join())
    })
}

pub(super) fn wait_wakes<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    for round in 0..3 {
        let known = log.bounds()?.durable;
        thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let start = Instant::now();
                let bounds = log.wait(known, LONG)?;
                let waited = start.elapsed();
                ensure!(bounds.durable > known, "a wait has ended at {}, where it began", bounds.durable);
                ensure!(waited < LONG, "an append has not ended a wait: it took {waited:?}");
                Ok(())
            });
            // In the first round it comes as early as it can, later while the other one sleeps.
            if round > 0 {
                log.wait(known, SHORT)?;
            }
            append(&log, &[payload(round)], round, &mut Vec::new())?;
            joined(waiter.join())
        })?;
        let start = Instant::now();
        let bounds = log.wait(known, LONG)?;
        ensure!(bounds == log.bounds()?, "a wait says {bounds:?}");
        ensure!(start.elapsed() < LONG, "a wait for what is there already took {:?}", start.elapsed());
    }
    Ok(())
}

pub(super) fn wait_times_out<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    fill(&log, 2)?;
    let before = log.bounds()?;
    for timeout in [SHORT, Duration::ZERO] {
        let start = Instant::now();
        let after = log.wait(before.durable, timeout)?;
        let waited = start.elapsed();
        ensure!(after == before, "a wait in vain says {after:?}, not {before:?}");
        ensure!(waited + BLUR >= timeout, "a wait in vain for {timeout:?} has ended after {waited:?}");
        ensure!(waited < LONG, "a wait for {timeout:?} has ended after {waited:?}");
    }
    Ok(())
}

/// A waker that somebody sleeps on.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}

impl Bell {
    fn rings(&self) -> bool {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(rung, LONG, |rung| !*rung);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

pub(super) fn watch_wakes<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    let known = log.bounds()?.durable;
    let (later, at_once) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
    if !log.watch(known, &Waker::from(Arc::clone(&later))) {
        return Err(Fault::Skipped);
    }
    append(&log, &[payload(0)], 0, &mut Vec::new())?;
    ensure!(later.rings(), "an append has not woken who watches");
    let watches = log.watch(known, &Waker::from(Arc::clone(&at_once)));
    ensure!(watches && at_once.rings(), "who watches for what is there already is not woken");
    Ok(())
}

pub(super) fn concurrent<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    let done = AtomicBool::new(false);
    let (mut written, followed) = thread::scope(|scope| {
        let followers: Vec<_> = (0..FOLLOWERS).map(|_| scope.spawn(|| follow(&log, &done))).collect();
        let appender = |number| {
            scope.spawn({
                let log = &log;
                move || many(log, number)
            })
        };
        let appenders: Vec<_> = (0..APPENDERS).map(appender).collect();
        let appended: Vec<_> = appenders.into_iter().map(|appender| joined(appender.join())).collect();
        done.store(true, Ordering::SeqCst);
        // Whoever waits for more sees that it is over.
        let mut written = Vec::new();
        let last = append(&log, &[payload(0)], 0, &mut written);
        let followed: Result<Vec<_>, Fault> =
            followers.into_iter().map(|follower| joined(follower.join())).collect();
        last?;
        for appended in appended {
            written.extend(appended?);
        }
        Ok::<_, Fault>((written, followed?))
    })?;
    written.sort_by_key(Written::offset);
    for served in followed {
        same(&served, &written, "to one who follows")?;
    }
    Ok(())
}

/// The appends of one thread, whose offsets rise.
fn many(log: &impl Log, appender: usize) -> Result<Vec<Written>, Fault> {
    let mut written: Vec<Written> = Vec::new();
    for number in 0..APPENDS {
        let payloads: Vec<_> =
            (0..=number % 3).map(|record| format!("{appender} {number} {record}").into_bytes()).collect();
        append(log, &payloads, number, &mut written)?;
    }
    for pair in written.windows(2) {
        let (before, after) = (pair[0].offset(), pair[1].offset());
        ensure!(before < after, "an append after that at {before} got {after}");
    }
    Ok(written)
}

/// Follows until all is appended, and read.
fn follow(log: &impl Log, done: &AtomicBool) -> Result<Vec<Served>, Fault> {
    let (mut at, mut served) = (Offset::ZERO, Vec::new());
    loop {
        let is_last = done.load(Ordering::SeqCst);
        let batch = log.read(at, ReadLimit { records: 7, bytes: 1_000 })?;
        served.extend(batch.iter().map(|entry| Served {
            offset: entry.offset,
            id: entry.id,
            payload: entry.payload.to_vec(),
        }));
        at = batch.next();
        match (batch.is_empty(), is_last) {
            (false, _) => {}
            (true, false) => drop(log.wait(at, LONG)?),
            // The last append was not there yet: it comes.
            (true, true) if log.wait(at, SHORT)?.durable > at => {}
            (true, true) => return Ok(served),
        }
    }
}

/// What a thread came to.
pub(super) fn joined<T>(joined: thread::Result<Result<T, Fault>>) -> Result<T, Fault> {
    joined.unwrap_or_else(|panic| Err(Fault::Broken(super::said(&*panic))))
}
