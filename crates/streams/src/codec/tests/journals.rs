//! Journals of encoded segments: read at every offset, verified, opened for writing, purged, salvaged.

use std::sync::Arc;

use annals_journal::{
    Batch, Consent, Depth, Journal, Keep, Log, LogError, NoRefill, Offset, ReadLimit, Reader, SystemClock,
    VerifyOptions, salvage,
};

use super::scene::{self, Scene};
use super::*;

/// Offsets and payloads.
type Records = Vec<(Offset, Vec<u8>)>;

/// All records of a log, by a replay.
fn records(reader: &Reader) -> Records {
    let mut records = Vec::new();
    let (mut replay, mut batch) = (reader.replay(reader.bounds().unwrap().oldest), Batch::default());
    while replay.next_into(&mut batch).unwrap() {
        records.extend(batch.iter().map(|record| (record.offset, record.payload.to_vec())));
    }
    records
}

/// The same of a log with damage: what is served, and what is said of the rest.
fn served(reader: &Reader) -> (Records, Vec<(Offset, u64)>) {
    let (mut records, mut damaged) = (Vec::new(), Vec::new());
    let mut at = Offset::ZERO;
    let end = reader.durable().unwrap();
    while at < end {
        match reader.read(at, ReadLimit { records: 100, bytes: 1 << 20 }) {
            Ok(batch) => {
                records.extend(batch.iter().map(|record| (record.offset, record.payload.to_vec())));
                at = batch.next();
            }
            Err(LogError::Damaged { offset, len, .. } | LogError::Hole { offset, len }) => {
                damaged.push((offset, len));
                at = Offset::new(offset.get() + len);
            }
            Err(error) => panic!("{error}"),
        }
    }
    (records, damaged)
}

fn reader(scene: &Scene) -> Reader {
    Reader::open_on(Scene::disk(), Arc::new(SystemClock), &scene.journal).unwrap()
}

fn journal(scene: &Scene) -> Journal {
    Journal::open_on(Scene::disk(), Arc::new(SystemClock), &scene.journal, scene::options()).unwrap()
}

#[test]
fn every_record_is_found_at_its_offset_and_is_the_plain_journals() {
    for codec in codecs() {
        for scene in [Scene::with_everything(), Scene::of_batches(&[300, 1, 1, 5_000])] {
            let plain = records(&reader(&scene));
            scene.encode(codec);
            let reader = reader(&scene);
            assert_eq!(records(&reader), plain);
            let mut batch = Batch::default();
            for (offset, payload) in &plain {
                let limit = ReadLimit { records: 1, bytes: 1 };
                reader.read_into(*offset, limit, &mut batch).unwrap();
                let first = batch.iter().next().unwrap();
                assert_eq!((first.offset, first.payload), (*offset, &payload[..]));
            }
        }
    }
}

#[test]
fn verification_compares_every_hash_and_the_chain_of_an_encoded_journal() {
    for codec in codecs() {
        let scene = Scene::with_everything();
        let options = VerifyOptions { depth: Depth::Full, ..VerifyOptions::default() };
        let verified = |scene: &Scene| reader(scene).verify_with(options, &mut |_, _| {}).unwrap();
        let plain = verified(&scene);
        scene.encode(codec);
        let encoded = verified(&scene);
        assert!(encoded.damaged.is_empty(), "{:?}", encoded.damaged);
        assert_eq!(encoded, plain);
    }
}

#[test]
fn a_journal_with_encoded_segments_is_opened_written_verified_and_purged() {
    for codec in codecs() {
        let scene = Scene::with_everything();
        let before = records(&reader(&scene));
        scene.encode(codec);
        let journal = journal(&scene);
        let more = journal.append("more").unwrap();
        // The keys of encoded segments are remembered.
        let how = annals_journal::AppendOptions { key: Some(b"a key"), ..Default::default() };
        let again = journal.append_with(&["one", "two"], &how).unwrap();
        assert!(again[0].offset < more.offset, "it is the first one's receipt");
        assert!(journal.verify(&mut |_, _| {}).unwrap().damaged.is_empty());
        assert_eq!(journal.records(), before.len() as u64 + 1);
        let plan = journal.plan(&Keep::Segments(2)).unwrap();
        let receipts = journal.apply(&plan, Consent::default()).unwrap();
        assert_eq!(receipts[0].records, 75);
        journal.close().unwrap();
        let left = records(&reader(&scene));
        assert!(left.len() < before.len() && left.last().unwrap().1 == b"more");
    }
}

#[test]
fn a_damaged_block_is_damage_with_its_range_and_the_rest_is_served() {
    for codec in codecs() {
        let scene = Scene::of_batches(&[4_000, 4_000, 4_000]);
        let plain = records(&reader(&scene));
        scene.encode(codec);
        let path = scene.sealed_paths().remove(0);
        let mut bytes = std::fs::read(&path).unwrap();
        let container = Container::of(&MemoryFile::new(&bytes)).unwrap().unwrap();
        let hit = container.blocks[2];
        bytes[hit.file_pos as usize + 100] ^= 0x10;
        std::fs::write(&path, &bytes).unwrap();

        let reader = reader(&scene);
        let (served, damaged) = served(&reader);
        assert_eq!(damaged, [(hit.first, u64::from(hit.plain_len))]);
        let lost = hit.first..Offset::new(hit.first.get() + u64::from(hit.plain_len));
        let rest: Vec<_> = plain.iter().filter(|(offset, _)| !lost.contains(offset)).cloned().collect();
        assert_eq!(rest.len(), 8_000);
        assert_eq!(served, rest);
        let verification = reader.verify(&mut |_, _| {}).unwrap();
        assert_eq!(verification.damaged.len(), 1, "{:?}", verification.damaged);
        assert_eq!((verification.damaged[0].offset, verification.damaged[0].len), damaged[0]);
    }
}

#[test]
fn a_journal_salvaged_in_a_new_term_is_encoded_with_its_holes() {
    for codec in codecs() {
        let scene = Scene::of_batches(&[40, 50, 60]);
        let path = scene.sealed_paths().remove(0);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 500].fill(0x55);
        std::fs::write(&path, &bytes).unwrap();
        let disk = Scene::disk();
        let clock = Arc::new(SystemClock);
        let plan = salvage::plan(&disk, &scene.journal, &NoRefill).unwrap();
        let options = scene::options();
        salvage::apply(&disk, clock, &scene.journal, options, &NoRefill, &plan).unwrap();
        let more = scene.open();
        more.append("in a new term").unwrap();
        more.seal().unwrap();
        more.close().unwrap();

        let plain = served(&reader(&scene));
        assert_eq!(plain.1.len(), 1, "there is a hole");
        let mut out = Vec::new();
        let file = MemoryFile::new(&bytes);
        let encoded = encode(&file, &mut out, codec).unwrap();
        assert!(encoded.verbatim_bytes > 4096 + 2_000, "the hole is kept as it is: {encoded:?}");
        scene.encode(codec);
        let reader = reader(&scene);
        assert!(reader.terms().len() > 1, "{:?}", reader.terms());
        assert_eq!(served(&reader), plain);
        assert!(reader.verify(&mut |_, _| {}).unwrap().damaged.is_empty());
    }
}
