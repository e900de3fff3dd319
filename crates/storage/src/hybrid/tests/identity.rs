//! Which store it is: two of one log, an older copy.

use super::*;

#[test]
fn content_and_index_of_two_stores_of_one_log_are_refused() {
    let (one, other) = (everything(), everything());
    one.filled().close().unwrap();
    other.filled().close().unwrap();
    let [here, there] = [&one, &other].map(|scene| scene.dir.path().join("store"));
    fs::rename(here.join(CONTENT_DIR), here.join("away")).unwrap();
    fs::rename(there.join(CONTENT_DIR), here.join(CONTENT_DIR)).unwrap();
    let two = HybridStore::open(&here).err().unwrap();
    assert!(matches!(two, Error::TwoStores { .. }), "{two}");
    assert_eq!(two.refusal().unwrap().name, "two_stores");
    // Nothing was made of either.
    fs::rename(here.join(CONTENT_DIR), there.join(CONTENT_DIR)).unwrap();
    fs::rename(here.join("away"), here.join(CONTENT_DIR)).unwrap();
    assert_eq!(contents(&one.open()), contents(&other.open()));
}

#[test]
fn what_was_seen_lags_and_never_leads() {
    let scene = everything();
    let seen = scene.dir.path().join("seen");
    let store = scene.open();
    store.watch(&seen).unwrap();
    scene.apply(&store, 0..5);
    store.checkpoint().unwrap();
    assert_eq!(store.seen_at(&seen).unwrap(), Some(offset(5)));
    scene.apply(&store, 5..9);
    assert_eq!(store.seen_at(&seen).unwrap(), Some(offset(5)));
    store.core.index.shut();
    assert!(store.checkpoint().is_err(), "the commit failed");
    assert_eq!(store.seen_at(&seen).unwrap(), Some(offset(5)), "nothing was durable");
    drop(store);
    let store = scene.open();
    store.watch(&seen).unwrap();
    scene.apply(&store, 5..20);
    store.close().unwrap();
    let store = scene.open();
    assert_eq!(store.seen_at(&seen).unwrap(), Some(offset(20)));
}

#[test]
fn an_older_copy_is_refused_until_it_is_taken_as_it_is() {
    let scene = everything();
    let (seen, path) = (scene.dir.path().join("seen"), scene.dir.path().join("store"));
    let filled = |records| {
        let store = scene.open();
        store.watch(&seen).unwrap();
        let from = store.cursor().unwrap().map_or(0, |cursor| cursor.next.get() as usize / 56);
        scene.apply(&store, from..records);
        store.close().unwrap();
    };
    filled(7);
    let copied =
        std::process::Command::new("cp").arg("-r").arg(&path).arg(scene.dir.path().join("older")).status();
    assert!(copied.unwrap().success());
    filled(20);
    fs::remove_dir_all(&path).unwrap();
    fs::rename(scene.dir.path().join("older"), &path).unwrap();
    let store = scene.open();
    let older = store.watch(&seen).unwrap_err();
    assert!(
        matches!(&older, Error::OlderStore { cursor, seen, .. } if (*cursor, *seen) == (offset(7), offset(20))),
        "{older}"
    );
    assert_eq!(older.kind(), Kind::Fix);
    store.rewind(&seen).unwrap();
    drop(store);
    filled(20);
    // Another store that has applied less is not an older copy of this one.
    let other = everything();
    let store = other.open();
    other.apply(&store, 0..3);
    store.checkpoint().unwrap();
    store.watch(&seen).unwrap();
    drop(store);
    // Nor is one whose index was lost and begins anew: it may stop short of where it was.
    fs::remove_file(path.join(INDEX_FILE)).unwrap();
    let store = scene.open();
    store.watch(&seen).unwrap();
    scene.apply(&store, 0..3);
    // It is killed once that is durable, and before it is written down.
    let synced = store.core.content.persist().unwrap();
    let chunks = store.core.layers().active.unkept();
    store.core.index.checkpoint(&synced, &chunks, &store.core.standing()).unwrap();
    kill(store);
    filled(9);
}
