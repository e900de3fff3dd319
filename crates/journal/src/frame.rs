//! Frames: how one record, or one control message, lies in a segment. Drawn byte by byte in `docs/format.md`.
//!
//!   [len:u32][crc32c:u32][blake3:32][body:len][zeros to a multiple of 8]
//!
//! F1: `len` is believed only up to its bound before the CRC holds, and the CRC holds only at one place of one log: it
//! covers log id, term and offset. They come last, so the bulk is computed before the offset is known.

use annals_record::seeded::{self, Bug};
use annals_record::{LogId, Offset, Term};

use crate::crc::{self, LastWord, Stamp};

/// Bytes before a frame's body.
pub(crate) const HEADER: usize = 40;
/// The largest body: 28 bits of length.
pub(crate) const MAX_PAYLOAD: usize = (1 << 28) - 1;
/// A commit frame in all: it has no body, its words stand where a record has its BLAKE3.
pub(crate) const COMMIT: usize = HEADER;

const CONTROL: u32 = 1 << 31;
const KIND_SHIFT: u32 = 28;
const LEN_MASK: u32 = (1 << KIND_SHIFT) - 1;
const _: () = assert!(MAX_PAYLOAD == LEN_MASK as usize, "the largest body has a length word");
/// The first four bytes of every commit frame: what a scan looks for when it resynchronises.
pub(crate) const COMMIT_WORD: u32 = CONTROL;

/// What a control frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ControlKind {
    Commit = 0,
    Checkpoint = 1,
    Seal = 2,
    Audit = 3,
    Pad = 4,
    Key = 5,
}

impl ControlKind {
    /// The kind with this number; a number not given out yet is `Err` and says whether a reader may skip it.
    fn of(number: u32) -> Result<Self, bool> {
        match number {
            0 => Ok(Self::Commit),
            1 => Ok(Self::Checkpoint),
            2 => Ok(Self::Seal),
            3 => Ok(Self::Audit),
            4 => Ok(Self::Pad),
            5 => Ok(Self::Key),
            6 => Err(true),
            _ => Err(false),
        }
    }
}

/// The one place where a frame verifies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) log: LogId,
    pub(crate) term: Term,
    pub(crate) offset: Offset,
}

impl Place {
    /// The place so many bytes behind this one.
    pub(crate) fn behind(&self, bytes: usize) -> Self {
        Self { offset: Offset::new(self.offset.get() + bytes as u64), ..*self }
    }
}

/// What a commit frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    /// Where the group begins: the end of the commit before it.
    pub(crate) batch_start: Offset,
    /// The durable watermark when the group was written.
    pub(crate) durable_upto: Offset,
    /// Journal time.
    pub(crate) time_micros: i64,
    /// How many records the group holds.
    pub(crate) records: u32,
}

/// A frame that verifies.
#[derive(Debug)]
pub(crate) enum Frame {
    /// A record: its id is the 32 bytes before `HEADER`, its payload the `len` bytes from there on.
    Record {
        len: usize,
    },
    Commit(Commit),
    /// A control frame that readers of records pass over, with a body of so many bytes.
    Control(ControlKind, usize),
    /// A control frame of a kind not given out yet that may be passed over.
    Skipped,
    Seal,
}

/// What stands at a place.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// A whole frame of so many bytes, padding included.
    Frame(Frame, usize),
    /// Nothing but zeros where a header would be.
    Zeros,
    /// A frame that would need this many bytes from its beginning.
    Short(usize),
    /// Nothing that verifies; what is wrong with it.
    Bad(String),
}

/// Whether a frame that begins with this word would be a seal.
pub(crate) fn is_seal_word(word: u32) -> bool {
    word >> KIND_SHIFT == (CONTROL >> KIND_SHIFT | ControlKind::Seal as u32)
}

/// The length of the body in a length word.
pub(crate) fn body_len(word: u32) -> usize {
    (word & LEN_MASK) as usize
}

/// The CRC that belongs to the frame at the beginning of `bytes` if its body has `len` bytes; they are there.
pub(crate) fn crc(bytes: &[u8], len: usize, place: &Place) -> u32 {
    let bulk = crc::bulk(word(bytes, 0), &bytes[8..HEADER + len]);
    Stamp::new(&place.log, place.term).placed(bulk, place.offset)
}

/// A frame's length with its padding.
pub(crate) fn padded(body: usize) -> usize {
    (HEADER + body).next_multiple_of(8)
}

impl Commit {
    /// Its words, as they stand in the frame.
    pub(crate) fn words(&self) -> [u8; 32] {
        let mut words = [0; 32];
        words[..8].copy_from_slice(&self.batch_start.get().to_le_bytes());
        words[8..16].copy_from_slice(&self.durable_upto.get().to_le_bytes());
        words[16..24].copy_from_slice(&self.time_micros.to_le_bytes());
        words[24..28].copy_from_slice(&self.records.to_le_bytes());
        words
    }
}

/// A whole frame at its place.
pub(crate) fn encode(word: u32, words: &[u8; 32], body: &[u8], place: &Place) -> Vec<u8> {
    let mut frame = Vec::with_capacity(padded(body.len()));
    let crc = Stamp::new(&place.log, place.term).placed(crc::bulk_of(word, words, body), place.offset);
    frame.extend_from_slice(&head(word, crc, words));
    frame.extend_from_slice(body);
    frame.resize(padded(body.len()), 0);
    frame
}

/// The first bytes of a frame.
pub(crate) fn head(word: u32, crc: u32, words: &[u8; 32]) -> [u8; HEADER] {
    let mut head = [0; HEADER];
    head[..4].copy_from_slice(&word.to_le_bytes());
    head[4..8].copy_from_slice(&crc.to_le_bytes());
    head[8..].copy_from_slice(words);
    head
}

/// The length word of a control frame.
pub(crate) fn control_word(kind: ControlKind, body: usize) -> u32 {
    assert!(body <= MAX_PAYLOAD, "F1: a body of {body} bytes");
    CONTROL | (kind as u32) << KIND_SHIFT | body as u32
}

/// Says what stands at the beginning of `bytes`, which is `place` of the log.
pub(crate) fn parse(bytes: &[u8], place: &Place) -> Parsed {
    parse_at(bytes, Stamp::new(&place.log, place.term), place.offset)
}

/// As [`parse`], for frames of one log and term.
pub(crate) fn parse_at(bytes: &[u8], stamp: Stamp, offset: Offset) -> Parsed {
    parse_next(bytes, stamp, offset, &mut LastWord::default())
}

/// As [`parse_at`], for frames that come one after the other.
pub(crate) fn parse_next(bytes: &[u8], stamp: Stamp, offset: Offset, last: &mut LastWord) -> Parsed {
    if bytes.len() < HEADER {
        return if bytes.iter().all(|byte| *byte == 0) { Parsed::Zeros } else { Parsed::Short(HEADER) };
    }
    let head = word(bytes, 0);
    if head == 0 && (seeded::is_on(Bug::SentinelOnLength) || bytes[..HEADER].iter().all(|byte| *byte == 0)) {
        return Parsed::Zeros;
    }
    let control = head & CONTROL != 0;
    let kind = head >> KIND_SHIFT & 7;
    if !control && kind != 0 {
        return Parsed::Bad(format!("length word {head:08x} is of no frame"));
    }
    let len = (head & LEN_MASK) as usize;
    let whole = padded(len);
    if bytes.len() < whole && !seeded::is_on(Bug::LenUnchecked) {
        return Parsed::Short(whole);
    }
    let found = stamp.placed(last.bulk(head, &bytes[8..HEADER + len]), offset);
    let expected = word(bytes, 4);
    if found != expected {
        return Parsed::Bad(format!("checksum {found:08x}, expected {expected:08x}"));
    }
    // The padding is the last bytes of the frame's last word: a shift by all 64 bits leaves nothing of it.
    let padding = whole - HEADER - len;
    let last = long(bytes, whole - 8);
    if last.checked_shr(64 - 8 * padding as u32).unwrap_or(0) != 0 {
        return Parsed::Bad("padding is not zero".to_owned());
    }
    if !control {
        return Parsed::Frame(Frame::Record { len }, whole);
    }
    control_frame(kind, &bytes[8..HEADER], len, whole)
}

fn control_frame(kind: u32, words: &[u8], len: usize, whole: usize) -> Parsed {
    match ControlKind::of(kind) {
        Ok(ControlKind::Commit) if len == 0 => Parsed::Frame(Frame::Commit(commit(words)), whole),
        Ok(ControlKind::Commit) => Parsed::Bad("a commit frame with a body".to_owned()),
        Ok(ControlKind::Seal) => Parsed::Frame(Frame::Seal, whole),
        Ok(kind) => Parsed::Frame(Frame::Control(kind, len), whole),
        Err(true) => Parsed::Frame(Frame::Skipped, whole),
        Err(false) => {
            Parsed::Bad(format!("a control frame of kind {kind}, which only a newer version can read"))
        }
    }
}

/// How long the frame is that begins with `head`, if it is to be believed.
pub(crate) fn announced(head: &[u8]) -> usize {
    padded((word(head, 0) & LEN_MASK) as usize)
}

fn commit(words: &[u8]) -> Commit {
    Commit {
        batch_start: Offset::new(u64::from_le_bytes(array(&words[..8]))),
        durable_upto: Offset::new(u64::from_le_bytes(array(&words[8..16]))),
        time_micros: i64::from_le_bytes(array(&words[16..24])),
        records: word(words, 24),
    }
}

/// The little-endian `u32` at `at`.
pub(crate) fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(&bytes[at..at + 4]))
}

/// The little-endian `u64` at `at`.
pub(crate) fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(&bytes[at..at + 8]))
}

/// The first `N` bytes; the caller has checked that they are there.
pub(crate) fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[..N]);
    array
}

#[cfg(test)]
mod tests;
