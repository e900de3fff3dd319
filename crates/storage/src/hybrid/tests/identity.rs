//! Which store it is: two of one log, an older copy, one of format 1.

use redb::ReadableTable;

use super::*;

/// The meta table of a closed store, changed.
fn meta(path: &Path, change: impl FnOnce(&mut redb::Table<'_, &str, &[u8]>)) {
    let database = redb::Database::open(path.join(INDEX_FILE)).unwrap();
    let writing = database.begin_write().unwrap();
    change(&mut writing.open_table(redb::TableDefinition::new("meta")).unwrap());
    writing.commit().unwrap();
}

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
fn a_store_of_format_1_opens_and_is_raised_by_its_first_checkpoint() {
    let scene = everything();
    let store = scene.open();
    scene.apply(&store, 0..9);
    let mut batch = store.content.batch(1);
    batch.put(&assertion_key(&scene.id(0)), offset(0), &assertion("a", 0));
    // As format 1 wrote them: a reach without an id, an index without one.
    let written = store.content.commit_of_format_1(batch, &scene.cursor(9));
    assert!(written.is_ok());
    store.close().unwrap();
    let path = scene.dir.path().join("store");
    meta(&path, |meta| {
        meta.insert("format", 1_u32.to_le_bytes().as_slice()).unwrap();
        meta.remove("store").unwrap();
    });

    let store = scene.open();
    assert_eq!(store.content.reach().unwrap().unwrap().store, None);
    let id = store.id;
    scene.apply(&store, 9..20);
    kill(store);
    // Content says already whose it is, the index not yet.
    let store = scene.open();
    assert_eq!((store.id, store.index.read().unwrap().store().unwrap()), (id, None));
    scene.apply(&store, 9..20);
    store.close().unwrap();
    meta(&path, |meta| {
        let stored = |name| meta.get(name).unwrap().unwrap().value().to_vec();
        assert_eq!(
            (stored("format"), stored("store")),
            (2_u32.to_le_bytes().to_vec(), id.as_bytes().to_vec())
        );
    });
    let store = scene.open();
    assert_eq!(store.content.reach().unwrap().unwrap().store, Some(id));
    assert_eq!(contents(&store), contents(&everything().filled()));
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
    store.index.shut();
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
    let synced = store.content.persist().unwrap();
    store.index.checkpoint(&synced, &scene.cursor(3)).unwrap();
    kill(store);
    filled(9);
}
