//! The segments of a journal one by one, as a person wants to see them.

use std::path::PathBuf;

use annals_record::{Offset, Term};

use crate::catalog::Segment;
use crate::error::Error;
use crate::journal::Journal;
use crate::reader::Reader;
use crate::retention::jump;
use crate::scan::{Scan, Step, Window};
use crate::segment::{self, SegmentHeader};
use crate::source::Source;
use crate::view::View;

/// One segment, or the place where one is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RosterEntry {
    /// The offset of its first frame.
    pub base: Offset,
    /// The base of the segment after it; of the newest one the durable end.
    pub end: Offset,
    /// The term of its frames; none if its header does not verify.
    pub term: Option<Term>,
    /// How many records it holds; none if that is not known: its header or its seal does not verify, or it is the newest
    /// one and a group of it does not.
    pub records: Option<u64>,
    /// Its file's length in bytes, reserved space included; none if there is no file.
    pub file_bytes: Option<u64>,
    /// Whether another segment follows it.
    pub sealed: bool,
    /// The journal times of its first and its last group, microseconds since 1970-01-01T00:00:00Z; none if it has no group
    /// or does not verify.
    pub times: Option<(i64, i64)>,
    /// When it was created, journal time; none if its header does not verify.
    pub created_micros: Option<i64>,
    /// The hash over the ids of all records of the log up to its end, as its seal has it; none if it has no seal that
    /// verifies. Together with log, base and end it names what the segment holds.
    pub chain: Option<[u8; 32]>,
    /// Whether some of it, or all, is listed as lost.
    pub lost: bool,
    /// What its header, its seal, or its place among the others shows to be wrong, and is not listed as lost.
    pub flaw: Option<String>,
    /// Its file.
    pub path: PathBuf,
}

/// Which segments are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    All,
    /// Those that another one follows: no frame is read.
    Sealed,
}

impl Reader {
    /// The segments, oldest first, by their headers and seals; frames are read of the newest one only.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read. What does not verify is a part of the answer.
    pub fn roster(&self) -> Result<Vec<RosterEntry>, Error> {
        roster(&*self.core, Wanted::All)
    }

    /// As [`Reader::roster`], without the newest segment: no frame is read.
    ///
    /// # Errors
    /// As [`Reader::roster`].
    pub fn sealed(&self) -> Result<Vec<RosterEntry>, Error> {
        roster(&*self.core, Wanted::Sealed)
    }
}

impl Journal {
    /// The segments, oldest first, as far as they are durable: see [`Reader::roster`].
    ///
    /// # Errors
    /// As [`Reader::roster`].
    pub fn roster(&self) -> Result<Vec<RosterEntry>, Error> {
        roster(&**self.core, Wanted::All)
    }

    /// As [`Journal::roster`], without the newest segment: no frame is read.
    ///
    /// # Errors
    /// As [`Reader::roster`].
    pub fn sealed(&self) -> Result<Vec<RosterEntry>, Error> {
        roster(&**self.core, Wanted::Sealed)
    }
}

fn roster(view: &dyn View, wanted: Wanted) -> Result<Vec<RosterEntry>, Error> {
    let source = view.source();
    let (durable, mut segments) = view.look()?;
    if wanted == Wanted::Sealed {
        segments.retain(|segment| segment.next.is_some());
    }
    let times = jump::times(source, &segments, durable)?;
    let holes = source.holes();
    let listed = source.disk.list(&source.dir).map_err(|error| Error::io("list", &source.dir, error))?;
    let mut entries = Vec::with_capacity(segments.len());
    if segments.is_empty() && durable > Offset::ZERO && wanted == Wanted::All {
        entries.push(nothing_left(source, durable));
    }
    for (segment, times) in segments.iter().zip(times) {
        let header = segment.header.as_ref();
        let name = segment.path.file_name();
        let unsealed = segment.next.is_some() && segment.seal.is_none();
        let flaw = header.err().or(segment.flaw.as_ref()).cloned();
        // What stands where the seal was expected, or the whole segment, may be a hole.
        let excused = segment.next.is_some_and(|next| {
            holes.bridge(segment.base) >= next
                || header.is_ok() && holes.at(Offset::new(next.get().saturating_sub(1))).is_some()
        });
        let end = segment.next.unwrap_or(durable).max(segment.base);
        entries.push(RosterEntry {
            base: segment.base,
            end,
            term: header.ok().map(|header| header.term),
            records: match (segment.seal, segment.next, header) {
                (Some(seal), ..) => Some(seal.records),
                (None, None, Ok(header)) => count(source, segment, header, durable)?,
                _ => None,
            },
            file_bytes: listed
                .iter()
                .find(|listed| name.is_some_and(|name| *name == *listed.name))
                .map(|listed| listed.len),
            sealed: segment.next.is_some(),
            times,
            created_micros: header.ok().map(|header| header.created_micros),
            chain: segment.seal.map(|seal| seal.chain),
            flaw: flaw.or_else(|| unsealed.then(|| "it has no seal".to_owned())).filter(|_| !excused),
            lost: !holes.within(segment.base, end).is_empty(),
            path: segment.path.clone(),
        });
    }
    Ok(entries)
}

/// The records of the newest segment; none if a group does not verify.
fn count(
    source: &Source,
    segment: &Segment,
    header: &SegmentHeader,
    durable: Offset,
) -> Result<Option<u64>, Error> {
    let failed = |error| Error::io("read", &segment.path, error);
    let file = source.open(segment)?;
    let window = Window::new(&*file, header.file_pos(durable.max(segment.base)).0).map_err(failed)?;
    let mut scan = Scan::new(header, window, segment.base).over(source.holes());
    let mut records = 0;
    loop {
        scan.ids.clear();
        match scan.step().map_err(failed)? {
            Step::Group(group) => records += u64::from(group.commit.records),
            Step::Bad(_) => return Ok(None),
            Step::Seal(_) | Step::End => return Ok(Some(records).filter(|_| scan.position() >= durable)),
        }
    }
}

/// A log that has an end and no segment.
fn nothing_left(source: &Source, durable: Offset) -> RosterEntry {
    RosterEntry {
        base: Offset::ZERO,
        end: durable,
        term: None,
        records: None,
        file_bytes: None,
        sealed: false,
        times: None,
        created_micros: None,
        chain: None,
        lost: false,
        flaw: Some("every segment is missing".to_owned()),
        path: source.dir.join(segment::file_name(Offset::ZERO)),
    }
}

#[cfg(test)]
mod tests;
