//! The place of a journal time: segments by what their seals say, then the seal's table, then group by group.
//!
//!   first..last | first..last | first..last | not sealed       seals: in memory
//!                 |  .  .  .  . |                              table: halved, one group read for each half
//!                       | . . . |                              groups: one by one, 64 KiB at most
//!
//! T1: the group before the place found is older than the time, the one at it is not. Where the clock never went back
//! there is one such place, and it is the first group of that time or later. What is damaged is taken to be of that time
//! if what stands before it is older and what follows is not: the place is then where the damage begins.

use std::io;

use annals_record::{Batch, LogError, Offset, ReadLimit};

use crate::catalog::{self, Segment};
use crate::disk::DiskFile;
use crate::error::Error;
use crate::groups::Groups;
use crate::journal::Journal;
use crate::reader::Reader;
use crate::scan::{self, Group, Scan, Step, Window};
use crate::segment::SegmentHeader;
use crate::source::Source;

/// How far a search has come.
struct Search {
    micros: i64,
    /// Where damage begins, behind the last group that is older.
    damaged: Option<Offset>,
}

/// The first group at or after a journal time; `durable` if there is none.
pub(crate) fn seek(source: &Source, micros: i64, durable: Offset) -> Result<Offset, Error> {
    let mut search = Search { micros, damaged: None };
    for segment in source.segments() {
        let end = segment.next.unwrap_or(durable).min(durable);
        if segment.base >= end {
            continue;
        }
        if let Some(found) = search.segment(source, &segment, end)? {
            return Ok(found);
        }
    }
    Ok(search.damaged.unwrap_or(durable))
}

/// The journal time of the group that the record at `offset` belongs to; none where that cannot be read.
pub(crate) fn of(source: &Source, offset: Offset, durable: Offset) -> Result<Option<i64>, Error> {
    let Some(segment) = catalog::find(&source.segments(), offset).cloned() else { return Ok(None) };
    let end = segment.next.unwrap_or(durable).min(durable);
    let (Ok(header), true) = (&segment.header, segment.base <= offset && offset < end) else {
        return Ok(None);
    };
    let file = source.open(&segment)?;
    let groups = Groups { file: &*file, header, end, limit: ReadLimit { records: 1, bytes: 1 } };
    let mut time = None;
    let looked = groups.look(offset, &mut Vec::new(), &mut Vec::new(), |group| {
        time.get_or_insert(group.commit.time_micros);
    });
    looked.map_err(|error| Error::io("read", &segment.path, error))?;
    Ok(time)
}

/// Groups with the journal time of each: see [`Journal::read_timed`].
fn read_timed(
    source: &Source,
    from: Offset,
    limit: ReadLimit,
    durable: Offset,
    batch: &mut Batch,
    times: &mut Vec<(Offset, i64)>,
) -> Result<(), LogError> {
    times.clear();
    let mut tell = |group: &Group| {
        if group.commit.records > 0 {
            times.push((group.end, group.commit.time_micros));
        }
    };
    let read = source.read_told(from, limit, durable, batch, &mut tell);
    if read.is_err() {
        times.clear();
    }
    Ok(read?)
}

impl Journal {
    /// As [`Log::read_into`](annals_record::Log::read_into), and puts into `times`, in the place of what it held, where each group of the batch ends and its
    /// journal time, in microseconds since 1970-01-01T00:00:00Z: a record's time is that of the first group that ends behind
    /// it.
    ///
    /// # Errors
    /// As [`Log::read_into`](annals_record::Log::read_into); then both are empty.
    pub fn read_timed(
        &self,
        from: Offset,
        limit: ReadLimit,
        batch: &mut Batch,
        times: &mut Vec<(Offset, i64)>,
    ) -> Result<(), LogError> {
        read_timed(&self.core.source, from, limit, self.durable(), batch, times)
    }
}

impl Reader {
    /// As [`Journal::read_timed`].
    ///
    /// # Errors
    /// As [`Log::read_into`](annals_record::Log::read_into); then both are empty.
    pub fn read_timed(
        &self,
        from: Offset,
        limit: ReadLimit,
        batch: &mut Batch,
        times: &mut Vec<(Offset, i64)>,
    ) -> Result<(), LogError> {
        read_timed(&self.core.source, from, limit, self.durable()?, batch, times)
    }
}

impl Search {
    fn segment(&mut self, source: &Source, segment: &Segment, end: Offset) -> Result<Option<Offset>, Error> {
        let Ok(header) = &segment.header else {
            self.damaged.get_or_insert(segment.base);
            return Ok(None);
        };
        // A seal's end may lie beyond what is durable for a reader that sees the watermark late.
        let seal = segment.seal.filter(|seal| seal.next_base <= end);
        match seal.map(|seal| seal.times) {
            Some(None) => return Ok(None),
            Some(Some((first, _))) if first >= self.micros => return Ok(Some(self.found(segment.base))),
            Some(Some((_, last))) if last < self.micros => {
                self.damaged = None;
                return Ok(None);
            }
            Some(Some(_)) | None => {}
        }
        let failed = |error| Error::io("read", &segment.path, error);
        let file = source.open(segment)?;
        let from = match seal {
            Some(_) => self.halve(&*file, header).map_err(failed)?,
            None => segment.base,
        };
        self.walk(&*file, header, from, end).map_err(failed)
    }

    /// Group by group from `from` on.
    fn walk(
        &mut self,
        file: &dyn DiskFile,
        header: &SegmentHeader,
        from: Offset,
        end: Offset,
    ) -> io::Result<Option<Offset>> {
        let len = header.file_pos(end).0;
        let mut scan = Scan::new(header, Window::new(file, len)?, from);
        loop {
            let at = scan.position();
            if at >= end {
                return Ok(None);
            }
            match scan.step()? {
                Step::Group(group) if group.commit.time_micros >= self.micros => {
                    return Ok(Some(self.found(group.start)));
                }
                Step::Group(_) => self.damaged = None,
                Step::Seal(_) => return Ok(None),
                Step::End | Step::Bad(_) => {
                    self.damaged.get_or_insert(at);
                    let mut window = scan.into_window();
                    let landmark = scan::next_landmark(header, &mut window, Offset::new(at.get() + 8))?;
                    let Some(landmark) = landmark else { return Ok(None) };
                    scan = Scan::new(header, window, landmark.resume);
                }
            }
        }
    }

    /// A group that is older than the time, as near to it as a sealed segment's table goes; its first group is older, its
    /// last is not.
    fn halve(&self, file: &dyn DiskFile, header: &SegmentHeader) -> io::Result<Offset> {
        let Ok(seal) = catalog::read_seal(file, header)? else { return Ok(header.base) };
        let place = |distance: u64| Offset::new(header.base.get().saturating_add(distance));
        let (mut older, mut newer) = (0, seal.table.len());
        while newer - older > 1 {
            let middle = usize::midpoint(older, newer);
            let from = place(seal.table[middle]).min(seal.end);
            let window = Window::new(file, header.file_pos(seal.end).0)?;
            match Scan::new(header, window, from).step()? {
                Step::Group(group) if group.commit.time_micros < self.micros => older = middle,
                Step::Group(_) => newer = middle,
                // Damage: from here on group by group.
                Step::Seal(_) | Step::End | Step::Bad(_) => break,
            }
        }
        Ok(seal.table.get(older).map_or(header.base, |distance| place(*distance)))
    }

    fn found(&self, at: Offset) -> Offset {
        self.damaged.unwrap_or(at)
    }
}

#[cfg(test)]
mod tests;
