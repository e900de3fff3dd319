//! What lies where, what is ours, and what several who use one root find.

use std::os::unix::fs::symlink;

use super::super::places::Places;
use super::*;

fn names(dir: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_session_is_a_directory_and_a_segment_two_files_in_it() {
    let (dir, store, session, segment) = begun();
    assert_eq!(names(&dir.path().join(session.to_string())), [format!("{segment}.jsonl")]);
    store.append_trace(session, segment, &TraceEntry { ts: 1, turn: 0, event: json!(1) }).unwrap();
    let files = names(&dir.path().join(session.to_string()));
    assert_eq!(files, [format!("{segment}.jsonl"), format!("{segment}.trace.jsonl")]);
    assert_eq!(names(dir.path()), [".by-segment".to_owned(), session.to_string()]);
    store.append(session, segment, &entry(1)).unwrap();
    store.append(session, segment, &entry(2)).unwrap();
    let text = fs::read_to_string(path(dir.path(), session, segment)).unwrap();
    let kinds: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["kind"].to_string())
        .collect();
    assert_eq!(kinds, ["\"assistant_item\"", "\"assistant_item\""], "one line a call, JSON each");
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let (dir, store, session, segment) = begun();
    let other = SegmentId::new();
    let in_session = dir.path().join(session.to_string());
    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    fs::write(dir.path().join(SessionId::new().to_string()), "a file").unwrap();
    fs::create_dir(dir.path().join("not-a-session")).unwrap();
    fs::create_dir(dir.path().join(SessionId::new().to_string().to_uppercase())).unwrap();
    fs::write(in_session.join(format!("{other}.jsonl.bak")), "").unwrap();
    fs::write(in_session.join(format!(".{other}.0123456789abcdef.tmp")), "").unwrap();
    fs::write(in_session.join(format!("{}.jsonl", other.to_string().to_uppercase())), "").unwrap();
    fs::create_dir(in_session.join(format!("{}.jsonl", SegmentId::new()))).unwrap();
    assert_eq!(store.list_sessions().unwrap(), [session]);
    assert_eq!(store.list_segments(session).unwrap(), [segment]);
    assert_eq!(store.lookup_session_of(other).unwrap(), None);
}

#[test]
fn a_link_is_refused_and_never_followed() {
    let (dir, store, session, segment) = begun();
    store.append(session, segment, &entry(0)).unwrap();
    let outside = tempfile::tempdir().unwrap();
    let elsewhere = outside.path().join("elsewhere");
    fs::write(&elsewhere, "").unwrap();
    let linked = SegmentId::new();
    symlink(&elsewhere, path(dir.path(), session, linked)).unwrap();
    assert_eq!(store.list_segments(session).unwrap(), [segment]);
    assert!(!store.exists(session, linked).unwrap());
    assert!(matches!(store.append(session, linked, &entry(1)), Err(StoreError::Io(_))));
    assert!(matches!(store.read(session, linked), Err(StoreError::Io(_))));
    assert!(matches!(store.create_segment(session, linked, &[]), Err(StoreError::Exists(_))));
    let other = SessionId::new();
    symlink(outside.path(), dir.path().join(other.to_string())).unwrap();
    assert_eq!(store.list_sessions().unwrap(), [session]);
    let told = store.create_segment(other, SegmentId::new(), &[]).unwrap_err();
    assert!(told.to_string().contains(&other.to_string()), "{told}");
    assert!(matches!(store.append(other, segment, &entry(1)), Err(StoreError::Io(_))));
    // A second name: what is written here would be written there.
    let twice = SegmentId::new();
    fs::hard_link(path(dir.path(), session, segment), path(dir.path(), session, twice)).unwrap();
    assert!(store.append(session, twice, &entry(1)).is_err());
    assert_eq!(fs::read_to_string(elsewhere).unwrap(), "");
    assert_eq!(names(outside.path()), ["elsewhere"]);
}

#[test]
fn two_stores_on_one_root_see_each_other() {
    let (dir, one, session, segment) = begun();
    let two = open(dir.path());
    for n in 0..10 {
        let (writer, reader) = if n % 2 == 0 { (&one, &two) } else { (&two, &one) };
        writer.append(session, segment, &entry(n)).unwrap();
        assert_eq!(reader.read_entry_count(session, segment).unwrap(), n + 1);
        assert!(matches!(
            reader.append_if(session, segment, n, &[entry(99)]),
            Err(StoreError::Conflict { expected, found, .. }) if expected == n && found == n + 1
        ));
    }
    let other = SegmentId::new();
    two.create_segment(session, other, &[]).unwrap();
    assert!(matches!(one.create_segment(session, other, &[]), Err(StoreError::Exists(_))));
    assert_eq!(one.lookup_session_of(other).unwrap(), Some(session));
    two.delete_session(session).unwrap();
    assert!(matches!(one.append(session, segment, &entry(1)), Err(StoreError::NotFound(_))));
    assert_eq!(one.lookup_session_of(segment).unwrap(), None);
    assert!(matches!(one.read_entry_count(session, segment), Err(StoreError::NotFound(_))));
}

#[test]
fn of_two_stores_that_have_seen_the_same_one_passes_every_time() {
    let (dir, one, session, segment) = begun();
    let two = open(dir.path());
    let barrier = std::sync::Barrier::new(2);
    let rounds = 300;
    let passed: usize = std::thread::scope(|scope| {
        let writers = [&one, &two].map(|store| {
            let barrier = &barrier;
            scope.spawn(move || {
                let attempt = |round| {
                    barrier.wait();
                    store.append_if(session, segment, round, &[entry(round)]).is_ok()
                };
                let passed = (0..rounds).map(attempt).filter(|passed| *passed).count();
                barrier.wait();
                passed
            })
        });
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    assert_eq!((passed, one.read_entry_count(session, segment).unwrap()), (rounds, rounds));
}

#[test]
fn of_two_stores_that_make_the_same_segment_one_does() {
    let (dir, one, session, _) = begun();
    let two = open(dir.path());
    let barrier = std::sync::Barrier::new(2);
    for round in 0..300 {
        let segment = SegmentId::new();
        let made: Vec<bool> = std::thread::scope(|scope| {
            let makers = [&one, &two].map(|store| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    match store.create_segment(session, segment, &[entry(round)]) {
                        Ok(()) => true,
                        Err(StoreError::Exists(id)) if id == segment => false,
                        Err(error) => panic!("{error}"),
                    }
                })
            });
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        assert_eq!(made.iter().filter(|made| **made).count(), 1, "round {round}");
    }
    let files = names(&dir.path().join(session.to_string()));
    assert_eq!(files.len(), 301, "nothing is left of those that were refused");
}

#[test]
fn a_count_is_right_after_whatever_was_done_to_the_file() {
    let (dir, store, session, segment) = begun();
    let path = path(dir.path(), session, segment);
    for n in 0..5 {
        store.append(session, segment, &entry(n)).unwrap();
    }
    let bytes = fs::read(&path).unwrap();
    let count = || store.read_entry_count(session, segment).unwrap();
    assert_eq!(count(), 5);
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(count(), 2, "cut");
    fs::remove_file(&path).unwrap();
    fs::write(&path, &bytes).unwrap();
    assert_eq!(count(), 5, "another file of that name");
    fs::write(&path, "").unwrap();
    assert_eq!(count(), 0, "emptied");
    store.append(session, segment, &entry(1)).unwrap();
    assert_eq!((count(), store.read_all(session, segment).unwrap()), (1, vec![entry(1)]));
}

#[test]
fn more_segments_than_files_may_be_open_are_appended_to() {
    let (dir, store, session, _) = begun();
    let segments: Vec<SegmentId> = (0..OPEN_FILES * 3).map(|_| SegmentId::new()).collect();
    for segment in &segments {
        store.create_segment(session, *segment, &[]).unwrap();
    }
    for n in 0..3 {
        for segment in &segments {
            store.append(session, *segment, &entry(n)).unwrap();
        }
    }
    let open_now = lock(&store.files).known.values().filter(|(file, _)| lock(file).is_open()).count();
    assert!(open_now <= OPEN_FILES * 2, "{open_now} files are open");
    for segment in &segments {
        assert_eq!(open(dir.path()).read_entry_count(session, *segment).unwrap(), 3);
    }
}

#[test]
fn a_deletion_that_was_cut_off_is_finished_by_the_next_open() {
    let (dir, _, session, segment) = begun();
    let aside = dir.path().join(format!(".deleted-{session}.0123456789abcdef"));
    fs::rename(dir.path().join(session.to_string()), &aside).unwrap();
    fs::create_dir(dir.path().join(".deleted-mine")).unwrap();
    let store = open(dir.path());
    assert!(!aside.exists() && dir.path().join(".deleted-mine").exists());
    assert_eq!((store.list_sessions().unwrap(), store.lookup_session_of(segment).unwrap()), (vec![], None));
}

#[test]
fn the_list_of_segments_is_shared_derived_and_believed_when_it_is_true() {
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join(".by-segment");
    let (mut one, mut two) = (Places::new(list.clone()), Places::new(list.clone()));
    let (session, segments) = (SessionId::new(), [SegmentId::new(), SegmentId::new(), SegmentId::new()]);
    one.enter(segments[0], session);
    assert_eq!(two.find(segments[0]), Some(session), "what another process has entered");
    // A record that was cut off, and one that is damaged.
    let mut bytes = fs::read(&list).unwrap();
    bytes.extend_from_slice(b"torn");
    fs::write(&list, &bytes).unwrap();
    two.enter(segments[1], session);
    assert_eq!(one.find(segments[1]), Some(session));
    let mut bytes = fs::read(&list).unwrap();
    assert_eq!(bytes.len(), 72);
    bytes[3] ^= 1;
    fs::write(&list, &bytes).unwrap();
    let mut three = Places::new(list.clone());
    assert_eq!((three.find(segments[0]), three.find(segments[1])), (None, Some(session)));
    fs::remove_file(&list).unwrap();
    assert_eq!(Places::new(list.clone()).find(segments[1]), None);
    three.enter(segments[2], session);
    assert_eq!(Places::new(list).find(segments[2]), Some(session), "it is made again");
}

#[test]
fn a_segment_is_found_without_the_list_and_entered_then() {
    let (dir, store, session, segment) = begun();
    fs::remove_file(dir.path().join(".by-segment")).unwrap();
    let store = {
        drop(store);
        open(dir.path())
    };
    assert_eq!(store.lookup_session_of(segment).unwrap(), Some(session));
    let mut list = Places::new(dir.path().join(".by-segment"));
    assert_eq!(list.find(segment), Some(session));
    // A list that lies is not believed.
    list.enter(segment, SessionId::new());
    assert_eq!(open(dir.path()).lookup_session_of(segment).unwrap(), Some(session));
}
