//! A segment's groups scanned by all cores: in rounds, a part for each core, put together in order.
//!
//!   scanned | part 0 | part 1 |   part 0 begins where the scan stands, another one behind the first commit frame from its
//!           ^ at                  place on; each ends with the first group whose commit frame stands behind its place
//!
//! A part counts only if it begins where the one before it has ended. Then all of it is what one scan from first to last
//! finds. Bytes that look like a commit frame where none is cost a part of a round: other parts than the first see two parts' lengths
//! of the file and no more, and what stops them stops nobody.

use std::io;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::LazyLock;
use std::thread;

use annals_record::{Offset, RecordId};

use crate::disk::DiskFile;
use crate::frame;
use crate::holes::Holes;
use crate::scan::{self, Scan, Step, Window};
use crate::segment::{FilePos, SegmentHeader};
use crate::summary::Summary;

/// How long a part is, about: a core scans it in a few milliseconds.
const PART: u64 = 4 << 20;
/// More threads than this read no faster: memory is the limit.
const MOST_THREADS: usize = 4;
/// How many cores are used. To ask takes longer than a short work.
static CORES: LazyLock<u64> = LazyLock::new(|| {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    cores.min(MOST_THREADS) as u64
});

/// Some groups of a segment, one behind the other.
#[derive(Debug)]
pub(crate) struct Part {
    start: Offset,
    /// Where the next group begins.
    end: Offset,
    /// Their sums, without the record ids.
    pub(crate) summary: Summary,
    pub(crate) ids: Vec<u8>,
    /// Their idempotency keys: key, content, and where the first record stands.
    pub(crate) keys: Vec<(RecordId, RecordId, Offset)>,
    /// Their last checkpoint.
    pub(crate) checkpoint: Option<Offset>,
    /// The end of their last record.
    pub(crate) last_record: Option<Offset>,
    /// Everything below this was durable when they were written.
    pub(crate) durable_upto: Offset,
    /// What stands at `end`, if no group does.
    stop: Option<Step>,
}

/// A segment's parts in order.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    header: &'a SegmentHeader,
    file: &'a dyn DiskFile,
    holes: &'a Holes,
    /// How long the file is, and a part.
    len: u64,
    part: u64,
    at: Offset,
    found: std::vec::IntoIter<io::Result<Option<Part>>>,
}

impl<'a> Parts<'a> {
    /// From the segment's first group on, over these holes.
    pub(crate) fn new(
        header: &'a SegmentHeader,
        file: &'a dyn DiskFile,
        holes: &'a Holes,
    ) -> io::Result<Self> {
        Self::of(header, file, holes, PART)
    }

    fn of(
        header: &'a SegmentHeader,
        file: &'a dyn DiskFile,
        holes: &'a Holes,
        part: u64,
    ) -> io::Result<Self> {
        let (len, at) = (file.len()?, holes.bridge(header.base));
        Ok(Self { header, file, holes, len, part, at, found: Vec::new().into_iter() })
    }

    /// Where the next part begins; behind the last one, the end of the segment's groups.
    pub(crate) fn position(&self) -> Offset {
        self.at
    }

    /// The next part, and behind the last one what stands there.
    pub(crate) fn next(&mut self) -> io::Result<(Part, Option<Step>)> {
        let mut part = loop {
            match self.found.next().transpose()? {
                Some(Some(part)) if part.start == self.at => break part,
                // It has begun at what is no commit frame, or not at all.
                Some(_) => {}
                None => self.found = self.round().into_iter(),
            }
        };
        self.at = part.end;
        let stop = part.stop.take();
        Ok((part, stop))
    }

    /// Whether there is another group by now, behind what was the last one: the file is being written to.
    pub(crate) fn goes_on(&self) -> io::Result<bool> {
        let window = Window::new(self.file, u64::MAX)?;
        Ok(matches!(Scan::new(self.header, window, self.at).step()?, Step::Group(_)))
    }

    /// What each core finds in its part, from here on.
    fn round(&self) -> Vec<io::Result<Option<Part>>> {
        let left = self.len.saturating_sub(self.header.file_pos(self.at).0);
        let place = |part: u64| Offset::new(self.at.get().saturating_add(part.saturating_mul(self.part)));
        on_all_cores(left / self.part, |part, _| {
            let to = place(part + 1);
            if part == 0 {
                return self.scan(self.at, to, u64::MAX).map(Some);
            }
            // Not far: it may be no group at all, and of any length.
            let seen = self.header.file_pos(place(part + 2)).0;
            self.first_behind(place(part), to)?.map(|start| self.scan(start, to, seen)).transpose()
        })
    }

    /// The end of the first commit frame, or seal, from one place on and not behind the other.
    fn first_behind(&self, from: Offset, to: Offset) -> io::Result<Option<Offset>> {
        let mut window = Window::new(self.file, self.header.file_pos(to).0 + frame::COMMIT as u64)?;
        Ok(scan::next_landmark(self.header, &mut window, from)?.map(|landmark| landmark.end))
    }

    /// Scans from `start` on, as far as the first group whose commit frame begins at `to` or behind it, and sees the file's first
    /// `seen` bytes. Only where it sees all of it does it say what stops it.
    fn scan(&self, start: Offset, to: Offset, seen: u64) -> io::Result<Part> {
        let window = Window::new(self.file, seen)?;
        let mut scan = Scan::new(self.header, window, start).over(self.holes.clone()).with_ids();
        let mut summary = Summary::new(self.header);
        let (mut keys, mut checkpoint, mut last_record) = (Vec::new(), None, None);
        let mut durable_upto = Offset::ZERO;
        let stop = loop {
            match scan.step()? {
                Step::Group(group) => {
                    summary.absorb_group(&group);
                    checkpoint = scan.checkpoint.or(checkpoint);
                    last_record = scan.last_record.or(last_record);
                    keys.append(&mut scan.keys);
                    // None of ours says it of itself.
                    durable_upto = durable_upto.max(group.commit.durable_upto.min(group.start));
                    if group.end.get() - frame::COMMIT as u64 >= to.get() {
                        break None;
                    }
                }
                stop => break (seen == u64::MAX).then_some(stop),
            }
        };
        let (end, ids) = (scan.position(), std::mem::take(&mut scan.ids));
        Ok(Part { start, end, summary, ids, keys, checkpoint, last_record, durable_upto, stop })
    }
}

/// The end of the last byte at or behind `from` that is not zero; `from` itself if there is none.
pub(crate) fn end_of_bytes(file: &dyn DiskFile, from: FilePos) -> io::Result<FilePos> {
    let len = file.len()?;
    let left = len.saturating_sub(from.0);
    let ends = on_all_cores(left / PART, |part, of| -> io::Result<Option<FilePos>> {
        let place = |part: u64| from.0 + left / of * part;
        let to = if part + 1 == of { len } else { place(part + 1) };
        let end = scan::end_of_bytes(&mut Window::new(file, to)?, FilePos(place(part)))?;
        Ok((end.0 > place(part)).then_some(end))
    });
    let mut last = from;
    for end in ends {
        last = end?.unwrap_or(last);
    }
    Ok(last)
}

/// Does up to so many works, one on each core, the first on the caller's, and says what came of them, in order. Each is told its
/// number, and how many there are.
fn on_all_cores<T: Send>(works: u64, work: impl Fn(u64, u64) -> T + Sync) -> Vec<T> {
    let works = works.clamp(1, *CORES);
    thread::scope(|scope| {
        let work = &work;
        let others = (1..works).map(|i| thread::Builder::new().spawn_scoped(scope, move || work(i, works)));
        let others: Vec<_> = others.collect();
        let first = work(0, works);
        let others = others.into_iter().zip(1..).map(|(other, i)| match other {
            Ok(other) => other.join().unwrap_or_else(|panic| resume_unwind(panic)),
            // No thread could be started.
            Err(_) => work(i, works),
        });
        std::iter::once(first).chain(others).collect()
    })
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests;
