//! The bytes of docs/format.md, made and read a second time: from that page alone, and sharing no code with the journal.
//!
//!   fields -> header, frame, slot, document       bytes -> what a reader must make of them
//!
//! A forged checksum holds, so what lies behind a check of checksums is reached too.

use annals_journal::bare::Found;
use annals_record::{LogId, Offset, RecordId, Term};

/// The bytes of a segment before its first frame.
pub const HEADER: usize = 4096;
/// The bytes of a frame before its body.
pub const FRAME: usize = 40;

/// A segment's log, term and base: what its frames are checked against.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The log.
    pub log: LogId,
    /// The term.
    pub term: Term,
    /// The offset.
    pub offset: u64,
}

impl Place {
    /// The place so many bytes behind this one; none beyond the end of all offsets.
    #[must_use]
    pub fn behind(self, bytes: usize) -> Option<Self> {
        self.offset.checked_add(bytes as u64).map(|offset| Self { offset, ..self })
    }

    /// The place of the first frame of a segment whose header is this.
    #[must_use]
    pub fn of_header(block: &[u8]) -> Option<Self> {
        let log = LogId::from_bytes(block.get(16..32)?.try_into().ok()?);
        Some(Self { log, term: Term::new(long(block, 32)?), offset: long(block, 48)? })
    }
}

/// The little-endian number at `at`.
#[must_use]
pub fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// The little-endian number of four bytes at `at`.
#[must_use]
pub fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// A frame's checksum: over length word, words, body, log, term, offset.
#[must_use]
pub fn checksum(head: &[u8], words_and_body: &[u8], place: Place) -> u32 {
    let mut crc = crc32c::crc32c(head);
    for piece in [words_and_body, place.log.as_bytes(), &place.term.get().to_le_bytes()] {
        crc = crc32c::crc32c_append(crc, piece);
    }
    crc32c::crc32c_append(crc, &place.offset.to_le_bytes())
}

/// A whole frame. `kind` is none for a record, whose words are the BLAKE3 of its body.
#[must_use]
pub fn frame(kind: Option<u32>, words: Option<[u8; 32]>, body: &[u8], place: Place) -> Vec<u8> {
    let head = (body.len() as u32) | kind.map_or(0, |kind| 1 << 31 | kind << 28);
    let words = words.unwrap_or_else(|| *RecordId::of(body).as_bytes());
    let covered = [&words[..], body].concat();
    let crc = checksum(&head.to_le_bytes(), &covered, place);
    let mut frame = [&head.to_le_bytes()[..], &crc.to_le_bytes(), &covered].concat();
    frame.resize(frame.len().next_multiple_of(8), 0);
    frame
}

/// A commit frame's words.
#[must_use]
pub fn commit(start: u64, durable_upto: u64, micros: i64, records: u32) -> [u8; 32] {
    let mut words = [0; 32];
    words[..8].copy_from_slice(&start.to_le_bytes());
    words[8..16].copy_from_slice(&durable_upto.to_le_bytes());
    words[16..24].copy_from_slice(&micros.to_le_bytes());
    words[24..28].copy_from_slice(&records.to_le_bytes());
    words
}

/// The header of a log's first segment.
#[must_use]
pub fn header(place: Place) -> Vec<u8> {
    let mut block = vec![0; HEADER];
    block[..8].copy_from_slice(b"annalsWL");
    block[8..12].copy_from_slice(&2_u32.to_le_bytes());
    block[12..16].copy_from_slice(&(HEADER as u32).to_le_bytes());
    block[16..32].copy_from_slice(place.log.as_bytes());
    block[32..40].copy_from_slice(&place.term.get().to_le_bytes());
    block[48..56].copy_from_slice(&place.offset.to_le_bytes());
    sign(&mut block, 0..HEADER - 4);
    block
}

/// Writes the CRC32C of a range behind it, if it is there.
pub fn sign(bytes: &mut [u8], covered: std::ops::Range<usize>) {
    let Some(crc) = bytes.get(covered.clone()).map(crc32c::crc32c) else { return };
    if let Some(field) = bytes.get_mut(covered.end..covered.end + 4) {
        field.copy_from_slice(&crc.to_le_bytes());
    }
}

/// A document beside the segments: what stands before its last 78 bytes, with those.
#[must_use]
pub fn document(covered: &[u8]) -> Vec<u8> {
    let digits = RecordId::of(covered).to_string();
    [covered, b",\"blake3\":\"", digits.as_bytes(), b"\"}\n"].concat()
}

/// What a reader must find at the beginning of these bytes, and how long it is.
#[must_use]
pub fn expected(bytes: &[u8], place: Place) -> (Found, usize) {
    let Some((head, _)) = bytes.split_at_checked(FRAME) else {
        let zeros = bytes.iter().all(|byte| *byte == 0);
        return (if zeros { Found::Zeros } else { Found::Short(FRAME) }, 0);
    };
    if head.iter().all(|byte| *byte == 0) {
        return (Found::Zeros, 0);
    }
    let length = word(bytes, 0).unwrap_or_default();
    let (control, kind, len) = (length >> 31 == 1, length >> 28 & 7, (length & 0x0fff_ffff) as usize);
    if !control && kind != 0 {
        return (Found::Bad, 0);
    }
    let whole = (FRAME + len).next_multiple_of(8);
    let Some(frame) = bytes.get(..whole) else { return (Found::Short(whole), 0) };
    let crc = checksum(&frame[..4], &frame[8..FRAME + len], place);
    if Some(crc) != word(frame, 4) || frame[FRAME + len..].iter().any(|byte| *byte != 0) {
        return (Found::Bad, 0);
    }
    let field = |at| long(frame, at).unwrap_or_default();
    let found = match (control, kind) {
        (false, _) => Found::Record(len),
        (true, 0) if len == 0 => {
            Found::Commit(field(8), field(16), field(24) as i64, word(frame, 32).unwrap_or_default())
        }
        (true, 0 | 7) => return (Found::Bad, 0),
        (true, 2) => Found::Seal,
        (true, 6) => Found::Skipped,
        (true, _) => Found::Control(len),
    };
    (found, whole)
}

/// Makes the checksum of every frame of a row hold, as far as their lengths lead.
pub fn mend_frames(bytes: &mut [u8], place: Place) {
    let (mut at, mut place) = (0, place);
    while let Some(length) = word(bytes, at) {
        let len = (length & 0x0fff_ffff) as usize;
        let whole = (FRAME + len).next_multiple_of(8);
        let Some(frame) = bytes.get_mut(at..at + whole) else { return };
        if frame.iter().all(|byte| *byte == 0) {
            return;
        }
        frame[FRAME + len..].fill(0);
        let crc = checksum(&frame[..4], &frame[8..FRAME + len], place);
        frame[4..8].copy_from_slice(&crc.to_le_bytes());
        at += whole;
        let Some(next) = place.behind(whole) else { return };
        place = next;
    }
}

/// The offset as the journal's type.
#[must_use]
pub fn offset(place: Place) -> Offset {
    Offset::new(place.offset)
}
