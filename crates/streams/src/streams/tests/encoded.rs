//! Sealed segments in fewer bytes: nothing about them changes but their files.

use std::time::{Duration, Instant};

use annals_journal::{Consent, Keep, Offset, ReadLimit};
use annals_testkit::{Call, Fault, FaultDisk, Outcome, SimDisk};

use super::*;
use crate::{Fact, FactTime};

fn with(codec: Codec, background: bool) -> Options {
    let defaults = Settings { codec, segment_bytes: 32 << 10, ..Settings::default() };
    Options { defaults, background, ..Options::default() }
}

fn line(i: usize) -> String {
    format!("{{\"sensor\":{},\"celsius\":{}.{}}}", i % 5, 20 + i % 3, i % 10)
}

/// Writes so many lines, ten at a time.
fn fill(streams: &Streams, stream: &str, count: usize) {
    for at in (0..count).step_by(10) {
        let lines: Vec<String> = (at..at + 10).map(line).collect();
        streams.write(stream, &lines).unwrap();
    }
}

fn codecs(streams: &Streams, stream: &str) -> Vec<String> {
    let manifest = streams.manifest(Some(stream)).unwrap();
    manifest.streams[0].segments.iter().map(|segment| segment.codec.clone()).collect()
}

#[test]
fn an_encoded_stream_reads_seeks_verifies_and_purges_as_a_plain_one() {
    for codec in [Codec::Zstd, Codec::Delta] {
        let mut scene = Scene::new(with(codec, false));
        fill(&scene, "s", 2000);
        let before = scene.manifest(Some("s")).unwrap().streams.remove(0).segments;
        let sealed = before.len() - 1;
        let encoded = scene.encode_now(None).unwrap();
        assert_eq!((encoded.len(), codecs(&scene, "s").len()), (sealed, sealed + 1));
        assert!(sealed > 3 && encoded.iter().all(|one| one.stored_bytes * 5 < one.bytes), "{encoded:?}");
        assert_eq!(scene.encode_now(None).unwrap(), [], "once");
        for look in ["as it was", "opened anew"] {
            let after = scene.manifest(Some("s")).unwrap().streams.remove(0).segments;
            for (before, after) in before.iter().zip(&after).take(sealed) {
                assert_eq!(
                    (before.base, before.end, before.bytes),
                    (after.base, after.end, after.bytes),
                    "{look}"
                );
                assert_eq!((before.records, before.min_micros), (after.records, after.min_micros));
                assert_eq!(after.codec, codec.name());
                assert_eq!(after.stored_bytes, Some(fs::metadata(&after.path).unwrap().len()));
                assert!(after.stored_bytes.unwrap() * 5 < before.stored_bytes.unwrap());
            }
            assert_eq!(after[sealed].codec, "plain", "what is written to is plain");
            let texts: Vec<String> = scene.all(&Query::of("s")).into_iter().map(|(_, text)| text).collect();
            assert_eq!(texts, (0..2000).map(line).collect::<Vec<_>>(), "{look}");
            scene.reopen();
        }
        let stream = scene.stream("s").unwrap();
        for record in scene.replay(&Query::of("s")).unwrap().step_by(97) {
            let record = record.unwrap();
            let group = stream.read(record.offset, ReadLimit { records: 1, bytes: 1 }).unwrap();
            assert_eq!(group.iter().next().unwrap().payload, record.payload);
        }
        let verified = stream.with_journal(|journal| journal.verify(&mut |_, _| {})).unwrap();
        assert!(verified.is_ok() && verified.records == 2000);
        let stats = scene.stats(None).unwrap().total;
        assert!(stats.codecs.contains("plain") && stats.codecs.contains(codec.name()));
        let reader = crate::Reader::open(scene.root()).unwrap();
        assert_eq!(texts(reader.replay(&Query::default()).unwrap()).len(), 2000);
        scene.set("s", Settings { keep: Keep::Segments(2), ..scene.options.defaults }).unwrap();
        assert_eq!(scene.purge(None, Consent::default()).unwrap().receipts.len(), sealed - 1);
        assert!(scene.all(&Query::default()).len() < 2000);
        fill(&scene, "s", 10);
    }
}

#[test]
fn one_thread_encodes_what_is_sealed_and_notes_its_times() {
    let scene = Scene::new(with(Codec::Zstd, true));
    fill(&scene, "a", 1000);
    fill(&scene, "b", 1000);
    scene.set("plain", Settings { codec: Codec::Plain, ..scene.options.defaults }).unwrap();
    fill(&scene, "plain", 1000);
    let sealed = scene.segment_count(None).unwrap() as usize - 3;
    let began = Instant::now();
    let done = || {
        let files = tree(&scene.root());
        let noted = files.iter().filter(|path| path.ends_with(".wal.manifest.json")).count();
        let encoded = ["a", "b"]
            .iter()
            .all(|stream| codecs(&scene, stream).iter().rev().skip(1).all(|codec| codec == "zstd"));
        noted == sealed && encoded
    };
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(120), "{:?}", tree(&scene.root()));
        std::thread::yield_now();
    }
    assert_eq!(codecs(&scene, "plain").iter().filter(|codec| *codec != "plain").count(), 0);
    assert_eq!(scene.all(&Query::default()).len(), 3000);
}

#[test]
fn what_an_earlier_process_has_sealed_and_a_change_of_codec_are_seen_to() {
    let mut scene = Scene::new(with(Codec::Plain, true));
    fill(&scene, "s", 500);
    scene.set("s", Settings { codec: Codec::Zstd, ..scene.options.defaults }).unwrap();
    let wait = |scene: &Scene, wanted: &str| {
        let began = Instant::now();
        while codecs(scene, "s").iter().rev().skip(1).any(|codec| codec != wanted) {
            assert!(began.elapsed() < Duration::from_secs(120));
            std::thread::yield_now();
        }
    };
    wait(&scene, "zstd");
    scene.set("s", Settings { codec: Codec::Plain, ..scene.options.defaults }).unwrap();
    fill(&scene, "s", 500);
    assert_eq!(scene.encode_now(None).unwrap(), [], "what is encoded stays so, what is new stays plain");
    assert!(
        codecs(&scene, "s").contains(&"zstd".to_owned()) && codecs(&scene, "s").contains(&"plain".to_owned())
    );
    scene.options.background = false;
    scene.reopen();
    scene.set("s", Settings { codec: Codec::Zstd, ..scene.options.defaults }).unwrap();
    scene.options.background = true;
    scene.reopen();
    assert!(codecs(&scene, "s")[..codecs(&scene, "s").len() - 1].contains(&"plain".to_owned()));
    scene.write("s", &["opens it"]).unwrap();
    wait(&scene, "zstd");
    assert_eq!(scene.all(&Query::of("s")).len(), 1001);
}

#[test]
fn whatever_fails_on_the_way_the_plain_segment_stands_and_the_next_attempt_works() {
    for call in [Call::Open, Call::Write, Call::Sync, Call::Rename] {
        let disk = FaultDisk::new(SimDisk::new());
        let clock = Arc::new(ManualClock::at(MARCH));
        let streams =
            Streams::open_on(Arc::new(disk.clone()), clock, Path::new("/root"), with(Codec::Zstd, false))
                .unwrap();
        fill(&streams, "s", 500);
        let plain = codecs(&streams, "s");
        disk.inject(Fault::of(&[call], Outcome::Error(std::io::ErrorKind::Other)).on(".encoded.tmp"));
        let error = streams.encode_now(Some("s")).unwrap_err();
        assert_eq!(disk.fired(), 1, "{call:?}");
        assert!(matches!(&error, Error::Codec { base: Offset::ZERO, .. }), "{call:?}: {error}");
        assert_eq!(codecs(&streams, "s"), plain);
        let bucket = Path::new("/root/wal/store=s/date=2026-03-01");
        let left = disk.disk().files(bucket).unwrap();
        assert!(!left.iter().any(|path| path.to_string_lossy().ends_with(".tmp")), "{call:?}: {left:?}");
        fill(&streams, "s", 10);
        assert!(!streams.encode_now(Some("s")).unwrap().is_empty());
        assert_eq!(streams.replay(&Query::default()).unwrap().map(Result::unwrap).count(), 510);
    }
}

#[test]
fn a_damaged_block_is_told_with_its_range_and_the_rest_is_read() {
    let scene = Scene::new(with(Codec::Zstd, false));
    fill(&scene, "s", 1000);
    fill(&scene, "t", 100);
    scene.encode_now(None).unwrap();
    let segment = scene.manifest(Some("s")).unwrap().streams[0].segments[1].clone();
    let mut bytes = fs::read(&segment.path).unwrap();
    let whole = bytes.clone();
    let (mut losses, mut told) = (0, 0);
    for at in (0..whole.len()).step_by(whole.len() / 12) {
        bytes.clone_from(&whole);
        bytes[at] ^= 1;
        fs::write(&segment.path, &bytes).unwrap();
        let replay = crate::Reader::open(scene.root()).unwrap().replay(&Query::default()).unwrap();
        let (found, errors): (Vec<_>, Vec<_>) = replay.partition(Result::is_ok);
        let texts: Vec<Vec<u8>> = found.into_iter().map(|record| record.unwrap().payload).collect();
        let lost = 1100 - texts.len();
        assert!(lost <= segment.records.unwrap() as usize, "{lost} lost, byte {at}");
        assert!(
            texts.iter().all(|text| text.starts_with(b"{\"sensor\":")),
            "nothing else is given, byte {at}"
        );
        assert!(lost == 0 || !errors.is_empty(), "{lost} records are lost and nobody is told, byte {at}");
        losses += usize::from(lost > 0);
        told += errors.len();
    }
    assert!(losses > 2 && told >= losses, "{losses} {told}");
}

#[test]
fn what_would_not_become_smaller_stays_plain() {
    let scene = Scene::new(with(Codec::Zstd, false));
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..3 {
        let noise: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(20_000).collect();
        scene.write("noise", &[noise]).unwrap();
    }
    let plain = scene.manifest(Some("noise")).unwrap();
    let smaller = scene.encode_now(None).unwrap();
    let held = scene.manifest(Some("noise")).unwrap();
    for (before, after) in plain.streams[0].segments.iter().zip(&held.streams[0].segments) {
        let changed = smaller.iter().any(|one| one.base.get() == before.base);
        assert_eq!(after.codec == "zstd", changed);
        assert!(after.stored_bytes <= before.stored_bytes);
    }
    assert_eq!(scene.replay(&Query::default()).unwrap().map(Result::unwrap).count(), 3);
}

#[test]
fn facts_are_replayed_by_their_transaction_time() {
    let options = Options { timeline: Arc::new(FactTime), ..with(Codec::Delta, false) };
    let scene = Scene::new(options);
    for (store, times) in [("gps", [30.5, 10.25]), ("chat", [20.0, 40.0])] {
        for time in times {
            let fact = Fact { transaction_time: time, ..Fact::new(store, "k", "1", time) };
            scene.write(store, &[fact.to_payload().unwrap()]).unwrap();
        }
    }
    scene.checkpoint(None).unwrap();
    scene.encode_now(None).unwrap();
    let query = Query { since_micros: Some(10_250_000), as_of_micros: Some(30_500_000), ..Query::default() };
    let times: Vec<i64> = scene.replay(&query).unwrap().map(|record| record.unwrap().micros).collect();
    assert_eq!(times, [20_000_000, 30_500_000, 10_250_000], "each stream in its order");
    assert_eq!(
        scene.replay(&Query { since_micros: Some(30_500_001), ..query }).unwrap().skipped_segments(),
        1
    );
}
