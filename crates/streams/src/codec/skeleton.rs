//! What a block's frames say beside the payloads of its records: where groups end, when, and what stands between.
//!
//! ```text
//!   record record commit record key record commit        ->   gaps 2 1 1   kinds C K C   times, marks, bodies
//!                                                             (records before each frame that is none)
//! ```
//!
//! A commit's group begins where the last one ended, and counts the records since: only one that says otherwise is spelt
//! out.

use std::io;

use annals_journal::Offset;
use annals_journal::layout::{self, Piece};

use super::bytes::{Bytes, Flaw, put_varint};
use super::ints;
use super::packing::{Packer, Unpacker};

/// More frames than this are in no block: a record takes one, and a group two more.
pub(crate) const MOST_FRAMES: usize = 1 << 20;

/// The kinds of frames that are no records, in the skeleton.
const COMMIT: u8 = 0;
/// A commit whose beginning or count does not follow from the frames before it.
const COMMIT_SPELT_OUT: u8 = 7;

/// The group that is open where a block begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    /// Where it began.
    pub(crate) start: Offset,
    /// How many of its records stand before the block.
    pub(crate) records: u32,
}

/// A frame of a block, without the payload of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bone {
    /// The next record.
    Record,
    /// A control frame, its body's place among the block's bodies.
    Control {
        kind: u8,
        start: u32,
        len: u32,
    },
    Commit {
        start: Offset,
        records: u32,
        durable_upto: Offset,
        time_micros: i64,
    },
}

/// All frames of a block.
#[derive(Debug, Default)]
pub(crate) struct Skeleton {
    pub(crate) bones: Vec<Bone>,
    pub(crate) bodies: Vec<u8>,
    pub(crate) records: usize,
}

impl Skeleton {
    /// Of these pieces.
    pub(crate) fn of(pieces: &[Piece<'_>]) -> Self {
        let mut skeleton = Self::default();
        for piece in pieces {
            skeleton.bones.push(match *piece {
                Piece::Record(_) => {
                    skeleton.records += 1;
                    Bone::Record
                }
                Piece::Control { kind, body } => {
                    let start = skeleton.bodies.len() as u32;
                    skeleton.bodies.extend_from_slice(body);
                    Bone::Control { kind, start, len: body.len() as u32 }
                }
                Piece::Commit { start, records, durable_upto, time_micros } => {
                    Bone::Commit { start, records, durable_upto, time_micros }
                }
            });
        }
        skeleton
    }

    /// The body of a control frame.
    pub(crate) fn body(&self, start: u32, len: u32) -> &[u8] {
        &self.bodies[start as usize..][..len as usize]
    }

    /// Adds it to `out`. `lens` are those of the records' payloads; `from` is where the block begins.
    pub(crate) fn pack(
        &self,
        from: Offset,
        open: Open,
        lens: &[usize],
        packer: &mut Packer,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let (mut gaps, mut kinds, mut control_lens) = (Vec::new(), Vec::new(), Vec::new());
        let (mut marks, mut times, mut spelt) = (Vec::new(), Vec::new(), Vec::new());
        let (mut gap, mut at, mut group, mut count) = (0, from.get(), open.start, open.records);
        let mut lens = lens.iter();
        for bone in &self.bones {
            let body = match *bone {
                Bone::Record => {
                    gap += 1;
                    count = count.wrapping_add(1);
                    lens.next().copied().unwrap_or(0)
                }
                Bone::Control { kind, len, .. } => {
                    gaps.push(gap);
                    kinds.push(kind);
                    control_lens.push(i64::from(len));
                    gap = 0;
                    len as usize
                }
                Bone::Commit { start, records, durable_upto, time_micros } => {
                    gaps.push(gap);
                    gap = 0;
                    if (start, records) == (group, count) {
                        kinds.push(COMMIT);
                    } else {
                        kinds.push(COMMIT_SPELT_OUT);
                        put_varint(&mut spelt, start.get());
                        put_varint(&mut spelt, u64::from(records));
                    }
                    // How far the durable mark lags behind: seldom more than a group or two.
                    marks.push(group.get().wrapping_sub(durable_upto.get()) as i64);
                    times.push(time_micros);
                    group = Offset::new(at + layout::frame_len(0) as u64);
                    count = 0;
                    0
                }
            };
            at += layout::frame_len(body) as u64;
        }
        put_varint(out, from.get() - open.start.get());
        put_varint(out, u64::from(open.records));
        put_varint(out, kinds.len() as u64);
        put_varint(out, gap as u64);
        packer.pack(&kinds, out)?;
        ints::pack(&gaps, &[], packer, out)?;
        ints::pack(&control_lens, &[], packer, out)?;
        ints::pack(&marks, &[], packer, out)?;
        ints::pack(&times, &[], packer, out)?;
        packer.pack(&self.bodies, out)?;
        packer.pack(&spelt, out)
    }
}

/// A skeleton as it is read: what depends on the payloads' lengths is not in place yet.
#[derive(Debug)]
pub(crate) struct Unplaced {
    open: Open,
    kinds: Vec<u8>,
    gaps: Vec<i64>,
    last_gap: usize,
    control_lens: Vec<i64>,
    marks: Vec<i64>,
    times: Vec<i64>,
    bodies: Vec<u8>,
    spelt: Vec<u8>,
    /// How many records the block holds.
    pub(crate) records: usize,
}

impl Unplaced {
    /// Reads one of a block that begins at `from` and has `most` bytes of frames.
    pub(crate) fn read(
        bytes: &mut Bytes<'_>,
        from: Offset,
        most: usize,
        unpacker: &mut Unpacker,
    ) -> Result<Self, Flaw> {
        let most_frames = (most / layout::frame_len(0)).min(MOST_FRAMES);
        let back = bytes.varint()?;
        let start = from.get().checked_sub(back).ok_or("a group that begins before the log")?;
        let records = u32::try_from(bytes.varint()?).map_err(|_| "a group of too many records")?;
        let open = Open { start: Offset::new(start), records };
        let count = bytes.size(most_frames)?;
        let last_gap = bytes.size(most_frames)?;
        let kinds = unpacker.unpack(bytes, most_frames)?;
        if kinds.len() != count {
            return Err("kinds of another count than frames");
        }
        let commits = kinds.iter().filter(|kind| matches!(**kind, COMMIT | COMMIT_SPELT_OUT)).count();
        if kinds
            .iter()
            .any(|kind| !matches!(*kind, COMMIT | COMMIT_SPELT_OUT) && !layout::is_kept_apart(*kind))
        {
            return Err("a frame of an unknown kind");
        }
        let gaps = ints::unpack(bytes, count, &[], unpacker)?;
        let control_lens = ints::unpack(bytes, count - commits, &[], unpacker)?;
        let marks = ints::unpack(bytes, commits, &[], unpacker)?;
        let times = ints::unpack(bytes, commits, &[], unpacker)?;
        let bodies = unpacker.unpack(bytes, most)?;
        let spelt = unpacker.unpack(bytes, 20 * most_frames)?;
        let mut all = last_gap;
        for gap in &gaps {
            let gap = usize::try_from(*gap).map_err(|_| "a gap of fewer than no records")?;
            all = all.checked_add(gap).ok_or("more records than a block holds")?;
        }
        if all > most_frames {
            return Err("more records than a block holds");
        }
        Ok(Self { open, kinds, gaps, last_gap, control_lens, marks, times, bodies, spelt, records: all })
    }

    /// Puts the frames in place, with the lengths of the payloads. Says where each begins, counted from the block's
    /// first byte, and where the last one ends; that is at most `most`.
    pub(crate) fn place(
        self,
        from: Offset,
        most: usize,
        mut payload_len: impl FnMut(usize) -> usize,
    ) -> Result<(Skeleton, Vec<u32>), Flaw> {
        let frames = self.kinds.len() + self.records;
        let mut bones = Vec::with_capacity(frames);
        let mut starts = Vec::with_capacity(frames + 1);
        let mut at = 0_usize;
        let mut put = |bones: &mut Vec<Bone>, at: &mut usize, bone, body: usize| {
            starts.push(*at as u32);
            bones.push(bone);
            if body > layout::LONGEST_BODY || most - *at < layout::frame_len(body) {
                return Err("frames of more bytes than the block");
            }
            *at += layout::frame_len(body);
            Ok(())
        };
        let (mut group, mut count) = (self.open.start, self.open.records);
        let (mut control_lens, mut marks, mut times) =
            (self.control_lens.iter(), self.marks.iter(), self.times.iter());
        let (mut spelt, mut bodies, mut record) = (Bytes::new(&self.spelt), Bytes::new(&self.bodies), 0);
        let mut body_at = 0_u32;
        for (kind, gap) in self.kinds.iter().zip(&self.gaps) {
            for _ in 0..*gap {
                put(&mut bones, &mut at, Bone::Record, payload_len(record))?;
                record += 1;
                count = count.wrapping_add(1);
            }
            if !matches!(*kind, COMMIT | COMMIT_SPELT_OUT) {
                let len = control_lens.next().and_then(|len| u32::try_from(*len).ok()).ok_or("no length")?;
                bodies.take(len as usize)?;
                put(&mut bones, &mut at, Bone::Control { kind: *kind, start: body_at, len }, len as usize)?;
                body_at += len;
                continue;
            }
            let (Some(mark), Some(time_micros)) = (marks.next(), times.next()) else {
                return Err("a commit without its time");
            };
            let (start, records) = if *kind == COMMIT_SPELT_OUT {
                let start = Offset::new(spelt.varint()?);
                (start, u32::try_from(spelt.varint()?).map_err(|_| "a group of too many records")?)
            } else {
                (group, count)
            };
            let durable_upto = Offset::new(group.get().wrapping_sub(*mark as u64));
            let commit = Bone::Commit { start, records, durable_upto, time_micros: *time_micros };
            put(&mut bones, &mut at, commit, 0)?;
            (group, count) = (Offset::new(from.get() + at as u64), 0);
        }
        for _ in 0..self.last_gap {
            put(&mut bones, &mut at, Bone::Record, payload_len(record))?;
            record += 1;
        }
        spelt.end()?;
        bodies.end()?;
        starts.push(at as u32);
        Ok((Skeleton { bones, bodies: self.bodies, records: self.records }, starts))
    }
}
