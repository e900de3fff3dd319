//! Walking a segment group by group, and finding the way again behind bytes that do not verify.
//!
//!   frame, frame, ..., commit | frame, ..., commit | seal

use std::io;

use annals_record::{Offset, RecordId};

use crate::crc::{LastWord, Stamp};
use crate::disk::{self, DiskFile};
use crate::frame::{self, Commit, ControlKind, Frame, Parsed};
use crate::holes::Holes;
use crate::keys::Key;
use crate::seal::Seal;
use crate::segment::{FilePos, HEADER_LEN, SegmentHeader};

/// How much is read at once: few calls, and a core's cache holds it.
const WINDOW: usize = 512 << 10;
/// How much is compared with zeros at once.
const CHUNK: usize = 256;

/// A file seen through a buffer that grows only for a frame that is larger than it.
#[derive(Debug)]
pub(crate) struct Window<'a> {
    file: &'a dyn DiskFile,
    len: u64,
    bytes: Vec<u8>,
    /// How many of `bytes` are of the file, and from which byte of it on.
    held: usize,
    start: u64,
}

impl<'a> Window<'a> {
    /// Sees the file up to `len` bytes, or to its end if that comes first.
    pub(crate) fn new(file: &'a dyn DiskFile, len: u64) -> io::Result<Self> {
        let len = file.len()?.min(len);
        Ok(Self { file, len, bytes: Vec::new(), held: 0, start: 0 })
    }

    /// The bytes at `pos`: `want` of them or more, or as many as the file has.
    pub(crate) fn at(&mut self, pos: FilePos, want: usize) -> io::Result<&[u8]> {
        let pos = pos.0.min(self.len);
        let end = pos.saturating_add(want as u64).min(self.len);
        if !(self.start <= pos && end <= self.start + self.held as u64) {
            let size = want.max(WINDOW).min((self.len - pos) as usize);
            if self.bytes.len() < size {
                self.bytes.resize(size, 0);
            }
            // Nothing is held if the read fails.
            self.held = 0;
            self.held = disk::read_full(self.file, &mut self.bytes[..size], pos)?;
            self.start = pos;
        }
        Ok(&self.bytes[(pos - self.start) as usize..self.held])
    }

    /// Sees nothing from `end` on, which lies behind all that is not zero: a frame that ends in zeros still fits.
    pub(crate) fn shorten(&mut self, end: FilePos) {
        self.len = self.len.min(end.0.next_multiple_of(8).saturating_add(frame::HEADER as u64));
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

/// Walks a segment's groups in order, and passes over holes.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    header: &'a SegmentHeader,
    stamp: Stamp,
    last_word: LastWord,
    window: Window<'a>,
    next: Offset,
    holes: Holes,
    collects: bool,
    /// The record ids of the groups so far, one after the other, if they are collected; whoever uses them takes them out.
    pub(crate) ids: Vec<u8>,
    /// The last checkpoint of the last group.
    pub(crate) checkpoint: Option<Offset>,
    /// The idempotency keys of the last group: key, content, and where the first record stands.
    pub(crate) keys: Vec<(RecordId, RecordId, Offset)>,
    /// The end of the last record of the last group.
    pub(crate) last_record: Option<Offset>,
}

impl<'a> Scan<'a> {
    /// Walks from the group that begins at `from`.
    pub(crate) fn new(header: &'a SegmentHeader, window: Window<'a>, from: Offset) -> Self {
        Self {
            header,
            stamp: Stamp::new(&header.log, header.term),
            last_word: LastWord::default(),
            window,
            next: from,
            holes: Holes::default(),
            collects: false,
            ids: Vec::new(),
            checkpoint: None,
            keys: Vec::new(),
            last_record: None,
        }
    }

    /// Passes over these holes.
    pub(crate) fn over(self, holes: Holes) -> Self {
        let next = holes.bridge(self.next);
        Self { next, holes, ..self }
    }

    /// Collects record ids too.
    pub(crate) fn with_ids(self) -> Self {
        Self { collects: true, ..self }
    }

    /// Where the next group begins.
    pub(crate) fn position(&self) -> Offset {
        self.next
    }

    pub(crate) fn into_window(self) -> Window<'a> {
        self.window
    }

    /// The next group. After `Bad` the scan stays where it is.
    pub(crate) fn step(&mut self) -> io::Result<Step> {
        let ids = self.ids.len();
        self.keys.clear();
        (self.checkpoint, self.last_record) = (None, None);
        let step = self.group();
        if !matches!(step, Ok(Step::Group(_))) {
            self.ids.truncate(ids);
        }
        step
    }

    fn group(&mut self) -> io::Result<Step> {
        let start = self.next;
        let mut at = start;
        let mut records = 0_u32;
        let mut payload_bytes = 0;
        loop {
            let pos = self.header.file_pos(at);
            let mut bytes = self.window.at(pos, frame::HEADER)?;
            let mut parsed = frame::parse_next(bytes, self.stamp, at, &mut self.last_word);
            if let Parsed::Short(whole) = parsed {
                bytes = self.window.at(pos, whole)?;
                parsed = frame::parse_next(bytes, self.stamp, at, &mut self.last_word);
            }
            let end = |whole: usize| Offset::new(at.get() + whole as u64);
            match parsed {
                Parsed::Frame(Frame::Record { len }, whole) => {
                    if self.collects {
                        self.ids.extend_from_slice(&bytes[8..frame::HEADER]);
                    }
                    records = records.saturating_add(1);
                    payload_bytes += len as u64;
                    at = end(whole);
                    self.last_record = Some(at);
                }
                Parsed::Frame(Frame::Control(ControlKind::Checkpoint, _), whole) => {
                    self.checkpoint = Some(at);
                    at = end(whole);
                }
                Parsed::Frame(Frame::Control(ControlKind::Key, len), whole) => {
                    let key = Key::decode(&bytes[frame::HEADER..frame::HEADER + len]);
                    at = end(whole);
                    self.keys.extend(key.map(|(id, content)| (id, content, at)));
                }
                Parsed::Frame(Frame::Control(..) | Frame::Skipped, whole) => at = end(whole),
                Parsed::Frame(Frame::Commit(commit), whole) => {
                    if commit.batch_start != start || commit.records != records {
                        let reason = format!(
                            "the commit frame covers {} records from {}, found {records} from {start}",
                            commit.records, commit.batch_start
                        );
                        return Ok(Step::Bad(self.describe(at, &reason)));
                    }
                    self.next = self.holes.bridge(end(whole));
                    return Ok(Step::Group(Group { start, end: end(whole), commit, payload_bytes }));
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
        let Some(skip) = first_landmark(bytes, header.offset(FilePos(pos))) else {
            pos += ((bytes.len() - frame::COMMIT) as u64 / 8 + 1) * 8;
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

/// The distance of the first word that looks like a landmark's and has a whole header behind it. `bytes` begin at `start`.
fn first_landmark(bytes: &[u8], start: Offset) -> Option<usize> {
    let last = bytes.len() - frame::COMMIT;
    let mut at = 0;
    while at <= last {
        // Long runs of zeros are common, where nothing was written yet.
        if at % CHUNK == 0 && bytes.len() - at >= CHUNK && is_zero(&bytes[at..at + CHUNK]) {
            at += CHUNK;
            continue;
        }
        let word = frame::word(bytes, at);
        if word == frame::COMMIT_WORD || frame::is_seal_word(word) && names_itself(&bytes[at..], start, at) {
            return Some(at);
        }
        at += 8;
    }
    None
}

/// A seal's body begins with the seal's own offset: looked at first, for many bytes look like a seal's length word, and
/// that length is long.
fn names_itself(frame: &[u8], start: Offset, at: usize) -> bool {
    match frame.get(frame::HEADER..frame::HEADER + 8) {
        Some(own) => frame::long(own, 0) == start.get() + at as u64,
        None => true,
    }
}

/// Whether there are only zeros, many bytes at a time.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |any, byte| any | byte) == 0
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
        let zeros = bytes.rchunks(CHUNK).take_while(|chunk| is_zero(chunk)).map(<[u8]>::len).sum::<usize>();
        if let Some(last) = bytes[..bytes.len() - zeros].iter().rposition(|byte| *byte != 0) {
            end = pos + last as u64 + 1;
        }
        pos += bytes.len() as u64;
    }
    Ok(FilePos(end))
}

#[cfg(test)]
mod tests;
