mod folding;
mod half_made;
mod identity;
mod letters;

use std::fs;

use annals_record::{Kind, LogId, RecordId, Stance};

use super::*;
use crate::content::Place;
use crate::keys::{assertion_key, vote_key};
use crate::lock::LOCK_FILE;
use crate::scene::{Scene, assertion, change, epoch, offset, vote};

/// A log with something of everything, twenty records.
fn everything() -> Scene {
    let first = assertion("a", 0);
    let mut payloads = vec![
        first.clone(),
        vote(RecordId::of(&first), "voter", 1, Stance::For, 1_000_000),
        epoch("e", "one"),
        epoch("e", "two"),
        vec![200, 1, 2, 3],
        vec![7],
        first,
        epoch("e", "one"),
    ];
    payloads.extend((1..13).map(|n| assertion(if n % 3 == 0 { "a" } else { "b" }, n)));
    Scene::new(payloads)
}

/// Kills the process, as far as the store can tell.
fn kill(store: HybridStore) {
    store.abandon();
}

/// What a store holds, to compare.
fn contents(store: &HybridStore) -> (Counts, Digests, Option<Cursor>) {
    let walk = store.snapshot().unwrap().walk(&mut |_, _| {}).unwrap();
    assert!(walk.is_sound(), "{walk:?}");
    (walk.counts, walk.digests, store.cursor().unwrap())
}

#[test]
fn what_was_applied_is_there_after_closing_and_opening() {
    let scene = everything();
    let store = scene.filled();
    let before = contents(&store);
    assert_eq!(
        before.0,
        Counts {
            assertions: 13,
            votes: 1,
            epochs: 1,
            epoch_versions: 2,
            subjects: 2,
            dead_letters: 1,
            application: 1
        }
    );
    store.close().unwrap();
    let store = HybridStore::open_existing(scene.dir.path().join("store")).unwrap();
    assert_eq!(contents(&store), before);
    assert_eq!(store.durable_cursor().unwrap(), store.cursor().unwrap());
}

#[test]
fn batches_of_any_size_end_in_the_same_store() {
    let whole = everything();
    let expected = contents(&whole.filled());
    for size in [1, 3, 7] {
        let scene = everything();
        let store = scene.open();
        (0..20).step_by(size).for_each(|from| _ = scene.apply(&store, from..20.min(from + size)));
        assert_eq!(contents(&store), expected, "batches of {size}");
    }
}

#[test]
fn s3_the_same_record_again_changes_nothing_but_the_cursor() {
    let scene = Scene::new([assertion("a", 1), assertion("a", 1), assertion("b", 2), assertion("a", 1)]);
    let store = scene.open();
    assert_eq!(scene.apply(&store, 0..2), Outcome { fresh: 1, duplicates: 1, ..Outcome::default() });
    let digests = store.digests().unwrap();
    scene.apply(&store, 2..3);
    assert_eq!(scene.apply(&store, 3..4), Outcome { duplicates: 1, ..Outcome::default() });
    assert_ne!(store.digests().unwrap(), digests);
    let snapshot = store.snapshot().unwrap();
    let listed = snapshot.subject("a", None, 10).unwrap();
    assert_eq!(listed.iter().map(|stored| stored.offset).collect::<Vec<_>>(), [offset(0)]);
    assert_eq!(snapshot.as_of(), offset(4));
}

#[test]
fn s2_a_kill_loses_what_was_not_checkpointed_and_replay_brings_it_back() {
    let expected = contents(&everything().filled());
    for checkpoint in [0, 5, 8, 13] {
        let scene = everything();
        let store = scene.open();
        scene.apply(&store, 0..checkpoint);
        store.checkpoint().unwrap();
        scene.apply(&store, checkpoint..17);
        let durable = (checkpoint > 0).then(|| scene.cursor(checkpoint));
        assert_eq!(store.durable_cursor().unwrap(), durable);
        store.fold().unwrap();
        kill(store);

        let store = scene.open();
        assert_eq!(store.cursor().unwrap(), durable);
        assert_eq!(store.reach().unwrap(), Some(scene.cursor(17)));
        // What content has beyond the cursor does not show.
        assert_eq!(store.snapshot().unwrap().get(&scene.id(16)).unwrap(), None);
        (checkpoint..20).for_each(|from| _ = scene.apply(&store, from..from + 1));
        assert_eq!(contents(&store), expected, "checkpoint at {checkpoint}");
    }
}

#[test]
fn s1_a_crash_between_content_and_index_shows_nothing_and_replays() {
    for folded_before in [false, true] {
        let scene = everything();
        let store = scene.open();
        scene.apply(&store, 0..9);
        if folded_before {
            store.fold().unwrap();
        }
        store.checkpoint().unwrap();
        scene.apply(&store, 9..20);
        let layer = store.core.layers().active;
        _ = store.core.content.fold(&layer.held(), &scene.cursor(20), &mut || Ok(())).unwrap();
        kill(store);

        let store = scene.open();
        assert_eq!(store.snapshot().unwrap().get(&scene.id(15)).unwrap(), None);
        assert_eq!(store.snapshot().unwrap().as_of(), offset(9));
        assert_eq!(store.reach().unwrap(), Some(scene.cursor(20)));
        assert_eq!(scene.apply(&store, 9..20).fresh, 11);
        assert_eq!(contents(&store), contents(&everything().filled()));
    }
}

#[test]
fn the_first_offset_of_a_record_is_known_without_a_snapshot() {
    let scene = everything();
    let store = scene.filled();
    for record in [0, 1, 2, 3, 19] {
        assert_eq!(store.first_offset(&scene.id(record)).unwrap(), Some(offset(record)));
    }
    assert_eq!(store.first_offset(&RecordId::of(b"none")).unwrap(), None);
}

#[test]
fn s1_a_reader_beside_a_busy_writer_never_meets_an_entry_without_its_record() {
    let count = 600;
    let scene = Scene::new((0..count as i64).map(|n| assertion("hot", n)));
    let store = scene.open();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..count).for_each(|n| _ = scene.apply(&store, n..n + 1)));
        let mut seen = 0;
        while seen < count {
            let snapshot = store.snapshot().unwrap();
            let listed = snapshot.subject("hot", seen.checked_sub(1).map(offset), usize::MAX).unwrap();
            seen += listed.len();
            assert_eq!(snapshot.as_of(), offset(seen));
            assert_eq!(snapshot.counts().unwrap().assertions, seen as u64);
        }
    });
}

#[test]
fn the_reach_of_content_does_not_shrink_while_a_crash_is_replayed() {
    let scene = everything();
    let store = scene.open();
    scene.apply(&store, 0..1);
    store.checkpoint().unwrap();
    scene.apply(&store, 1..20);
    store.fold().unwrap();
    kill(store);
    let store = scene.open();
    scene.apply(&store, 1..5);
    store.fold().unwrap();
    assert_eq!(store.reach().unwrap(), Some(scene.cursor(20)));
    drop(store);
    assert_eq!(scene.open().reach().unwrap(), Some(scene.cursor(20)));
}

#[test]
fn s5_after_a_failed_write_nothing_more_is_written_until_reopened() {
    let scene = everything();
    let store = scene.open();
    scene.apply(&store, 0..5);
    store.checkpoint().unwrap();
    scene.apply(&store, 5..10);
    store.core.index.shut();
    let failed = store.checkpoint().unwrap_err();
    assert!(matches!(failed, Error::Engine { engine: "index", .. }), "{failed}");
    assert_eq!(failed.kind(), Kind::Stop);
    let refused = store.apply(&scene.changes(10..11), &scene.cursor(11)).unwrap_err();
    assert!(matches!(refused, Error::Poisoned { .. }), "{refused}");
    assert!(matches!(store.checkpoint(), Err(Error::Poisoned { .. })));
    drop(store);

    let store = scene.open();
    assert_eq!(store.cursor().unwrap(), Some(scene.cursor(5)));
    scene.apply(&store, 5..20);
    assert_eq!(contents(&store), contents(&everything().filled()));
}

#[test]
fn bytes_that_are_not_the_record_are_written_again_from_the_log() {
    let scene = everything();
    let store = scene.filled();
    store.fold().unwrap();
    let expected = contents(&store);
    let (a, v, e) = (scene.id(0), scene.id(1), scene.id(2));
    let keys = [
        assertion_key(&a).to_vec(),
        vote_key(&a, &v).to_vec(),
        Place::key(&store.core.content.place(&e).unwrap().unwrap(), &e),
    ];
    let mut batch = store.core.content.batch(3);
    // An offset that is wrong too: the index and the places know better.
    keys.iter().for_each(|key| batch.put(key, offset(19), b"something else"));
    store.core.content.commit(batch).unwrap();
    assert!(!store.snapshot().unwrap().walk(&mut |_, _| {}).unwrap().is_sound());

    // The same three records once more, at the log's end.
    let again = Scene::new((0..20).chain([0, 1, 2]).map(|n| scene.changes(n..n + 1)[0].payload.to_vec()));
    assert_eq!(again.apply(&store, 20..23), Outcome { duplicates: 3, ..Outcome::default() });
    let (counts, digests, _) = contents(&store);
    assert_eq!((counts, digests), (expected.0, expected.1));
    assert_eq!(store.snapshot().unwrap().get(&a).unwrap().unwrap().offset, offset(0));
}

#[test]
fn changes_that_do_not_follow_the_cursor_are_refused() {
    let scene = everything();
    let store = scene.open();
    scene.apply(&store, 0..5);
    let before = contents(&store);
    let mut foreign = scene.cursor(6);
    foreign.log = LogId::from_bytes([9; 16]);
    let mut other_last = scene.cursor(6);
    other_last.last = scene.cursor(5).last;
    let mut earlier_term = scene.cursor(6);
    earlier_term.term = annals_record::Term::new(0);
    let backwards = scene.changes(5..7).into_iter().rev().collect();
    for (changes, cursor, reason) in [
        (scene.changes(5..6), foreign, "another log"),
        (scene.changes(5..6), earlier_term, "term"),
        (vec![], scene.cursor(4), "move the cursor back"),
        (scene.changes(4..6), scene.cursor(6), "begin before"),
        (scene.changes(5..7), scene.cursor(6), "end beyond"),
        (scene.changes(5..6), other_last, "another last record"),
        (vec![], scene.cursor(6), "nothing was applied"),
        (backwards, scene.cursor(7), "do not rise"),
    ] {
        let refused = store.apply(&changes, &cursor).unwrap_err();
        assert!(matches!(refused, Error::OutOfOrder { .. }), "{refused}");
        assert!(refused.to_string().contains(reason), "{refused}");
        assert_eq!(refused.kind(), Kind::Fix);
    }
    assert_eq!(contents(&store), before);
    scene.apply(&store, 5..6);
}

#[test]
fn a_cursor_moves_over_places_without_records() {
    let scene = everything();
    let store = scene.open();
    scene.apply(&store, 0..2);
    let mut cursor = scene.cursor(2);
    cursor.next = Offset::new(cursor.next.get() + 8);
    store.apply(&[], &cursor).unwrap();
    assert_eq!(store.snapshot().unwrap().as_of(), cursor.next);
}

#[test]
fn a_long_reason_is_cut_where_a_character_ends() {
    let scene = Scene::new([vec![9]]);
    let store = scene.open();
    let mut changes = scene.changes(0..1);
    changes[0].effect = crate::Effect::DeadLetter { reason: format!("x{}", "ü".repeat(400)) };
    store.apply(&changes, &scene.cursor(1)).unwrap();
    let parked = store.snapshot().unwrap().dead_letters(None, 10).unwrap();
    assert_eq!(parked[0].reason, format!("x{}", "ü".repeat(255)));
    assert_eq!((parked[0].offset, parked[0].id), (offset(0), scene.id(0)));
}

/// Opens what `prepare` leaves at a path; the error, and that nothing there changed.
fn check_refused(prepare: impl FnOnce(&Path)) -> Error {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    prepare(&path);
    let listed = |path: &Path| -> Vec<_> {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name()).collect()
    };
    let before = listed(&path);
    let error = HybridStore::open(&path).err().expect("it is refused");
    assert_eq!(listed(&path), before);
    error
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let file = check_refused(|path| fs::write(path, "text").unwrap());
    assert!(matches!(&file, Error::NotAStore { .. }), "{file}");
    let foreign = check_refused(|path| {
        fs::create_dir(path).unwrap();
        fs::write(path.join("thesis.tex"), "").unwrap();
    });
    assert!(foreign.to_string().contains("thesis.tex"), "{foreign}");
    assert_eq!(foreign.kind(), Kind::Fix);

    let dir = tempfile::tempdir().unwrap();
    let missing = HybridStore::open_existing(dir.path().join("none")).err().unwrap();
    assert!(matches!(missing, Error::Missing { .. }));
    assert!(!dir.path().join("none").exists());
    HybridStore::open(dir.path()).unwrap();
}

#[test]
fn a_store_that_is_open_is_locked_and_says_by_whom() {
    let scene = everything();
    let store = scene.open();
    let locked = HybridStore::open(store.path()).err().unwrap();
    assert!(
        matches!(&locked, Error::Locked { holder, .. } if *holder == format!("process {}", std::process::id()))
    );
    assert_eq!(locked.kind(), Kind::Retry);
    drop(store);
    scene.open();
}

#[test]
fn a_hostile_lock_file_is_not_repeated() {
    let scene = everything();
    let store = scene.open();
    fs::write(store.path().join(LOCK_FILE), "\x1b[2J".repeat(1000)).unwrap();
    let locked = HybridStore::open(store.path()).err().unwrap();
    assert!(matches!(locked, Error::Locked { holder, .. } if holder == "another process"));
}

/// Writes a number into the meta table of a closed store, and opens it.
fn check_version(name: &str, number: u32) -> Error {
    let scene = everything();
    scene.filled().close().unwrap();
    let path = scene.dir.path().join("store");
    let database = redb::Database::open(path.join(INDEX_FILE)).unwrap();
    let writing = database.begin_write().unwrap();
    let table: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("meta");
    writing.open_table(table).unwrap().insert(name, number.to_le_bytes().as_slice()).unwrap();
    writing.commit().unwrap();
    drop(database);
    HybridStore::open(path).err().unwrap()
}

#[test]
fn a_store_of_another_version_is_refused() {
    let newer = check_version("format", 4);
    assert!(matches!(newer, Error::NewerFormat { found: 4, known: 3, .. }), "{newer}");
    let other = check_version("projection", 0);
    assert!(matches!(other, Error::OtherProjection { found: 0, known: 2, .. }), "{other}");
}

#[test]
fn an_index_without_the_content_it_covers_is_refused() {
    let scene = everything();
    scene.filled().close().unwrap();
    let path = scene.dir.path().join("store");
    fs::remove_dir_all(path.join(CONTENT_DIR)).unwrap();
    let behind = HybridStore::open(&path).err().unwrap();
    assert!(matches!(behind, Error::ContentBehind { reach: Offset::ZERO, .. }), "{behind}");

    let other = everything();
    let mut cursor = other.cursor(1);
    cursor.log = LogId::from_bytes([9; 16]);
    let store = other.open();
    let payload = assertion("a", 0);
    store.apply(&[change(offset(0), &payload)], &cursor).unwrap();
    store.close().unwrap();
    fs::remove_dir_all(path.join(CONTENT_DIR)).unwrap();
    fs::rename(other.dir.path().join("store").join(CONTENT_DIR), path.join(CONTENT_DIR)).unwrap();
    let swapped = HybridStore::open(&path).err().unwrap();
    assert!(matches!(swapped, Error::Swapped { .. }), "{swapped}");
}

#[test]
fn a_lost_index_is_built_again_over_the_content_that_is_left() {
    let scene = everything();
    let store = scene.filled();
    store.fold().unwrap();
    let expected = contents(&store);
    store.close().unwrap();
    fs::remove_file(scene.dir.path().join("store").join(INDEX_FILE)).unwrap();
    let store = scene.open();
    assert_eq!(store.cursor().unwrap(), None);
    assert_eq!(store.snapshot().unwrap().get(&scene.id(0)).unwrap(), None);
    assert_eq!(scene.apply(&store, 0..20).fresh, 16);
    assert_eq!(contents(&store), expected);
}

#[test]
fn an_index_file_that_is_none_is_an_error_not_a_new_store() {
    let scene = everything();
    scene.filled().close().unwrap();
    let index = scene.dir.path().join("store").join(INDEX_FILE);
    fs::write(&index, "not a database".repeat(1000)).unwrap();
    let error = HybridStore::open(scene.dir.path().join("store")).err().unwrap();
    assert!(matches!(error, Error::Engine { engine: "index", .. }), "{error}");
    assert!(fs::read(&index).unwrap().starts_with(b"not a database"));
}
