mod built_in;
mod txn;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use annals_record::Kind;

use super::*;
use crate::scene::{Scene, assertion, change, offset};
use crate::{Change, Effect, Passed, Sink};

/// Counts the records of each type; of version 2, their bytes.
struct Types {
    version: u32,
    /// Where it fails, and where it panics.
    fails_at: AtomicU64,
    panics_at: AtomicU64,
    /// What it was lent, as far as tests ask.
    seen: Mutex<Vec<(u64, bool)>>,
}

impl Types {
    fn new(version: u32) -> Arc<Self> {
        let (fails_at, panics_at) = (AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX));
        Arc::new(Self { version, fails_at, panics_at, seen: Mutex::default() })
    }
}

impl Projection for Types {
    fn name(&self) -> &str {
        "types"
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn apply(&self, record: &Projected<'_>, txn: &mut ProjectionTxn<'_>) -> Result<(), ProjectionError> {
        let place = record.offset.get();
        self.seen.lock().unwrap().push((place, record.late));
        assert!(place != self.panics_at.load(Ordering::SeqCst), "told to panic at {place}");
        if place == self.fails_at.load(Ordering::SeqCst) {
            return Err("told to fail".into());
        }
        let key = [record.record_type().map_or(0, u8::from)];
        let before = txn.get(&key)?.map_or(0, |count| u64::from_le_bytes(count.try_into().unwrap()));
        let more = if self.version == 1 { 1 } else { record.payload.len() as u64 };
        txn.put(&key, &(before + more).to_le_bytes());
        Ok(())
    }
}

fn root(scene: &Scene) -> PathBuf {
    scene.dir.path().join("projections")
}

fn open(scene: &Scene, projection: Arc<dyn Projection>, end: usize) -> ProjectionStore {
    ProjectionStore::open(root(scene), projection, ProjectionOptions::default(), offset(end), |_| true)
        .unwrap()
}

fn apply(store: &ProjectionStore, scene: &Scene, records: std::ops::Range<usize>) {
    store.apply(&scene.changes(records.clone()), &scene.cursor(records.end)).unwrap();
}

fn count(store: &ProjectionStore, of: u8) -> u64 {
    let value = store.view().unwrap().get(&[of]).unwrap();
    value.map_or(0, |count| u64::from_le_bytes(count.try_into().unwrap()))
}

fn files(scene: &Scene) -> Vec<String> {
    let entries = fs::read_dir(root(scene).join("types")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// So many assertions.
fn scene(records: i64) -> Scene {
    Scene::new((0..records).map(|n| assertion("a", n)))
}

#[test]
fn pj1_what_was_applied_is_there_at_once_and_after_a_kill_as_far_as_it_was_durable() {
    let scene = scene(10);
    let store = open(&scene, Types::new(1), 0);
    apply(&store, &scene, 0..4);
    assert_eq!((count(&store, 0), store.view().unwrap().as_of()), (4, offset(4)));
    store.checkpoint().unwrap();
    let before = store.view().unwrap();
    apply(&store, &scene, 4..10);
    assert_eq!(before.get(&[0]).unwrap().unwrap()[0], 4, "a view does not change");
    assert_eq!(count(&store, 0), 10);
    drop(before);
    store.abandon();

    let store = open(&scene, Types::new(1), 0);
    assert_eq!(store.cursor().unwrap(), Some(scene.cursor(4)));
    assert_eq!(count(&store, 0), 4);
    apply(&store, &scene, 4..10);
    drop(store);
    assert_eq!(count(&open(&scene, Types::new(1), 0), 0), 10, "what is closed is durable");
}

#[test]
fn pj2_a_projection_that_fails_or_panics_changes_nothing_and_says_where() {
    let scene = scene(10);
    let types = Types::new(3);
    let store = open(&scene, types.clone(), 0);
    apply(&store, &scene, 0..2);
    let bytes = count(&store, 0);
    for (place, panics) in [(5, false), (7, true)] {
        let switch = if panics { &types.panics_at } else { &types.fails_at };
        switch.store(offset(place).get(), Ordering::SeqCst);
        let error = store.apply(&scene.changes(2..10), &scene.cursor(10)).unwrap_err();
        switch.store(u64::MAX, Ordering::SeqCst);
        let said = error.to_string();
        let why = if panics { "it panicked: told to panic" } else { "told to fail" };
        for part in ["\"types\"", "version 3", &format!("offset {}", offset(place)), why] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(error.kind(), Kind::Stop);
        assert_eq!((count(&store, 0), store.cursor().unwrap()), (bytes, Some(scene.cursor(2))));
    }
    apply(&store, &scene, 2..10);
    assert_eq!(count(&store, 0), bytes * 5);
}

#[test]
fn pj2_what_cannot_be_kept_fails_with_its_record() {
    struct Large(usize, usize);
    impl Projection for Large {
        fn name(&self) -> &str {
            "large"
        }
        fn version(&self) -> u32 {
            1
        }
        fn apply(&self, _: &Projected<'_>, txn: &mut ProjectionTxn<'_>) -> Result<(), ProjectionError> {
            txn.put(&vec![1; self.0], &vec![2; self.1]);
            Ok(())
        }
    }
    let scene = scene(2);
    for (key, value, fits) in [(4096, 1 << 20, true), (4097, 0, false), (0, (1 << 20) + 1, false)] {
        let store = open(&scene, Arc::new(Large(key, value)), 0);
        let applied = store.apply(&scene.changes(0..1), &scene.cursor(1));
        assert_eq!(applied.is_ok(), fits, "{applied:?}");
        assert_eq!(store.view().unwrap().entries().unwrap(), u64::from(fits));
        drop(store);
        Shelf::of(root(&scene), "large").unwrap().remove().unwrap();
    }
}

#[test]
fn pj3_a_version_answers_once_it_has_come_up_with_the_log_and_the_one_before_until_then() {
    let scene = scene(10);
    let store = open(&scene, Types::new(1), 0);
    apply(&store, &scene, 0..6);
    drop(store);
    assert_eq!(files(&scene), ["v000001.redb"]);

    let store = open(&scene, Types::new(2), 8);
    assert_eq!((store.version(), store.is_complete()), (2, false));
    for end in [3, 7] {
        let from = store.cursor().unwrap().map_or(0, |cursor| cursor.next.get() as usize / 56);
        apply(&store, &scene, from..end);
        let view = store.view().unwrap();
        assert_eq!((view.version(), view.as_of(), count(&store, 0)), (1, offset(6), 6));
    }
    store.checkpoint().unwrap();
    store.abandon();

    // Killed before it had come up, it goes on where it was.
    let store = open(&scene, Types::new(2), 9);
    assert_eq!(files(&scene), ["v000001.redb", "v000002.building"]);
    assert_eq!(store.cursor().unwrap(), Some(scene.cursor(7)));
    let before = store.view().unwrap();
    assert_eq!(before.version(), 1);
    apply(&store, &scene, 7..9);
    let view = store.view().unwrap();
    assert_eq!((view.version(), view.as_of(), view.is_complete()), (2, offset(9), true));
    assert!(store.is_complete() && count(&store, 0) > 100);
    assert_eq!(files(&scene), ["v000002.redb"]);
    assert_eq!(before.get(&[0]).unwrap().unwrap()[0], 6, "whoever holds the old one reads on");
    // Killed right then, nothing of it is lost. A view holds its file.
    drop((before, view));
    store.abandon();
    assert_eq!(open(&scene, Types::new(2), 10).view().unwrap().as_of(), offset(9));
}

#[test]
fn pj3_a_version_killed_between_its_last_commit_and_its_name_answers_at_the_next_open() {
    let scene = scene(4);
    drop({
        let store = open(&scene, Types::new(1), 0);
        apply(&store, &scene, 0..4);
        store
    });
    let store = open(&scene, Types::new(2), 4);
    apply(&store, &scene, 0..4);
    drop(store);
    let dir = root(&scene).join("types");
    fs::rename(dir.join("v000002.redb"), dir.join("v000002.building")).unwrap();
    let store = open(&scene, Types::new(2), 4);
    assert!(store.is_complete() && store.view().unwrap().version() == 2);
    assert_eq!(files(&scene), ["v000002.redb"]);
}

#[test]
fn pj3_a_version_before_that_does_not_fit_the_log_or_does_not_open_does_not_answer() {
    for damaged in [false, true] {
        let scene = scene(4);
        let store = open(&scene, Types::new(1), 0);
        apply(&store, &scene, 0..2);
        drop(store);
        if damaged {
            fs::write(root(&scene).join("types/v000001.redb"), [7; 9000]).unwrap();
        }
        let options = ProjectionOptions::default();
        let fits = |cursor: &annals_record::Cursor| damaged && cursor.next == offset(2);
        let store = ProjectionStore::open(root(&scene), Types::new(2), options, offset(4), fits).unwrap();
        let view = store.view().unwrap();
        assert_eq!((view.version(), view.is_complete(), view.as_of()), (2, false, offset(0)));
        apply(&store, &scene, 0..4);
        assert_eq!(files(&scene), ["v000002.redb"]);
    }
}

#[test]
fn a_version_is_built_anew_beside_itself_and_a_lower_one_is_another_one() {
    let scene = scene(6);
    let store = open(&scene, Types::new(2), 0);
    apply(&store, &scene, 0..3);
    drop(store);
    Shelf::of(root(&scene), "types").unwrap().start_over(2).unwrap();
    let store = open(&scene, Types::new(2), 5);
    assert_eq!((store.view().unwrap().as_of(), store.cursor().unwrap()), (offset(3), None));
    apply(&store, &scene, 0..6);
    assert_eq!(store.view().unwrap().as_of(), offset(6));
    drop(store);
    assert_eq!(files(&scene), ["v000002.redb"]);
    // What is being built of another version is waste.
    Shelf::of(root(&scene), "types").unwrap().start_over(7).unwrap();
    let store = open(&scene, Types::new(1), 6);
    assert_eq!((store.view().unwrap().version(), store.version()), (2, 1));
    assert_eq!(files(&scene), ["v000001.building", "v000002.redb"]);
    apply(&store, &scene, 0..6);
    assert_eq!((count(&store, 0), files(&scene)), (6, vec!["v000001.redb".to_owned()]));
}

#[test]
fn pj4_what_cannot_be_read_is_noted_and_applied_late_as_if_nothing_had_happened() {
    let unreadable = |n: u8| vec![n; 16];
    let scene =
        Scene::new([assertion("a", 1), unreadable(9), assertion("a", 2), unreadable(8), vec![200; 3]]);
    let types = Types::new(1);
    let store = open(&scene, types.clone(), 0);
    let mut changes = scene.changes(0..5);
    changes[2].effect = Effect::DeadLetter { reason: "of a later version".to_owned() };
    let outcome = store.apply(&changes, &scene.cursor(5)).unwrap();
    assert_eq!((outcome.fresh, outcome.dead_letters, outcome.application), (1, 3, 1));
    let noted = |store: &ProjectionStore| store.undecoded(None, 9).unwrap();
    let of = |record: usize| (offset(record), scene.id(record));
    assert_eq!(noted(&store), [of(1), of(2), of(3)]);
    assert_eq!(store.undecoded(Some(offset(1)), 1).unwrap(), [of(2)]);
    assert_eq!((count(&store, 0), count(&store, 200)), (1, 1));

    // Another record than the one that is noted, and one that is not noted, are left alone.
    let other = assertion("b", 7);
    let foreign = [change(offset(2), &other), scene.changes(0..1).remove(0)];
    assert_eq!(store.apply_late(&foreign).unwrap(), 0);
    assert_eq!(store.apply_late(&scene.changes(0..5)).unwrap(), 1);
    store.abandon();
    let store = open(&scene, types.clone(), 0);
    assert_eq!((count(&store, 0), noted(&store)), (2, vec![of(1), of(3)]));
    assert_eq!(store.apply_late(&scene.changes(0..5)).unwrap(), 0, "once is enough");
    assert_eq!(
        types.seen.lock().unwrap()[..],
        [(0, false), (offset(4).get(), false), (offset(2).get(), true)]
    );
}

#[test]
fn damage_that_is_passed_is_noted_with_the_cursor_durably() {
    let scene = scene(6);
    let store = open(&scene, Types::new(1), 5);
    apply(&store, &scene, 0..2);
    let passed = Passed { offset: offset(2), len: 56 * 3, detail: "rot".to_owned() };
    let cursor = annals_record::Cursor { next: offset(5), ..scene.cursor(2) };
    store.pass(&passed, &cursor).unwrap();
    assert!(store.is_complete(), "it has come up with the log, as far as that can be read");
    store.abandon();
    let store = open(&scene, Types::new(1), 0);
    assert_eq!((store.cursor().unwrap(), store.missing().unwrap()), (Some(cursor), (0, 1)));
    let error = store.apply(&scene.changes(3..6), &scene.cursor(6)).unwrap_err();
    assert!(matches!(error, Error::OutOfOrder { .. }), "{error}");
}

#[test]
fn after_a_failed_write_nothing_more_is_written_until_it_is_opened_again() {
    let scene = scene(6);
    let store = open(&scene, Types::new(1), 0);
    apply(&store, &scene, 0..2);
    store.checkpoint().unwrap();
    apply(&store, &scene, 2..3);
    store.filled.shut();
    assert_eq!(store.checkpoint().unwrap_err().kind(), Kind::Stop);
    let error = store.apply(&scene.changes(3..4), &scene.cursor(4)).unwrap_err();
    assert!(matches!(error, Error::Poisoned { .. }), "{error}");
    drop(store);
    assert_eq!(count(&open(&scene, Types::new(1), 0), 0), 2);
}

#[test]
fn a_file_of_something_else_is_refused_and_left_as_it_is() {
    let scene = scene(2);
    drop(open(&scene, Types::new(1), 0));
    let dir = root(&scene).join("types");
    fs::rename(dir.join("v000001.redb"), dir.join("v000003.redb")).unwrap();
    let refused = |version| {
        let options = ProjectionOptions::default();
        ProjectionStore::open(root(&scene), Types::new(version), options, offset(0), |_| true).err().unwrap()
    };
    let error = refused(3);
    assert!(matches!(error, Error::ProjectionFile { .. }), "{error}");
    assert!(error.to_string().contains("it holds version 1 of \"types\", not version 3"), "{error}");
    fs::write(dir.join("v000004.redb"), "something else").unwrap();
    assert_eq!(refused(4).kind(), Kind::Stop);
    assert_eq!(fs::read(dir.join("v000004.redb")).unwrap(), b"something else");
}

#[test]
fn one_process_has_a_file_at_a_time() {
    let scene = scene(2);
    let _store = open(&scene, Types::new(1), 0);
    let options = ProjectionOptions::default();
    let again = ProjectionStore::open(root(&scene), Types::new(1), options, offset(0), |_| true);
    assert!(matches!(again.err().unwrap(), Error::Locked { .. }));
}

#[test]
fn names_are_those_of_directories_and_cursors() {
    for name in ["a", "predicate", "my-index-2", &"x".repeat(48)] {
        assert!(check_name(name).is_ok(), "{name}");
    }
    for name in ["", "A", "2x", "-a", "a_b", "a/b", "..", "a.b", "ä", " a", &"x".repeat(49)] {
        assert!(matches!(check_name(name), Err(Error::ProjectionName { .. })), "{name:?}");
    }
    assert_eq!(BuiltIn::ALL.map(|built_in| BuiltIn::named(built_in.label())), BuiltIn::ALL.map(Some));
    assert!(BuiltIn::ALL.iter().all(|built_in| check_name(built_in.name()).is_ok()));
}

#[test]
fn shelves_are_listed_removed_at_once_and_swept() {
    let scene = scene(2);
    assert_eq!(Shelf::all(root(&scene)).unwrap(), []);
    drop(open(&scene, Types::new(1), 0));
    drop(open(&scene, Arc::new(BuiltIn::Agent), 3));
    for odd in ["Odd", "file", "types/v1.redb", "types/v000009.redb.tmp", "types/x000001.redb"] {
        fs::write(root(&scene).join(odd), "").unwrap();
    }
    let names = |scene: &Scene| -> Vec<String> {
        Shelf::all(root(scene)).unwrap().iter().map(|shelf| shelf.name().to_owned()).collect()
    };
    assert_eq!(names(&scene), ["agent", "types"]);
    let shelf = Shelf::of(root(&scene), "types").unwrap();
    let listed: Vec<_> = shelf.versions().unwrap().iter().map(|v| (v.version, v.complete)).collect();
    assert_eq!(listed, [(1, true)]);
    let agent = Shelf::of(root(&scene), "agent").unwrap().versions().unwrap();
    assert!(matches!(agent[..], [ShelfVersion { version: 1, complete: false, bytes: 1.. }]));
    // A removal that is cut off is no projection any more.
    fs::rename(root(&scene).join("types"), root(&scene).join(".gone")).unwrap();
    assert_eq!(names(&scene), ["agent"]);
    Shelf::sweep(root(&scene)).unwrap();
    assert!(!root(&scene).join(".gone").exists());
    Shelf::of(root(&scene), "agent").unwrap().remove().unwrap();
    shelf.remove().unwrap();
    assert_eq!(names(&scene), Vec::<String>::new());
}

#[test]
fn changes_that_do_not_follow_are_refused() {
    let scene = scene(4);
    let store = open(&scene, Types::new(1), 0);
    apply(&store, &scene, 0..2);
    let wrong: Vec<Change<'_>> = scene.changes(1..3);
    assert!(matches!(store.apply(&wrong, &scene.cursor(3)), Err(Error::OutOfOrder { .. })));
    assert_eq!(store.checkpoint_to(offset(1)).unwrap(), offset(2));
}
