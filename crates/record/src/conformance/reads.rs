//! What a read gives: whole groups, within its limits, from any offset that was handed out.

use super::written::{ALL, FEW, LEAST, MANY, Written, append, fill, payload, same, walk};
use super::{Outcome, Subject, ensure};
use crate::{Batch, Log, LogError, Offset, ReadLimit};

/// The numbers of the groups of which a batch has records, and how many it has of each.
fn groups(batch: &Batch, written: &[Written]) -> Vec<(usize, usize)> {
    let mut groups: Vec<(usize, usize)> = Vec::new();
    for entry in batch.iter() {
        let Some(record) = written.iter().find(|record| record.offset() == entry.offset) else { continue };
        match groups.last_mut().filter(|(group, _)| *group == record.group) {
            Some((_, count)) => *count += 1,
            None => groups.push((record.group, 1)),
        }
    }
    groups
}

pub(super) fn whole_groups<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    let written = fill(&log, FEW)?;
    let mut at = Offset::ZERO;
    while at < log.bounds()?.durable {
        let batch = log.read(at, LEAST)?;
        for (group, count) in groups(&batch, &written) {
            let all = written.iter().filter(|record| record.group == group).count();
            ensure!(count == all, "a read from {at} has {count} records of a group of {all}");
        }
        ensure!(batch.next() > at, "a read from {at} goes on at {}", batch.next());
        at = batch.next();
    }
    Ok(())
}

pub(super) fn limits<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    let written = fill(&log, MANY)?;
    let most = usize::MAX;
    for (records, bytes) in
        [(0, 0), (1, most), (2, most), (10, most), (most, 1), (most, 300), (most, 5_000), (4, 700)]
    {
        let mut at = Offset::ZERO;
        while at < log.bounds()?.durable {
            let batch = log.read(at, ReadLimit { records, bytes })?;
            let end = log.bounds()?.durable;
            ensure!(
                !batch.is_empty() || batch.next() == end,
                "{records} records, {bytes} bytes: nothing at {at}"
            );
            ensure!(batch.next() > at, "{records} records, {bytes} bytes: no way on from {at}");
            let last = groups(&batch, &written).last().map_or(0, |(_, count)| *count);
            // Without its last group it had not reached the limit.
            let before = batch.len() - last;
            let before_bytes: usize = batch.iter().take(before).map(|entry| entry.payload.len()).sum();
            ensure!(
                before == 0 || before < records && before_bytes < bytes,
                "{records} records, {bytes} bytes: a read from {at} has {} records, also behind the group that reaches it",
                batch.len()
            );
            at = batch.next();
        }
    }
    let once = log.read(Offset::ZERO, ReadLimit { records: 10, bytes: most })?;
    ensure!(once.len() > 1, "a read of ten records has {}", once.len());
    Ok(())
}

pub(super) fn every_offset<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    let written = fill(&log, FEW)?;
    for (number, record) in written.iter().enumerate() {
        let what = |place: Offset| format!("from {place} on");
        for limit in [ALL, LEAST] {
            let at = record.offset();
            same(&walk(&log, at, limit)?, &written[number..], &what(at))?;
            let next = record.receipt.next;
            same(&walk(&log, next, limit)?, &written[number + 1..], &what(next))?;
        }
    }
    Ok(())
}

pub(super) fn next<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    let written = fill(&log, MANY)?;
    let some = ReadLimit { records: 5, bytes: 2_000 };
    for limit in [ALL, some, LEAST] {
        same(&walk(&log, Offset::ZERO, limit)?, &written, "batch by batch")?;
    }
    let mut at = Offset::ZERO;
    let mut read = 0;
    loop {
        let batch = log.read(at, some)?;
        let (next, end) = (batch.next(), log.bounds()?.durable);
        ensure!(next <= end, "a batch ends at {next}, the log at {end}");
        if batch.is_empty() {
            return Ok(());
        }
        ensure!(next > at, "a batch from {at} goes on at {next}");
        read += batch.len();
        same(&walk(&log, next, ALL)?, &written[read.min(written.len())..], "behind a batch")?;
        at = next;
    }
}

pub(super) fn at_the_end<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    let written = fill(&log, FEW)?;
    let end = log.bounds()?.durable;
    let batch = log.read(end, ALL)?;
    ensure!(batch.is_empty() && batch.next() == end, "{} records behind the end {end}", batch.len());
    let mut more = Vec::new();
    append(&log, &[payload(written.len())], 0, &mut more)?;
    same(&walk(&log, end, ALL)?, &more, "behind what was the end")
}

pub(super) fn beyond_the_end<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    for _ in 0..2 {
        match log.read(Offset::new(u64::MAX), ALL) {
            Err(LogError::Beyond { wanted, durable }) => {
                let end = log.bounds()?.durable;
                ensure!(
                    wanted == Offset::new(u64::MAX) && durable == end,
                    "{wanted} of {durable}, not {end}"
                );
            }
            Err(error) => ensure!(false, "behind its end it says: {error}"),
            Ok(batch) => ensure!(false, "behind its end it serves {} records", batch.len()),
        }
        fill(&log, 1)?;
    }
    Ok(())
}

pub(super) fn reused_batch<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    let written = fill(&log, FEW)?;
    let mut batch = Batch::default();
    let mut at = Offset::ZERO;
    let mut read = 0;
    loop {
        log.read_into(at, LEAST, &mut batch)?;
        let fresh = log.read(at, LEAST)?;
        ensure!(
            batch.iter().eq(fresh.iter()) && batch.next() == fresh.next(),
            "a batch that is used again has {} records from {at} on, a new one {}",
            batch.len(),
            fresh.len()
        );
        if batch.is_empty() {
            break;
        }
        read += batch.len();
        at = batch.next();
    }
    ensure!(read == written.len(), "{read} of {} records were read", written.len());
    log.read_into(Offset::ZERO, ALL, &mut batch)?;
    let failed = log.read_into(Offset::new(u64::MAX), ALL, &mut batch);
    ensure!(failed.is_err() && batch.is_empty(), "after an error the batch has {} records", batch.len());
    Ok(())
}
