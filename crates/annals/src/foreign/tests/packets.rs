//! Frames of a packet queue.

use annals_streams::queue::{Order, Priority, Queue, QueueOptions};

use super::facts::crc32;
use super::*;
use crate::foreign::opq::{Packet, open};

const SEGMENT: &str = "segment_1763600000_1.opq";
const ID: u64 = 1_763_600_000;
const CREATED: i64 = 1_763_600_001;

fn packed() -> Vec<u8> {
    let parts = [
        b"LOPQ\x01\0\0\0".to_vec(),
        ID.to_le_bytes().to_vec(),
        vec![1, 0, 0, 0],
        CREATED.to_le_bytes().to_vec(),
    ];
    parts.concat()
}

fn padded() -> Vec<u8> {
    let mut bytes = packed();
    bytes.splice(20..20, [0xaa; 4]);
    bytes
}

/// As the program's compiler lays it out: what needs most alignment first.
fn native(swapped: bool) -> Vec<u8> {
    let (id, created) = (ID.to_le_bytes(), CREATED.to_le_bytes());
    let times = if swapped { [created, id] } else { [id, created] };
    [&times[0][..], &times[1], &[1, 0, 0, 0], b"LOPQ\x01\0\0\0", &[0xaa; 4]].concat()
}

fn closed(mut frame: Vec<u8>, signature: [u8; 32]) -> Vec<u8> {
    let crc = crc32(&frame);
    frame.extend_from_slice(&signature);
    frame.extend_from_slice(&crc.to_be_bytes());
    frame
}

/// A frame of version 2.
fn frame(sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = b"LWF\0".to_vec();
    frame.extend_from_slice(&[0; 48]);
    frame.extend_from_slice(&[0xee; 16]);
    frame.extend_from_slice(&sequence.to_be_bytes());
    frame.extend_from_slice(&[0x0a, 0]);
    frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    frame.extend_from_slice(&[2, 2, flags, 0]);
    frame.extend_from_slice(&1_763_600_000_000_000_000_u64.to_be_bytes());
    assert_eq!(frame.len(), 88);
    frame.extend_from_slice(payload);
    closed(frame, [0; 32])
}

/// A frame of version 1, with hints of this length.
fn old(hint: usize, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = b"LWF\0\x01\x20\x0a\0".to_vec();
    frame.extend_from_slice(&vec![0; 2 * hint]);
    frame.extend_from_slice(&sequence.to_be_bytes());
    frame.extend_from_slice(&77_u64.to_be_bytes());
    frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    frame.extend_from_slice(&[0, 2]);
    assert_eq!(frame.len(), 24 + 2 * hint);
    frame.extend_from_slice(payload);
    closed(frame, [0; 32])
}

fn three() -> Vec<u8> {
    [packed(), frame(1, 0, b"one"), frame(2, 0x20, b"two two"), frame(3, 0, b"")].concat()
}

fn frames(whole: &Whole<Packet>) -> Vec<Vec<u8>> {
    whole.items.iter().map(|item| item.item.frame.clone()).collect()
}

#[test]
fn every_layout_of_the_header_and_every_version_of_the_frame_is_known() {
    let expected = [frame(1, 0, b"one"), old(24, 2, b"two"), old(20, 3, b"three"), frame(4, 0, &[7; 1_226])];
    for header in [packed(), padded(), native(false), native(true)] {
        let store = Store::of(SEGMENT, [header.clone(), expected.concat()].concat());
        let whole = read(open(store.path()).unwrap());
        assert_eq!(whole.losses, []);
        assert_eq!(frames(&whole), expected);
        let said: Vec<_> = whole.items.iter().map(|item| (item.item.sequence, item.item.is_urgent)).collect();
        assert_eq!(said, [(1, false), (2, true), (3, true), (4, false)]);
        assert!(whole.items.iter().all(|item| item.item.created_seconds == Some(CREATED)), "{header:?}");
        assert_eq!(whole.items[0].place.offset, header.len() as u64);
    }
}

#[test]
fn packets_cut_anywhere_lose_what_is_torn_and_say_so() {
    Store::of(SEGMENT, three()).cut_everywhere(28, |dir| open(dir).unwrap());
}

#[test]
fn a_flipped_byte_costs_one_packet_and_never_makes_another() {
    let store = Store::of(SEGMENT, three());
    let ends: Vec<u64> = read(open(store.path()).unwrap())
        .items
        .iter()
        .map(|item| item.place.offset + item.place.bytes)
        .collect();
    // The signature is the sender's to check: no checksum covers it. Neither does one cover the segment's header.
    let open_to = |at: u64| at < 28 || ends.iter().any(|end| (end - 36..end - 4).contains(&at));
    store.flip_everywhere(|dir| open(dir).unwrap(), open_to, its_frame);
}

#[test]
fn a_frame_without_checksum_ends_where_the_next_begins_and_is_noted() {
    // As the program's own tests write them: a payload whose length is never set, a checksum that is never computed.
    let bare = |payload: &[u8]| {
        let mut frame = frame(9, 0, b"");
        frame.truncate(88);
        [&frame[..], payload, &[0; 36]].concat()
    };
    let expected = [bare(b"ten bytes."), frame(1, 0, b"one"), bare(b"and more")];
    let store = Store::of(SEGMENT, [packed(), expected.concat()].concat());
    let whole = read(open(store.path()).unwrap());
    assert_eq!(frames(&whole), expected);
    assert_eq!((whole.losses.len(), whole.receipt.noted(Note::Unverified)), (0, 2));
}

#[test]
fn a_frame_within_a_damaged_frame_is_not_taken_for_one() {
    let within = frame(7, 0, b"relayed");
    // In the payload; in the length, which then leads far beyond; in the length, which then leads where the copy begins.
    for (before, at) in [(5, 88 + 3), (5, 74), (140, 75)] {
        let outer = frame(1, 0, &[&vec![3; before][..], &within, &[3; 20]].concat());
        let mut damaged = outer.clone();
        damaged[at] ^= 0x10;
        let store = Store::of(SEGMENT, [packed(), damaged, frame(2, 0, b"two")].concat());
        let whole = read(open(store.path()).unwrap());
        assert_eq!(frames(&whole), [frame(2, 0, b"two")], "byte {at}");
        assert_eq!(whole.losses.iter().map(|loss| loss.bytes).sum::<u64>(), outer.len() as u64, "byte {at}");
    }
}

#[test]
fn a_queue_takes_packets_in_their_order_once_with_their_times() {
    let store = Store::of(SEGMENT, three());
    // The same bytes twice are two packets, then and now.
    fs::write(
        store.path().join("segment_1763600009_2.opq"),
        [packed(), frame(3, 0, b""), frame(4, 0, b"4")].concat(),
    )
    .unwrap();
    let target = tempfile::tempdir().unwrap();
    let queue = Queue::open(target.path(), QueueOptions::default()).unwrap();
    let before = standing(store.path());
    let done = into_queue(open(store.path()).unwrap(), &queue, |_, taken| taken.appended < 2).unwrap();
    assert_eq!(done, taken(2, 0), "it was stopped");
    let done = into_queue(open(store.path()).unwrap(), &queue, |_, _| true).unwrap();
    assert_eq!(done, taken(3, 2));
    let first = queue.drain(Order::Sequence).next().unwrap().unwrap();
    assert_eq!((first.created_micros, first.location.sequence), (CREATED * 1_000_000, 0));
    queue.acknowledge(&first.location).unwrap();
    let again = into_queue(open(store.path()).unwrap(), &queue, |_, _| true).unwrap();
    assert_eq!(again, taken(0, 5), "delivered or not");
    let rest: Vec<_> = queue
        .drain(Order::Sequence)
        .map(|found| found.unwrap())
        .map(|found| (found.frame, found.location.priority))
        .collect();
    let (normal, high) = (Priority::Normal, Priority::High);
    assert_eq!(
        rest,
        [
            (frame(2, 0x20, b"two two"), high),
            (frame(3, 0, b""), normal),
            (frame(3, 0, b""), normal),
            (frame(4, 0, b"4"), normal)
        ]
    );
    assert_eq!(standing(store.path()), before, "FO1");
}
