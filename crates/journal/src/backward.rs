//! Reading backwards, group by group: each commit frame is the last of its group and says where the group begins.
//!
//!   [frame, frame, commit] [frame, commit] [seal] | [frame, commit] <- the durable end
//!     `-- batch start ---'   `- batch start '  `- it says where it stands
//!
//! Where that chain is broken the segment is read forwards once, and its groups are given from the last to the first. I7:
//! what does not verify is told with its range, once; reading goes on before it.

use std::fmt;
use std::io;
use std::sync::Arc;

use annals_record::{Batch, LogError, Offset, ReadLimit};

use crate::catalog;
use crate::disk::{self, DiskFile};
use crate::error::{Damage, Error};
use crate::frame::{self, Frame, Parsed};
use crate::groups::Groups;
use crate::holes::Holes;
use crate::scan::{self, Scan, Step, Window};
use crate::segment::SegmentHeader;
use crate::source::whole;
use crate::view::View;

/// How often the list of segments may turn out to be old within one look: a purge may be faster than a reader.
const MISSES: u32 = 8;
/// A whole group: its commit ends it, whatever the limit.
const GROUP: ReadLimit = ReadLimit { records: usize::MAX, bytes: usize::MAX };

/// Groups of a log from an offset back to the oldest place held, newest first; within a batch the records stand in the
/// log's order. Groups without records are passed over.
///
/// Damage, and a hole that a salvage has listed, is an error that names its range; the next item is what stands before it.
/// [`LogError::Gap`] is the last item if retention was faster.
pub struct Backward {
    view: Arc<dyn View>,
    /// Where what was given begins; none at the end.
    at: Option<Offset>,
    /// What was durable at the first look.
    durable: Option<Offset>,
    /// What stands before it where the chain of commits is broken; the last one is next.
    known: Vec<Known>,
}

/// What stands in front of a place.
#[derive(Clone, Copy, Debug)]
enum Known {
    Group(Offset, Offset),
    Bad(Offset, Offset),
    Hole(Offset, Offset),
}

impl fmt::Debug for Backward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backward").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Backward {
    pub(crate) fn new(view: Arc<dyn View>, before: Offset) -> Self {
        Self { view, at: Some(before), durable: None, known: Vec::new() }
    }

    /// The newest group that begins before `at`, as far as it stands before it, and where it begins. None at the beginning
    /// of the log.
    fn before(&mut self, mut at: Offset) -> Result<Option<(Offset, Batch)>, Error> {
        let durable = match self.durable {
            Some(durable) => durable,
            None => *self.durable.insert(self.view.look()?.0),
        };
        if at > durable {
            return Err(Error::Beyond { wanted: at, durable });
        }
        let mut misses = 0;
        loop {
            let source = self.view.source();
            let segments = source.segments();
            let (last, holes) = (at.get().checked_sub(1).map(Offset::new), source.holes());
            if let Some(hole) = last.and_then(|last| holes.at(last)) {
                return Err(Error::Hole { offset: hole.offset, len: hole.len });
            }
            let Some(segment) = last.and_then(|last| catalog::find(&segments, last)) else {
                let oldest = source.oldest();
                return if at < oldest { Err(Error::Gap { wanted: at, oldest }) } else { Ok(None) };
            };
            if segment.base >= at {
                // What was purged behind it held no record.
                return Ok(None);
            }
            let header = match &segment.header {
                Ok(header) => header,
                Err(reason) => return Err(Error::Damaged(whole(segment, segment.base, at, reason))),
            };
            if let Some(seal) = segment.seal.filter(|seal| seal.next_base <= at) {
                at = seal.end;
                continue;
            }
            let file = match source.open(segment) {
                // Retention has removed it since the list was read.
                Err(Error::Io { source: error, .. }) if is_missing(&error) && misses < MISSES => {
                    misses += 1;
                    source.refresh()?;
                    continue;
                }
                opened => opened?,
            };
            let failed = |error| Error::io("read", &segment.path, error);
            let end = segment.next.unwrap_or(durable).min(durable);
            let known = match self.known.pop() {
                Some(known) => known,
                None => match known_at(&*file, header, at).map_err(failed)? {
                    Some(known) => known,
                    None => {
                        self.known = index(&*file, header, &holes, at, end).map_err(failed)?;
                        match self.known.pop() {
                            Some(known) => known,
                            None => {
                                at = segment.base;
                                continue;
                            }
                        }
                    }
                },
            };
            let (start, group_end) = match known {
                Known::Group(start, group_end) => (start, group_end),
                // It was told already if what was told last begins at its end.
                Known::Hole(start, _) if start >= at => continue,
                Known::Hole(start, to) => {
                    return Err(Error::Hole { offset: start, len: to.get() - start.get() });
                }
                Known::Bad(start, to) => {
                    let detail = scan::describe(header, start, "no group that verifies");
                    return Err(Error::Damaged(Damage {
                        offset: start,
                        len: to.get() - start.get(),
                        detail,
                    }));
                }
            };
            match group(&*file, header, start, group_end).map_err(failed)?.map(|batch| batch.until(at)) {
                Some(batch) if batch.is_empty() => at = start,
                Some(batch) => return Ok(Some((start, batch))),
                // The commit frame verifies and what it covers does not: find out what does.
                None => self.known = index(&*file, header, &holes, at, end).map_err(failed)?,
            }
        }
    }
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// The group in front of `at`, as the commit frame before it says. None if there is none.
fn known_at(file: &dyn DiskFile, header: &SegmentHeader, at: Offset) -> io::Result<Option<Known>> {
    let Some(commit_at) = at.get().checked_sub(frame::COMMIT as u64).map(Offset::new) else {
        return Ok(None);
    };
    if commit_at < header.base {
        return Ok(None);
    }
    let mut bytes = [0; frame::COMMIT];
    let read = disk::read_full(file, &mut bytes, header.file_pos(commit_at).0)?;
    Ok(match frame::parse(&bytes[..read], &header.place(commit_at)) {
        Parsed::Frame(Frame::Commit(commit), _)
            if (header.base..=commit_at).contains(&commit.batch_start) =>
        {
            Some(Known::Group(commit.batch_start, at))
        }
        _ => None,
    })
}

/// The records of the group from `start` to `end`; none if they are not one group that verifies.
fn group(
    file: &dyn DiskFile,
    header: &SegmentHeader,
    start: Offset,
    end: Offset,
) -> io::Result<Option<Batch>> {
    let (mut bytes, mut places) = (Vec::new(), Vec::new());
    let groups = Groups { file, header, end, limit: GROUP };
    let look = groups.look(start, &mut bytes, &mut places, |_| {})?;
    let whole = look.bad.is_none() && look.next == end;
    Ok(whole.then(|| Batch::new(bytes, places, end)))
}

/// The groups of a segment that begin before `at`, and the ranges between them that do not verify and are no holes; it is
/// read up to `end`.
fn index(
    file: &dyn DiskFile,
    header: &SegmentHeader,
    holes: &Holes,
    at: Offset,
    end: Offset,
) -> io::Result<Vec<Known>> {
    let (mut known, mut read_to) = (Vec::new(), header.base);
    let window = Window::new(file, header.file_pos(end).0)?;
    let mut scan = Scan::new(header, window, header.base).over(holes.clone());
    loop {
        let start = scan.position();
        if read_to < start.min(at) {
            known.push(Known::Hole(read_to, start));
        }
        if start >= at {
            return Ok(known);
        }
        match scan.step()? {
            Step::Group(group) => {
                known.push(Known::Group(group.start, group.end));
                read_to = group.end;
            }
            Step::Seal(_) => return Ok(known),
            Step::End | Step::Bad(_) => {
                let mut window = scan.into_window();
                let landmark = scan::next_landmark(header, &mut window, Offset::new(start.get() + 8))?;
                read_to = landmark.map_or(end, |landmark| landmark.resume).min(end).min(holes.next(start));
                known.push(Known::Bad(start, read_to));
                scan = Scan::new(header, window, read_to).over(holes.clone());
            }
        }
    }
}

impl Iterator for Backward {
    type Item = Result<Batch, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at?;
        match self.before(at) {
            Ok(Some((start, batch))) => {
                self.at = Some(start);
                Some(Ok(batch))
            }
            Ok(None) => {
                self.at = None;
                None
            }
            Err(error) => {
                self.at = match &error {
                    Error::Damaged(Damage { offset, .. }) | Error::Hole { offset, .. } => Some(*offset),
                    _ => None,
                };
                Some(Err(error.into()))
            }
        }
    }
}

/// The last `count` records below the durable end, in the log's order; fewer if there are not so many.
pub(crate) fn latest(view: Arc<dyn View>, count: usize) -> Result<Batch, LogError> {
    let (durable, _) = view.look()?;
    let (mut groups, mut records) = (Vec::new(), 0);
    let mut backward = Backward::new(view, durable);
    while records < count {
        let Some(group) = backward.next().transpose()? else { break };
        records += group.len();
        groups.push(group);
    }
    let mut latest = Batch::default();
    let entries = groups.iter().rev().flat_map(Batch::iter).skip(records.saturating_sub(count));
    entries.for_each(|entry| latest.push(entry.offset, &entry.id, entry.payload));
    latest.set_next(durable);
    Ok(latest)
}

#[cfg(test)]
mod tests;
