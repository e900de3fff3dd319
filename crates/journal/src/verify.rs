//! What is durable, read and checked on all cores: segments are handed out one by one, findings are put in order.
//!
//!   list anew -> headers and seals against each other -> segments: CRC of every frame, BLAKE3 of every payload, sums
//!
//! I7: what does not verify is named with its range. A range of no bytes is a field that contradicts the others: every
//! record is served all the same.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use annals_record::Offset;

use crate::catalog::{self, Segment};
use crate::error::{Damage, Error};
use crate::segment::SegmentHeader;
use crate::source::{Source, whole};
use crate::status::Verification;

mod segment;

/// How much a check reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Headers, trailers and seals, how they continue each other, and the CRCs of the segment that is not sealed yet:
    /// milliseconds, whatever the size. Payloads of sealed segments are not read.
    Quick,
    /// Every CRC and every BLAKE3, on all cores.
    #[default]
    Full,
}

/// What to check. Default: everything, to the full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifyOptions {
    /// How much is read. Default: full.
    pub depth: Depth,
    /// Only every so manieth segment: `(3, 10)` is the third of ten parts, and the ten parts together are everything.
    /// Headers and seals are checked against each other in every part. Default: all segments.
    pub subset: Option<(u32, u32)>,
}

impl VerifyOptions {
    fn check(self) -> Result<(), Error> {
        let within = |option, value: u32, most: u32| match (1..=most).contains(&value) {
            true => Ok(()),
            false => Err(Error::Option { option, value: value.into(), least: 1, most: most.into() }),
        };
        let Some((part, parts)) = self.subset else { return Ok(()) };
        within("subset's number of parts", parts, u32::MAX)?;
        within("subset's part", part, parts)
    }

    fn includes(self, index: usize) -> bool {
        self.subset.is_none_or(|(part, parts)| index as u64 % u64::from(parts) == u64::from(part) - 1)
    }
}

/// What was found in one segment.
#[derive(Debug, Default)]
struct Findings {
    records: u64,
    bytes: u64,
    damaged: Vec<Damage>,
}

/// Checks the segments below `durable` and says what does not verify.
pub(crate) fn verify(
    source: &Source,
    durable: Offset,
    options: VerifyOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Verification, Error> {
    options.check()?;
    let holes = source.holes();
    // Anew: what was read at open may have rotted since.
    let segments = catalog::load(&*source.disk, &source.dir, &[])?;
    let chosen: Vec<(usize, &Arc<Segment>, Offset)> = segments
        .iter()
        .enumerate()
        .map(|(i, segment)| (i, segment, segment.next.unwrap_or(durable).min(durable)))
        .filter(|(i, segment, end)| holes.bridge(segment.base) < *end && options.includes(*i))
        .collect();
    let all = chosen.iter().map(|(_, segment, end)| end.get() - segment.base.get()).sum();
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = |done: &mpsc::Sender<u64>| {
        while let Some((i, segment, end)) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            let found = check(source, segment, *end, options.depth, done);
            let left = (end.get() - segment.base.get()).saturating_sub(found.as_ref().map_or(0, |f| f.bytes));
            let _ = done.send(left);
            results.lock().unwrap_or_else(PoisonError::into_inner).push((*i, found));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(chosen.len());
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let mut started = 0;
        for _ in 0..threads {
            let sender = sender.clone();
            let thread = std::thread::Builder::new().spawn_scoped(scope, move || work(&sender));
            started += usize::from(thread.is_ok());
        }
        if started == 0 {
            // No thread is to be had: it is done here, and told of at the end.
            work(&sender);
        }
        drop(sender);
        let mut done = 0;
        for bytes in receiver {
            done += bytes;
            progress(done, all);
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(i, _)| *i);
    let mut verification = Verification { holes: holes.list().to_vec(), ..Verification::default() };
    verification.damaged.extend(holes.damage());
    let begins = holes.bridge(Offset::ZERO);
    if segments.is_empty() && begins < durable {
        let detail = format!("{}: every segment is missing", source.dir.display());
        verification.damaged.push(Damage { offset: begins, len: durable.get() - begins.get(), detail });
    }
    for (i, found) in results {
        let found = found?;
        verification.damaged.extend(i.checked_sub(1).and_then(|before| broken_link(&segments, before)));
        verification.damaged.extend(found.damaged);
        verification.records += found.records;
        verification.bytes += found.bytes;
    }
    Ok(verification)
}

/// Checks one segment; a segment that retention has removed meanwhile has nothing to check.
fn check(
    source: &Source,
    segment: &Segment,
    end: Offset,
    depth: Depth,
    done: &mpsc::Sender<u64>,
) -> Result<Findings, Error> {
    let header = match &segment.header {
        Ok(header) => header,
        Err(reason) => {
            let damaged = vec![whole(segment, segment.base, end, reason)];
            return Ok(Findings { damaged, ..Findings::default() });
        }
    };
    match segment::check(source, segment, header, end, depth, done) {
        Err(Error::Io { source: error, .. }) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(Findings::default())
        }
        found => found,
    }
}

/// What contradicts the segment at `before` in the header of the one after it. Its chained hash was compared when the list
/// was made.
fn broken_link(segments: &[Arc<Segment>], before: usize) -> Option<Damage> {
    let (before, after) = (&segments[before], &segments[before + 1]);
    let (Ok(header), Ok(next), Some(seal)) = (&before.header, &after.header, &before.seal) else {
        return None;
    };
    let contradiction = contradiction(header, seal.records, next)?;
    let detail = format!("segment {:016x}: its header says {contradiction}", after.base.get());
    Some(Damage { offset: after.base, len: 0, detail })
}

fn contradiction(before: &SegmentHeader, records: u64, header: &SegmentHeader) -> Option<String> {
    let expected = before.records_before.saturating_add(records);
    if header.records_before != expected {
        return Some(format!("that {} records stand before it, {expected} do", header.records_before));
    }
    if header.term < before.term {
        return Some(format!("term {}, the segment before it {}", header.term, before.term));
    }
    let expected = if header.term > before.term { header.base } else { before.term_start };
    (header.term_start != expected)
        .then(|| format!("that term {} began at {}, it began at {expected}", header.term, header.term_start))
}

#[cfg(test)]
mod tests;
