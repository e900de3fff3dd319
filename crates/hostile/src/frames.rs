//! Frames, headers, seals, keys and audits: single structures of a segment.
//!
//!   first byte: what it is, and whether checksums are made to hold -> the journal's reader beside the forge's
//!
//! HF1: the journal finds a frame where docs/format.md says that there is one, of that kind and length, and nowhere else.
//! HF2: a frame is the same one whether it is read by itself or behind another.
//! HF3: what is read is written to the same bytes, or is read from them as the same again.

use annals_journal::bare::{self, Found, Frames};
use annals_journal::dump::Audit;
use annals_record::{LogId, Offset, Term};
use fastrand::Rng;

use crate::forge::{self, Place};

const LOG: LogId = LogId::from_bytes(*b"hostile log here");
const MEND: u8 = 0x80;

/// Throws these bytes at the readers.
pub fn run(bytes: &[u8]) {
    let Some((mode, rest)) = bytes.split_first() else { return };
    let mend = mode & MEND != 0;
    match mode & 7 {
        0..=3 => row(rest, mend),
        4 => header(rest, mend),
        5 => seal(rest, mend),
        6 => keys(rest, mend),
        _ => drop(Audit::of(rest)),
    }
}

/// Draws such bytes: a row of frames as a journal writes it, hurt here and there.
#[must_use]
pub fn draw(rng: &mut Rng) -> Vec<u8> {
    let mode = rng.u8(..) & (MEND | 7);
    let offset = if rng.bool() { rng.u64(..1 << 20) * 8 } else { rng.u64(..) };
    let mut place = Place { log: LOG, term: Term::new(rng.u64(1..4)), offset };
    let mut bytes = vec![mode];
    match mode & 7 {
        4 => return [bytes, forge::header(place)[..128].to_vec()].concat(),
        6 => {
            bytes.extend_from_slice(&key_file(rng.usize(..5), rng));
            return bytes;
        }
        _ => {}
    }
    bytes.extend_from_slice(&place.offset.to_le_bytes());
    bytes.extend_from_slice(&place.term.get().to_le_bytes());
    if mode & 7 == 5 {
        bytes.extend_from_slice(&seal_frame(rng.usize(..4), place));
        return bytes;
    }
    for _ in 0..rng.usize(1..6) {
        let body = annals_testkit::payload(rng);
        let frame = match rng.u32(..3) {
            0 => forge::frame(Some(0), Some(forge::commit(place.offset, place.offset, 7, 1)), &[], place),
            1 => forge::frame(Some(rng.u32(..8)), None, &body, place),
            _ => forge::frame(None, None, &body, place),
        };
        bytes.extend_from_slice(&frame);
        let Some(next) = place.behind(frame.len()) else { break };
        place = next;
    }
    bytes
}

/// A row of frames behind 16 bytes that say where it stands.
fn row(bytes: &[u8], mend: bool) {
    let (Some(offset), Some(term)) = (forge::long(bytes, 0), forge::long(bytes, 8)) else { return };
    let mut place = Place { log: LOG, term: Term::new(term), offset };
    let mut frames = bytes[16..].to_vec();
    if mend {
        forge::mend_frames(&mut frames, place);
    }
    let mut reader = Frames::new(LOG, place.term);
    let mut rest = &frames[..];
    loop {
        let expected = forge::expected(rest, place);
        let alone = reader.alone(rest, Offset::new(place.offset));
        assert_eq!(alone, expected, "HF1: at {place:?}");
        assert_eq!(reader.next(rest, Offset::new(place.offset)), alone, "HF2: at {place:?}");
        let whole = alone.1;
        assert!(whole.is_multiple_of(8) && whole <= rest.len() && (whole > 0) == is_frame(&alone.0));
        let (Some(next), true) = (place.behind(whole), whole > 0) else { return };
        (place, rest) = (next, &rest[whole..]);
    }
}

fn is_frame(found: &Found) -> bool {
    !matches!(found, Found::Zeros | Found::Short(_) | Found::Bad)
}

/// A header's first bytes; the rest of its block is zeros.
fn header(bytes: &[u8], mend: bool) {
    let mut block = bytes.to_vec();
    if mend {
        block.resize(forge::HEADER, 0);
        forge::sign(&mut block, 0..forge::HEADER - 4);
    }
    if let Some(again) = bare::header(&block) {
        assert!(mend || block.len() >= forge::HEADER, "HF1: a header of {} bytes", block.len());
        assert_eq!(bare::header(&again).as_ref(), Some(&again), "HF3");
        assert_eq!(again[..120], block[..120], "HF3");
    }
}

/// A seal frame behind 16 bytes that say where it stands.
fn seal(bytes: &[u8], mend: bool) {
    let (Some(offset), Some(term)) = (forge::long(bytes, 0), forge::long(bytes, 8)) else { return };
    let place = Place { log: LOG, term: Term::new(term), offset };
    let block = forge::header(Place { offset: 0, ..place });
    let mut frame = bytes[16..].to_vec();
    if mend {
        forge::mend_frames(&mut frame, place);
    }
    if let Some(again) = bare::seal(&frame, &block, Offset::new(offset)) {
        let (found, whole) = forge::expected(&frame, place);
        assert_eq!(found, Found::Seal, "HF1");
        assert_eq!(again.len(), whole, "HF3");
        assert_eq!(bare::seal(&again, &block, Offset::new(offset)), Some(again), "HF3");
    }
}

fn seal_frame(entries: usize, place: Place) -> Vec<u8> {
    let mut body = vec![0; 112 + 8 * entries];
    body[..8].copy_from_slice(&place.offset.to_le_bytes());
    body[80..88].copy_from_slice(&place.term.get().to_le_bytes());
    body[88..92].copy_from_slice(&65_536_u32.to_le_bytes());
    body[92..96].copy_from_slice(&(entries as u32).to_le_bytes());
    let end = body.len();
    body[end - 16..end - 8].copy_from_slice(&(end as u64 + 40).to_le_bytes());
    body[end - 8..].copy_from_slice(b"annalsSL");
    forge::frame(Some(2), None, &body, place)
}

/// A file of idempotency keys; its last four bytes are its checksum.
fn keys(bytes: &[u8], mend: bool) {
    let mut file = bytes.to_vec();
    if mend && let Some(covered) = file.len().checked_sub(4) {
        forge::sign(&mut file, 0..covered);
    }
    for most in [0, 2, 65_536] {
        let end = Offset::new(u64::MAX);
        if let Some(again) = bare::keys(&file, LOG, end, most) {
            assert!(again.len() <= file.len(), "HF3: keys out of nothing");
            assert_eq!(bare::keys(&again, LOG, end, most), Some(again), "HF3");
        }
    }
}

fn key_file(entries: usize, rng: &mut Rng) -> Vec<u8> {
    let mut file = [&b"annalsKY"[..], LOG.as_bytes(), &4096_u64.to_le_bytes()].concat();
    file.extend_from_slice(&(entries as u64).to_le_bytes());
    file.extend((0..72 * entries).map(|_| rng.u8(..3)));
    file.extend_from_slice(&[0; 4]);
    let covered = file.len() - 4;
    forge::sign(&mut file, 0..covered);
    file
}
