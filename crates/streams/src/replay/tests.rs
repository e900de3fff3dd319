use std::collections::BTreeMap;
use std::fs;

use annals_journal::{Keep, SystemClock};

use super::*;
use crate::streams::tests::{Scene, texts};
use crate::{Options, Settings, Streams, Timeline};

const SECOND: i64 = 1_000_000;
const BEGAN: i64 = 1_772_323_200_000_000;

fn between(since: Option<i64>, as_of: Option<i64>) -> Query {
    let micros = |seconds: i64| BEGAN + seconds * SECOND;
    Query { since_micros: since.map(micros), as_of_micros: as_of.map(micros), ..Query::default() }
}

/// Two streams, a record of each every second from 0 to 29, a segment every ten.
fn scene() -> Scene {
    let scene = Scene::new(Options::default());
    for second in 0..30 {
        for stream in ["a", "b"] {
            scene.write(stream, &[format!("{second}")]).unwrap();
        }
        scene.clock.advance(SECOND);
        if second % 10 == 9 {
            scene.checkpoint(None).unwrap();
        }
    }
    scene
}

fn seconds(replay: Replay) -> Vec<i64> {
    texts(replay).into_iter().map(|(_, text)| text.parse().unwrap()).collect()
}

#[test]
fn bounds_are_exact_and_both_are_within() {
    let scene = scene();
    for (since, as_of) in [
        (None, None),
        (Some(0), Some(29)),
        (Some(5), None),
        (None, Some(12)),
        (Some(9), Some(20)),
        (Some(7), Some(7)),
    ] {
        let found = seconds(scene.replay(&between(since, as_of)).unwrap());
        let wanted = since.unwrap_or(0)..=as_of.unwrap_or(29);
        let expected: Vec<i64> = wanted.flat_map(|second| [second, second]).collect();
        assert_eq!(found, expected, "{since:?} {as_of:?}");
    }
    let just = Query { since_micros: Some(BEGAN + 5 * SECOND + 1), ..Query::default() };
    assert_eq!(seconds(scene.replay(&just).unwrap())[0], 6);
    for (since, as_of) in [(Some(30), None), (None, Some(-1)), (Some(9), Some(8))] {
        assert_eq!(scene.replay(&between(since, as_of)).unwrap().count(), 0);
    }
}

#[test]
fn whole_segments_outside_the_bounds_are_not_read() {
    let scene = scene();
    let skipped = |since, as_of| scene.replay(&between(since, as_of)).unwrap().skipped_segments();
    assert_eq!(skipped(None, None), 0);
    assert_eq!(skipped(Some(10), None), 2, "the first of each stream");
    assert_eq!(skipped(Some(9), None), 0);
    assert_eq!(skipped(None, Some(9)), 4);
    assert_eq!(skipped(None, Some(10)), 2);
    assert_eq!(skipped(Some(12), Some(13)), 4);
    // A damaged segment outside the bounds is not even looked into.
    let path = scene.manifest(Some("a")).unwrap().streams[0].segments[0].path.clone();
    let mut bytes = fs::read(&path).unwrap();
    bytes[4200..4300].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    assert_eq!(scene.replay(&between(Some(10), None)).unwrap().filter(Result::is_err).count(), 0);
    assert_eq!(
        scene.replay(&between(Some(9), None)).unwrap().filter(Result::is_err).count(),
        2,
        "two groups"
    );
}

#[test]
fn a_sidecar_that_does_not_fit_its_segment_hides_nothing() {
    let scene = scene();
    let all = between(Some(20), None);
    let expected = seconds(scene.replay(&all).unwrap());
    let segments = scene.manifest(Some("a")).unwrap().streams.remove(0).segments;
    let sidecar = |i: usize| segments[i].path.with_extension("wal.manifest.json");
    let good = fs::read(sidecar(2)).unwrap();
    // Of another segment, with bounds that would hide this one.
    fs::copy(sidecar(0), sidecar(2)).unwrap();
    assert_eq!(seconds(scene.replay(&all).unwrap()), expected);
    // Cut, changed, not there.
    let changed: Vec<u8> = good.iter().map(|byte| if *byte == b'2' { b'1' } else { *byte }).collect();
    for bytes in [&good[..good.len() / 2], &changed, b"", &[b'x'; 100_000]] {
        fs::write(sidecar(2), bytes).unwrap();
        let replay = scene.replay(&all).unwrap();
        assert_eq!((replay.skipped_segments(), seconds(replay)), (4, expected.clone()));
    }
    fs::remove_file(sidecar(0)).unwrap();
    let replay = scene.replay(&all).unwrap();
    assert_eq!((replay.skipped_segments(), seconds(replay)), (3, expected.clone()), "it is read instead");
    scene.checkpoint(None).unwrap();
    assert!(sidecar(0).exists(), "and can be made again");
    assert_eq!(fs::read(sidecar(2)).unwrap(), good);
    assert_eq!(scene.replay(&all).unwrap().skipped_segments(), 4);
}

#[test]
fn a_clock_that_goes_back_reorders_no_stream_and_hides_no_record() {
    let defaults = Settings { bucket: annals_journal::Bucket::None, ..Settings::default() };
    let scene = Scene::new(Options { defaults, ..Options::default() });
    let mut expected = Vec::new();
    for (i, step) in [0, 10, -8, 1, 100, -200, 5].into_iter().enumerate() {
        scene.clock.advance(step * SECOND);
        scene.write("a", &[i.to_string()]).unwrap();
        expected.push(("a".to_owned(), i.to_string()));
    }
    scene.checkpoint(None).unwrap();
    scene.write("a", &["7"]).unwrap();
    expected.push(("a".to_owned(), "7".to_owned()));
    assert_eq!(scene.all(&Query::default()), expected);
    // Times: 0, 10, 2, 3, 103, -97, -92, -92. The first and the last group of the segment lie at 0 and -92.
    let numbers = |since, as_of| seconds(scene.replay(&between(since, as_of)).unwrap());
    assert_eq!(numbers(Some(103), None), [4]);
    assert_eq!(numbers(None, Some(-97)), [5]);
    assert_eq!(numbers(Some(1), Some(9)), [2, 3]);
    assert_eq!(scene.replay(&between(Some(104), None)).unwrap().skipped_segments(), 1);
}

#[test]
fn what_was_accepted_before_a_replay_is_read_by_it() {
    let defaults = Settings { sync: annals_journal::SyncPolicy::OnDemand, ..Settings::default() };
    let scene = Scene::new(Options { defaults, ..Options::default() });
    for i in 0..10 {
        scene.write("a", &[i.to_string()]).unwrap();
        assert_eq!(scene.all(&Query::default()).len(), i + 1);
    }
}

#[test]
fn a_stream_that_is_damaged_tells_where_and_keeps_nobody_else_back() {
    let scene = scene();
    let segment = scene.manifest(Some("b")).unwrap().streams[0].segments[1].clone();
    let mut bytes = fs::read(&segment.path).unwrap();
    bytes[4110] ^= 1;
    fs::write(&segment.path, bytes).unwrap();
    fs::remove_file(segment.path.with_extension("wal.manifest.json")).unwrap();
    let (found, errors): (Vec<_>, Vec<_>) = scene.replay(&Query::default()).unwrap().partition(Result::is_ok);
    assert_eq!((found.len(), errors.len()), (59, 1), "one record is behind the damage");
    let error = errors.into_iter().next().unwrap().unwrap_err();
    let text = error.to_string();
    assert!(text.contains("\"b\"") && text.contains("damaged at offset"), "{text}");
    assert!(matches!(&error, Error::Read { source, .. } if matches!(**source, LogError::Damaged { .. })));
    let manifest = scene.manifest(Some("b")).unwrap();
    assert_eq!(manifest.streams[0].segments[1].min_micros, None, "what does not verify has no bounds");
}

#[test]
fn a_replay_goes_on_behind_what_is_purged_beneath_it() {
    let scene = scene();
    scene.set("a", Settings { keep: Keep::Segments(1), ..Settings::default() }).unwrap();
    let query = Query { memory_bytes: 0, ..Query::default() };
    let mut replay = scene.replay(&query).unwrap();
    assert_eq!(replay.next().unwrap().unwrap().micros, BEGAN);
    assert_eq!(scene.purge(None, annals_journal::Consent::default()).unwrap().receipts.len(), 3);
    let rest: Vec<_> = replay.collect();
    let of = |name: &str| rest.iter().flatten().filter(|record| record.stream.as_str() == name).count();
    assert!(of("b") >= 29, "{}", of("b"));
    let gaps = rest.iter().filter(|item| item.is_err()).count();
    assert!(of("a") >= 29 || gaps == 1, "{} and {gaps} gaps", of("a"));
}

/// A payload says its own time.
#[derive(Debug)]
struct Said(&'static str);

impl Timeline for Said {
    fn name(&self) -> &str {
        self.0
    }

    fn time_of(&self, _stream: &str, payload: &[u8], journal_micros: i64) -> i64 {
        std::str::from_utf8(payload).ok().and_then(|text| text.parse().ok()).unwrap_or(journal_micros)
    }
}

#[test]
fn an_application_says_when_its_records_are_from() {
    let timeline = |name| Options { timeline: Arc::new(Said(name)), ..Options::default() };
    let scene = Scene::new(timeline("said"));
    for (stream, times) in [("a", [10, 20, 30]), ("b", [15, 25, 5])] {
        for time in times {
            scene.write(stream, &[time.to_string()]).unwrap();
        }
    }
    scene.checkpoint(None).unwrap();
    let found = |streams: &Streams, since, as_of| {
        let query = Query { since_micros: since, as_of_micros: as_of, ..Query::default() };
        let replay = streams.replay(&query).unwrap();
        (replay.skipped_segments(), seconds(replay))
    };
    assert_eq!(found(&scene, None, None), (0, vec![10, 15, 20, 25, 5, 30]));
    assert_eq!(found(&scene, Some(20), Some(25)), (0, vec![20, 25]));
    assert_eq!(found(&scene, None, Some(9)), (1, vec![5]));
    assert_eq!(found(&scene, Some(26), None), (1, vec![30]));
    // Under another timeline the same sidecars say nothing.
    let root = scene.root();
    scene.core.close().unwrap();
    let other = Streams::open_with(&root, Options::default()).unwrap();
    assert_eq!(found(&other, None, Some(9)), (0, vec![]));
}

#[test]
fn many_streams_are_merged_in_bounded_memory_as_a_sort_would() {
    let scene = Scene::new(Options { open_streams: 4, ..Options::default() });
    let mut rng = fastrand::Rng::with_seed(5);
    let mut expected: Vec<(i64, String, String)> = Vec::new();
    for i in 0..120 {
        scene.clock.advance(rng.i64(1..1000));
        let (stream, text) = (format!("s{:02}", rng.u32(..25)), i.to_string());
        scene.write(&stream, &[&text]).unwrap();
        expected.push((annals_journal::Clock::now_micros(&scene.clock), stream, text));
    }
    for memory_bytes in [0, 16 << 20] {
        let replay = scene.replay(&Query { memory_bytes, ..Query::default() }).unwrap();
        let found: Vec<_> = replay
            .map(|record| record.unwrap())
            .map(|record| {
                (record.micros, record.stream.to_string(), String::from_utf8(record.payload).unwrap())
            })
            .collect();
        assert_eq!(found, expected);
    }
    let some: Vec<String> = vec!["s01".to_owned(), "s02".to_owned(), "s01".to_owned()];
    let replay = scene.replay(&Query { streams: Some(some), ..Query::default() }).unwrap();
    let wanted = expected.iter().filter(|(_, stream, _)| stream == "s01" || stream == "s02");
    assert_eq!(
        texts(replay),
        wanted.map(|(_, stream, text)| (stream.clone(), text.clone())).collect::<Vec<_>>()
    );
}

#[test]
fn another_process_reads_the_root_while_it_is_written() {
    let scene = scene();
    let timeline = Options::default().timeline;
    let reader = crate::Reader::open_on(
        Arc::new(annals_journal::RealDisk),
        Arc::new(SystemClock),
        &scene.root(),
        timeline,
    )
    .unwrap();
    let count = || reader.replay(&Query::default()).unwrap().map(Result::unwrap).count();
    assert_eq!((reader.names().unwrap(), count()), (vec!["a".to_owned(), "b".to_owned()], 60));
    let mut tail = reader.stream("a").unwrap().tail(Offset::ZERO);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for second in 30..40 {
        scene.write("a", &[second.to_string()]).unwrap();
        scene.write("new", &[second.to_string()]).unwrap();
        scene.clock.advance(7200 * SECOND);
        for batch in tail.by_ref() {
            *seen.entry("a").or_default() += batch.unwrap().len();
        }
    }
    assert_eq!((seen["a"], count()), (40, 80), "through buckets that came while it was read");
    assert_eq!(reader.names().unwrap().len(), 3);
    let (ours, theirs) = (scene.stats(None).unwrap(), reader.stats(None).unwrap());
    assert_eq!((ours.total, ours.streams), (theirs.total, theirs.streams));
    assert_eq!(reader.segment_count(None).unwrap(), scene.segment_count(None).unwrap());
    assert!(matches!(reader.replay(&Query::of("x")), Err(Error::NoStream { .. })));
    assert!(matches!(reader.stream("x"), Err(Error::NoStream { .. })));
}
