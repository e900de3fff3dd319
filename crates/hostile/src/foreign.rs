//! Other systems' stores: a data file of each format, and a document beside it.
//!
//!   first byte: format, whether checksums are made to hold -> length of the document: u16 LE -> document -> data file
//!
//! HS1: whatever the bytes, a store is read to its end; every byte of its data is kept or told as lost.
//! HS2: an item is given only where its own checksum verifies, and lies within its file.
//! HS3: the same bytes give the same items and the same losses.

use std::fmt::Debug;
use std::fs;
use std::path::Path;

use annals::foreign::{self, Foreign, Found, Loss, Placed, Receipt};
use annals_record::RecordId;
use crc_fast::CrcAlgorithm;
use fastrand::Rng;
use tempfile::TempDir;

const MEND: u8 = 0x80;
/// Each format: its data file, and the document beside it.
const FILES: [[&str; 2]; 5] = [
    [
        "wal/store=gps/date=2026-11-20/segment-000001.wal",
        "wal/store=gps/date=2026-11-20/segment-000001.wal.manifest.json",
    ],
    ["segment_1763600000_1.opq", "other"],
    ["0000000000000000.wal", "other"],
    ["0", "other"],
    [
        "01890000-0000-7000-8000-000000000001/01890000-0000-7000-8000-000000000002.jsonl",
        "01890000-0000-7000-8000-000000000001/01890000-0000-7000-8000-000000000002.trace.jsonl",
    ],
];
/// Of a packet's frame: the signature, which the checksum does not cover, and the checksum.
const TRAILER: usize = 36;

/// Throws these bytes at a reading of a foreign store.
pub fn run(bytes: &[u8]) {
    let [mode, low, high, rest @ ..] = bytes else { return };
    let format = usize::from(mode & 0x7f) % FILES.len();
    let (document, data) = rest.split_at(usize::from(u16::from_le_bytes([*low, *high])).min(rest.len()));
    let mut data = data.to_vec();
    if mode & MEND != 0 {
        mend(format, &mut data);
    }
    let Ok(room) = stored(format, document, &data) else { unreachable!("there is no room for a file") };
    let (at, total) = (room.path(), data.len() as u64);
    match format {
        0 => read(|| foreign::igniter::open(at), total, |found| verifies(&data, found, 4, 0)),
        1 => read(
            || foreign::opq::open(at),
            total,
            |found| {
                assert_eq!(framed(&data, found), &found.item.frame[..], "HS2: another frame");
                verifies(&data, found, 0, TRAILER - 4);
            },
        ),
        2 => read(
            || foreign::stemedb::open(at),
            total,
            |Placed { item, .. }| {
                let mut payload = item.payload.clone();
                payload[0] = item.kind;
                assert_eq!(RecordId::of(&payload).as_bytes(), &item.blake3, "HS2");
            },
        ),
        3 => read(
            || foreign::fact::open(at),
            total,
            |found| {
                let frame = framed(&data, found);
                let held = found.item.data.is_empty()
                    || frame.windows(found.item.data.len()).any(|part| part == found.item.data);
                assert!(held, "HS2: data that its frame does not hold");
            },
        ),
        _ => read(|| foreign::sessions::open(at), total + document.len() as u64, |_| {}),
    }
}

/// Reads a store twice to its end.
fn read<T: PartialEq + Debug, F: Foreign<Taken = T>>(
    open: impl Fn() -> Result<F, annals::Error>,
    total: u64,
    check: impl Fn(&Placed<T>),
) {
    let (first, second) = (whole(&open, total), whole(&open, total));
    first.0.iter().for_each(check);
    assert_eq!(first, second, "HS3");
}

type Whole<T> = (Vec<Placed<T>>, Vec<Loss>, Receipt);

fn whole<T, F: Foreign<Taken = T>>(open: impl Fn() -> Result<F, annals::Error>, total: u64) -> Whole<T> {
    let mut reading = match open() {
        Ok(reading) => reading,
        Err(error) => unreachable!("HS1: a store that is there is not opened: {error}"),
    };
    let (mut items, mut losses) = (Vec::new(), Vec::new());
    for found in reading.by_ref() {
        match found {
            Found::Item(item) => items.push(item),
            Found::Lost(loss) => losses.push(loss),
        }
    }
    let receipt = reading.receipt().clone();
    assert_eq!(reading.total_bytes(), total, "HS1");
    assert_eq!((receipt.bytes, receipt.kept_bytes + receipt.lost_bytes), (total, total), "HS1: {receipt:?}");
    assert_eq!(receipt.lost_bytes, losses.iter().map(|loss| loss.bytes).sum::<u64>(), "HS1: {losses:?}");
    let ends = items.iter().map(|item| item.place.offset.saturating_add(item.place.bytes));
    assert!(ends.chain(losses.iter().map(|loss| loss.offset + loss.bytes)).all(|end| end <= total), "HS2");
    (items, losses, receipt)
}

/// The frame of an item.
fn framed<'a, T>(data: &'a [u8], found: &Placed<T>) -> &'a [u8] {
    let from = found.place.offset as usize;
    &data[from..from + found.place.bytes as usize]
}

/// HS2, where four bytes at the end are the CRC-32, big endian, of all but `before` and `behind` bytes around it.
/// A packet without a checksum has zeros there, and is noted.
fn verifies<T>(data: &[u8], found: &Placed<T>, before: usize, behind: usize) {
    let frame = framed(data, found);
    let Some((covered, sum)) = frame.split_last_chunk::<4>() else {
        unreachable!("HS2: a frame of {} bytes", frame.len())
    };
    let covered = &covered[before..covered.len() - behind];
    let is_left_out = behind > 0 && *sum == [0; 4];
    assert!(is_left_out || crc(covered) == u32::from_be_bytes(*sum), "HS2: {:?}", found.place);
}

fn crc(bytes: &[u8]) -> u32 {
    crc_fast::checksum(CrcAlgorithm::Crc32IsoHdlc, bytes) as u32
}

/// A directory that holds a store of these two files.
fn stored(format: usize, document: &[u8], data: &[u8]) -> std::io::Result<TempDir> {
    let room = tempfile::tempdir()?;
    for (name, bytes) in FILES[format].iter().zip([data, document]) {
        let path = room.path().join(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
        fs::write(path, bytes)?;
    }
    Ok(room)
}

/// Makes the checksums of frames hold, where it is known from a frame itself where it ends.
fn mend(format: usize, data: &mut [u8]) {
    let mut at = 0;
    while let Some(head) = data.get(at..).and_then(<[u8]>::first_chunk::<4>) {
        let len = match format {
            0 => u32::from_be_bytes(*head) as usize,
            2 => u32::from_le_bytes(*head) as usize,
            _ => return,
        };
        let body = if format == 0 { at + 4 } else { at + 40 };
        let Some(end) = body.checked_add(len).filter(|end| *end <= data.len()) else { return };
        at = if format == 0 {
            let sum = crc(&data[body..end]).to_be_bytes();
            let Some(stands) = data.get_mut(end..end + 4) else { return };
            stands.copy_from_slice(&sum);
            end + 4
        } else {
            let id = RecordId::of(&data[body..end]);
            data[body - 32..body].copy_from_slice(id.as_bytes());
            end
        };
    }
}

/// Draws one of the stores that are committed, and whether its checksums are made to hold.
#[must_use]
pub fn draw(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = STORES[rng.usize(..STORES.len())].to_vec();
    bytes[0] |= rng.u8(..) & MEND;
    bytes
}

macro_rules! stores {
    ($($name:literal)*) => {
        &[$(include_bytes!(concat!("../corpus/foreign/", $name))),*]
    };
}

/// Whole and damaged stores of every format, as the tests of the importers write them.
const STORES: &[&[u8]] = stores![
    "fact-0" "fact-1" "fact-2" "fact-3" "stemedb-0" "stemedb-1" "stemedb-2" "stemedb-3" "stemedb-4"
    "stemedb-5" "stemedb-6" "fsstore-0" "fsstore-1" "fsstore-2" "fact-4" "opq-0" "opq-1" "opq-2"
    "opq-3" "opq-4" "opq-5" "opq-6" "igniter-0" "igniter-1" "igniter-2" "igniter-3" "igniter-4"
    "igniter-5" "igniter-6"
];
