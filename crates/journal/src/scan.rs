//! Walking a segment group by group, and finding the way again behind bytes that do not verify.
//!
//!   frame, frame, ..., commit | frame, ..., commit | seal

use std::io;

use annals_record::{Offset, RecordId};

use crate::disk::{self, DiskFile};
use crate::frame::{self, Commit, Frame, Parsed};
use crate::holes::Holes;
use crate::seal::Seal;
use crate::segment::{FilePos, HEADER_LEN, SegmentHeader};

/// How much is read at once.
const WINDOW: usize = 1 << 20;

/// A file seen through a buffer that grows only for a frame that is larger than it.
#[derive(Debug)]
pub(crate) struct Window<'a> {
    file: &'a dyn DiskFile,
    len: u64,
    bytes: Vec<u8>,
    start: u64,
}

impl<'a> Window<'a> {
    /// Sees the file up to `len` bytes, or to its end if that comes first.
    pub(crate) fn new(file: &'a dyn DiskFile, len: u64) -> io::Result<Self> {
        let len = file.len()?.min(len);
        Ok(Self { file, len, bytes: Vec::new(), start: 0 })
    }

    /// The bytes at `pos`: `want` of them or more, or as many as the file has.
    pub(crate) fn at(&mut self, pos: FilePos, want: usize) -> io::Result<&[u8]> {
        let pos = pos.0.min(self.len);
        let end = pos.saturating_add(want as u64).min(self.len);
        let held = self.start..self.start + self.bytes.len() as u64;
        if !(held.start <= pos && end <= held.end) {
            let size = want.max(WINDOW).min((self.len - pos) as usize);
            self.bytes.resize(size, 0);
            let read = disk::read_full(self.file, &mut self.bytes, pos)?;
            self.bytes.truncate(read);
            self.start = pos;
        }
        Ok(&self.bytes[(pos - self.start) as usize..])
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }
}

/// What comes next in a segment.
#[derive(Debug)]
pub(crate) enum Step {
    /// A whole group, from its first frame to the end of its commit frame.
    Group(Group),
    /// The segment's last frame.
    Seal(Box<Seal>),
    /// A range that is listed as lost; the scan goes on at its end, which is this.
    Hole(Offset),
    /// Nothing but zeros, or the end of the file, where a group would begin.
    End,
    /// A group that does not verify: segment, byte, and what is wrong there.
    Bad(String),
}

/// A group that verifies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    pub(crate) start: Offset,
    pub(crate) end: Offset,
    pub(crate) commit: Commit,
    pub(crate) payload_bytes: u64,
}

/// Walks a segment's groups in order.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    header: &'a SegmentHeader,
    window: Window<'a>,
    next: Offset,
    check_content: bool,
    holes: Holes,
    /// The record ids of the last group, one after the other.
    pub(crate) ids: Vec<u8>,
}

impl<'a> Scan<'a> {
    /// Walks from the group that begins at `from`. With `check_content` each payload's BLAKE3 is computed.
    pub(crate) fn new(
        header: &'a SegmentHeader,
        window: Window<'a>,
        from: Offset,
        check_content: bool,
    ) -> Self {
        Self { header, window, next: from, check_content, holes: Holes::default(), ids: Vec::new() }
    }

    /// Passes over these holes.
    pub(crate) fn over(self, holes: Holes) -> Self {
        Self { holes, ..self }
    }

    /// Where the next group begins.
    pub(crate) fn position(&self) -> Offset {
        self.next
    }

    /// Goes on at another place.
    pub(crate) fn seek(&mut self, to: Offset) {
        self.next = to;
    }

    pub(crate) fn window(&mut self) -> &mut Window<'a> {
        &mut self.window
    }

    pub(crate) fn into_window(self) -> Window<'a> {
        self.window
    }

    /// The next group. After `Bad` the scan stays where it is.
    pub(crate) fn step(&mut self) -> io::Result<Step> {
        self.ids.clear();
        let start = self.next;
        if let Some(hole) = self.holes.at(start) {
            self.next = hole.end();
            return Ok(Step::Hole(self.next));
        }
        let hole = self.holes.next(start);
        let mut at = start;
        let mut records = 0_u32;
        let mut payload_bytes = 0;
        loop {
            if at >= hole {
                return Ok(Step::Bad(self.describe(at, "the group runs into a hole")));
            }
            let pos = self.header.file_pos(at);
            let mut bytes = self.window.at(pos, frame::HEADER)?;
            let mut parsed = frame::parse(bytes, &self.header.place(at));
            if let Parsed::Short(whole) = parsed {
                bytes = self.window.at(pos, whole)?;
                parsed = frame::parse(bytes, &self.header.place(at));
            }
            let end = |whole: usize| Offset::new(at.get() + whole as u64);
            match parsed {
                Parsed::Frame(Frame::Record { id, len }, whole) => {
                    let payload = &bytes[frame::HEADER..frame::HEADER + len];
                    if self.check_content && RecordId::of(payload) != id {
                        return Ok(Step::Bad(self.describe(at, "the payload's BLAKE3 is another one")));
                    }
                    self.ids.extend_from_slice(id.as_bytes());
                    records = records.saturating_add(1);
                    payload_bytes += len as u64;
                    at = end(whole);
                }
                Parsed::Frame(Frame::Skipped, whole) => at = end(whole),
                Parsed::Frame(Frame::Commit(commit), whole) => {
                    if commit.batch_start != start || commit.records != records {
                        let reason = format!(
                            "the commit frame covers {} records from {}, found {records} from {start}",
                            commit.records, commit.batch_start
                        );
                        return Ok(Step::Bad(self.describe(at, &reason)));
                    }
                    self.next = end(whole);
                    return Ok(Step::Group(Group { start, end: self.next, commit, payload_bytes }));
                }
                Parsed::Frame(Frame::Seal, _) if at == start => {
                    return Ok(match Seal::decode(bytes, self.header, at) {
                        Ok(seal) => Step::Seal(Box::new(seal)),
                        Err(reason) => Step::Bad(self.describe(at, &reason)),
                    });
                }
                Parsed::Frame(Frame::Seal, _) => {
                    return Ok(Step::Bad(self.describe(at, "a seal within a group")));
                }
                Parsed::Zeros if at == start => return Ok(Step::End),
                Parsed::Zeros => return Ok(Step::Bad(self.describe(at, "the group has no commit frame"))),
                Parsed::Short(whole) => {
                    let reason = format!("a frame of {whole} bytes is cut by the end of the file");
                    return Ok(Step::Bad(self.describe(at, &reason)));
                }
                Parsed::Bad(reason) => return Ok(Step::Bad(self.describe(at, &reason))),
            }
        }
    }

    fn describe(&self, at: Offset, reason: &str) -> String {
        describe(self.header, at, reason)
    }
}

/// Segment, byte, and what is wrong there.
pub(crate) fn describe(header: &SegmentHeader, at: Offset, reason: &str) -> String {
    format!("segment {:016x}, byte {}: {reason}", header.base.get(), header.file_pos(at).0)
}

/// A commit or seal frame that verifies somewhere behind bytes that do not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Landmark {
    /// Where reading can go on: at the group that a commit frame ends, if it begins behind the damage, else behind that
    /// frame; at a seal.
    pub(crate) resume: Offset,
    /// Where to look for the next landmark.
    pub(crate) end: Offset,
    /// Everything below this was durable when the landmark was written.
    pub(crate) durable_upto: Offset,
}

/// The next landmark at or after `from`.
pub(crate) fn next_landmark(
    header: &SegmentHeader,
    window: &mut Window<'_>,
    from: Offset,
) -> io::Result<Option<Landmark>> {
    let mut pos = header.file_pos(from).0.next_multiple_of(8).max(HEADER_LEN);
    while pos < window.len() {
        let bytes = window.at(FilePos(pos), frame::HEADER)?;
        if bytes.len() < frame::COMMIT {
            break;
        }
        // The common case by far is a byte run without any landmark: look at one word in eight bytes.
        let run = bytes.len() - frame::COMMIT;
        let Some(skip) = (0..=run).step_by(8).find(|at| is_landmark(frame::word(bytes, *at))) else {
            pos += (run as u64 / 8 + 1) * 8;
            continue;
        };
        pos += skip as u64;
        if let Some(landmark) = landmark_at(header, window, from, FilePos(pos))? {
            return Ok(Some(landmark));
        }
        pos += 8;
    }
    Ok(None)
}

fn is_landmark(word: u32) -> bool {
    word == frame::COMMIT_WORD || frame::is_seal_word(word)
}

fn landmark_at(
    header: &SegmentHeader,
    window: &mut Window<'_>,
    from: Offset,
    pos: FilePos,
) -> io::Result<Option<Landmark>> {
    let at = header.offset(pos);
    let mut bytes = window.at(pos, frame::HEADER)?;
    let mut parsed = frame::parse(bytes, &header.place(at));
    if let Parsed::Short(whole) = parsed
        && whole as u64 <= crate::seal::MAX_LEN
    {
        bytes = window.at(pos, whole)?;
        parsed = frame::parse(bytes, &header.place(at));
    }
    Ok(match parsed {
        Parsed::Frame(Frame::Commit(commit), whole) => {
            let end = Offset::new(at.get() + whole as u64);
            let resume = if (from..=at).contains(&commit.batch_start) { commit.batch_start } else { end };
            Some(Landmark { resume, end, durable_upto: commit.durable_upto })
        }
        Parsed::Frame(Frame::Seal, whole) => {
            Some(Landmark { resume: at, end: Offset::new(at.get() + whole as u64), durable_upto: at })
        }
        _ => None,
    })
}

/// The end of the last byte at or after `from` that is not zero; `from` itself if there is none.
pub(crate) fn end_of_bytes(window: &mut Window<'_>, from: FilePos) -> io::Result<FilePos> {
    let mut end = from.0;
    let mut pos = from.0;
    while pos < window.len() {
        let bytes = window.at(FilePos(pos), WINDOW)?;
        if bytes.is_empty() {
            break;
        }
        if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
            end = pos + last as u64 + 1;
        }
        pos += bytes.len() as u64;
    }
    Ok(FilePos(end))
}

#[cfg(test)]
mod tests;
