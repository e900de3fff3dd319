use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use annals_journal::{Bucket, Log, SyncPolicy};
use annals_testkit::ManualClock;

use super::*;

mod at_once;
mod conforming;
mod crash;
mod encoded;
mod hostile;
mod kill;
mod opened;
mod purge;
mod set;
mod sync;

/// 2026-03-01T00:00:00Z.
pub(super) const MARCH: i64 = 1_772_323_200_000_000;
pub(super) const SECOND: i64 = 1_000_000;
pub(super) const DAY: i64 = 86_400 * SECOND;

/// A root on the operating system's disk, with a clock that a test sets.
pub(crate) struct Scene {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) clock: ManualClock,
    pub(crate) options: Options,
    streams: Option<Streams>,
}

impl Scene {
    pub(crate) fn new(options: Options) -> Self {
        let (dir, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(MARCH));
        let mut scene = Self { dir, clock, options, streams: None };
        scene.streams = Some(scene.open().unwrap());
        scene
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    pub(crate) fn open(&self) -> Result<Streams, Error> {
        Streams::open_on(Arc::new(RealDisk), Arc::new(self.clock.clone()), &self.root(), self.options.clone())
    }

    pub(crate) fn reopen(&mut self) {
        self.streams.take().unwrap().close().unwrap();
        self.streams = Some(self.open().unwrap());
    }

    pub(crate) fn all(&self, query: &Query) -> Vec<(String, String)> {
        texts(self.replay(query).unwrap())
    }
}

impl std::ops::Deref for Scene {
    type Target = Streams;

    fn deref(&self) -> &Streams {
        self.streams.as_ref().unwrap()
    }
}

/// Stream and payload of each record.
pub(crate) fn texts(replay: Replay) -> Vec<(String, String)> {
    replay
        .map(|record| {
            let record = record.unwrap();
            (record.stream.to_string(), String::from_utf8(record.payload).unwrap())
        })
        .collect()
}

/// Every file and directory below a directory, by path.
pub(super) fn tree(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(at) = waiting.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned());
            if path.is_dir() && !path.is_symlink() {
                waiting.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn what_was_written_to_many_streams_is_there_after_a_close_and_an_open() {
    let mut scene = Scene::new(Options::default());
    assert_eq!((scene.names(), scene.root()), (vec![], scene.core.root.clone()));
    let first = scene.write("gps", &["a", "b"]).unwrap();
    scene.clock.advance(1);
    scene.write("Chat/Süd", &["c"]).unwrap();
    scene.clock.advance(1);
    scene.write("gps", &["d"]).unwrap();
    let expected = [("gps", "a"), ("gps", "b"), ("Chat/Süd", "c"), ("gps", "d")]
        .map(|(stream, payload)| (stream.to_owned(), payload.to_owned()));
    assert_eq!(scene.all(&Query::default()), expected);
    assert!(matches!(scene.open(), Err(Error::Locked { .. })));
    scene.reopen();
    assert_eq!(scene.names(), ["Chat/Süd", "gps"]);
    assert_eq!(scene.all(&Query::default()), expected);
    assert_eq!(scene.all(&Query::of("Chat/Süd")), expected[2..3]);
    let record = scene.replay(&Query::of("gps")).unwrap().next().unwrap().unwrap();
    assert_eq!((record.offset, record.id, record.micros), (first[0].offset, first[0].id, MARCH));
    let error = scene.replay(&Query::of("nobody")).unwrap_err();
    assert!(matches!(error, Error::NoStream { .. }), "{error}");
    let handle = Streams::clone(&scene);
    scene.reopen();
    for error in [handle.write("gps", &["late"]).unwrap_err(), handle.replay(&Query::default()).unwrap_err()]
    {
        assert!(matches!(error, Error::Closed), "{error}");
    }
    assert_eq!(scene.write("gps", &[] as &[&str]).unwrap(), []);
}

#[test]
fn segments_lie_in_the_directories_of_their_buckets_and_nothing_else_does() {
    let mut scene = Scene::new(Options { background: false, ..Options::default() });
    scene.set("hourly", Settings { bucket: Bucket::Hour, ..Settings::default() }).unwrap();
    scene.set("flat", Settings { bucket: Bucket::None, ..Settings::default() }).unwrap();
    for _ in 0..2 {
        for stream in ["daily", "hourly", "flat"] {
            scene.write(stream, &["x"]).unwrap();
        }
        scene.clock.advance(DAY + 3600 * SECOND);
    }
    scene.stream("daily").unwrap().with_journal(|journal| journal.cursor_at("c", Offset::ZERO)).unwrap();
    scene.reopen();
    let files = tree(&scene.root());
    let segments: Vec<&String> = files.iter().filter(|path| path.ends_with(".wal")).collect();
    let dirs: Vec<&str> = segments.iter().map(|path| path.rsplit_once('/').unwrap().0).collect();
    assert_eq!(
        dirs,
        [
            "wal/store=daily/date=2026-03-01",
            "wal/store=daily/date=2026-03-02",
            "wal/store=flat/date=flat",
            "wal/store=hourly/date=2026-03-01T00",
            "wal/store=hourly/date=2026-03-02T01",
        ]
    );
    assert!(
        segments[0].ends_with("/0000000000000000.wal") && !segments[1].ends_with("/0000000000000000.wal")
    );
    let rest: Vec<&String> =
        files.iter().filter(|path| !path.ends_with(".wal") && path.starts_with("wal/store=daily/")).collect();
    let expected = ["LOCK", "cursors", "date=2026-03-01", "date=2026-03-02", "watermark"];
    let names: Vec<&str> = rest.iter().map(|path| path.strip_prefix("wal/store=daily/").unwrap()).collect();
    assert_eq!(
        names.iter().filter(|name| !name.starts_with("cursors/")).copied().collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn a_checkpoint_seals_what_holds_something_and_leaves_no_empty_segment() {
    let mut scene = Scene::new(Options { open_streams: 2, ..Options::default() });
    for stream in ["a", "b", "c", "d"] {
        scene.write(stream, &["x"]).unwrap();
    }
    let sealed = |found: Vec<Checkpointed>| found.iter().filter(|one| one.sealed).count();
    assert_eq!(sealed(scene.checkpoint(Some("a")).unwrap()), 1);
    assert_eq!(sealed(scene.checkpoint(None).unwrap()), 3);
    assert_eq!(scene.segment_count(None).unwrap(), 8);
    scene.reopen();
    assert_eq!(sealed(scene.checkpoint(None).unwrap()), 0, "nothing new");
    assert_eq!((scene.segment_count(None).unwrap(), scene.segment_count(Some("b")).unwrap()), (8, 2));
    let manifests = tree(&scene.root()).iter().filter(|path| path.ends_with(".wal.manifest.json")).count();
    assert_eq!(manifests, 4, "one for each sealed segment, none for a live one");
    assert!(matches!(scene.checkpoint(Some("x")), Err(Error::NoStream { .. })));
    scene.write("b", &["y"]).unwrap();
    assert_eq!(sealed(scene.checkpoint(None).unwrap()), 1);
}

#[test]
fn a_handle_is_a_name_and_follows_its_stream_through_closes_and_opens() {
    let scene = Scene::new(Options { open_streams: 1, ..Options::default() });
    let stream = scene.stream("followed").unwrap();
    stream.append(&["0"]).unwrap();
    let mut seen = Vec::new();
    let mut tail = stream.tail(Offset::ZERO);
    for i in 1..30 {
        scene.write("other", &["x"]).unwrap();
        assert!(!scene.durability().streams["followed"].open);
        stream.append(&[i.to_string()]).unwrap();
        for batch in tail.by_ref() {
            seen.extend(
                batch.unwrap().iter().map(|entry| String::from_utf8_lossy(entry.payload).into_owned()),
            );
        }
    }
    assert_eq!(seen, (0..30).map(|i| i.to_string()).collect::<Vec<_>>());
    let end = stream.bounds().unwrap().durable;
    let waiter = stream.clone();
    let waiting = std::thread::spawn(move || waiter.wait(end, std::time::Duration::from_secs(30)).unwrap());
    scene.write("other", &["y"]).unwrap();
    let appended = stream.append(&["woken"]).unwrap();
    assert!(waiting.join().unwrap().durable >= appended[0].next);
}

#[test]
fn records_of_one_moment_keep_the_order_of_their_stream() {
    let scene = Scene::new(Options::default());
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for i in 0..200 {
        let stream = format!("s{}", i % 7);
        scene.write(&stream, &[i.to_string()]).unwrap();
        expected.entry(stream).or_default().push(i.to_string());
    }
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (stream, text) in scene.all(&Query::default()) {
        found.entry(stream).or_default().push(text);
    }
    assert_eq!(found, expected);
}
