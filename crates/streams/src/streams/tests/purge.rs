//! What goes, by whose policy, and what is left to tell of it.

use std::time::Duration;

use annals_journal::{Consent, Keep};

use super::*;
use crate::{Manifest, Stats, Wanted};

/// Streams `age`, `newest` and `all`, named by what they keep; each has five sealed segments, one an hour, and an active one.
fn scene() -> Scene {
    let scene = Scene::new(Options { background: false, ..Options::default() });
    for (stream, keep) in
        [("age", Keep::Age(Duration::from_secs(9000))), ("newest", Keep::Newest), ("all", Keep::Everything)]
    {
        scene.set(stream, Settings { keep, bucket: Bucket::Hour, ..Settings::default() }).unwrap();
    }
    for hour in 0..6 {
        for stream in ["age", "newest", "all"] {
            scene.write(stream, &[format!("{hour}")]).unwrap();
        }
        scene.clock.advance(3600 * SECOND);
    }
    scene
}

fn held(scene: &Scene, stream: &str) -> String {
    scene.all(&Query::of(stream)).into_iter().map(|(_, text)| text).collect()
}

#[test]
fn a_plan_changes_nothing_and_a_purge_of_all_touches_those_that_have_a_policy() {
    let scene = scene();
    let plans = scene.plan_purge(None).unwrap();
    let planned: Vec<(&str, usize)> =
        plans.iter().map(|one| (one.stream.as_str(), one.plan.purge.len())).collect();
    assert_eq!(planned, [("age", 3), ("newest", 4)]);
    assert_eq!(scene.segment_count(None).unwrap(), 18);
    let purged = scene.purge(None, Consent::default()).unwrap();
    assert_eq!((purged.receipts.len(), purged.refused.len()), (7, 0));
    assert_eq!(["age", "newest", "all"].map(|stream| held(&scene, stream)), ["345", "45", "012345"]);
    assert_eq!(scene.segment_count(None).unwrap(), 3 + 2 + 6);
    let dirs = tree(&scene.root())
        .iter()
        .filter(|path| path.contains("store=newest/date=") && !path.ends_with(".wal"))
        .count();
    assert_eq!(dirs, 2, "empty buckets go");
    assert_eq!(scene.purge(Some("all"), Consent::default()).unwrap().receipts, []);
    assert!(matches!(scene.purge(Some("x"), Consent::default()), Err(Error::NoStream { .. })));
    scene.set("all", Settings { keep: Keep::Segments(1), ..scene.settings("all").unwrap() }).unwrap();
    assert_eq!(
        scene.purge(None, Consent::default()).unwrap().receipts.len(),
        5,
        "a policy may come at any time"
    );
}

#[test]
fn a_log_that_is_idle_does_not_age_and_a_clock_that_jumped_purges_nothing_without_consent() {
    let scene = scene();
    scene.clock.advance(365 * DAY);
    assert_eq!(scene.plan_purge(Some("age")).unwrap()[0].plan.purge.len(), 3, "by its own newest record");
    scene.write("age", &["after a year"]).unwrap();
    let purged = scene.purge(None, Consent::default()).unwrap();
    assert_eq!(purged.receipts.iter().filter(|receipt| receipt.store == "newest").count(), 4, "others go on");
    assert!(purged.refused.len() == 1 && purged.refused[0].reason.contains("clock jumped"), "{purged:?}");
    assert_eq!(held(&scene, "age"), "012345after a year");
    let purged = scene.purge(Some("age"), Consent { clock_jump: true }).unwrap();
    assert_eq!((purged.receipts.len(), held(&scene, "age").as_str()), (6, "after a year"));
}

#[test]
fn segments_of_a_crash_are_purged_as_any_other_and_no_base_is_given_twice() {
    let scene = scene();
    let dir = scene.root().join("wal/store=newest");
    let copy = scene.dir.path().join("copy");
    // As a killed process leaves it: copied while it is open.
    fs::create_dir_all(copy.join("wal/store=newest")).unwrap();
    for path in tree(&dir) {
        let (from, to) = (dir.join(&path), copy.join("wal/store=newest").join(&path));
        if from.is_dir() {
            fs::create_dir_all(to).unwrap();
        } else {
            fs::copy(from, to).unwrap();
        }
    }
    let streams =
        Streams::open_on(Arc::new(RealDisk), Arc::new(scene.clock.clone()), &copy, Options::default())
            .unwrap();
    let mut bases = Vec::new();
    for round in 0..3 {
        bases.extend(
            streams.purge(None, Consent::default()).unwrap().receipts.into_iter().map(|receipt| receipt.base),
        );
        for i in 0..3 {
            streams.write("newest", &[format!("{round} {i}")]).unwrap();
            streams.checkpoint(None).unwrap();
        }
    }
    assert!(bases.len() > 8 && bases.is_sorted_by(|a, b| a < b), "{bases:?}");
}

#[test]
fn receipts_outlive_their_segments_and_are_found_by_time() {
    let mut scene = scene();
    let mut times = Vec::new();
    for (stream, keep) in [("all", 5), ("age", 4), ("all", 2)] {
        scene.clock.advance(SECOND);
        scene
            .set(stream, Settings { keep: Keep::Segments(keep), ..scene.settings(stream).unwrap() })
            .unwrap();
        let purged = scene.purge(Some(stream), Consent::default()).unwrap();
        times.extend(purged.receipts.iter().map(|receipt| receipt.purged_at_micros));
    }
    scene.reopen();
    let find = |wanted: Wanted| scene.purge_receipts(&wanted).unwrap().receipts;
    let all = find(Wanted::default());
    assert_eq!(all.iter().map(|receipt| receipt.purged_at_micros).collect::<Vec<_>>(), times, "oldest first");
    assert_eq!(all.len(), 1 + 2 + 3);
    assert_eq!((all[0].records, all[0].reason.as_str(), all[0].base), (1, "max 5 segments", 0));
    let of = |stream: &str| Wanted { stream: Some(stream.to_owned()), ..Wanted::default() };
    assert_eq!((find(of("all")).len(), find(of("age")).len(), find(of("newest")).len()), (4, 2, 0));
    let (second, third) = (times[1], times[3]);
    assert_eq!(find(Wanted { since_micros: Some(second), ..Wanted::default() }), all[1..]);
    assert_eq!(find(Wanted { until_micros: Some(second), ..Wanted::default() }), all[..3]);
    assert_eq!(find(Wanted { since_micros: Some(third), until_micros: Some(third), ..of("all") }), all[3..]);
    assert_eq!(find(Wanted { limit: Some(2), ..Wanted::default() }), all[..2], "the first ones");
    assert_eq!(find(Wanted { since_micros: Some(third + 1), ..Wanted::default() }), []);
    let json = serde_json::to_string(&scene.purge_receipts(&Wanted::default()).unwrap()).unwrap();
    let back: crate::Receipts<crate::PurgeReceipt> = serde_json::from_str(&json).unwrap();
    assert_eq!((back.schema_version, back.receipts), (1, all));
}

#[test]
fn receipts_that_do_not_verify_are_counted_and_named_and_hide_no_others() {
    let scene = scene();
    scene.purge(None, Consent::default()).unwrap();
    let path = scene.root().join("wal/store=age/.purged.json");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 9]).unwrap();
    let found = scene.purge_receipts(&Wanted::default()).unwrap();
    assert_eq!((found.receipts.len(), found.unreadable.len()), (4, 1));
    assert!(found.unreadable[0].what.ends_with("store=age/.purged.json"), "{:?}", found.unreadable);
    let stats = scene.stats(None).unwrap();
    assert_eq!((stats.total.purge_receipt_count, stats.total.unreadable_receipt_count), (4, 1));
    fs::write(&path, whole).unwrap();
    assert_eq!(scene.stats(None).unwrap().total.purge_receipt_count, 7);
}

#[test]
fn what_was_cut_after_a_crash_has_a_receipt_and_the_rest_is_there() {
    let mut scene = scene();
    let path = scene.manifest(Some("all")).unwrap().streams[0].segments[5].path.clone();
    scene.core.close().unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
    std::io::Write::write_all(&mut file, &[7; 100]).unwrap();
    scene.streams = Some(scene.open().unwrap());
    scene.write("all", &["6"]).unwrap();
    assert_eq!(held(&scene, "all"), "0123456");
    let found = scene.quarantine_receipts(&Wanted::default()).unwrap();
    assert_eq!((found.receipts.len(), found.unreadable.len()), (1, 0));
    let receipt = &found.receipts[0];
    assert_eq!((receipt.store.as_str(), receipt.kind.as_str(), receipt.bytes), ("all", "torn", 100));
    assert_eq!(fs::read(&receipt.path).unwrap(), [7; 100]);
    assert_eq!(scene.stats(Some("all")).unwrap().total.quarantine_receipt_count, 1);
    let none = Wanted { stream: Some("age".to_owned()), ..Wanted::default() };
    assert_eq!(scene.quarantine_receipts(&none).unwrap().receipts, []);
}

#[test]
fn a_manifest_lists_each_segment_with_what_it_holds() {
    let scene = scene();
    let manifest = scene.manifest(None).unwrap();
    assert_eq!((manifest.schema_version, manifest.streams.len(), manifest.unreadable.len()), (1, 3, 0));
    let stream = &manifest.streams[0];
    assert_eq!((stream.store.as_str(), stream.segments.len()), ("age", 6));
    for (hour, segment) in (0..).zip(&stream.segments) {
        let micros = MARCH + hour * 3600 * SECOND;
        assert_eq!(segment.segment_id, format!("age/2026-03-01T{hour:02}/{:016x}", segment.base));
        assert_eq!(
            (segment.records, segment.min_micros, segment.max_micros),
            (Some(1), Some(micros), Some(micros))
        );
        assert_eq!((segment.sealed, segment.codec.as_str()), (hour < 5, "plain"));
        assert_eq!(segment.sealed_at_micros, (hour < 5).then_some(micros + 3600 * SECOND));
        let len = fs::metadata(&segment.path).unwrap().len();
        assert_eq!(segment.stored_bytes, Some(len));
        assert_eq!(segment.bytes == len, segment.sealed, "the active one has reserved more");
    }
    assert!(stream.segments.windows(2).all(|two| two[0].end == two[1].base));
    let back: Manifest = serde_json::from_str(&serde_json::to_string(&manifest).unwrap()).unwrap();
    assert_eq!(back, manifest);
    assert!(matches!(scene.manifest(Some("x")), Err(Error::NoStream { .. })));
}

#[test]
fn stats_add_up_to_what_the_manifest_lists() {
    let scene = scene();
    let (stats, manifest) = (scene.stats(None).unwrap(), scene.manifest(None).unwrap());
    let segments = || manifest.streams.iter().flat_map(|stream| &stream.segments);
    let total = &stats.total;
    assert_eq!((total.segment_count, total.sealed_count, total.live_count, total.records), (18, 15, 3, 18));
    assert_eq!(total.bytes, segments().map(|segment| segment.bytes).sum::<u64>());
    assert_eq!(total.stored_bytes, segments().filter_map(|segment| segment.stored_bytes).sum::<u64>());
    assert_eq!((total.min_micros, total.max_micros), (Some(MARCH), Some(MARCH + 5 * 3600 * SECOND)));
    assert_eq!(total.codecs.iter().collect::<Vec<_>>(), ["plain"]);
    assert_eq!(stats.streams["age"].records, 6);
    let one = scene.stats(Some("age")).unwrap();
    assert_eq!((&one.total, one.streams.len()), (&stats.streams["age"], 1));
    let back: Stats = serde_json::from_str(&serde_json::to_string(&stats).unwrap()).unwrap();
    assert_eq!((back.schema_version, back), (1, stats));
}
