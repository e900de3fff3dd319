//! At most so many streams are open, and nothing is lost by that.

use super::*;

/// Descriptors of this process that lead into a directory.
fn descriptors(dir: &Path) -> usize {
    let dir = dir.canonicalize().unwrap();
    let entries = fs::read_dir("/proc/self/fd").unwrap();
    entries
        .filter(|entry| {
            fs::read_link(entry.as_ref().unwrap().path()).is_ok_and(|path| path.starts_with(&dir))
        })
        .count()
}

fn open_streams(streams: &Streams) -> usize {
    streams.durability().streams.values().filter(|stream| stream.open).count()
}

#[test]
fn as_many_streams_as_may_be_are_open_and_the_one_used_longest_ago_goes_first() {
    let scene = Scene::new(Options { open_streams: 3, ..Options::default() });
    for stream in ["a", "b", "c"] {
        scene.write(stream, &["1"]).unwrap();
    }
    scene.write("a", &["2"]).unwrap();
    scene.write("d", &["1"]).unwrap();
    let snapshot = scene.durability().streams;
    let open: Vec<&str> =
        snapshot.iter().filter(|(_, found)| found.open).map(|(name, _)| name.as_str()).collect();
    assert_eq!(open, ["a", "c", "d"]);
    assert_eq!(
        (snapshot["b"].accepted, snapshot["b"].durable, snapshot["b"].buffered),
        (Some(1), Some(1), 0)
    );
}

#[test]
fn sixty_streams_with_eight_open_take_few_descriptors_and_lose_nothing_with_any_policy() {
    let policies = [SyncPolicy::Always, SyncPolicy::OnDemand, SyncPolicy::Every(7)];
    let mut scene = Scene::new(Options { open_streams: 8, ..Options::default() });
    for (i, sync) in (0..60).zip(policies.iter().cycle()) {
        scene.set(&format!("s{i}"), Settings { sync: *sync, ..Settings::default() }).unwrap();
    }
    let (mut most, mut expected) = (0, 0);
    for round in 0..2 {
        for i in 0..60 {
            scene.write(&format!("s{i}"), &[format!("{round}"), "more".to_owned()]).unwrap();
            expected += 2;
            most = most.max(descriptors(scene.dir.path()));
            assert!(open_streams(&scene) <= 8);
        }
    }
    // One for the root's lock, five for each stream, one for a roll.
    assert!((8 * 3..=1 + 8 * 5 + 1).contains(&most), "{most}");
    assert_eq!(scene.all(&Query::default()).len(), expected);
    let replay = scene.replay(&Query::default()).unwrap();
    assert!(descriptors(scene.dir.path()) <= 1 + 8 * 5 + 32 * 3, "a replay of all keeps few readers");
    drop(replay);
    scene.reopen();
    assert_eq!(descriptors(scene.dir.path()), 1, "an open root has its lock");
    assert_eq!(scene.all(&Query::default()).len(), expected);
}

#[test]
fn threads_that_use_more_streams_than_may_be_open_get_on() {
    let scene = Scene::new(Options { open_streams: 2, ..Options::default() });
    let done = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6_u64)
            .map(|seed| {
                let streams = Streams::clone(&scene);
                scope.spawn(move || {
                    let mut rng = fastrand::Rng::with_seed(seed);
                    for i in 0..25 {
                        let name = format!("s{}", rng.u32(..9));
                        streams.write(&name, &[format!("{seed} {i}")]).unwrap();
                        if rng.u32(..10) == 0 {
                            assert!(streams.replay(&Query::of(&name)).unwrap().all(|record| record.is_ok()));
                        }
                        if rng.u32(..20) == 0 {
                            streams.checkpoint(Some(&name)).unwrap();
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).count()
    });
    let mut found: Vec<String> = scene.all(&Query::default()).into_iter().map(|(_, text)| text).collect();
    found.sort();
    let mut expected: Vec<String> =
        (0..6).flat_map(|seed| (0..25).map(move |i| format!("{seed} {i}"))).collect();
    expected.sort();
    assert_eq!((done, found), (6, expected));
    scene.write("last", &["x"]).unwrap();
    assert!(open_streams(&scene) <= 2, "what was too much is closed again");
}

#[test]
fn a_stream_with_three_records_takes_little_disk_while_it_is_open() {
    let scene = Scene::new(Options::default());
    scene.write("quiet", &["1", "2", "3"]).unwrap();
    let manifest = scene.manifest(Some("quiet")).unwrap();
    assert_eq!(manifest.streams[0].segments[0].stored_bytes, Some(64 << 10));
    let threads = fs::read_dir("/proc/self/task").unwrap().filter(|task| {
        let name = fs::read_to_string(task.as_ref().unwrap().path().join("comm")).unwrap_or_default();
        name.starts_with("annals-journal")
    });
    assert_eq!(threads.count(), 0, "no stream has a thread");
}
