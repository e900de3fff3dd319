//! The frames of one segment file, one by one, for people who look into a log, damaged or not.
//!
//!   header -> frame, frame, [nothing verifies: named, then found again] frame, ..., seal | zeros
//!
//! U1: what is shown as a frame verifies at its place. Everything else is named with its range, and the walk goes on
//! behind it: no byte of the file is passed over in silence.

use std::path::{Path, PathBuf};

use annals_record::{LogId, Offset, RecordId, Term};

use crate::crc::Stamp;
use crate::disk::{Disk, DiskFile, Mode};
use crate::error::Error;
use crate::frame::{self, Commit, ControlKind, Frame, Parsed};
use crate::scan::{self, Window};
use crate::seal::Seal;
use crate::segment::{FilePos, HEADER_LEN, SegmentHeader};

mod audit;
mod header;
mod hunt;

pub use audit::Audit;

/// A segment's file, opened to be looked into. Only the file itself is believed, and where its header does not verify
/// the headers of its neighbours.
#[derive(Debug)]
pub struct SegmentFile {
    file: Box<dyn DiskFile>,
    header: SegmentHeader,
    flaw: Option<String>,
    path: PathBuf,
}

/// What a segment's header says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Head {
    /// Which log it is of.
    pub log: LogId,
    /// The term of all its frames.
    pub term: Term,
    /// Where that term began.
    pub term_start: Offset,
    /// The offset of its first frame.
    pub base: Offset,
    /// How many records stand before it.
    pub records_before: u64,
    /// When it was made, microseconds since 1970-01-01T00:00:00Z.
    pub created_micros: i64,
    /// The hash over the ids of all records before it.
    pub chain: [u8; 32],
    /// Where the latest checkpoint before it stands.
    pub checkpoint: Option<Offset>,
}

/// A walk over a segment's frames.
#[derive(Debug)]
pub struct Frames<'a> {
    header: &'a SegmentHeader,
    path: &'a Path,
    stamp: Stamp,
    window: Window<'a>,
    /// Behind the last byte that is not zero.
    bytes_end: FilePos,
    at: Offset,
    sums: Sums,
    sealed: bool,
}

/// What the groups so far come to, for commit frames and the seal to be held to.
#[derive(Debug)]
struct Sums {
    /// Where the group began, and its records so far; none behind bytes that do not verify.
    group: Option<(Offset, u32)>,
    /// Groups and records in all; none behind bytes that do not verify.
    all: Option<(u64, u64)>,
}

/// The next stretch of a segment.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stretch<'a> {
    /// A frame that verifies.
    Frame(Sound<'a>),
    /// Bytes in which nothing verifies.
    Broken(Broken),
    /// Nothing but zeros up to the file's end: room for what is appended next.
    Unwritten {
        /// Where it begins in the log.
        offset: Offset,
        /// Its length in bytes.
        len: u64,
    },
}

/// A frame whose CRC holds at its place.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sound<'a> {
    /// Where it stands in the log.
    pub offset: Offset,
    /// Where it stands in the file, in bytes.
    pub pos: u64,
    /// Its length in bytes, header and padding included.
    pub len: u64,
    /// Its CRC32C.
    pub crc: u32,
    /// What it is.
    pub content: Content<'a>,
    /// What is wrong with it all the same: it contradicts itself or what stands before it.
    pub flaw: Option<String>,
}

/// What a frame says.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content<'a> {
    /// A record.
    Record {
        /// Its identity, as the frame says.
        id: RecordId,
        /// Its payload.
        payload: &'a [u8],
    },
    /// The end of a group.
    Commit {
        /// Where the group begins.
        start: Offset,
        /// The first place that was not durable when the group was written.
        durable_upto: Offset,
        /// Journal time, microseconds since 1970-01-01T00:00:00Z.
        time_micros: i64,
        /// How many records the group holds.
        records: u32,
    },
    /// A place that a caller has marked.
    Checkpoint {
        /// The caller's bytes.
        body: &'a [u8],
    },
    /// The end of the segment.
    Seal {
        /// Records in the segment.
        records: u64,
        /// Groups in it.
        groups: u64,
        /// Bytes of payload in it.
        payload_bytes: u64,
        /// The journal times of its first and its last group; none without a group.
        times: Option<(i64, i64)>,
        /// The hash over the ids of all records up to here.
        chain: [u8; 32],
        /// The term of the next segment.
        next_term: Term,
    },
    /// What a repair did.
    Audit {
        /// Its body: see [`Audit::of`].
        body: &'a [u8],
    },
    /// An idempotency key: of the append whose records follow.
    Key {
        /// The BLAKE3 over the ids of the append's records.
        content: RecordId,
        /// The key.
        key: &'a [u8],
    },
    /// Room that is filled.
    Pad,
    /// Of a kind that this version does not know, and may pass over; or with a body it cannot read.
    Unknown {
        /// Its body.
        body: &'a [u8],
    },
}

/// A stretch in which nothing verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Broken {
    /// Where it begins in the log.
    pub offset: Offset,
    /// Where it begins in the file, in bytes.
    pub pos: u64,
    /// Its length in bytes.
    pub len: u64,
    /// What was found where it begins.
    pub reason: String,
}

impl Content<'_> {
    /// Its kind, in one word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Record { .. } => "record",
            Self::Commit { .. } => "commit",
            Self::Checkpoint { .. } => "checkpoint",
            Self::Seal { .. } => "seal",
            Self::Audit { .. } => "audit",
            Self::Key { .. } => "key",
            Self::Pad => "pad",
            Self::Unknown { .. } => "unknown",
        }
    }
}

impl SegmentFile {
    /// Opens the segment at `path` for looking into it. Takes no lock and changes nothing.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::NotAJournal`] if it is no segment, or if its header does not verify and
    /// nothing beside it says of which log and term it is; [`Error::NewerFormat`].
    pub fn open(disk: &dyn Disk, path: &Path) -> Result<Self, Error> {
        let file = disk.open(path, Mode::Read).map_err(|error| Error::io("open", path, error))?;
        let (header, flaw) = header::read(disk, path, &*file)?;
        Ok(Self { file, header, flaw, path: path.to_owned() })
    }

    /// What its header says; none if that does not verify.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.flaw.is_none().then_some(Head {
            log: self.header.log,
            term: self.header.term,
            term_start: self.header.term_start,
            base: self.header.base,
            records_before: self.header.records_before,
            created_micros: self.header.created_micros,
            chain: self.header.chain,
            checkpoint: self.header.checkpoint,
        })
    }

    /// The offset of its first frame.
    #[must_use]
    pub fn base(&self) -> Offset {
        self.header.base
    }

    /// What is wrong with its header, and under which log and term its frames are read instead.
    #[must_use]
    pub fn flaw(&self) -> Option<&str> {
        self.flaw.as_deref()
    }

    /// A walk over all its frames, from its base on.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read.
    pub fn frames(&self) -> Result<Frames<'_>, Error> {
        let failed = |error| Error::io("read", &self.path, error);
        let mut window = Window::new(&*self.file, u64::MAX).map_err(failed)?;
        let bytes_end = scan::end_of_bytes(&mut window, FilePos(HEADER_LEN)).map_err(failed)?;
        Ok(Frames {
            header: &self.header,
            path: &self.path,
            stamp: Stamp::new(&self.header.log, self.header.term),
            window,
            bytes_end,
            at: self.header.base,
            sums: Sums { group: Some((self.header.base, 0)), all: Some((0, 0)) },
            sealed: false,
        })
    }
}

impl Frames<'_> {
    /// The next stretch; none at the file's end. Its bytes are lent until the next call.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read.
    pub fn next_stretch(&mut self) -> Result<Option<Stretch<'_>>, Error> {
        let path = self.path;
        self.step().map_err(|error| Error::io("read", path, error))
    }

    fn step(&mut self) -> std::io::Result<Option<Stretch<'_>>> {
        let (at, pos) = (self.at, self.header.file_pos(self.at));
        if pos.0 >= self.window.len() {
            return Ok(None);
        }
        let rest = self.window.len() - pos.0;
        if self.sealed {
            self.at = self.header.offset(FilePos(self.window.len()));
            let reason = "bytes behind the seal".to_owned();
            return Ok(Some(Stretch::Broken(Broken { offset: at, pos: pos.0, len: rest, reason })));
        }
        if pos >= self.bytes_end {
            self.at = self.header.offset(FilePos(self.window.len()));
            return Ok(Some(Stretch::Unwritten { offset: at, len: rest }));
        }
        let reason = match self.parse(at)? {
            Parsed::Frame(frame, whole) => return self.sound(&frame, whole).map(Some),
            Parsed::Zeros => "zeros where a frame would begin".to_owned(),
            Parsed::Short(whole) => format!("a frame of {whole} bytes is cut by the end of the file"),
            Parsed::Bad(reason) => reason,
        };
        let end = self.hunt()?;
        self.sums = Sums { group: None, all: None };
        self.at = end;
        let len = end.get() - at.get();
        Ok(Some(Stretch::Broken(Broken { offset: at, pos: pos.0, len, reason })))
    }

    /// What stands at `at`.
    fn parse(&mut self, at: Offset) -> std::io::Result<Parsed> {
        let pos = self.header.file_pos(at);
        let parsed = frame::parse_at(self.window.at(pos, frame::HEADER)?, self.stamp, at);
        match parsed {
            Parsed::Short(whole) if pos.0.saturating_add(whole as u64) <= self.window.len() => {
                Ok(frame::parse_at(self.window.at(pos, whole)?, self.stamp, at))
            }
            parsed => Ok(parsed),
        }
    }

    /// The frame of `whole` bytes that was parsed where the walk stands, which then goes on behind it.
    fn sound(&mut self, parsed: &Frame, whole: usize) -> std::io::Result<Stretch<'_>> {
        let (offset, pos) = (self.at, self.header.file_pos(self.at));
        self.at = Offset::new(offset.get() + whole as u64);
        let bytes = self.window.at(pos, whole)?;
        let words: [u8; 32] = frame::array(&bytes[8..frame::HEADER]);
        let crc = frame::word(bytes, 4);
        let (content, flaw) = match parsed {
            Frame::Record { len } => {
                self.sums.count();
                let (id, payload) = (RecordId::from_bytes(words), &bytes[frame::HEADER..][..*len]);
                let found = RecordId::of(payload);
                let flaw = (found != id).then(|| format!("the payload's BLAKE3 is {found}"));
                (Content::Record { id, payload }, flaw)
            }
            Frame::Commit(commit) => {
                let flaw = self.sums.commit(commit, self.at);
                let Commit { batch_start: start, durable_upto, time_micros, records } = *commit;
                (Content::Commit { start, durable_upto, time_micros, records }, flaw)
            }
            Frame::Seal => {
                self.sealed = true;
                match Seal::decode(&bytes[..whole], self.header, offset) {
                    Ok(seal) => {
                        let flaw = self.sums.seal(&seal);
                        let times = (seal.groups > 0).then_some((seal.first_micros, seal.last_micros));
                        let Seal { records, groups, payload_bytes, chain, next_term, .. } = seal;
                        (Content::Seal { records, groups, payload_bytes, times, chain, next_term }, flaw)
                    }
                    Err(reason) => (Content::Unknown { body: &bytes[frame::HEADER..whole] }, Some(reason)),
                }
            }
            Frame::Control(kind, len) => {
                let body = &bytes[frame::HEADER..][..*len];
                let content = match (kind, body.split_at_checked(32)) {
                    (ControlKind::Checkpoint, _) => Content::Checkpoint { body },
                    (ControlKind::Audit, _) => Content::Audit { body },
                    (ControlKind::Pad, _) => Content::Pad,
                    (ControlKind::Key, Some((content, key))) => {
                        Content::Key { content: RecordId::from_bytes(frame::array(content)), key }
                    }
                    _ => Content::Unknown { body },
                };
                let flaw =
                    matches!(content, Content::Unknown { .. }).then(|| "its body is too short".to_owned());
                (content, flaw)
            }
            Frame::Skipped => (Content::Unknown { body: &bytes[frame::HEADER..whole] }, None),
        };
        Ok(Stretch::Frame(Sound { offset, pos: pos.0, len: whole as u64, crc, content, flaw }))
    }
}

impl Sums {
    fn count(&mut self) {
        if let Some((_, records)) = &mut self.group {
            *records = records.saturating_add(1);
        }
    }

    /// Ends the group; says what its commit frame, which ends at `end`, contradicts.
    fn commit(&mut self, commit: &Commit, end: Offset) -> Option<String> {
        let group = self.group.replace((end, 0));
        if let Some((groups, records)) = &mut self.all {
            *groups += 1;
            *records += u64::from(commit.records);
        }
        let (start, records) = group?;
        (commit.batch_start != start || commit.records != records)
            .then(|| format!("the group has {records} records from {start}"))
    }

    fn seal(&self, seal: &Seal) -> Option<String> {
        let (groups, records) = self.all?;
        (seal.groups != groups || seal.records != records)
            .then(|| format!("the segment has {records} records in {groups} groups"))
    }
}

#[cfg(test)]
mod tests;
