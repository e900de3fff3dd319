//! Whole groups of one segment, read piece by piece into a batch's buffer, each piece checked while the cache holds it.
//!
//!   read a piece -> frame, frame, ... commit: the group counts -> next piece, until the limit or the seal
//!
//! Nothing is copied and nothing is parsed twice: the buffer is the file from `from` on, and a payload lies in it as it
//! lies in the file.

use std::io;

use annals_record::{Offset, Place, ReadLimit};

use crate::crc::{LastWord, Stamp};
use crate::disk::{self, DiskFile};
use crate::frame::{self, Commit, Frame, Parsed};
use crate::scan::{self, Group};
use crate::segment::SegmentHeader;

/// How much is read at once at most: what is lent as one batch comes in one call, or nearly.
const PIECE: usize = 1280 << 10;
/// Room beyond what a limit seems to need, for frames' headers and for the group that crosses it.
const SLACK: usize = 16 << 10;
/// What a record is taken to need before any was seen.
const FIRST_GUESS: usize = 4 << 10;
/// A batch stops growing here whatever its limit: places in it are 32 bits.
const MOST_BYTES: usize = 1 << 30;

/// What one look into a segment gave.
#[derive(Debug)]
pub(crate) struct Look {
    /// The end of the last whole group, or of the seal.
    pub(crate) next: Offset,
    /// It ended with the segment's seal.
    pub(crate) sealed: bool,
    /// What stopped it, if not the limit or the seal.
    pub(crate) bad: Option<String>,
}

/// A segment that groups are read from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Groups<'a> {
    pub(crate) file: &'a dyn DiskFile,
    pub(crate) header: &'a SegmentHeader,
    /// Nothing at or beyond this is read.
    pub(crate) end: Offset,
    pub(crate) limit: ReadLimit,
}

impl Groups<'_> {
    /// Reads groups from `from` on, up to the limit, and tells each to `seen`. The records' places are added to `places`,
    /// which is empty; `bytes` only grows.
    pub(crate) fn look(
        &self,
        from: Offset,
        bytes: &mut Vec<u8>,
        places: &mut Vec<Place>,
        mut seen: impl FnMut(&Group),
    ) -> io::Result<Look> {
        let mut walk = Walk {
            header: self.header,
            stamp: Stamp::new(&self.header.log, self.header.term),
            last_word: LastWord::default(),
            from,
            limit: ReadLimit { bytes: self.limit.bytes.min(MOST_BYTES), ..self.limit },
            available: self.end.get() - from.get(),
            at: 0,
            group_at: 0,
            whole: 0,
            payload_bytes: 0,
            whole_bytes: 0,
            needed: 0,
        };
        let mut held = 0;
        let stop = loop {
            let until = held + walk.piece(held, places.len());
            if u32::try_from(until).is_err() {
                break Stop::Bad(scan::describe(self.header, from, "a group of more than 4 GiB"));
            }
            if bytes.len() < until {
                bytes.resize(until, 0);
            }
            let pos = self.header.file_pos(from).0 + held as u64;
            let read = disk::read_full(self.file, &mut bytes[held..until], pos)?;
            // The file may end below the watermark: zeros fail to parse, and name the place.
            bytes[held + read..until].fill(0);
            held = until;
            if let Some(stop) = walk.groups(&bytes[..held], places, &mut seen) {
                break stop;
            }
        };
        places.truncate(walk.whole);
        let (sealed, bad) = match stop {
            Stop::Limit => (false, None),
            Stop::Seal => (true, None),
            Stop::Bad(reason) => (false, Some(reason)),
        };
        Ok(Look { next: walk.place(walk.group_at), sealed, bad })
    }
}

/// Why a walk ended.
enum Stop {
    /// There is enough, or all that is durable.
    Limit,
    Seal,
    Bad(String),
}

/// The state of a look between two pieces. Distances are from `from`.
struct Walk<'a> {
    header: &'a SegmentHeader,
    stamp: Stamp,
    last_word: LastWord,
    from: Offset,
    limit: ReadLimit,
    /// How many bytes there are to read at most.
    available: u64,
    /// The next frame.
    at: usize,
    /// The end of the last whole group.
    group_at: usize,
    /// How many places are of whole groups.
    whole: usize,
    payload_bytes: usize,
    /// ... of whole groups.
    whole_bytes: usize,
    /// How many bytes must be held to go on.
    needed: usize,
}

impl Walk<'_> {
    fn place(&self, at: usize) -> Offset {
        Offset::new(self.from.get() + at as u64)
    }

    /// How much to read next, with `held` bytes there and `records` seen in them.
    fn piece(&self, held: usize, records: usize) -> usize {
        let each = self.at.checked_div(records).unwrap_or(FIRST_GUESS);
        let records_left = self.limit.records.saturating_sub(records);
        let bytes_left = self.limit.bytes.saturating_sub(self.payload_bytes);
        let estimate = each.saturating_mul(records_left).min(bytes_left);
        // How much is left of a group that has passed the limit is unknown: little is read in vain, in few calls.
        let wanted = estimate.saturating_add(SLACK).max(held / 16).min(PIECE);
        let left = usize::try_from(self.available - held as u64).unwrap_or(usize::MAX);
        wanted.max(self.needed.saturating_sub(held)).min(left)
    }

    /// Goes on with the groups in `bytes`, which begin at `from`. None if more bytes are needed first.
    fn groups(
        &mut self,
        bytes: &[u8],
        places: &mut Vec<Place>,
        seen: &mut impl FnMut(&Group),
    ) -> Option<Stop> {
        let all = bytes.len() as u64 == self.available;
        loop {
            let (at, offset) = (self.at, self.place(self.at));
            let rest = &bytes[at..];
            match frame::parse_next(rest, self.stamp, offset, &mut self.last_word) {
                Parsed::Frame(Frame::Record { len }, whole) => {
                    places.push(Place { offset, start: (at + frame::HEADER) as u32, len: len as u32 });
                    self.payload_bytes += len;
                    self.at += whole;
                }
                Parsed::Frame(Frame::Control(..) | Frame::Skipped, whole) => self.at += whole,
                Parsed::Frame(Frame::Commit(commit), whole) => {
                    if !self.fits(&commit, places.len() - self.whole) {
                        return self.bad("the commit frame does not fit its group");
                    }
                    self.at += whole;
                    seen(&Group {
                        start: self.place(self.group_at),
                        end: self.place(self.at),
                        commit,
                        payload_bytes: (self.payload_bytes - self.whole_bytes) as u64,
                    });
                    (self.group_at, self.whole, self.whole_bytes) =
                        (self.at, places.len(), self.payload_bytes);
                    if places.len() >= self.limit.records || self.payload_bytes >= self.limit.bytes {
                        return Some(Stop::Limit);
                    }
                }
                Parsed::Frame(Frame::Seal, whole) if at == self.group_at => {
                    self.at += whole;
                    self.group_at = self.at;
                    return Some(Stop::Seal);
                }
                Parsed::Frame(Frame::Seal, _) => return self.bad("a seal within a group"),
                Parsed::Zeros if all && rest.is_empty() && at == self.group_at => return Some(Stop::Limit),
                Parsed::Zeros if all || rest.len() >= frame::HEADER => {
                    return self.bad("zeros where a frame should be");
                }
                Parsed::Short(whole) if all => return self.bad(&format!("a frame of {whole} bytes is cut")),
                Parsed::Zeros => return self.more(frame::HEADER),
                Parsed::Short(whole) => return self.more(whole),
                Parsed::Bad(reason) => return self.bad(&reason),
            }
        }
    }

    fn fits(&self, commit: &Commit, records: usize) -> bool {
        // A reader may begin within a group; then the count cannot be checked.
        let within = self.group_at == 0 && commit.batch_start < self.from;
        within || commit.batch_start == self.place(self.group_at) && commit.records as usize == records
    }

    fn more(&mut self, whole: usize) -> Option<Stop> {
        self.needed = self.at + whole;
        None
    }

    fn bad(&self, reason: &str) -> Option<Stop> {
        Some(Stop::Bad(scan::describe(self.header, self.place(self.at), reason)))
    }
}

#[cfg(test)]
mod tests;
