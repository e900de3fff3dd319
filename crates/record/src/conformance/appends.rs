//! What an append gives: rising offsets, receipts that name what was appended, and the same bytes back.

use super::written::{ALL, FEW, LEAST, append, fill, payload, same, walk};
use super::{Outcome, Subject, ensure};
use crate::{Lag, Log, Offset, RecordId};

pub(super) fn starts_empty<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    let bounds = log.bounds()?;
    ensure!(bounds.oldest == Offset::ZERO, "a new log begins at {}", bounds.oldest);
    let batch = log.read(Offset::ZERO, ALL)?;
    ensure!(batch.is_empty(), "a new log serves {} records", batch.len());
    ensure!(batch.next() == bounds.durable, "it ends at {}, or at {}", batch.next(), bounds.durable);
    let lag = log.lag(Offset::ZERO)?;
    ensure!(lag.records == 0, "{lag} are behind in a new log");
    ensure!(bounds.durable > Offset::ZERO || lag == Lag::default(), "{lag} are behind at its end");
    Ok(())
}

pub(super) fn offsets_rise<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    let written = fill(&log, FEW)?;
    for record in &written {
        let receipt = record.receipt;
        ensure!(receipt.next > receipt.offset, "the record at {} ends at {}", receipt.offset, receipt.next);
    }
    for pair in written.windows(2) {
        let (before, after) = (pair[0].receipt, pair[1].receipt);
        ensure!(after.offset > before.offset, "{} stands behind {}", before.offset, after.offset);
        ensure!(after.offset >= before.next, "{} stands before {}, an end", after.offset, before.next);
    }
    let durable = log.bounds()?.durable;
    let last = written.last().map_or(Offset::ZERO, |last| last.receipt.next);
    ensure!(last <= durable, "the last record ends at {last}, the log at {durable}");
    Ok(())
}

pub(super) fn receipts<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    for record in fill(&log, FEW)? {
        let id = RecordId::of(&record.payload);
        ensure!(record.receipt.id == id, "the receipt of {id} names {}", record.receipt.id);
        let newest = log.terms().last().map(|newest| newest.term);
        ensure!(Some(record.receipt.term) == newest, "term {} of {newest:?}", record.receipt.term);
    }
    let before = log.bounds()?;
    let nothing = log.append(&[])?;
    ensure!(nothing.is_empty(), "{} receipts for nothing", nothing.len());
    let after = walk(&log, before.durable, ALL)?;
    ensure!(after.is_empty(), "an append of nothing has appended {} records", after.len());
    Ok(())
}

pub(super) fn exact_bytes<S: Subject>(subject: &S) -> Outcome {
    let log = subject.create();
    let mut written = Vec::new();
    let odd: Vec<Vec<u8>> = vec![
        vec![0],
        vec![0; 4096],
        vec![0xff; 33],
        (0..=255).collect(),
        payload(1).repeat(5_000),
        payload(7),
        payload(7),
        b"annals".to_vec(),
    ];
    append(&log, &odd, 0, &mut written)?;
    for (group, payload) in odd.iter().enumerate() {
        append(&log, std::slice::from_ref(payload), 1 + group, &mut written)?;
    }
    same(&walk(&log, Offset::ZERO, ALL)?, &written, "in large reads")?;
    same(&walk(&log, Offset::ZERO, LEAST)?, &written, "in small reads")
}
