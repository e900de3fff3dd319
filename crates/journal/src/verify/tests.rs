use std::fs;
use std::path::{Path, PathBuf};

use annals_record::{Appended, RecordId};

use super::*;
use crate::frame::{self, Commit};
use crate::seal::Seal;
use crate::segment::FilePos;
use crate::{Journal, Options, Reader};

/// Small segments, so that a few records roll.
fn small() -> Options {
    Options { segment_bytes: 6 << 10, ..Options::default() }
}

/// A closed journal of many segments.
struct Scene {
    dir: tempfile::TempDir,
    receipts: Vec<Appended>,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open_with(dir.path(), small()).unwrap();
        let receipts = (0..100).map(|i| journal.append(payload(i)).unwrap()).collect();
        journal.close().unwrap();
        Self { dir, receipts }
    }

    fn segments(&self) -> Vec<PathBuf> {
        let mut paths: Vec<_> =
            fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "wal"));
        paths.sort();
        paths
    }

    fn header(&self, segment: usize) -> SegmentHeader {
        SegmentHeader::decode(&fs::read(&self.segments()[segment]).unwrap()).unwrap()
    }

    /// Changes the file of a segment.
    fn change(&self, segment: usize, change: impl FnOnce(&mut Vec<u8>)) {
        let path = &self.segments()[segment];
        let mut bytes = fs::read(path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    }

    /// Puts another frame in the place of the one at `at`, with a CRC that holds.
    fn reframe(&self, segment: usize, at: Offset, word: u32, words: &[u8; 32], body: &[u8]) {
        let header = self.header(segment);
        let frame = frame::encode(word, words, body, &header.place(at));
        let pos = header.file_pos(at).0 as usize;
        self.change(segment, |bytes| bytes[pos..pos + frame.len()].copy_from_slice(&frame));
    }

    fn verify(&self, depth: Depth, subset: Option<(u32, u32)>) -> Verification {
        verify(self.dir.path(), VerifyOptions { depth, subset })
    }
}

fn payload(i: usize) -> Vec<u8> {
    format!("record {i} {}", "x".repeat(i * 37 % 300)).into_bytes()
}

fn verify(dir: &Path, options: VerifyOptions) -> Verification {
    let mut told = Vec::new();
    let found =
        Reader::open(dir).unwrap().verify_with(options, &mut |done, all| told.push((done, all))).unwrap();
    assert!(told.is_sorted(), "progress goes on");
    assert!(told.last().is_none_or(|(done, all)| done == all), "progress ends: {told:?}");
    found
}

#[test]
fn the_parts_of_a_subset_are_everything_once() {
    let scene = Scene::new();
    let all = scene.verify(Depth::Full, None);
    assert_eq!((all.records, &all.damaged[..]), (100, &[][..]));
    assert_eq!(all.bytes, scene.receipts[99].next.get() + frame::COMMIT as u64);
    for parts in [1, 3, 10, 1000] {
        let found: Vec<_> = (1..=parts).map(|part| scene.verify(Depth::Full, Some((part, parts)))).collect();
        assert_eq!(found.iter().map(|found| found.records).sum::<u64>(), 100, "{parts} parts");
        assert_eq!(found.iter().map(|found| found.bytes).sum::<u64>(), all.bytes);
    }
    assert_eq!(scene.verify(Depth::Quick, None).records, 100);
}

#[test]
fn a_subset_that_is_none_is_refused() {
    let scene = Scene::new();
    let reader = Reader::open(scene.dir.path()).unwrap();
    for subset in [(0, 10), (11, 10), (1, 0)] {
        let options = VerifyOptions { subset: Some(subset), ..VerifyOptions::default() };
        let refused = reader.verify_with(options, &mut |_, _| {});
        assert!(matches!(refused, Err(Error::Option { .. })), "{subset:?}");
    }
}

#[test]
fn quick_reads_headers_seals_and_the_active_segment_only() {
    let damaged = |segment: fn(usize) -> usize, at: fn(usize) -> usize| {
        let scene = Scene::new();
        let segment = segment(scene.segments().len());
        scene.change(segment, |bytes| {
            let at = at(bytes.len());
            bytes[at] ^= 4;
        });
        [Depth::Quick, Depth::Full].map(|depth| scene.verify(depth, None).damaged.len())
    };
    assert_eq!(damaged(|_| 1, |_| 4096 + 50), [0, 1], "a sealed payload");
    assert_eq!(damaged(|len| len - 1, |_| 4096 + 50), [1, 1], "a payload that is not sealed");
    assert_eq!(damaged(|_| 1, |_| 100), [1, 1], "a header");
    assert_eq!(damaged(|_| 1, |len| len - 60), [1, 1], "a seal");
    assert_eq!(damaged(|_| 1, |len| len - 3), [1, 1], "a trailer");
}

#[test]
fn a_payload_of_another_hash_is_found_under_a_crc_that_holds() {
    let scene = Scene::new();
    let other = RecordId::of(b"another payload");
    scene.reframe(0, scene.receipts[3].offset, payload(3).len() as u32, other.as_bytes(), &payload(3));
    let found = scene.verify(Depth::Full, None);
    // The record's group, and the chained hash that no longer is the seal's; no more than that.
    assert_eq!(found.damaged[0].offset, scene.receipts[3].offset);
    assert_eq!(found.damaged[0].len, scene.receipts[4].offset.get() - scene.receipts[3].offset.get());
    assert!(found.damaged[0].detail.contains("BLAKE3"), "{:?}", found.damaged);
    assert_eq!((found.damaged.len(), found.records), (1, 99));
    assert_eq!(scene.verify(Depth::Quick, None).damaged, []);
}

#[test]
fn a_commit_that_says_too_much_is_found_under_a_crc_that_holds() {
    let scene = Scene::new();
    let group = scene.receipts[5].offset;
    let durable = |upto: Offset| {
        let commit = Commit { batch_start: group, durable_upto: upto, time_micros: 1, records: 1 };
        scene.reframe(0, scene.receipts[5].next, frame::COMMIT_WORD, &commit.words(), &[]);
        scene.verify(Depth::Full, None).damaged
    };
    assert_eq!(durable(group), []);
    let damaged = durable(Offset::new(group.get() + 8));
    assert_eq!((damaged.len(), damaged[0].offset), (1, group), "{damaged:?}");
    assert!(damaged[0].detail.contains("was durable before it"), "{damaged:?}");
}

#[test]
fn a_header_that_contradicts_the_segment_before_it_is_found_under_a_crc_that_holds() {
    let changed = |change: fn(&mut SegmentHeader)| {
        let scene = Scene::new();
        let mut header = scene.header(2);
        change(&mut header);
        scene.change(2, |bytes| bytes[..4096].copy_from_slice(&header.encode()));
        [Depth::Quick, Depth::Full].map(|depth| scene.verify(depth, None).damaged)
    };
    for change in [
        (|header| header.records_before += 1) as fn(&mut SegmentHeader),
        |header| header.term_start = header.base,
        |header| header.chain[7] ^= 1,
    ] {
        for damaged in changed(change) {
            // What it says of the segments before it also contradicts the segment behind it.
            assert!((1..=2).contains(&damaged.len()), "{damaged:?}");
            assert!(damaged[0].detail.contains("segment 00000000"), "{damaged:?}");
        }
    }
    assert!(changed(|_| {}).iter().all(Vec::is_empty));
}

#[test]
fn a_seal_that_does_not_add_up_is_found_under_a_crc_that_holds() {
    let scene = Scene::new();
    let header = scene.header(1);
    scene.change(1, |bytes| {
        let len = frame::long(bytes, bytes.len() - 16) as usize;
        let start = bytes.len() - len;
        let at = header.offset(FilePos(start as u64));
        let mut seal = Seal::decode(&bytes[start..], &header, at).unwrap();
        seal.payload_bytes += 1;
        bytes[start..].copy_from_slice(&seal.encode(&header));
    });
    let damaged = scene.verify(Depth::Full, None).damaged;
    assert_eq!(damaged.len(), 1, "{damaged:?}");
    assert!(damaged[0].detail.contains("sums"), "{damaged:?}");
    assert_eq!(scene.verify(Depth::Quick, None).damaged, [], "quick does not add up");
}

#[test]
fn a_segment_of_many_records_that_was_opened_again_adds_up_to_its_seal() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    // More ids than an open hashes at once, several times.
    for _ in 0..4 {
        journal.append_batch(&vec![b"x"; 8192]).unwrap();
    }
    journal.close().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    journal.seal().unwrap();
    let found = journal.verify(&mut |_, _| {}).unwrap();
    assert_eq!((found.records, found.damaged), (4 * 8192, vec![]));
}
