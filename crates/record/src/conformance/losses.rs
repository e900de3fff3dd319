//! What is missing is said to be: purged, damaged, lost, forked. Never a jump.

use super::handles::check_terms;
use super::written::{
    ALL, FEW, LEAST, MANY, Served, Walked, Written, append, fill, payload, same, walk, walk_over,
};
use super::{Fault, Outcome, Subject, ensure};
use crate::{Log, LogError, Offset};

pub(super) fn purged<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    let written = fill(&log, MANY)?;
    let before = log.bounds()?;
    let keep = written[written.len() * 3 / 4].offset();
    if !subject.purge(&log, keep) {
        return Err(Fault::Skipped);
    }
    let after = log.bounds()?;
    ensure!(after.oldest > before.oldest, "nothing was purged: the log begins at {}", after.oldest);
    ensure!(after.oldest <= keep, "the log begins at {}, behind {keep}", after.oldest);
    ensure!(after.durable == before.durable, "the end was {}, and is {}", before.durable, after.durable);
    for (number, record) in written.iter().enumerate() {
        let at = record.offset();
        if at >= after.oldest {
            same(&walk(&log, at, ALL)?, &written[number..], "behind what was purged")?;
            continue;
        }
        match log.read(at, LEAST) {
            Err(LogError::Gap { wanted, oldest }) => {
                ensure!(wanted == at && oldest == after.oldest, "a gap at {wanted}, up to {oldest}");
            }
            Err(error) => ensure!(false, "at {at}, which was purged: {error}"),
            Ok(batch) => ensure!(false, "at {at}, which was purged, it serves {} records", batch.len()),
        }
    }
    let left = written.iter().filter(|record| record.offset() >= after.oldest).count();
    same(&walk(&log, after.oldest, LEAST)?, &written[written.len() - left..], "from the oldest place on")?;
    check_terms(&log)
}

pub(super) fn damaged<S: Subject>(subject: &S) -> Outcome {
    let hurt = |log, at| subject.damage(log, at);
    missing(subject, &hurt, |error| matches!(error, LogError::Damaged { .. }))
}

pub(super) fn holes<S: Subject>(subject: &S) -> Outcome {
    let hurt = |log, at| subject.lose(log, at);
    missing(subject, &hurt, |error| matches!(error, LogError::Hole { .. }))
}

/// A group is hurt: it is said to be missing, by an error of this kind, and all the rest is served.
fn missing<S: Subject>(
    subject: &S,
    hurt: &dyn Fn(S::Log, Offset) -> Option<S::Log>,
    is_told: impl Fn(&LogError) -> bool,
) -> Outcome {
    let log = subject.create();
    let written = fill(&log, FEW)?;
    // Of a group of several, not its first record, and neither the first group nor the last.
    let Some(victim) = written.iter().rev().find(|record| {
        let of_group = |other: &&Written| other.group == record.group;
        record.group + 2 < FEW && written.iter().filter(of_group).count() > 1
    }) else {
        return Err(Fault::Broken("no group has several records".to_owned()));
    };
    let Some(log) = hurt(log, victim.offset()) else { return Err(Fault::Skipped) };
    for limit in [ALL, LEAST] {
        let Walked { served, missing } = check_missing(&log, &written, Offset::ZERO, limit)?;
        ensure!(missing.iter().all(&is_told), "it says: {missing:?}");
        let lost = |record: &Written| !served.contains(&record.served());
        ensure!(lost(victim), "the record at {} is served all the same", victim.offset());
        let others = written.iter().filter(|record| record.group != victim.group);
        for other in others {
            ensure!(!lost(other), "the record at {}, of another group, is missing", other.offset());
        }
    }
    // A reader that stands within, or right before it, is told as well.
    for record in written.iter().filter(|record| record.group + 1 >= victim.group) {
        check_missing(&log, &written, record.offset(), ALL)?;
    }
    Ok(())
}

/// From `from` on every record is served, in order, or said to be missing.
fn check_missing(
    log: &impl Log,
    written: &[Written],
    from: Offset,
    limit: crate::ReadLimit,
) -> Result<Walked, Fault> {
    let walked = walk_over(log, from, limit)?;
    let mut served = walked.served.iter();
    let mut next = served.next();
    for record in written.iter().filter(|record| record.offset() >= from) {
        let at = record.offset();
        match next {
            Some(there) if *there == record.served() => next = served.next(),
            _ => {
                ensure!(
                    walked.misses(at),
                    "from {from} on, the record at {at} is passed over without a word"
                );
            }
        }
    }
    ensure!(next.is_none(), "from {from} on, it serves {next:?}");
    Ok(walked)
}

pub(super) fn forked<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    let written = fill(&log, FEW)?;
    let (identity, before) = (log.identity(), log.terms());
    let Some(log) = subject.fork(log) else { return Err(Fault::Skipped) };
    ensure!(log.identity() == identity, "log {identity} has become {}", log.identity());
    check_terms(&log)?;
    let after = log.terms();
    ensure!(after.starts_with(&before), "the terms were {before:?}, and are {after:?}");
    ensure!(after.len() > before.len(), "no term has begun: {after:?}");
    let Some(fork) = after.last() else { return Err(Fault::Broken("there is no term".to_owned())) };
    // What stands before the fork is the past, or said to be missing from it.
    let past: Vec<Written> = written.iter().filter(|record| record.offset() < fork.start).cloned().collect();
    check_missing(&log, &past, Offset::ZERO, ALL)?;
    let mut more: Vec<Written> = Vec::new();
    append(&log, &[payload(MANY)], 0, &mut more)?;
    let receipt = more[0].receipt;
    ensure!(
        receipt.term == fork.term,
        "an append behind the fork is of term {}, not {}",
        receipt.term,
        fork.term
    );
    ensure!(
        receipt.offset >= fork.start,
        "an append got {}, before the fork at {}",
        receipt.offset,
        fork.start
    );
    let served: Vec<Served> = walk_over(&log, fork.start, ALL)?.served;
    same(&served, &more, "behind the fork")
}
