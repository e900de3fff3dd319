//! A sealed segment of facts, in memory.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use annals_journal::{Clock, Disk, DiskFile, Journal, Mode, Offset, Options};
use annals_streams::Cause;

use super::histories::Drawn;
use crate::memory_disk::MemoryDisk;
use crate::outcome::Outcome;

/// The segment's file, and what stands in it.
pub(crate) struct Segment {
    pub(crate) file: Box<dyn DiskFile>,
    /// The bytes of the facts as json_crc32 frames.
    pub(crate) json: usize,
    /// Where each fact's frame begins in the file.
    pub(crate) places: Vec<u64>,
}

/// The journal's time is that of the fact written last.
#[derive(Debug)]
struct FactTime(AtomicI64);

impl Clock for FactTime {
    fn now_micros(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Writes the facts, so many at once. A native one that follows another names it by its place.
pub(crate) fn write(facts: &mut [Drawn], batch: usize) -> Outcome<Segment> {
    let (disk, clock) = (MemoryDisk::default(), Arc::new(FactTime(AtomicI64::new(1))));
    // One segment for all of them; more than this no fact takes.
    let segment_bytes = (facts.len() as u64 * 1_400).clamp(1 << 20, 4 << 30);
    let options = Options { segment_bytes, fill_ahead: false, ..Options::default() };
    let (dir, on) = (Path::new("/journal"), Arc::new(disk.clone()));
    let journal = Journal::open_on(on, Arc::<FactTime>::clone(&clock), dir, options)?;
    let log = annals_journal::Log::identity(&journal);
    let mut offsets: Vec<Offset> = Vec::with_capacity(facts.len());
    let mut json = 0;
    let mut first = 0;
    while first < facts.len() {
        let end = facts.len().min(first + batch);
        let newest = facts[end - 1].fact.transaction_time;
        clock.0.store((newest * 1e6) as i64, Ordering::Relaxed);
        // Where the records will stand is known before they are written: nobody else writes, and a cause changes no length.
        let mut at = journal.durable();
        for drawn in &mut facts[first..end] {
            offsets.push(at);
            if let (Some(before), None | Some(Cause::Fact(_))) = (drawn.follows, drawn.fact.causation) {
                drawn.fact.causation = Some(Cause::Fact(offsets[before]));
            }
            at = Offset::new(at.get() + frame_len(drawn)?);
        }
        let payloads: Result<Vec<Vec<u8>>, _> =
            facts[first..end].iter().map(|drawn| drawn.fact.to_payload()).collect();
        let receipts = journal.append_batch(&payloads?)?;
        for (receipt, expected) in receipts.iter().zip(&offsets[first..]) {
            if receipt.offset != *expected {
                return Err(format!("a fact stands at {}, not at {expected}", receipt.offset).into());
            }
        }
        for (drawn, offset) in facts[first..end].iter().zip(&offsets[first..]) {
            json += annals_streams::frame(&drawn.fact.line(log, *offset)?).len();
        }
        first = end;
    }
    journal.seal()?;
    journal.close()?;
    let file = disk.open(&dir.join(format!("{:016x}.wal", 0)), Mode::Read)?;
    let header = annals_journal::layout::SEGMENT_HEADER;
    Ok(Segment { file, json, places: offsets.iter().map(|offset| header + offset.get()).collect() })
}

fn frame_len(drawn: &Drawn) -> Outcome<u64> {
    Ok(annals_journal::layout::frame_len(drawn.fact.to_payload()?.len()) as u64)
}
