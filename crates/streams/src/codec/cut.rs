//! A plain segment cut into stretches that become blocks: at the end of a group where a group fits into a block, else
//! between two frames.
//!
//! ```text
//!   [header] | group group group | group group | bytes that do not verify | group | [seal]
//!   verbatim     frames             frames        verbatim                  frames   verbatim
//! ```

use std::ops::Range;

use annals_journal::layout::{Found, Home, Piece, SEGMENT_HEADER};
use annals_journal::{DiskFile, Offset};

use super::container::read_full;
use super::error::CodecError;
use super::skeleton::Open;

/// How many records a block holds at most.
pub(crate) const BLOCK_RECORDS: usize = 4096;
/// How many frames that are no records: more than that only where groups are empty, or full of keys.
const BLOCK_CONTROLS: usize = 2 * BLOCK_RECORDS;
/// How much is read at once.
const READ: usize = 1 << 20;
/// How long a verbatim stretch is at most.
const VERBATIM: usize = 1 << 20;
/// How every commit frame begins: what is looked for behind bytes that do not verify.
const COMMIT_MARK: [u8; 4] = [0, 0, 0, 0x80];
const COMMIT_LEN: usize = 40;

/// A stretch of the plain segment.
#[derive(Debug)]
pub(crate) enum Stretch<'a> {
    /// Whole frames, each of which comes again.
    Frames { plain_pos: u64, bytes: &'a [u8], frames: &'a [Range<usize>], open: Open },
    /// Anything else.
    Verbatim { plain_pos: u64, bytes: &'a [u8] },
}

/// The walk over a segment.
pub(crate) struct Cutter<'a> {
    plain: &'a dyn DiskFile,
    len: u64,
    home: Home,
    block_bytes: usize,
    /// The segment from `start` on, as far as it was read.
    held: Vec<u8>,
    start: u64,
    /// The frames in `held`, one behind the other from its beginning.
    frames: Vec<Range<usize>>,
    /// What they come to.
    sums: Sums,
    /// The same of the frames up to the last commit.
    whole: Sums,
    /// The group that is open where `held` begins, and behind the last frame.
    open: Open,
    open_now: Open,
    /// ... and behind the last commit.
    open_whole: Open,
}

/// What frames come to: how many there are, records among them, and the bytes of their bodies.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    frames: usize,
    records: usize,
    bytes: usize,
}

/// Cuts `plain` into stretches and gives them to `each`, in order.
pub(crate) fn cut(
    plain: &dyn DiskFile,
    block_bytes: usize,
    mut each: impl FnMut(&Home, Stretch<'_>) -> Result<(), CodecError>,
) -> Result<(Home, u64), CodecError> {
    let len = plain.len().map_err(CodecError::Read)?;
    let mut header = vec![0; SEGMENT_HEADER as usize];
    let held = read_full(plain, &mut header, 0).map_err(CodecError::Read)?;
    let home = Home::read(&header[..held])
        .ok_or_else(|| CodecError::NotSealed { reason: "its header does not verify".to_owned() })?;
    each(&home, Stretch::Verbatim { plain_pos: 0, bytes: &header })?;
    let open = Open { start: home.base, records: 0 };
    let mut cutter = Cutter {
        plain,
        len,
        home,
        block_bytes,
        held: Vec::new(),
        start: SEGMENT_HEADER,
        frames: Vec::new(),
        sums: Sums::default(),
        whole: Sums::default(),
        open,
        open_now: open,
        open_whole: open,
    };
    cutter.run(&mut each)?;
    Ok((home, len))
}

impl Cutter<'_> {
    fn run(
        &mut self,
        each: &mut impl FnMut(&Home, Stretch<'_>) -> Result<(), CodecError>,
    ) -> Result<(), CodecError> {
        loop {
            let at = self.frames.last().map_or(0, |frame| frame.end);
            let offset = self.offset(at);
            let found = self.home.take(offset, &self.held[at..]);
            if let Found::Needs(bytes) = found {
                if !self.fill(at + bytes)? {
                    self.give(true, each)?;
                    self.pass(each)?;
                }
                continue;
            }
            match found {
                Found::Piece(piece, whole) => {
                    let (body, commit) = (piece.body().map_or(0, <[u8]>::len), piece.body().is_none());
                    let record = matches!(piece, Piece::Record(_));
                    if self.is_full(body, record) {
                        self.give(false, each)?;
                        continue;
                    }
                    self.frames.push(at..at + whole);
                    self.add(body, record, commit, self.offset(at + whole));
                }
                Found::Seal(whole) if self.start + (at + whole) as u64 == self.len => {
                    self.give(true, each)?;
                    let bytes = &self.held[..whole];
                    return each(&self.home, Stretch::Verbatim { plain_pos: self.start, bytes });
                }
                Found::Seal(_) | Found::Other | Found::Needs(_) => {
                    self.give(true, each)?;
                    self.pass(each)?;
                }
            }
        }
    }

    fn offset(&self, at: usize) -> Offset {
        Offset::new(self.home.base.get() + (self.start - SEGMENT_HEADER) + at as u64)
    }

    /// Whether a frame with this body would be too much for the block that is being filled.
    fn is_full(&self, body: usize, record: bool) -> bool {
        let Sums { frames, records, bytes } = self.sums;
        let counted = if record { records >= BLOCK_RECORDS } else { frames - records >= BLOCK_CONTROLS };
        frames > 0 && (counted || bytes.saturating_add(body) > self.block_bytes)
    }

    fn add(&mut self, body: usize, record: bool, commit: bool, end: Offset) {
        self.sums.frames += 1;
        self.sums.records += usize::from(record);
        self.sums.bytes += body;
        if record {
            self.open_now.records = self.open_now.records.wrapping_add(1);
        }
        if commit {
            self.open_now = Open { start: end, records: 0 };
            (self.whole, self.open_whole) = (self.sums, self.open_now);
        }
    }

    /// Gives the frames up to the last commit, or all of them if there is none, or if `all` are to go.
    fn give(
        &mut self,
        all: bool,
        each: &mut impl FnMut(&Home, Stretch<'_>) -> Result<(), CodecError>,
    ) -> Result<(), CodecError> {
        let all = all || self.whole.frames == 0;
        let (given, open) = if all { (self.sums, self.open_now) } else { (self.whole, self.open_whole) };
        let Some(end) = given.frames.checked_sub(1).map(|last| self.frames[last].end) else { return Ok(()) };
        let (bytes, frames) = (&self.held[..end], &self.frames[..given.frames]);
        each(&self.home, Stretch::Frames { plain_pos: self.start, bytes, frames, open: self.open })?;
        self.open = open;
        self.frames.drain(..given.frames);
        self.frames.iter_mut().for_each(|frame| *frame = frame.start - end..frame.end - end);
        self.drop_front(end);
        self.sums = Sums {
            frames: self.sums.frames - given.frames,
            records: self.sums.records - given.records,
            bytes: self.sums.bytes - given.bytes,
        };
        self.whole = Sums::default();
        Ok(())
    }

    fn drop_front(&mut self, bytes: usize) {
        self.held.drain(..bytes);
        self.start += bytes as u64;
    }

    /// Holds at least `bytes` of the segment, or says that it has not so many.
    fn fill(&mut self, bytes: usize) -> Result<bool, CodecError> {
        if self.held.len() >= bytes {
            return Ok(true);
        }
        let left = self.len - self.start;
        if bytes as u64 > left {
            return Ok(false);
        }
        let held = self.held.len();
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.max(held + READ));
        self.held.resize(want, 0);
        let pos = self.start + held as u64;
        let read = read_full(self.plain, &mut self.held[held..], pos).map_err(CodecError::Read)?;
        self.held.truncate(held + read);
        Ok(self.held.len() >= bytes)
    }

    /// Gives bytes verbatim up to the end of the next commit that verifies.
    fn pass(
        &mut self,
        each: &mut impl FnMut(&Home, Stretch<'_>) -> Result<(), CodecError>,
    ) -> Result<(), CodecError> {
        let mut at = 8;
        loop {
            if !self.fill(at + COMMIT_LEN)? {
                let reason = "it does not end with a seal that verifies".to_owned();
                return Err(CodecError::NotSealed { reason });
            }
            let found = if self.held[at..].starts_with(&COMMIT_MARK) {
                self.home.take(self.offset(at), &self.held[at..at + COMMIT_LEN])
            } else if self.is_last(at)? {
                self.home.take(self.offset(at), &self.held[at..])
            } else {
                Found::Other
            };
            match found {
                Found::Piece(_, whole) => {
                    let end = at + whole;
                    self.verbatim(end, each)?;
                    let open = Open { start: self.offset(0), records: 0 };
                    (self.open, self.open_now, self.open_whole) = (open, open, open);
                    return Ok(());
                }
                // The walk meets it again, and ends with it.
                Found::Seal(_) => return self.verbatim(at, each),
                Found::Needs(_) | Found::Other => at += 8,
            }
            if at >= VERBATIM {
                self.verbatim(at, each)?;
                at = 0;
            }
        }
    }

    /// Whether a seal stands at `at` that would end the file; it is held then.
    fn is_last(&mut self, at: usize) -> Result<bool, CodecError> {
        let word =
            u32::from_le_bytes([self.held[at], self.held[at + 1], self.held[at + 2], self.held[at + 3]]);
        let len = annals_journal::layout::frame_len((word & 0x0fff_ffff) as usize);
        let ends = word >> 28 == 0b1010 && self.start + (at + len) as u64 == self.len;
        Ok(ends && self.fill(at + len)?)
    }

    fn verbatim(
        &mut self,
        len: usize,
        each: &mut impl FnMut(&Home, Stretch<'_>) -> Result<(), CodecError>,
    ) -> Result<(), CodecError> {
        if len > 0 {
            each(&self.home, Stretch::Verbatim { plain_pos: self.start, bytes: &self.held[..len] })?;
            self.drop_front(len);
        }
        Ok(())
    }
}
