//! Records that a rule has appended, and the walks that look for them again.

use super::{Fault, ensure};
use crate::{Appended, Log, LogError, Offset, ReadLimit, RecordId};

/// Groups of these sizes, again and again.
const SIZES: [usize; 6] = [1, 1, 3, 1, 2, 7];
/// More reads than a walk over what a rule has written can need.
const TOO_MANY: usize = 100_000;

/// Enough for segments of a few kibibytes to fill several times over.
pub(super) const MANY: usize = 60;
/// Enough for a rule that does not ask for much.
pub(super) const FEW: usize = 12;

/// Everything at once.
pub(super) const ALL: ReadLimit = ReadLimit { records: usize::MAX, bytes: usize::MAX };
/// As little as can be.
pub(super) const LEAST: ReadLimit = ReadLimit { records: 1, bytes: 1 };

/// A record that was appended.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) receipt: Appended,
    pub(super) payload: Vec<u8>,
    /// The number of its atomic group.
    pub(super) group: usize,
}

/// A record as it was served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Served {
    pub(super) offset: Offset,
    pub(super) id: RecordId,
    pub(super) payload: Vec<u8>,
}

impl Written {
    pub(super) fn offset(&self) -> Offset {
        self.receipt.offset
    }

    /// As it is to be served.
    pub(super) fn served(&self) -> Served {
        Served { offset: self.receipt.offset, id: RecordId::of(&self.payload), payload: self.payload.clone() }
    }
}

/// The payload with this number: of many lengths, none like another.
pub(super) fn payload(number: usize) -> Vec<u8> {
    let mut payload = format!("record {number} ").into_bytes();
    payload.extend((0..number * 37 % 500).map(|i| (i * 7 + number) as u8));
    payload
}

/// Appends so many groups, of one record and of several.
pub(super) fn fill(log: &impl Log, groups: usize) -> Result<Vec<Written>, Fault> {
    let mut written = Vec::new();
    for (group, size) in SIZES.into_iter().cycle().take(groups).enumerate() {
        let first = written.len();
        let payloads: Vec<Vec<u8>> = (first..first + size).map(payload).collect();
        append(log, &payloads, group, &mut written)?;
    }
    Ok(written)
}

/// Appends one group.
pub(super) fn append(
    log: &impl Log,
    payloads: &[Vec<u8>],
    group: usize,
    written: &mut Vec<Written>,
) -> Result<(), Fault> {
    let lent: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
    let receipts = log.append(&lent)?;
    ensure!(receipts.len() == lent.len(), "{} receipts for {} payloads", receipts.len(), lent.len());
    let record =
        |(receipt, payload): (Appended, &Vec<u8>)| Written { receipt, payload: payload.clone(), group };
    written.extend(receipts.into_iter().zip(payloads).map(record));
    Ok(())
}

/// Everything that is served from `from` on, by reads of this limit.
pub(super) fn walk(log: &impl Log, from: Offset, limit: ReadLimit) -> Result<Vec<Served>, Fault> {
    let walked = walk_over(log, from, limit)?;
    match walked.missing.first() {
        Some(missing) => Err(Fault::Broken(format!("from {from} on: {missing}"))),
        None => Ok(walked.served),
    }
}

/// What a walk found: what is served, and what is said to be missing.
#[derive(Debug)]
pub(super) struct Walked {
    pub(super) served: Vec<Served>,
    pub(super) missing: Vec<LogError>,
}

impl Walked {
    /// Whether this place is said to be missing.
    pub(super) fn misses(&self, at: Offset) -> bool {
        self.missing.iter().any(|error| match error {
            LogError::Damaged { offset, len, .. } | LogError::Hole { offset, len } => {
                *offset <= at && at.get() < offset.get() + len
            }
            _ => false,
        })
    }
}

/// As [`walk`], going on behind ranges that are said to be damaged or lost.
pub(super) fn walk_over(log: &impl Log, from: Offset, limit: ReadLimit) -> Result<Walked, Fault> {
    let mut walked = Walked { served: Vec::new(), missing: Vec::new() };
    let mut at = from;
    for _ in 0..TOO_MANY {
        let batch = match log.read(at, limit) {
            Ok(batch) => batch,
            Err(error) => {
                let (LogError::Damaged { len, .. } | LogError::Hole { len, .. }) = error else {
                    return Err(error.into());
                };
                let (LogError::Damaged { offset, .. } | LogError::Hole { offset, .. }) = error else {
                    return Err(error.into());
                };
                // A range may begin before what was asked for.
                ensure!(
                    offset.get() + len > at.get(),
                    "a range of {len} bytes at {offset} is missing, read from {at}"
                );
                at = Offset::new(offset.get() + len);
                walked.missing.push(error);
                continue;
            }
        };
        walked.served.extend(batch.iter().map(|entry| Served {
            offset: entry.offset,
            id: entry.id,
            payload: entry.payload.to_vec(),
        }));
        if batch.is_empty() {
            let end = log.bounds()?.durable;
            ensure!(batch.next() == end, "an empty batch ends at {}, the log at {end}", batch.next());
            return Ok(walked);
        }
        ensure!(batch.next() > at, "a batch from {at} goes on at {}", batch.next());
        at = batch.next();
    }
    Err(Fault::Broken(format!("from {from} on there is no end to it")))
}

/// Exactly these records were served.
pub(super) fn same(served: &[Served], written: &[Written], what: &str) -> Result<(), Fault> {
    for (served, written) in served.iter().zip(written) {
        ensure!(
            *served == written.served(),
            "{what}: the record appended at {} is served at {} with id {}, {} bytes",
            written.offset(),
            served.offset,
            served.id,
            served.payload.len()
        );
    }
    ensure!(
        served.len() == written.len(),
        "{what}: {} records are served, {} were appended",
        served.len(),
        written.len()
    );
    Ok(())
}
