//! What does not belong in a root is refused or left alone, and told.

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn what_stands_among_the_streams_and_is_none_is_left_alone_and_told() {
    let scene = Scene::new(Options::default());
    scene.write("mine", &["x"]).unwrap();
    let wal = scene.root().join("wal");
    let elsewhere = scene.dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::create_dir(wal.join("store=UPPER")).unwrap();
    fs::create_dir(wal.join("other")).unwrap();
    fs::write(wal.join("store=file"), "a file").unwrap();
    fs::write(wal.join("notes.txt"), "mine").unwrap();
    symlink(&elsewhere, wal.join("store=link")).unwrap();
    let mut scene = scene;
    scene.reopen();
    assert_eq!(scene.names(), ["mine"]);
    let mut told: Vec<&str> =
        scene.foreign().iter().map(|foreign| foreign.path.file_name().unwrap().to_str().unwrap()).collect();
    told.sort_unstable();
    assert_eq!(told, ["notes.txt", "other", "store=UPPER", "store=file", "store=link"]);
    for name in ["link", "file"] {
        let error = scene.write(name, &["x"]).unwrap_err();
        assert!(matches!(error, Error::Foreign { .. }), "{error}");
        assert!(matches!(scene.set(name, Settings::default()), Err(Error::Foreign { .. })));
        assert!(scene.stream(name).is_err());
    }
    let reader = crate::Reader::open(scene.root()).unwrap();
    for name in ["link", "file"] {
        assert!(matches!(reader.replay(&Query::of(name)), Err(Error::NoStream { .. })));
        assert!(matches!(reader.segment_count(Some(name)), Err(Error::NoStream { .. })));
        assert!(matches!(reader.manifest(Some(name)), Err(Error::NoStream { .. })));
    }
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "nothing was written through the link");
    assert_eq!(fs::read_to_string(wal.join("store=file")).unwrap(), "a file");
    assert_eq!(crate::Reader::open(scene.root()).unwrap().foreign().unwrap().len(), 5);
}

#[test]
fn a_name_that_would_lead_elsewhere_stays_in_the_root() {
    let scene = Scene::new(Options::default());
    for name in ["../../x", "/etc/passwd", "..", ".", "a/../b", "date=2026-01-01", "LOCK"] {
        scene.write(name, &[name]).unwrap();
    }
    let mut names = scene.names();
    names.sort();
    assert_eq!(names.len(), 7);
    assert_eq!(fs::read_dir(scene.dir.path()).unwrap().count(), 1);
    assert_eq!(fs::read_dir(scene.root()).unwrap().count(), 1);
    for (stream, text) in scene.all(&Query::default()) {
        assert_eq!(stream, text);
    }
    for name in ["", "a\nb", &"x".repeat(1000)] {
        assert!(matches!(scene.write(name, &["x"]), Err(Error::Name { .. })));
    }
}

#[test]
fn what_stands_among_segments_and_is_none_is_left_alone_and_a_bucket_that_is_none_is_refused() {
    let mut scene = Scene::new(Options::default());
    scene.write("s", &["one"]).unwrap();
    let dir = scene.root().join("wal/store=s");
    let bucket = dir.join("date=2026-03-01");
    for name in [
        "notes.txt",
        "0000000000000000.wal.bak",
        "ffffffffffffffff.wal",
        "é0000000000000000.wal.manifest.json",
    ] {
        fs::write(bucket.join(name), "hands off").unwrap();
    }
    symlink("/etc", dir.join("date=2026-03-02")).unwrap();
    scene.reopen();
    scene.write("s", &["two"]).unwrap();
    let foreign = &scene.manifest(Some("s")).unwrap().streams[0].foreign;
    assert_eq!(foreign.len(), 5, "{foreign:?}");
    assert_eq!(fs::read_to_string(bucket.join("ffffffffffffffff.wal")).unwrap(), "hands off");
    scene.clock.advance(DAY);
    let error = scene.write("s", &["into the link"]).unwrap_err().to_string();
    assert!(error.contains("no directory stands where a bucket belongs"), "{error}");
    scene.clock.advance(DAY);
    Streams::reopen(&scene, "s").unwrap();
    scene.write("s", &["three"]).unwrap();
    assert_eq!(scene.all(&Query::of("s")).len(), 3);
}

#[test]
fn one_segment_in_two_buckets_is_an_error_that_names_both() {
    let mut scene = Scene::new(Options::default());
    scene.write("s", &["x"]).unwrap();
    let dir = scene.root().join("wal/store=s");
    let name = "0000000000000000.wal";
    scene.core.close().unwrap();
    fs::create_dir(dir.join("date=2026-02-01")).unwrap();
    fs::copy(dir.join("date=2026-03-01").join(name), dir.join("date=2026-02-01").join(name)).unwrap();
    let streams = scene.open().unwrap();
    let error = streams.write("s", &["y"]).unwrap_err().to_string();
    assert!(error.contains("date=2026-02-01") && error.contains("date=2026-03-01"), "{error}");
    streams.write("other", &["x"]).unwrap();
    assert_eq!(streams.manifest(None).unwrap().unreadable.len(), 1);
    drop(streams);
    fs::remove_dir_all(dir.join("date=2026-02-01")).unwrap();
    scene.streams = Some(scene.open().unwrap());
    assert_eq!(scene.all(&Query::of("s")).len(), 1);
}

#[test]
fn a_segment_that_lies_in_the_streams_own_directory_is_read_where_it_is() {
    let scene = Scene::new(Options::default());
    let dir = scene.root().join("wal/store=moved");
    let journal = annals_journal::Journal::open(&dir).unwrap();
    journal.append("as it was").unwrap();
    journal.close().unwrap();
    let mut scene = scene;
    scene.reopen();
    scene.write("moved", &["here"]).unwrap();
    scene.checkpoint(Some("moved")).unwrap();
    scene.write("moved", &["there"]).unwrap();
    assert_eq!(scene.all(&Query::of("moved")).len(), 3);
    assert!(dir.join("0000000000000000.wal").exists());
}
