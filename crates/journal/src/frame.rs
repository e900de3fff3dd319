//! Frames: how one record, or one control message, lies in a segment. Drawn byte by byte in `docs/format.md`.
//!
//!   [len:u32][crc32c:u32][blake3:32][body:len][zeros to a multiple of 8]
//!
//! F1: `len` is believed only up to its bound before the CRC holds, and the CRC holds only at one place of one log: it
//! covers log id, term and offset. They come last, so the bulk is computed before the offset is known.

use annals_record::{LogId, Offset, RecordId, Term};

/// Bytes before a frame's body.
pub(crate) const HEADER: usize = 40;
/// The largest body: 28 bits of length.
pub(crate) const MAX_PAYLOAD: usize = (1 << 28) - 1;
/// A commit frame in all: it has no body, its words stand where a record has its BLAKE3.
pub(crate) const COMMIT: usize = HEADER;

const CONTROL: u32 = 1 << 31;
const KIND_SHIFT: u32 = 28;
const LEN_MASK: u32 = (1 << KIND_SHIFT) - 1;
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
            5 | 6 => Err(true),
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

/// A frame that verifies. `body` is a range of the bytes it was parsed from.
#[derive(Debug)]
pub(crate) enum Frame {
    Record {
        id: RecordId,
        len: usize,
    },
    Commit(Commit),
    /// A control frame that readers of records pass over.
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
    placed_crc(bulk_crc(word(bytes, 0), &bytes[8..HEADER], &bytes[HEADER..HEADER + len]), place)
}

/// A frame's length with its padding.
pub(crate) fn padded(body: usize) -> usize {
    (HEADER + body).next_multiple_of(8)
}

/// Appends the frame of a record to `out`, with a CRC that still lacks its place.
pub(crate) fn encode_record(out: &mut Vec<u8>, id: &RecordId, payload: &[u8]) {
    encode(out, payload.len() as u32, id.as_bytes(), payload);
}

/// Appends a control frame with a body, with a CRC that still lacks its place.
pub(crate) fn encode_control(out: &mut Vec<u8>, kind: ControlKind, body: &[u8]) {
    let word = CONTROL | (kind as u32) << KIND_SHIFT | body.len() as u32;
    encode(out, word, RecordId::of(body).as_bytes(), body);
}

/// Appends a commit frame, with a CRC that still lacks its place.
pub(crate) fn encode_commit(out: &mut Vec<u8>, commit: &Commit) {
    let mut words = [0; 32];
    words[..8].copy_from_slice(&commit.batch_start.get().to_le_bytes());
    words[8..16].copy_from_slice(&commit.durable_upto.get().to_le_bytes());
    words[16..24].copy_from_slice(&commit.time_micros.to_le_bytes());
    words[24..28].copy_from_slice(&commit.records.to_le_bytes());
    encode(out, COMMIT_WORD, &words, &[]);
}

fn encode(out: &mut Vec<u8>, word: u32, words: &[u8; 32], body: &[u8]) {
    assert!(body.len() <= MAX_PAYLOAD, "F1: a body of {} bytes", body.len());
    let start = out.len();
    out.extend_from_slice(&word.to_le_bytes());
    out.extend_from_slice(&bulk_crc(word, words, body).to_le_bytes());
    out.extend_from_slice(words);
    out.extend_from_slice(body);
    out.resize(start + padded(body.len()), 0);
}

/// Completes the CRC of the frame at the beginning of `frame` for its place.
pub(crate) fn place(frame: &mut [u8], place: &Place) {
    let crc = placed_crc(word(frame, 4), place);
    frame[4..8].copy_from_slice(&crc.to_le_bytes());
}

/// The length of the encoded frame at the beginning of `frames`, which this process wrote.
pub(crate) fn encoded_len(frames: &[u8]) -> usize {
    padded((word(frames, 0) & LEN_MASK) as usize)
}

/// The identity in the encoded frame at the beginning of `frames`, if it is a record's.
pub(crate) fn encoded_id(frames: &[u8]) -> Option<&[u8]> {
    (word(frames, 0) & CONTROL == 0).then(|| &frames[8..HEADER])
}

/// Says what stands at the beginning of `bytes`, which is `place` of the log.
pub(crate) fn parse(bytes: &[u8], place: &Place) -> Parsed {
    if bytes.len() < HEADER {
        return if bytes.iter().all(|byte| *byte == 0) { Parsed::Zeros } else { Parsed::Short(HEADER) };
    }
    if bytes[..HEADER].iter().all(|byte| *byte == 0) {
        return Parsed::Zeros;
    }
    let head = word(bytes, 0);
    let control = head & CONTROL != 0;
    let kind = head >> KIND_SHIFT & 7;
    if !control && kind != 0 {
        return Parsed::Bad(format!("length word {head:08x} is of no frame"));
    }
    let len = (head & LEN_MASK) as usize;
    let whole = padded(len);
    if bytes.len() < whole {
        return Parsed::Short(whole);
    }
    let (words, body) = (&bytes[8..HEADER], &bytes[HEADER..HEADER + len]);
    let found = placed_crc(bulk_crc(head, words, body), place);
    let expected = word(bytes, 4);
    if found != expected {
        return Parsed::Bad(format!("checksum {found:08x}, expected {expected:08x}"));
    }
    if bytes[HEADER + len..whole].iter().any(|byte| *byte != 0) {
        return Parsed::Bad("padding is not zero".to_owned());
    }
    if !control {
        return Parsed::Frame(Frame::Record { id: RecordId::from_bytes(array(words)), len }, whole);
    }
    match ControlKind::of(kind) {
        Ok(ControlKind::Commit) if len == 0 => Parsed::Frame(Frame::Commit(commit(words)), whole),
        Ok(ControlKind::Commit) => Parsed::Bad("a commit frame with a body".to_owned()),
        Ok(ControlKind::Seal) => Parsed::Frame(Frame::Seal, whole),
        Ok(ControlKind::Checkpoint | ControlKind::Audit | ControlKind::Pad) | Err(true) => {
            Parsed::Frame(Frame::Skipped, whole)
        }
        Err(false) => {
            Parsed::Bad(format!("a control frame of kind {kind}, which only a newer version can read"))
        }
    }
}

fn commit(words: &[u8]) -> Commit {
    Commit {
        batch_start: Offset::new(u64::from_le_bytes(array(&words[..8]))),
        durable_upto: Offset::new(u64::from_le_bytes(array(&words[8..16]))),
        time_micros: i64::from_le_bytes(array(&words[16..24])),
        records: word(words, 24),
    }
}

fn bulk_crc(word: u32, words: &[u8], body: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&word.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c_append(crc, words), body)
}

fn placed_crc(bulk: u32, place: &Place) -> u32 {
    let mut tail = [0; 32];
    tail[..16].copy_from_slice(place.log.as_bytes());
    tail[16..24].copy_from_slice(&place.term.get().to_le_bytes());
    tail[24..].copy_from_slice(&place.offset.get().to_le_bytes());
    crc32c::crc32c_append(bulk, &tail)
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
