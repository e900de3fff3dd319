//! Settings of each stream, changed while it is used.

use std::time::Duration;

use annals_journal::Keep;

use super::*;

#[test]
fn a_stream_has_the_roots_defaults_until_it_is_given_its_own_and_keeps_those() {
    let mut scene = Scene::new(Options::default());
    scene.write("a", &["x"]).unwrap();
    assert_eq!(scene.settings("a").unwrap(), Settings::default());
    let own = Settings {
        sync: SyncPolicy::Interval(Duration::from_millis(1)),
        segment_bytes: 8 << 10,
        bucket: Bucket::Hour,
        keep: Keep::Segments(2),
        ..Settings::default()
    };
    scene.set("a", own).unwrap();
    let raised = Settings { sync: SyncPolicy::Interval(Duration::from_millis(10)), ..own };
    assert_eq!(scene.settings("a").unwrap(), raised, "an interval is at least ten milliseconds");
    scene.reopen();
    assert_eq!(scene.settings("a").unwrap(), raised);
    scene.options.defaults.segment_bytes = 16 << 10;
    scene.reopen();
    assert_eq!(
        (scene.settings("a").unwrap(), scene.settings("b").unwrap().segment_bytes),
        (raised, 16 << 10)
    );
    let refused = scene.set("a", Settings { segment_bytes: 1, ..own }).unwrap_err();
    assert!(matches!(refused, Error::Option { .. }));
    assert_eq!(scene.settings("a").unwrap(), raised);
}

#[test]
fn each_setting_counts_from_the_next_append_on_and_nothing_is_lost_by_changing_it() {
    let mut scene = Scene::new(Options::default());
    let set = |scene: &Scene, change: &dyn Fn(&mut Settings)| {
        let mut settings = scene.settings("s").unwrap();
        change(&mut settings);
        scene.set("s", settings).unwrap();
    };
    set(&scene, &|settings| settings.sync = SyncPolicy::OnDemand);
    scene.write("s", &["buffered"]).unwrap();
    assert_eq!(scene.durability().streams["s"].buffered, 1);
    set(&scene, &|settings| settings.sync = SyncPolicy::Always);
    let stands = &scene.durability().streams["s"];
    assert_eq!((stands.buffered, stands.durable, stands.open), (0, Some(1), false), "made durable first");
    scene.write("s", &["durable"]).unwrap();
    assert_eq!(scene.durability().streams["s"].durable, Some(2));
    set(&scene, &|settings| settings.segment_bytes = 8 << 10);
    for _ in 0..8 {
        scene.write("s", &["x".repeat(3000)]).unwrap();
    }
    assert!(scene.segment_count(Some("s")).unwrap() >= 4);
    set(&scene, &|settings| settings.bucket = Bucket::Hour);
    scene.checkpoint(Some("s")).unwrap();
    scene.write("s", &["hourly"]).unwrap();
    let hourly = tree(&scene.root()).iter().any(|path| path.contains("date=2026-03-01T00/"));
    assert!(hourly, "{:?}", tree(&scene.root()));
    let open = scene.durability().streams["s"].open;
    set(&scene, &|settings| settings.keep = Keep::Newest);
    assert!(open && scene.durability().streams["s"].open, "what the journal does not know of needs no close");
    assert_eq!(scene.all(&Query::of("s")).len(), 11);
    scene.reopen();
    assert_eq!(scene.all(&Query::of("s")).len(), 11);
}

#[test]
fn settings_that_do_not_verify_stop_their_stream_alone_until_they_are_set_anew() {
    let mut scene = Scene::new(Options::default());
    for stream in ["a", "b"] {
        scene.set(stream, Settings { keep: Keep::Newest, ..Settings::default() }).unwrap();
        scene.write(stream, &["x"]).unwrap();
    }
    let path = scene.root().join("wal/store=a/stream.json");
    scene.reopen();
    let good = fs::read(&path).unwrap();
    fs::write(&path, good.iter().map(|byte| if *byte == b'6' { b'7' } else { *byte }).collect::<Vec<_>>())
        .unwrap();
    let error = scene.write("a", &["y"]).unwrap_err();
    assert!(matches!(&error, Error::Settings { path: at, .. } if *at == path), "{error}");
    scene.write("b", &["y"]).unwrap();
    scene.checkpoint(Some("b")).unwrap();
    scene.write("b", &["z"]).unwrap();
    scene.checkpoint(Some("b")).unwrap();
    let purged = scene.purge(None, annals_journal::Consent::default()).unwrap();
    assert!(
        purged.receipts.iter().all(|receipt| receipt.store == "b") && purged.receipts.len() == 1,
        "{purged:?}"
    );
    assert!(purged.refused.len() == 1 && purged.refused[0].what == "a", "{purged:?}");
    assert!(matches!(
        scene.purge(Some("a"), annals_journal::Consent::default()),
        Err(Error::Settings { .. })
    ));
    assert_eq!(scene.all(&Query::of("a")).len(), 1, "it can be read");
    scene.set("a", Settings::default()).unwrap();
    scene.write("a", &["y"]).unwrap();
    assert_eq!(scene.all(&Query::of("a")).len(), 2);
}
