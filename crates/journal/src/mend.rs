//! Frames made whole again from what is left of them, and only where that proves itself.
//!
//!   damaged bytes + payload by id | an intact part that proves the others | one flipped bit -> the frame as it was
//!
//! M1: a record's frame is believed only if BLAKE3 of the payload is the id that stands in it, or if the stored CRC
//! holds over all of it; a control frame only if the stored CRC holds, but for one bit of it at most.

use annals_record::{Offset, RecordId};

use crate::frame::{self, Commit, Frame, Parsed, Place, array, long, word};
use crate::segment::SegmentHeader;

/// No longer frame is searched for a flipped bit: a second's work.
const MAX_UNFLIP: usize = 4 << 20;

/// Where payloads that are damaged in the journal may still be: a store that was filled from it.
pub trait Refill {
    /// The payload with this identity. What it gives is believed only if it hashes to `id`.
    fn payload(&self, id: &RecordId) -> Option<Vec<u8>>;
}

impl<F: Fn(&RecordId) -> Option<Vec<u8>>> Refill for F {
    fn payload(&self, id: &RecordId) -> Option<Vec<u8>> {
        self(id)
    }
}

/// For a journal without a store: nothing to refill from.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRefill;

impl Refill for NoRefill {
    fn payload(&self, _: &RecordId) -> Option<Vec<u8>> {
        None
    }
}

/// What made damaged bytes whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cure {
    /// The payload came from elsewhere, by its id.
    Refilled,
    /// Parts of the frame that are intact prove the others.
    Derived,
    /// One flipped bit, found by the checksum.
    Flipped,
}

/// A frame that was made whole.
#[derive(Debug)]
pub(crate) struct Mended {
    pub(crate) offset: Offset,
    pub(crate) frame: Vec<u8>,
    pub(crate) cure: Cure,
}

/// What a frame must fit: its place, and the group so far.
struct Setting {
    place: Place,
    group_start: Offset,
    records: u32,
}

/// Frames of whole groups in `bytes`, which begin with a group at `start`, that were damaged and are whole again. It
/// ends before the first group that cannot be made whole.
pub(crate) fn mend(header: &SegmentHeader, bytes: &[u8], start: Offset, refill: &dyn Refill) -> Vec<Mended> {
    let (mut whole_groups, mut of_group) = (Vec::new(), Vec::new());
    let (mut at, mut group_start, mut records) = (0, start, 0);
    while at < bytes.len() {
        let offset = Offset::new(start.get() + at as u64);
        let setting = Setting { place: header.place(offset), group_start, records };
        let rest = &bytes[at..];
        let as_it_is = rest;
        let mended;
        let frame = if is_sound(as_it_is, &setting.place) {
            as_it_is
        } else {
            let Some((frame, cure)) = mend_frame(rest, &setting, refill) else { break };
            mended = frame.clone();
            of_group.push(Mended { offset, frame, cure });
            &mended
        };
        let Parsed::Frame(kind, whole) = frame::parse(frame, &setting.place) else { break };
        at += whole;
        match kind {
            Frame::Record { .. } => records += 1,
            Frame::Control(..) | Frame::Skipped => {}
            Frame::Commit(commit) if commit.batch_start == group_start && commit.records == records => {
                whole_groups.append(&mut of_group);
                (group_start, records) = (Offset::new(start.get() + at as u64), 0);
            }
            Frame::Seal if offset == group_start => {
                whole_groups.append(&mut of_group);
                break;
            }
            Frame::Commit(_) | Frame::Seal => break,
        }
    }
    whole_groups
}

/// Whether a frame verifies here, its content included.
fn is_sound(bytes: &[u8], place: &Place) -> bool {
    match frame::parse(bytes, place) {
        Parsed::Frame(Frame::Record { len }, _) => {
            let payload = &bytes[frame::HEADER..frame::HEADER + len];
            RecordId::of(payload).as_bytes()[..] == bytes[8..frame::HEADER]
        }
        Parsed::Frame(..) => true,
        _ => false,
    }
}

fn mend_frame(rest: &[u8], setting: &Setting, refill: &dyn Refill) -> Option<(Vec<u8>, Cure)> {
    if rest.len() < frame::HEADER {
        return None;
    }
    mend_commit(rest, setting)
        .map(|frame| (frame, Cure::Derived))
        .or_else(|| mend_record(rest, &setting.place, refill))
        .or_else(|| unflip(rest, &setting.place).map(|frame| (frame, Cure::Flipped)))
}

/// A commit frame of which all but its journal time and `durable_upto` is known from its group.
fn mend_commit(rest: &[u8], setting: &Setting) -> Option<Vec<u8>> {
    let commit = Commit {
        batch_start: setting.group_start,
        durable_upto: Offset::new(long(rest, 16)),
        time_micros: long(rest, 24) as i64,
        records: setting.records,
    };
    let frame = frame::encode(frame::COMMIT_WORD, &commit.words(), &[], &setting.place);
    (word(&frame, 4) == word(rest, 4)).then_some(frame)
}

fn mend_record(rest: &[u8], place: &Place, refill: &dyn Refill) -> Option<(Vec<u8>, Cure)> {
    let id = RecordId::from_bytes(array(&rest[8..frame::HEADER]));
    let len = word(rest, 0) as usize;
    let fits = |len: usize| len <= frame::MAX_PAYLOAD && frame::padded(len) <= rest.len();
    let refilled = refill
        .payload(&id)
        .filter(|payload| fits(payload.len()) && RecordId::of(payload) == id)
        .map(|payload| record(&id, &payload, place));
    if fits(len) {
        let payload = &rest[frame::HEADER..frame::HEADER + len];
        let found = RecordId::of(payload);
        let derived = record(&found, payload, place);
        // Either hash and payload prove each other, and the checksum or the padding was hit; or the checksum holds
        // over the payload and its hash, and the id was hit.
        if found == id || word(&derived, 4) == word(rest, 4) {
            return Some((derived, Cure::Derived));
        }
    }
    // The group has to come out even with it: a frame of another length would not end where the next one begins.
    if let Some(frame) = refilled {
        return Some((frame, Cure::Refilled));
    }
    // The length was hit: the frame ends where the next one verifies.
    let end = (frame::HEADER..=rest.len())
        .step_by(8)
        .find(|end| *end == rest.len() || is_sound(&rest[*end..], &place.behind(*end)))?;
    let longest = end - frame::HEADER;
    let payload = (longest.saturating_sub(7)..=longest)
        .map(|len| &rest[frame::HEADER..frame::HEADER + len])
        .find(|payload| RecordId::of(payload) == id)?;
    Some((record(&id, payload, place), Cure::Derived))
}

fn record(id: &RecordId, payload: &[u8], place: &Place) -> Vec<u8> {
    frame::encode(payload.len() as u32, id.as_bytes(), payload, place)
}

/// The frame with one bit turned back, if that makes it verify, and a record's content with it.
fn unflip(rest: &[u8], place: &Place) -> Option<Vec<u8>> {
    let turned = |len: usize, turn: &dyn Fn(&mut [u8])| {
        let mut frame = rest[..frame::padded(len)].to_vec();
        turn(&mut frame);
        is_sound(&frame, place).then_some(frame)
    };
    let body_len = |word: u32| Some(frame::body_len(word)).filter(|len| frame::padded(*len) <= rest.len());
    if let Some(len) = body_len(word(rest, 0)) {
        let syndrome = frame::crc(rest, len, place) ^ word(rest, 4);
        if syndrome.is_power_of_two() {
            let bit = syndrome.trailing_zeros() as usize;
            return turned(len, &|frame| frame[4 + bit / 8] ^= 1 << (bit % 8));
        }
        // Covered are words and body, then 32 bytes of place.
        if let Some((byte, bit)) =
            Some(len).filter(|len| *len <= MAX_UNFLIP).and_then(|len| flipped(syndrome, 32 + len, 32))
        {
            return turned(len, &|frame| frame[8 + byte] ^= 1 << bit);
        }
    }
    (0..32).find_map(|bit| {
        let len = body_len(word(rest, 0) ^ 1 << bit)?;
        turned(len, &|frame| frame[bit / 8] ^= 1 << (bit % 8))
    })
}

/// Which bit of `len` bytes, which are followed by `after` more, changes a CRC32C by `syndrome`.
pub(crate) fn flipped(syndrome: u32, len: usize, after: usize) -> Option<(usize, u32)> {
    // A CRC is linear: what a bit changes depends on its distance from the end alone.
    let mut effects = [0_u32; 8];
    for (bit, effect) in effects.iter_mut().enumerate() {
        *effect = (0..after).fold(shifted(1 << bit), |effect, _| shifted(effect));
    }
    for byte in (0..len).rev() {
        if let Some(bit) = effects.iter().position(|effect| *effect == syndrome) {
            return Some((byte, bit as u32));
        }
        effects = effects.map(shifted);
    }
    None
}

/// A CRC's state after one more byte of zeros.
fn shifted(state: u32) -> u32 {
    (0..8).fold(state, |state, _| if state & 1 == 0 { state >> 1 } else { state >> 1 ^ 0x82f6_3b78 })
}

#[cfg(test)]
mod tests;
