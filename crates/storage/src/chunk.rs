//! What a batch adds to the store, as one piece of bytes: in memory the payloads are lent from it, on disk it is a row.
//!
//!   piece: letter u8 | flags u8 | subject's length u16 | value's length u32 | id 32 | home 32, if V or E | subject | value
//!   row:   CRC32C of the pieces u32 | pieces                                                     (little-endian)
//!
//! The letter is `H`, `V`, `E`, or `D` for a dead letter; flag 1 marks the first record of an epoch's name. The home is the
//! assertion a vote is on, or the epoch a record is of. The value is what stands in content: offset (u64), payload; of a
//! dead letter: offset, reason.

use std::sync::Arc;

use annals_record::{EpochId, Offset, RecordId};

use crate::value::Value;

const HEAD: usize = 8;
const ID: usize = 32;
const OFFSET: usize = 8;
const CRC: usize = 4;
/// The flag of an epoch record whose name is new.
const NEW_NAME: u8 = 1;
/// A chunk takes no further piece beyond this size.
const ENOUGH: usize = 1 << 20;

/// One record that is new to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece<'c> {
    pub(crate) offset: Offset,
    pub(crate) id: RecordId,
    pub(crate) part: Part<'c>,
    /// The payload, or a dead letter's reason.
    pub(crate) content: &'c [u8],
}

/// What kind of record a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'c> {
    Assertion { subject: &'c str },
    Vote { assertion: RecordId },
    Epoch { epoch: EpochId, new_name: bool },
    DeadLetter,
}

/// Pieces, encoded.
#[derive(Clone)]
pub(crate) struct Chunk {
    bytes: Arc<Vec<u8>>,
    /// Where its first piece stands in the log.
    first: Offset,
}

/// Pieces while they are being encoded.
#[derive(Default)]
pub(crate) struct ChunkWriter {
    bytes: Vec<u8>,
    first: Option<Offset>,
    /// How many bytes are still to come, if that is known.
    left: usize,
    done: Vec<Chunk>,
}

impl Piece<'_> {
    /// How many bytes it takes in a chunk.
    fn len(&self) -> usize {
        let more = match &self.part {
            Part::Assertion { subject } => subject.len(),
            Part::Vote { .. } | Part::Epoch { .. } => ID,
            Part::DeadLetter => 0,
        };
        HEAD + ID + more + OFFSET + self.content.len()
    }
}

impl ChunkWriter {
    /// The chunks of these pieces, which come in the order of their offsets.
    pub(crate) fn write(pieces: &[Piece<'_>]) -> Vec<Chunk> {
        let mut writer = Self { left: pieces.iter().map(Piece::len).sum(), ..Self::default() };
        pieces.iter().for_each(|piece| writer.push(piece));
        writer.finish()
    }

    /// Adds a piece; pieces come in the order of their offsets.
    pub(crate) fn push(&mut self, piece: &Piece<'_>) {
        if self.bytes.len() >= ENOUGH {
            self.end_chunk();
        }
        let (letter, flags, subject, home) = match &piece.part {
            Part::Assertion { subject } => (b'H', 0, *subject, None),
            Part::Vote { assertion } => (b'V', 0, "", Some(assertion.as_bytes())),
            Part::Epoch { epoch, new_name } => {
                (b'E', if *new_name { NEW_NAME } else { 0 }, "", Some(epoch.as_bytes()))
            }
            Part::DeadLetter => (b'D', 0, "", None),
        };
        let len = piece.len();
        let value = u32::try_from(OFFSET + piece.content.len());
        let (Ok(subject_len), Ok(value)) = (u16::try_from(subject.len()), value) else {
            unreachable!("a subject has at most 1,024 bytes, a payload at most 256 MiB");
        };
        let bytes = &mut self.bytes;
        if bytes.capacity() == 0 {
            bytes.reserve_exact(self.left.clamp(len, ENOUGH + len));
        }
        self.left = self.left.saturating_sub(len);
        bytes.extend_from_slice(&[letter, flags]);
        bytes.extend_from_slice(&subject_len.to_le_bytes());
        bytes.extend_from_slice(&value.to_le_bytes());
        bytes.extend_from_slice(piece.id.as_bytes());
        if let Some(home) = home {
            bytes.extend_from_slice(home);
        }
        bytes.extend_from_slice(subject.as_bytes());
        bytes.extend_from_slice(&piece.offset.get().to_le_bytes());
        bytes.extend_from_slice(piece.content);
        self.first.get_or_insert(piece.offset);
    }

    /// The chunks of everything pushed.
    pub(crate) fn finish(mut self) -> Vec<Chunk> {
        self.end_chunk();
        self.done
    }

    fn end_chunk(&mut self) {
        if let Some(first) = self.first.take() {
            self.done.push(Chunk { bytes: Arc::new(std::mem::take(&mut self.bytes)), first });
        }
    }
}

impl Chunk {
    /// Where its first piece stands: the key of its row.
    pub(crate) fn first(&self) -> Offset {
        self.first
    }

    /// The length of its row in bytes.
    pub(crate) fn row_len(&self) -> usize {
        CRC + self.bytes.len()
    }

    /// Writes its row.
    pub(crate) fn write_row(&self, row: &mut [u8]) {
        row[..CRC].copy_from_slice(&crc32c::crc32c(&self.bytes).to_le_bytes());
        row[CRC..].copy_from_slice(&self.bytes);
    }

    /// Reads a row; `None` if it does not verify or is none.
    pub(crate) fn from_row(row: &[u8]) -> Option<Self> {
        let (crc, bytes) = row.split_first_chunk::<CRC>()?;
        if crc32c::crc32c(bytes) != u32::from_le_bytes(*crc) {
            return None;
        }
        let mut rest = bytes;
        let mut span: Option<(Offset, Offset)> = None;
        while !rest.is_empty() {
            let (piece, len) = read_piece(rest)?;
            if span.is_some_and(|(_, last)| last >= piece.offset) {
                return None;
            }
            span = Some((span.map_or(piece.offset, |(first, _)| first), piece.offset));
            rest = &rest[len..];
        }
        span.map(|(first, _)| Self { bytes: Arc::new(bytes.to_vec()), first })
    }

    /// Its pieces, each with its value: offset and payload, lent from the chunk.
    pub(crate) fn pieces(&self) -> Pieces<'_> {
        Pieces { chunk: &self.bytes, rest: &self.bytes }
    }
}

/// The pieces of a chunk.
pub(crate) struct Pieces<'c> {
    chunk: &'c Arc<Vec<u8>>,
    rest: &'c [u8],
}

impl<'c> Iterator for Pieces<'c> {
    type Item = (Piece<'c>, Value);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.chunk.len() - self.rest.len();
        let (piece, len) = read_piece(self.rest)?;
        self.rest = &self.rest[len..];
        let value = OFFSET + piece.content.len();
        // A chunk has little more than a mebibyte, or one payload.
        Some((piece, Value::Lent(Arc::clone(self.chunk), (start + len - value) as u32, value as u32)))
    }
}

/// The piece at the beginning of `bytes`, and how many of them it takes.
fn read_piece(bytes: &[u8]) -> Option<(Piece<'_>, usize)> {
    let (head, mut rest) = bytes.split_first_chunk::<HEAD>()?;
    let subject = usize::from(u16::from_le_bytes([head[2], head[3]]));
    let value = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
    let mut take = |len: usize| {
        let (taken, more) = rest.split_at_checked(len)?;
        rest = more;
        Some(taken)
    };
    let id = RecordId::from_bytes(take(ID)?.try_into().ok()?);
    let part = match (head[0], head[1], subject) {
        (b'H', 0, 1..) => Part::Assertion { subject: std::str::from_utf8(take(subject)?).ok()? },
        (b'V', 0, 0) => Part::Vote { assertion: RecordId::from_bytes(take(ID)?.try_into().ok()?) },
        (b'E', flags @ (0 | NEW_NAME), 0) => {
            let epoch = EpochId::from_bytes(take(ID)?.try_into().ok()?);
            Part::Epoch { epoch, new_name: flags == NEW_NAME }
        }
        (b'D', 0, 0) => Part::DeadLetter,
        _ => return None,
    };
    let (offset, content) = take(value)?.split_first_chunk::<OFFSET>()?;
    let offset = Offset::new(u64::from_le_bytes(*offset));
    let len = bytes.len() - rest.len();
    Some((Piece { offset, id, part, content }, len))
}

#[cfg(test)]
mod tests;
