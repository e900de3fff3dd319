//! What a log says of itself, and what stays when it is opened again or closed.

use std::thread;
use std::time::{Duration, Instant};

use super::waits::joined;
use super::written::{ALL, FEW, append, fill, payload, same, walk};
use super::{Fault, Outcome, Subject, ensure};
use crate::{Durability, Lag, Log, Offset, ReadLimit};

/// Longer than a wait that a close ends.
const LONG: Duration = Duration::from_secs(5);
/// How long the lag is let grow.
const WHILE: Duration = Duration::from_millis(20);

pub(super) fn lag<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    let written = fill(&log, FEW)?;
    let end = log.bounds()?.durable;
    let (mut at, mut before) = (Offset::ZERO, None::<Lag>);
    loop {
        let lag = log.lag(at)?;
        let left = written.iter().filter(|record| record.offset() >= at).count() as u64;
        ensure!(lag.records == left, "{} records are behind at {at}, not {left}", lag.records);
        ensure!(lag.seconds >= 0.0, "at {at} the oldest is {} s old", lag.seconds);
        if let Some(before) = before {
            ensure!(lag.bytes < before.bytes, "{} bytes at {at}, {} before it", lag.bytes, before.bytes);
        }
        if at == end {
            ensure!(lag == Lag::default(), "{lag} are behind at the end");
            break;
        }
        ensure!(lag.bytes > 0, "no bytes are behind at {at}, before the end {end}");
        before = Some(lag);
        at = log.read(at, ReadLimit { records: 4, bytes: usize::MAX })?.next();
    }
    log.wait(end, WHILE)?;
    let older = log.lag(Offset::ZERO)?.seconds;
    ensure!(older >= WHILE.as_secs_f64() / 2.0, "after {WHILE:?} the oldest is {older} s old");
    Ok(())
}

pub(super) fn identity<S: Subject>(subject: &S) -> Outcome {
    let (one, other) = (subject.create(), subject.create());
    let identity = one.identity();
    ensure!(identity != other.identity(), "two logs are both {identity}");
    fill(&one, 2)?;
    ensure!(identity == one.identity(), "log {identity} has become {}", one.identity());
    Ok(())
}

pub(super) fn terms<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    for _ in 0..2 {
        check_terms(&log)?;
        fill(&log, 2)?;
    }
    check_terms(&log)
}

/// There is a term, they rise, and the first one covers what is held.
pub(super) fn check_terms(log: &impl Log) -> Outcome {
    let (terms, bounds) = (log.terms(), log.bounds()?);
    let Some(first) = terms.first() else { return Err(Fault::Broken("there is no term".to_owned())) };
    ensure!(
        first.start <= bounds.oldest,
        "the first term begins at {}, behind {}",
        first.start,
        bounds.oldest
    );
    for pair in terms.windows(2) {
        let rise = pair[0].term < pair[1].term && pair[0].start <= pair[1].start;
        ensure!(rise, "terms do not rise: {pair:?}");
    }
    let last = terms.last().map_or(first.start, |last| last.start);
    ensure!(last <= bounds.durable, "the newest term begins at {last}, behind {}", bounds.durable);
    Ok(())
}

pub(super) fn reopened<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    let mut written = fill(&log, FEW)?;
    let (identity, terms, durability) = (log.identity(), log.terms(), log.durability());
    let Some(log) = subject.reopen(log) else { return Err(Fault::Skipped) };
    ensure!(log.identity() == identity, "log {identity} was opened again as {}", log.identity());
    ensure!(log.terms() == terms, "its terms were {terms:?}, and are {:?}", log.terms());
    ensure!(
        log.durability() == durability,
        "its appends were {durability:?}, and are {:?}",
        log.durability()
    );
    let served = walk(&log, Offset::ZERO, ALL)?;
    if durability == Durability::Memory && served.len() < written.len() {
        // What is left is a beginning of what there was.
        written.truncate(served.len());
    }
    same(&served, &written, "after a reopen")?;
    let number = written.len();
    append(&log, &[payload(number), payload(number + 1)], FEW, &mut written)?;
    let rise = written.windows(2).all(|pair| pair[0].receipt.next <= pair[1].offset());
    ensure!(rise, "an append after a reopen got {}", written[number].offset());
    same(&walk(&log, Offset::ZERO, ALL)?, &written, "after a reopen and an append")
}

pub(super) fn closed<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    fill(&log, 2)?;
    let end = log.bounds()?.durable;
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let start = Instant::now();
            // Whether it is an error that the log is closed is the log's to say.
            let _ = log.wait(end, LONG);
            ensure!(start.elapsed() < LONG, "the close has not ended a wait");
            Ok(())
        });
        log.wait(end, WHILE)?;
        if !subject.close(&log) {
            // The waiter is let go.
            log.append(&[b"go"])?;
            joined(waiter.join())?;
            return Err(Fault::Skipped);
        }
        joined(waiter.join())
    })?;
    ensure!(log.append(&[b"late"]).is_err(), "a closed log has taken an append");
    let start = Instant::now();
    let _ = log.wait(end, LONG);
    ensure!(start.elapsed() < LONG, "a closed log lets one wait");
    Ok(())
}
