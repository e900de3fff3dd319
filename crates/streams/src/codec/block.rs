//! A block, decoded so far that any stretch of its plain bytes can be laid down.

use std::borrow::Cow;
use std::ops::Range;

use annals_journal::Offset;
use annals_journal::layout::{Home, Piece};

use super::bytes::{Bytes, Flaw};
use super::container::{Entry, Form, Head};
use super::facts::Facts;
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
    /// For each record, its frame.
    frame_of: Vec<u32>,
    payloads: Payloads,
}

/// The payloads of a block's records.
#[derive(Debug)]
enum Payloads {
    Rows(Rows),
    Facts(Box<Facts>),
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
        unpacker.allow(plain_len);
        let block = match entry.form {
            Form::Verbatim => {
                let plain = unpacker.unpack(&mut bytes, plain_len)?;
                if plain.len() != plain_len {
                    return Err("a block of another length than it says");
                }
                Self::Verbatim(plain)
            }
            Form::Rows | Form::Facts => Self::Frames(Frames::decode(head, entry, &mut bytes, unpacker)?),
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
    fn decode(
        head: &Head,
        entry: &Entry,
        bytes: &mut Bytes<'_>,
        unpacker: &mut Unpacker,
    ) -> Result<Self, Flaw> {
        let (from, plain_len) = (head.offset(entry.plain_pos), entry.plain_len as usize);
        let unplaced = Unplaced::read(bytes, from, plain_len, unpacker)?;
        let records = unplaced.records;
        if records != entry.records as usize {
            return Err("a block of another count of records than it says");
        }
        let payloads = match entry.form {
            Form::Facts => Payloads::Facts(Box::new(Facts::unpack(bytes, records, plain_len, unpacker)?)),
            _ => Payloads::Rows(Rows::unpack(bytes, records, plain_len, unpacker)?),
        };
        let (skeleton, starts) = unplaced.place(from, plain_len, |record| match &payloads {
            Payloads::Rows(rows) => rows.len(record),
            Payloads::Facts(facts) => facts.len(record),
        })?;
        if starts.last().copied() != Some(entry.plain_len) {
            return Err("a block of another length than it says");
        }
        let (mut records_before, mut frame_of) = (Vec::with_capacity(starts.len()), Vec::new());
        for (frame, bone) in skeleton.bones.iter().enumerate() {
            records_before.push(frame_of.len() as u32);
            if *bone == Bone::Record {
                frame_of.push(frame as u32);
            }
        }
        Ok(Self { home: head.home, from, skeleton, starts, records_before, frame_of, payloads })
    }

    /// The offset of a record.
    fn offset(&self, record: usize) -> u64 {
        self.from.get() + u64::from(self.starts[self.frame_of[record] as usize])
    }

    fn payload(&self, record: usize) -> Cow<'_, [u8]> {
        match &self.payloads {
            Payloads::Rows(rows) => Cow::Borrowed(rows.get(record)),
            Payloads::Facts(facts) => facts.get(record, |record| self.offset(record)),
        }
    }

    fn plain(&self, range: Range<usize>, out: &mut Vec<u8>) -> Result<usize, Flaw> {
        let first = self.starts.partition_point(|start| *start as usize <= range.start).saturating_sub(1);
        let behind = self.starts.partition_point(|start| (*start as usize) < range.end);
        let bones = self.skeleton.bones.get(first..behind).ok_or("a range beyond the block")?;
        let before = self.records_before.get(first).map_or(0, |before| *before as usize);
        let records = bones.iter().filter(|bone| **bone == Bone::Record).count();
        let payloads: Vec<Cow<'_, [u8]>> =
            (before..before + records).map(|record| self.payload(record)).collect();
        let mut payloads = payloads.iter();
        let pieces: Vec<Piece<'_>> = bones
            .iter()
            .map(|bone| match *bone {
                Bone::Record => Piece::Record(payloads.next().map_or(&[], |payload| payload)),
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
