//! A block, decoded so far that any stretch of its plain bytes can be laid down.

use std::ops::Range;

use annals_journal::Offset;
use annals_journal::layout::{Home, Piece};

use super::bytes::{Bytes, Flaw};
use super::container::{Entry, Form, Head};
use super::packing::Unpacker;
use super::rows::Rows;
use super::skeleton::{Bone, Skeleton, Unplaced};

/// A decoded block.
#[derive(Debug)]
pub(crate) enum Block {
    Verbatim(Vec<u8>),
    Frames(Frames),
}

/// Frames that are laid down when they are asked for.
#[derive(Debug)]
pub(crate) struct Frames {
    home: Home,
    from: Offset,
    skeleton: Skeleton,
    /// Where each frame begins, counted from the block's first byte, and where the last one ends.
    starts: Vec<u32>,
    /// For each frame, how many records stand before it.
    records_before: Vec<u32>,
    payloads: Rows,
}

impl Block {
    /// Decodes a body that has verified.
    pub(crate) fn decode(
        head: &Head,
        entry: &Entry,
        body: &[u8],
        unpacker: &mut Unpacker,
    ) -> Result<Self, Flaw> {
        let plain_len = entry.plain_len as usize;
        let mut bytes = Bytes::new(body);
        let block = match entry.form {
            Form::Verbatim => {
                let plain = unpacker.unpack(&mut bytes, plain_len)?;
                if plain.len() != plain_len {
                    return Err("a block of another length than it says");
                }
                Self::Verbatim(plain)
            }
            Form::Rows => {
                let from = head.offset(entry.plain_pos);
                let unplaced = Unplaced::read(&mut bytes, from, plain_len, unpacker)?;
                if unplaced.records != entry.records as usize {
                    return Err("a block of another count of records than it says");
                }
                let rows = Rows::unpack(&mut bytes, unplaced.records, plain_len, unpacker)?;
                let (skeleton, starts) = unplaced.place(from, plain_len, |record| rows.len(record))?;
                if starts.last().copied() != Some(entry.plain_len) {
                    return Err("a block of another length than it says");
                }
                let mut before = 0;
                let records_before = skeleton
                    .bones
                    .iter()
                    .map(|bone| {
                        let here = before;
                        before += u32::from(*bone == Bone::Record);
                        here
                    })
                    .collect();
                let frames =
                    Frames { home: head.home, from, skeleton, starts, records_before, payloads: rows };
                Self::Frames(frames)
            }
        };
        bytes.end()?;
        Ok(block)
    }

    /// The plain bytes in this range of the block, and maybe some around them: where the first one stands.
    pub(crate) fn plain(&self, range: Range<usize>, out: &mut Vec<u8>) -> Result<usize, Flaw> {
        match self {
            Self::Verbatim(bytes) => {
                out.extend_from_slice(bytes.get(range).ok_or("a range beyond the block")?);
                Ok(0)
            }
            Self::Frames(frames) => frames.plain(range, out),
        }
    }
}

impl Frames {
    fn plain(&self, range: Range<usize>, out: &mut Vec<u8>) -> Result<usize, Flaw> {
        let first = self.starts.partition_point(|start| *start as usize <= range.start).saturating_sub(1);
        let behind = self.starts.partition_point(|start| (*start as usize) < range.end);
        let bones = self.skeleton.bones.get(first..behind).ok_or("a range beyond the block")?;
        let mut record = self.records_before.get(first).map_or(0, |before| *before as usize);
        let pieces: Vec<Piece<'_>> = bones
            .iter()
            .map(|bone| match *bone {
                Bone::Record => {
                    record += 1;
                    Piece::Record(self.payloads.get(record - 1))
                }
                Bone::Control { kind, start, len } => {
                    Piece::Control { kind, body: self.skeleton.body(start, len) }
                }
                Bone::Commit { start, records, durable_upto, time_micros } => {
                    Piece::Commit { start, records, durable_upto, time_micros }
                }
            })
            .collect();
        let begin = self.starts[first];
        self.home.lay(Offset::new(self.from.get() + u64::from(begin)), &pieces, out);
        Ok(range.start - begin as usize)
    }
}
