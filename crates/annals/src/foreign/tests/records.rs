//! Records of a knowledge base's log.

use super::*;
use crate::foreign::stemedb::open;

const SEGMENT: &str = "0000000000000000.wal";
const HEADER: &[u8] = b"STEM\x02\0\0\0a file header.";

/// CRC32C, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _: u32| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

fn payload(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0, 0, 0, 0, 0, 0, 0], body].concat()
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let payload = payload(kind, body);
    let blake3 = blake3::hash(&payload);
    let parts = [
        &(payload.len() as u32).to_le_bytes()[..],
        &crc32c(&payload).to_le_bytes(),
        blake3.as_bytes(),
        &payload,
    ];
    parts.concat()
}

fn body(n: u8) -> Vec<u8> {
    (0..40 + n).map(|i| i.wrapping_mul(37) ^ n).collect()
}

fn three() -> Vec<u8> {
    [HEADER.to_vec(), record(0, &body(1)), record(1, &body(2)), record(2, &body(3))].concat()
}

#[test]
fn records_are_carried_under_a_type_of_the_application_and_known_by_who_they_were() {
    let store = Store::of(SEGMENT, three());
    let whole = read(open(store.path()).unwrap());
    assert_eq!(whole.losses, []);
    for (n, item) in (0..3).zip(&whole.items) {
        assert_eq!(item.item.payload, payload(128 + n, &body(n + 1)));
        assert_eq!(item.item.blake3, *blake3::hash(&payload(n, &body(n + 1))).as_bytes());
        assert_eq!(item.item.kind, n);
    }
    assert_eq!(whole.items[0].place.offset, HEADER.len() as u64);
    assert_eq!((whole.receipt.noted(Note::NotDecoded), whole.receipt.noted(Note::CrcDiffers)), (3, 0));
}

#[test]
fn the_crc_may_cover_several_things_and_the_blake3_decides() {
    let payload = payload(0, &body(1));
    let blake3 = *blake3::hash(&payload).as_bytes();
    let len = (payload.len() as u32).to_le_bytes();
    let covers = [
        payload.clone(),
        [&blake3[..], &payload].concat(),
        [&len[..], &blake3, &payload].concat(),
        [&len[..], &payload].concat(),
    ];
    for (cover, differs) in covers.iter().map(|cover| (crc32c(cover), 0)).chain([(5, 1)]) {
        let bytes = [HEADER, &len, &cover.to_le_bytes(), &blake3, &payload].concat();
        let store = Store::of(SEGMENT, bytes);
        let whole = read(open(store.path()).unwrap());
        assert_eq!((whole.items.len(), whole.receipt.noted(Note::CrcDiffers)), (1, differs));
    }
}

#[test]
fn records_cut_anywhere_lose_what_is_torn_and_say_so() {
    Store::of(SEGMENT, three()).cut_everywhere(0, |dir| open(dir).unwrap());
}

#[test]
fn a_flipped_byte_costs_one_record_and_never_makes_another() {
    Store::of(SEGMENT, three()).flip_everywhere(|dir| open(dir).unwrap(), |_| false, its_frame);
}

#[test]
fn where_the_header_ends_is_known_from_other_segments_or_from_the_length_of_a_damaged_record() {
    let mut damaged = three();
    damaged[HEADER.len() + 60] ^= 1;
    let store = Store::of(SEGMENT, damaged.clone());
    let alone = read(open(store.path()).unwrap());
    let lost = (HEADER.len() as u64, record(0, &body(1)).len() as u64);
    assert_eq!(alone.losses.iter().map(|loss| (loss.offset, loss.bytes)).collect::<Vec<_>>(), [lost]);
    // Its length is damaged too, and the segment before it tells.
    damaged[HEADER.len()] ^= 0x40;
    fs::write(store.path().join("0000000000000200.wal"), &damaged).unwrap();
    store.write(&three());
    let both = read(open(store.path()).unwrap());
    assert_eq!(both.losses.iter().map(|loss| (loss.offset, loss.bytes)).collect::<Vec<_>>(), [lost]);
    assert_eq!(both.items.len(), 5);
}

#[test]
fn a_journal_carries_records_once() {
    let store = Store::of(SEGMENT, [three(), record(0, &body(1))].concat());
    let target = tempfile::tempdir().unwrap();
    let annals = crate::Annals::open(target.path().join("data")).unwrap();
    let mut appended = Vec::new();
    for _ in 0..2 {
        let mut known = OwnRecords::of(annals.journal()).unwrap();
        let new: Vec<Vec<u8>> = read(open(store.path()).unwrap())
            .items
            .into_iter()
            .filter(|item| known.insert(crate::RecordId::of(&item.item.payload)))
            .map(|item| item.item.payload)
            .collect();
        annals.journal().append_batch(&new).unwrap();
        appended.push(new.len());
    }
    assert_eq!(appended, [3, 0]);
    annals.close().unwrap();
}
