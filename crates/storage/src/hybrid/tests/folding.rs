//! What lies in layers, what is folded, and what was cut off between.

use redb::ReadableTable;

use super::*;

#[test]
fn s1_a_fold_that_is_cut_off_between_any_two_of_its_steps_is_done_again() {
    let expected = contents(&everything().filled());
    for steps in 0..3 {
        let scene = everything();
        let store = scene.open();
        scene.apply(&store, 0..9);
        store.fold().unwrap();
        scene.apply(&store, 9..17);
        // The rows of what is in the layer are durable, and so is what of the fold was done when they were written.
        let layer = store.core.layers().active;
        if steps > 0 {
            _ = store.core.content.fold(&layer.held(), &scene.cursor(17), &mut || Ok(())).unwrap();
        }
        if steps > 1 {
            let held = layer.held();
            let subjects: Vec<_> =
                held.subjects.iter().map(|(subject, entries)| (&**subject, entries)).take(1).collect();
            store.core.index.fold_slice(&subjects).unwrap();
        }
        store.checkpoint().unwrap();
        kill(store);
        let store = scene.open();
        assert_eq!(store.cursor().unwrap(), Some(scene.cursor(17)));
        assert_eq!(contents(&store).2, Some(scene.cursor(17)));
        store.fold().unwrap();
        scene.apply(&store, 17..20);
        assert_eq!(contents(&store), expected, "after {steps} steps");
        store.fold().unwrap();
        assert_eq!(contents(&store), expected, "after {steps} steps, folded");
    }
}

#[test]
fn what_is_folded_and_what_is_not_give_the_same_answers_wherever_they_part() {
    let expected = contents(&everything().filled());
    for part in 0..=20 {
        let scene = everything();
        let store = scene.open();
        scene.apply(&store, 0..part);
        store.fold().unwrap();
        scene.apply(&store, part..20);
        assert_eq!(contents(&store), expected, "parted at {part}");
        store.close().unwrap();
        let store = scene.open();
        assert_eq!(contents(&store), expected, "parted at {part}, opened again");
        store.fold().unwrap();
        assert_eq!(contents(&store), expected, "parted at {part}, folded");
    }
}

#[test]
fn layers_fold_by_themselves_as_they_fill_and_are_read_meanwhile() {
    let scene = Scene::new((0..3000).map(|n| assertion(if n % 3 == 0 { "hot" } else { "others" }, n)));
    let options = Options { layer_bytes: 4 << 10, ..Options::default() };
    let store = HybridStore::open_with(scene.dir.path().join("store"), options).unwrap();
    let mut folds = 0;
    for from in (0..3000).step_by(10) {
        scene.apply(&store, from..from + 10);
        let snapshot = store.snapshot().unwrap();
        assert_eq!(snapshot.subject("hot", None, usize::MAX).unwrap().len(), (from + 10).div_ceil(3));
        assert!(snapshot.get(&scene.id(from)).unwrap().is_some());
        folds = folds.max(usize::from(store.core.folded().is_some()));
    }
    assert!(folds > 0, "nothing was folded");
    let (counts, digests, _) = contents(&store);
    assert_eq!(counts.assertions, 3000);
    drop(store);
    assert_eq!(contents(&scene.open()).1, digests);
}

/// Asks for a checkpoint until it is made.
fn durable_to(store: &HybridStore, at_least: Offset) -> Offset {
    loop {
        let durable = store.checkpoint_to(at_least).unwrap();
        if durable >= at_least {
            return durable;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_checkpoint_up_to_what_is_folded_writes_no_rows() {
    let scene = everything();
    let store = scene.open();
    scene.apply(&store, 0..9);
    store.fold().unwrap();
    scene.apply(&store, 9..20);
    assert_eq!(store.durable_cursor().unwrap(), None);
    assert_eq!(durable_to(&store, offset(5)), offset(9));
    assert_eq!(store.checkpoint_to(offset(9)).unwrap(), offset(9));
    assert_eq!(store.core.index.read().unwrap().recent().unwrap().len(), 0);
    let durable = store.durable_cursor().unwrap();
    kill(store);
    let store = scene.open();
    assert_eq!((store.cursor().unwrap(), durable), (Some(scene.cursor(9)), Some(scene.cursor(9))));
    scene.apply(&store, 9..20);
    assert_eq!(durable_to(&store, offset(10)), offset(20));
    assert!(!store.core.index.read().unwrap().recent().unwrap().is_empty());
    assert_eq!(contents(&store), contents(&everything().filled()));
}

#[test]
fn a_row_of_what_is_not_folded_that_does_not_verify_is_refused() {
    let scene = everything();
    scene.filled().close().unwrap();
    let path = scene.dir.path().join("store");
    let database = redb::Database::open(path.join(INDEX_FILE)).unwrap();
    let writing = database.begin_write().unwrap();
    {
        let mut recent = writing.open_table(redb::TableDefinition::<u64, &[u8]>::new("recent")).unwrap();
        let mut row = recent.get(0).unwrap().unwrap().value().to_vec();
        row[60] ^= 1;
        recent.insert(0, row.as_slice()).unwrap();
    }
    writing.commit().unwrap();
    drop(database);
    let damaged = HybridStore::open(&path).err().unwrap();
    assert!(matches!(&damaged, Error::Damaged { key, .. } if key == "recent 0"), "{damaged}");
}

#[test]
fn s2_a_checkpoint_up_to_what_is_folded_never_makes_a_half_folded_layer_durable() {
    // Several slices of subjects a layer, and a layer a batch.
    let scene = Scene::new((0..24_000).map(|n| assertion(&format!("s{}", n % 6000), n)));
    let options = Options { layer_bytes: 1, ..Options::default() };
    for life in 0..12 {
        let path = scene.dir.path().join(format!("store {life}"));
        let store = HybridStore::open_with(&path, options).unwrap();
        scene.apply(&store, 0..6000);
        store.core.wait_folded();
        for from in [6000, 12_000] {
            let folded = store.core.folded().unwrap().next();
            scene.apply(&store, from..from + 6000);
            // Into its content, into its subjects, behind them.
            std::thread::park_timeout(std::time::Duration::from_millis(life * 3));
            assert!(durable_to(&store, folded) >= folded);
        }
        store.abandon();
        let store = HybridStore::open_with(&path, options).unwrap();
        let cursor = store.cursor().unwrap().unwrap().next;
        let mut beyond = 0;
        let mut visit = |_: &str, _: Option<u32>, entries: &mut dyn Iterator<Item = crate::runs::Listed>| {
            beyond += entries.filter(|entry| entry.offset >= cursor).count();
            Ok(())
        };
        store.core.index.read().unwrap().each_subject(&mut visit, &mut |error| panic!("{error}")).unwrap();
        assert_eq!(beyond, 0, "entries that the cursor does not cover");
        let applied = cursor.get() as usize / 56;
        scene.apply(&store, applied..24_000);
        assert_eq!(contents(&store).0.subjects, 6000);
    }
}

#[test]
fn s1_a_layer_that_content_refuses_is_in_no_index() {
    let scene = everything();
    let store = scene.open();
    scene.apply(&store, 0..9);
    store.fold().unwrap();
    store.checkpoint().unwrap();
    scene.apply(&store, 9..20);
    // fjall finds no place for another table.
    let keyspaces = scene.dir.path().join("store").join(CONTENT_DIR).join("keyspaces");
    let tables: Vec<_> =
        fs::read_dir(&keyspaces).unwrap().map(|entry| entry.unwrap().path().join("tables")).collect();
    let away = |path: &Path| path.with_file_name("away");
    tables.iter().for_each(|path| fs::rename(path, away(path)).unwrap());
    assert!(store.fold().is_err(), "content took it all the same");
    assert_eq!(store.core.index.read().unwrap().folded().unwrap(), Some(scene.cursor(9)));
    tables.iter().for_each(|path| fs::rename(away(path), path).unwrap());
    kill(store);

    let store = scene.open();
    assert_eq!(store.cursor().unwrap(), Some(scene.cursor(9)));
    scene.apply(&store, 9..20);
    assert_eq!(contents(&store), contents(&everything().filled()));
}
