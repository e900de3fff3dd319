use annals_record::{EpochId, RecordId, Stance};
use redb::ReadableTable;

use super::*;
use crate::content::{ContentBatch, Home, Place};
use crate::keys::{assertion_key, epoch_key, place_key, vote_key};
use crate::runs::{Listed, push, run_key};
use crate::scene::{Scene, assertion, epoch, offset, vote};
use crate::{Comparison, HybridStore};

/// 0..250 assertions of `hot`, 250..260 of ten subjects, 260 a vote, 261 and 262 two versions of an epoch.
fn scene() -> Scene {
    let hot = (0..250).map(|n| assertion("hot", n));
    let others = (0..10).map(|n| assertion(&format!("s{n}"), n));
    let vote = vote(RecordId::of(&assertion("hot", 0)), "ann", 1, Stance::For, 1);
    Scene::new(hot.chain(others).chain([vote, epoch("e", "1"), epoch("e", "2"), vec![9], vec![200]]))
}

/// Damages a store through its content; what a walk and a comparison with the log say then.
fn check(damage: impl FnOnce(&Scene, &mut ContentBatch)) -> (Walk, crate::Compared) {
    let scene = scene();
    let store = scene.filled();
    store.fold().unwrap();
    let mut batch = store.core.content.batch(8);
    damage(&scene, &mut batch);
    store.core.content.commit(batch).unwrap();
    look(&scene, &store)
}

/// Damages a store through a table of its index.
fn check_index(
    table: &str,
    damage: impl FnOnce(&Scene, &mut redb::Table<'_, &[u8], &[u8]>),
) -> (Walk, crate::Compared) {
    let scene = scene();
    let store = scene.filled();
    store.fold().unwrap();
    store.tamper(table, |table| damage(&scene, table));
    look(&scene, &store)
}

fn look(scene: &Scene, store: &HybridStore) -> (Walk, crate::Compared) {
    let snapshot = store.snapshot().unwrap();
    let mut comparison = Comparison::new(&snapshot).unwrap();
    scene.changes(0..265).iter().for_each(|change| comparison.add(change).unwrap());
    (snapshot.walk(&mut |_, _| {}).unwrap(), comparison.finish().unwrap())
}

/// The keys a walk names.
fn named(walk: &Walk) -> Vec<&str> {
    walk.damaged.iter().map(|damage| damage.key.as_str()).collect()
}

#[test]
fn a_store_that_is_as_the_log_has_it_is_sound() {
    let (walk, compared) = check(|_, _| {});
    assert!(walk.is_sound(), "{walk:?}");
    assert!(compared.is_same(), "{compared:?}");
    assert_eq!(walk.digests, compared.digests);
    assert_eq!(
        walk.counts,
        Counts {
            assertions: 260,
            votes: 1,
            epochs: 1,
            epoch_versions: 2,
            subjects: 11,
            dead_letters: 1,
            application: 1
        }
    );
    assert_eq!((compared.records, compared.duplicates), (265, 0));
}

#[test]
fn progress_ends_at_the_whole() {
    let scene = scene();
    let store = scene.filled();
    let mut heard = Vec::new();
    store.snapshot().unwrap().walk(&mut |done, total| heard.push((done, total))).unwrap();
    assert_eq!(heard.last(), Some(&(526, 526)));
    assert!(heard.is_sorted());
}

#[test]
fn a_changed_assertion_is_named() {
    let (walk, compared) = check(|scene, batch| {
        batch.put(&assertion_key(&scene.id(7)), offset(7), &assertion("hot", 1000));
    });
    let key = format!("H:{}", RecordId::of(&assertion("hot", 7)));
    assert!(named(&walk).contains(&key.as_str()), "{walk:?}");
    assert_eq!(walk.differing(), [Family::Assertions]);
    assert_eq!(compared.damaged[0].key, key);
    assert_eq!(compared.differing(), [Family::Assertions, Family::Subjects]);
}

#[test]
fn a_lost_assertion_is_named_by_its_subject() {
    let (walk, compared) = check(|scene, batch| batch.remove(&assertion_key(&scene.id(7))));
    assert_eq!(named(&walk), ["S:hot"]);
    assert!(walk.damaged[0].detail.contains(&RecordId::of(&assertion("hot", 7)).to_string()));
    assert_eq!(compared.damaged_total, 1);
}

#[test]
fn an_assertion_that_no_subject_lists_is_named() {
    let (walk, _) = check(|_, batch| {
        let payload = assertion("hot", 1000);
        batch.put(&assertion_key(&RecordId::of(&payload)), offset(3), &payload);
    });
    assert_eq!(named(&walk), ["S:hot"]);
    assert_eq!(walk.differing(), [Family::Assertions]);
}

#[test]
fn a_wrong_offset_is_named() {
    let (walk, compared) = check(|scene, batch| {
        batch.put(&assertion_key(&scene.id(7)), offset(8), &assertion("hot", 7));
    });
    assert_eq!(named(&walk), ["S:hot", "S:hot"]);
    assert!(walk.differing().is_empty());
    assert!(!compared.is_same());
    let (_, earlier) = check(|scene, batch| {
        batch.put(&assertion_key(&scene.id(7)), offset(6), &assertion("hot", 7));
    });
    // No change stands where the store says, so the log's sums miss the record.
    assert_eq!((earlier.damaged_total, earlier.differing().len()), (0, 2));
}

#[test]
fn a_changed_vote_and_a_lost_place_are_named() {
    let (walk, compared) = check(|scene, batch| {
        batch.put(&vote_key(&scene.id(0), &scene.id(260)), offset(260), b"?");
        batch.place(&scene.id(260), Place { offset: offset(260), home: Home::Vote(scene.id(1)) });
    });
    assert_eq!(walk.damaged_total, 2, "{walk:?}");
    assert!(named(&walk)[0].starts_with("V:") && named(&walk)[1].starts_with("I:"));
    assert_eq!(walk.differing(), [Family::Votes]);
    assert_eq!(compared.differing(), [Family::Votes]);

    let (walk, compared) = check(|scene, batch| batch.remove(&place_key(&scene.id(260))));
    assert!(walk.damaged[0].detail.contains("does not name its place"), "{walk:?}");
    assert_eq!(compared.damaged_total, 1);
}

#[test]
fn a_changed_epoch_is_named() {
    let (walk, compared) = check(|_, batch| {
        batch.put(&epoch_key(&EpochId::of("e"), offset(262)), offset(262), &epoch("e", "3"));
    });
    assert!(named(&walk)[0].starts_with("E:"), "{walk:?}");
    assert_eq!(walk.differing(), [Family::Epochs]);
    assert_eq!(compared.differing(), [Family::Epochs]);
    let (walk, _) = check(|_, batch| batch.remove(&epoch_key(&EpochId::of("e"), offset(261))));
    assert!(walk.damaged_total >= 2, "{walk:?}");
}

#[test]
fn one_changed_byte_in_a_run_is_found_wherever_it_is() {
    for byte in [0, 7, 8, 39, 40 * 57 + 3, 40 * 99 + 20] {
        let (walk, _) = check_index("S", |_, runs| {
            let key = run_key("hot", 1);
            let mut value = runs.get(key.as_slice()).unwrap().unwrap().value().to_vec();
            value[byte] ^= 1;
            runs.insert(key.as_slice(), value.as_slice()).unwrap();
        });
        assert!(named(&walk).contains(&"S:hot"), "byte {byte}: {walk:?}");
    }
}

#[test]
fn runs_that_do_not_fit_together_are_found() {
    let lost = check_index("S", |_, runs| _ = runs.remove(run_key("hot", 0).as_slice()).unwrap()).0;
    assert!(lost.damaged.iter().any(|damage| damage.detail.contains("run 1 follows 0 runs")), "{lost:?}");
    assert_eq!(lost.differing(), [Family::Subjects]);

    let last = check_index("S", |_, runs| _ = runs.remove(run_key("hot", 1).as_slice()).unwrap()).0;
    assert!(last.damaged.iter().any(|damage| damage.detail.contains("its count differs")), "{last:?}");

    let added = check_index("S", |scene, runs| {
        let mut value = Vec::new();
        (0..100).for_each(|n| push(&mut value, &Listed { offset: offset(n), id: scene.id(n) }));
        runs.insert(run_key("unheard of", 0).as_slice(), value.as_slice()).unwrap();
    });
    assert!(named(&added.0).contains(&"S:unheard of"), "{:?}", added.0);

    let odd = check_index("S", |_, runs| _ = runs.insert(b"no key".as_slice(), [0; 40].as_slice()).unwrap());
    assert_eq!(named(&odd.0), ["S:no key"]);
    let short = check_index("S", |_, runs| {
        runs.insert(run_key("s1", 0).as_slice(), [0; 39].as_slice()).unwrap();
    });
    assert!(named(&short.0).contains(&"S:s1"), "{:?}", short.0);
}
