//! The seal: the last frame of a finished segment, found from the file's end through a fixed trailer.
//!
//!   body = [fixed: 96][table: 8 x n][frame length: u64]["annalsSL"]
//!
//! S2: a sealed segment never changes, and its file ends where its seal ends.

use annals_record::seeded::{self, Bug};
use annals_record::{Offset, RecordId, Term};

use crate::frame::{self, ControlKind, Frame, Parsed, array, long, word};
use crate::segment::SegmentHeader;

/// One entry of the table stands for this many bytes of the segment.
pub(crate) const TABLE_STRIDE: u64 = 64 << 10;
/// Bytes at the end of a sealed file from which the seal is found.
pub(crate) const TRAILER: usize = 16;

/// No seal is longer: its table has one entry for each stride of the largest segment.
pub(crate) const MAX_LEN: u64 = 4 << 20;

const MAGIC: &[u8; 8] = b"annalsSL";
const FIXED: usize = 96;

/// What a finished segment says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    /// Where the seal frame stands: the end of the last commit.
    pub(crate) end: Offset,
    pub(crate) records: u64,
    pub(crate) groups: u64,
    pub(crate) payload_bytes: u64,
    /// The journal times of the first and the last group; both 0 when there is none.
    pub(crate) first_micros: i64,
    pub(crate) last_micros: i64,
    /// The hash over all record ids up to here.
    pub(crate) chain: [u8; 32],
    /// The term of the next segment: higher than this one's if the segment was cut.
    pub(crate) next_term: Term,
    /// For each stride of the segment, the first group that begins in it: its distance from the base.
    pub(crate) table: Vec<u64>,
}

/// What readers keep of a seal: its table stays on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sealed {
    /// The end of the last group, where the seal itself stands.
    pub(crate) end: Offset,
    pub(crate) next_base: Offset,
    pub(crate) records: u64,
    /// The journal times of the first and the last group; none when there is no group.
    pub(crate) times: Option<(i64, i64)>,
    pub(crate) chain: [u8; 32],
}

/// The bytes a seal frame with a table of `entries` takes.
pub(crate) fn seal_len(entries: usize) -> usize {
    frame::padded(FIXED + 8 * entries + TRAILER)
}

impl Seal {
    /// The frame, complete, to be written at `self.end`.
    pub(crate) fn encode(&self, header: &SegmentHeader) -> Vec<u8> {
        let mut body = Vec::new();
        for long in [self.end.get(), self.records, self.groups, self.payload_bytes] {
            body.extend_from_slice(&long.to_le_bytes());
        }
        body.extend_from_slice(&self.first_micros.to_le_bytes());
        body.extend_from_slice(&self.last_micros.to_le_bytes());
        body.extend_from_slice(&self.chain);
        body.extend_from_slice(&self.next_term.get().to_le_bytes());
        body.extend_from_slice(&(TABLE_STRIDE as u32).to_le_bytes());
        body.extend_from_slice(&(self.table.len() as u32).to_le_bytes());
        for entry in &self.table {
            body.extend_from_slice(&entry.to_le_bytes());
        }
        body.extend_from_slice(&(seal_len(self.table.len()) as u64).to_le_bytes());
        body.extend_from_slice(MAGIC);
        let word = frame::control_word(ControlKind::Seal, body.len());
        let bytes = frame::encode(word, RecordId::of(&body).as_bytes(), &body, &header.place(self.end));
        assert_eq!(bytes.len(), seal_len(self.table.len()), "S2: the trailer ends the file");
        bytes
    }

    /// Reads the seal frame that stands at `offset`; the reason if it is none.
    pub(crate) fn decode(bytes: &[u8], header: &SegmentHeader, offset: Offset) -> Result<Self, String> {
        let whole = match frame::parse(bytes, &header.place(offset)) {
            Parsed::Frame(Frame::Seal, whole) => whole,
            Parsed::Bad(_) if seeded::is_on(Bug::SealUnchecked) => bytes.len(),
            Parsed::Bad(reason) => return Err(format!("seal: {reason}")),
            _ => return Err("no seal".to_owned()),
        };
        let body = &bytes[frame::HEADER..whole];
        if body.len() < FIXED + TRAILER {
            return Err("the seal is too short".to_owned());
        }
        let entries = word(body, 92) as usize;
        if whole != seal_len(entries) || !body.ends_with(MAGIC) {
            return Err("the seal's lengths do not agree".to_owned());
        }
        let seal = Self {
            end: Offset::new(long(body, 0)),
            records: long(body, 8),
            groups: long(body, 16),
            payload_bytes: long(body, 24),
            first_micros: long(body, 32) as i64,
            last_micros: long(body, 40) as i64,
            chain: array(&body[48..80]),
            next_term: Term::new(long(body, 80)),
            table: (0..entries).map(|i| long(body, FIXED + 8 * i)).collect(),
        };
        let span = offset.get().saturating_sub(header.base.get());
        let counts = [seal.records, seal.groups, seal.payload_bytes];
        if seal.end != offset || seal.next_term < header.term || counts.iter().any(|count| *count > span) {
            return Err("the seal contradicts its segment".to_owned());
        }
        Ok(seal)
    }

    pub(crate) fn sealed(&self) -> Sealed {
        Sealed {
            end: self.end,
            next_base: self.next_base(),
            records: self.records,
            times: (self.groups > 0).then_some((self.first_micros, self.last_micros)),
            chain: self.chain,
        }
    }

    /// The end of the seal, which is the next segment's base.
    pub(crate) fn next_base(&self) -> Offset {
        Offset::new(self.end.get() + seal_len(self.table.len()) as u64)
    }
}

/// The length of the seal frame that a file's last bytes announce, if they are a trailer.
pub(crate) fn announced(trailer: &[u8]) -> Option<u64> {
    (trailer.len() == TRAILER && trailer.ends_with(MAGIC)).then(|| long(trailer, 0))
}

#[cfg(test)]
mod tests;
