use annals_record::{EpochId, Stance};

use super::*;
use crate::keys;
use crate::scene::{Scene, assertion, epoch, offset, vote};
use crate::{HybridStore, SubjectEntry};

/// Where these records stand.
fn offsets(records: &[Stored]) -> Vec<u64> {
    records.iter().map(|stored| stored.offset.get() / 56).collect()
}

#[test]
fn every_type_of_record_is_found_by_its_id_and_by_its_beginning() {
    let claim = assertion("a", 1);
    let id = RecordId::of(&claim);
    let scene =
        Scene::new([claim, vote(id, "ann", 1, Stance::For, 1), epoch("e", "one"), vec![200], vec![9]]);
    let store = scene.filled();
    let snapshot = store.snapshot().unwrap();
    for record in 0..3 {
        let stored = snapshot.get(&scene.id(record)).unwrap().unwrap();
        assert_eq!((stored.offset, stored.id), (offset(record), scene.id(record)));
        assert_eq!(*stored.payload, *scene.changes(record..record + 1)[0].payload);
        assert!(stored.record().is_ok());
        for digits in [8, 9, 63, 64] {
            let prefix = scene.id(record).to_string()[..digits].to_uppercase().parse().unwrap();
            assert_eq!(snapshot.find(&prefix).unwrap().as_ref(), Some(&stored));
        }
    }
    for record in 3..5 {
        assert_eq!(snapshot.get(&scene.id(record)).unwrap(), None);
        assert_eq!(snapshot.find(&scene.id(record).to_string()[..8].parse().unwrap()).unwrap(), None);
    }
}

#[test]
fn a_beginning_that_several_records_share_lists_them() {
    // Two ids that share eight digits are not found by chance, so the shared beginning is made by a wide range.
    let scene = Scene::new((0..30).map(|n| assertion("a", n)).chain([epoch("e", "one")]));
    let store = scene.filled();
    let snapshot = store.snapshot().unwrap();
    let everything = IdPrefix::of_everything();
    let Err(Error::Ambiguous { candidates, more: true, .. }) = snapshot.find(&everything) else {
        panic!("it is ambiguous");
    };
    assert_eq!(candidates.len(), 10);
    assert!(candidates.iter().all(|id| snapshot.get(id).unwrap().is_some()));

    let two = Scene::new([assertion("a", 1), epoch("e", "one")]);
    let store = two.open();
    two.apply(&store, 0..1);
    assert_eq!(store.snapshot().unwrap().find(&everything).unwrap().unwrap().id, two.id(0));
    two.apply(&store, 1..2);
    let Err(Error::Ambiguous { mut candidates, more: false, .. }) =
        store.snapshot().unwrap().find(&everything)
    else {
        panic!("it is ambiguous");
    };
    candidates.sort_unstable_by_key(|id| *id != two.id(0));
    assert_eq!(candidates, [two.id(0), two.id(1)]);
}

#[test]
fn a_subject_lists_its_assertions_in_the_logs_order_page_by_page() {
    // Three full runs and a partly filled one, with another subject's in between.
    let count = 350;
    let payloads = (0..count).flat_map(|n| [assertion("hot", n), assertion("hot:cold", n)]);
    let scene = Scene::new(payloads);
    let store = scene.open();
    for from in (0..700).step_by(70) {
        scene.apply(&store, from..from + 70);
    }
    let snapshot = store.snapshot().unwrap();
    let expected: Vec<u64> = (0..700).step_by(2).collect();
    assert_eq!(offsets(&snapshot.subject("hot", None, usize::MAX).unwrap()), expected);
    for size in [1, 7, 99, 100, 101] {
        let mut listed = Vec::new();
        let mut after = None;
        loop {
            let page = snapshot.subject("hot", after, size).unwrap();
            let Some(last) = page.last() else { break };
            assert!(page.len() <= size);
            after = Some(last.offset);
            listed.extend(offsets(&page));
        }
        assert_eq!(listed, expected, "pages of {size}");
    }
    // From an offset between two of its own, from before the first, and from beyond the last.
    assert_eq!(offsets(&snapshot.subject("hot", Some(offset(401)), 2).unwrap()), [402, 404]);
    assert_eq!(offsets(&snapshot.subject("hot:cold", Some(Offset::ZERO), 1).unwrap()), [1]);
    assert_eq!(snapshot.subject("hot", Some(offset(9999)), 5).unwrap(), []);
    assert_eq!(snapshot.subject("hot", None, 0).unwrap(), []);
    assert_eq!(snapshot.subject("ho", None, 5).unwrap(), []);
    let ids = snapshot.subject_ids("hot", Some(offset(401)), 2).unwrap();
    assert_eq!(ids.iter().map(|entry| entry.id).collect::<Vec<_>>(), [scene.id(402), scene.id(404)]);
}

#[test]
fn subjects_are_listed_by_their_beginning_page_by_page() {
    let names = ["b", "a", "ab", "a:b", "a", "äb", "a\u{10ffff}"];
    let scene = Scene::new(names.iter().zip(0..).map(|(name, n)| assertion(name, n)));
    let store = scene.filled();
    let snapshot = store.snapshot().unwrap();
    let names = |prefix: &str, after: Option<&str>, limit: usize| -> Vec<String> {
        let found = snapshot.subjects(prefix, after, limit).unwrap();
        found.into_iter().map(|entry| entry.subject).collect()
    };
    assert_eq!(names("", None, 10), ["a", "a:b", "ab", "a\u{10ffff}", "b", "äb"]);
    assert_eq!(names("a", None, 10), ["a", "a:b", "ab", "a\u{10ffff}"]);
    assert_eq!(names("a", Some("a:b"), 1), ["ab"]);
    assert_eq!(names("a", Some("a\u{10ffff}"), 10), Vec::<String>::new());
    assert_eq!(names("b", Some("a"), 10), ["b"]);
    assert_eq!(names("a", None, 0), Vec::<String>::new());
    let entry = SubjectEntry { subject: "a".to_owned(), assertions: 2, first: offset(1) };
    assert_eq!(snapshot.subject_entry("a").unwrap(), Some(entry));
    assert_eq!(snapshot.subject_entry("c").unwrap(), None);
}

#[test]
fn votes_are_listed_page_by_page_and_those_of_others_are_not() {
    let (one, other) = (RecordId::from_bytes([1; 32]), RecordId::from_bytes([2; 32]));
    let scene =
        Scene::new((0..9).map(|n| vote(if n % 3 == 0 { other } else { one }, "ann", n, Stance::For, 1)));
    let store = scene.filled();
    let snapshot = store.snapshot().unwrap();
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = snapshot.votes(&one, after.as_ref(), 2).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        listed.extend(page);
    }
    assert!(listed.is_sorted_by_key(|stored| stored.id));
    let mut places = offsets(&listed);
    places.sort_unstable();
    assert_eq!(places, [1, 2, 4, 5, 7, 8]);
    assert_eq!(snapshot.votes(&one, None, 0).unwrap(), []);
}

#[test]
fn an_epochs_latest_version_stands_and_the_others_are_kept() {
    let scene = Scene::new([
        epoch("late", "1"),
        epoch("early", "1"),
        epoch("late", "2"),
        epoch("late", "1"),
        epoch("late", "3"),
    ]);
    let store = scene.filled();
    let snapshot = store.snapshot().unwrap();
    let (late, early) = (EpochId::of("late"), EpochId::of("early"));
    let all = snapshot.epochs(None, 10).unwrap();
    assert_eq!(
        all.iter().map(|entry| (entry.epoch, entry.first)).collect::<Vec<_>>(),
        [(late, offset(0)), (early, offset(1))]
    );
    assert_eq!(all[0].latest.offset, offset(4));
    assert_eq!(snapshot.epochs(Some(all[0].first), 10).unwrap(), all[1..]);
    assert_eq!(offsets(&snapshot.epoch_versions(&late, None, 10).unwrap()), [0, 2, 4]);
    assert_eq!(offsets(&snapshot.epoch_versions(&late, Some(offset(0)), 1).unwrap()), [2]);
    assert_eq!(snapshot.epoch(&EpochId::of("none")).unwrap(), None);
}

#[test]
fn s4_a_snapshot_does_not_see_what_is_applied_later() {
    let claim = assertion("a", 1);
    let id = RecordId::of(&claim);
    let scene = Scene::new([
        claim,
        epoch("e", "1"),
        assertion("a", 2),
        vote(id, "ann", 1, Stance::For, 1),
        epoch("e", "2"),
        vec![9],
    ]);
    let store = scene.open();
    scene.apply(&store, 0..2);
    let before = store.snapshot().unwrap();
    scene.apply(&store, 2..6);
    let after = store.snapshot().unwrap();

    let seen = |snapshot: &Snapshot<'_>| {
        let records = (0..5).filter(|record| snapshot.get(&scene.id(*record)).unwrap().is_some()).count();
        let found = (0..5).filter(|record| {
            let prefix = scene.id(*record).to_string()[..12].parse().unwrap();
            snapshot.find(&prefix).unwrap().is_some()
        });
        (
            snapshot.as_of(),
            records,
            found.count(),
            snapshot.subject("a", None, 10).unwrap().len(),
            snapshot.tally(&id).unwrap().unwrap().for_voters,
            snapshot.epoch(&EpochId::of("e")).unwrap().unwrap().offset,
            snapshot.epoch_versions(&EpochId::of("e"), None, 10).unwrap().len(),
            snapshot.dead_letters(None, 10).unwrap().len(),
        )
    };
    assert_eq!(seen(&before), (offset(2), 2, 2, 1, 0, offset(1), 1, 0));
    assert_eq!(seen(&after), (offset(6), 5, 5, 2, 1, offset(4), 2, 1));
    assert!(before.walk(&mut |_, _| {}).unwrap().is_sound());
}

#[test]
fn dead_letters_are_listed_page_by_page() {
    let scene = Scene::new((3..8).map(|byte| vec![byte, 0, 0, 0, 0, 0, 0, 0]));
    let store = scene.filled();
    let snapshot = store.snapshot().unwrap();
    let parked = snapshot.dead_letters(None, 2).unwrap();
    assert_eq!(parked.iter().map(|letter| letter.offset).collect::<Vec<_>>(), [offset(0), offset(1)]);
    assert!(parked[0].reason.contains("record type 3"), "{}", parked[0].reason);
    let rest = snapshot.dead_letters(Some(parked[1].offset), 10).unwrap();
    assert_eq!(
        rest.iter().map(|letter| letter.id).collect::<Vec<_>>(),
        [scene.id(2), scene.id(3), scene.id(4)]
    );
}

#[test]
fn bytes_that_do_not_hash_to_their_id_are_not_given_out() {
    let claim = assertion("a", 1);
    let id = RecordId::of(&claim);
    let scene = Scene::new([claim, vote(id, "ann", 1, Stance::For, 1), epoch("e", "1")]);
    let store = scene.filled();
    store.fold().unwrap();
    let mut batch = store.core.content.batch(3);
    batch.put(&assertion_key(&id), offset(0), &assertion("a", 2));
    batch.put(&keys::vote_key(&id, &scene.id(1)), offset(1), &vote(id, "ann", 1, Stance::Against, 1));
    batch.put(&keys::epoch_key(&EpochId::of("e"), offset(2)), offset(2), &epoch("e", "2"));
    store.core.content.commit(batch).unwrap();
    let snapshot = store.snapshot().unwrap();
    let damaged = |error: Error| assert!(matches!(error, Error::Damaged { .. }), "{error}");
    damaged(snapshot.get(&id).unwrap_err());
    damaged(snapshot.subject("a", None, 1).unwrap_err());
    damaged(snapshot.get(&scene.id(1)).unwrap_err());
    damaged(snapshot.tally(&id).unwrap_err());
    damaged(snapshot.votes(&id, None, 1).unwrap_err());
    damaged(snapshot.epochs(None, 1).unwrap_err());
    damaged(snapshot.get(&scene.id(2)).unwrap_err());
}

#[test]
fn as_of_any_past_offset_the_answers_are_those_that_were_given_then() {
    // Enough of one subject for full runs, and something of everything between.
    let mut payloads = Vec::new();
    for n in 0..260 {
        payloads.push(assertion(if n % 9 == 0 { "other" } else { "hot" }, n / 2));
        match n % 40 {
            3 => payloads.push(vote(RecordId::of(&assertion("hot", n / 2)), "ann", n as u64, Stance::For, 1)),
            7 => payloads.push(vote(RecordId::of(&assertion("hot", 1)), &format!("v{n}"), 1, Stance::For, 1)),
            9 => payloads.push(epoch(&format!("e{}", n % 3), &n.to_string())),
            11 => payloads.push(vec![9, n as u8]),
            _ => {}
        }
    }
    let records = payloads.len();
    let scene = Scene::new(payloads);
    let answers = |snapshot: &Snapshot<'_>| {
        let claim = RecordId::of(&assertion("hot", 1));
        let mut counts = snapshot.counts().unwrap();
        counts.application = 0;
        (
            (counts, snapshot.digests().unwrap(), snapshot.as_of()),
            (snapshot.subject_entry("hot").unwrap(), snapshot.subject_entry("other").unwrap()),
            snapshot.subjects("", None, 10).unwrap(),
            snapshot.subject_ids("hot", None, usize::MAX).unwrap(),
            snapshot.subject("hot", Some(offset(150)), 5).unwrap(),
            (snapshot.tally(&claim).unwrap(), snapshot.votes(&claim, None, 100).unwrap().len()),
            (
                snapshot.epochs(None, 10).unwrap(),
                snapshot.epoch_versions(&EpochId::of("e0"), None, 9).unwrap(),
            ),
            snapshot.dead_letters(None, 100).unwrap(),
            (0..records).step_by(7).map(|n| snapshot.get(&scene.id(n)).unwrap()).collect::<Vec<_>>(),
        )
    };
    for (part, folds) in [(records, true), (records / 2, true), (records, false)] {
        let store = HybridStore::open(scene.dir.path().join(format!("{part} {folds}"))).unwrap();
        let mut then = Vec::new();
        for n in 0..records {
            scene.apply(&store, n..n + 1);
            if n % 23 == 0 {
                then.push((n + 1, answers(&store.snapshot().unwrap())));
            }
            if n + 1 == part && folds {
                store.fold().unwrap();
            }
        }
        for (n, expected) in then {
            let snapshot = store.snapshot().unwrap().at(offset(n));
            assert_eq!(answers(&snapshot), expected, "as of record {n}, folded up to {part}: {folds}");
            assert!(snapshot.walk(&mut |_, _| {}).unwrap().is_sound());
        }
    }
}

#[test]
fn all_assertions_are_read_a_page_at_a_time_each_once_and_as_of_any_offset() {
    let scene = Scene::new((0..25).map(|n| assertion(&format!("s{}", n % 3), n)));
    let store = scene.filled();
    for as_of in [0, 1, 11, 25] {
        let snapshot = store.snapshot().unwrap().at(offset(as_of));
        for (limit, bytes) in [(1, usize::MAX), (4, usize::MAX), (usize::MAX, 1), (usize::MAX, usize::MAX)] {
            let (mut after, mut found) = (None, Vec::new());
            loop {
                let page = snapshot.assertions(after.as_ref(), limit, bytes).unwrap();
                let Some(last) = page.last() else { break };
                assert!(page.len() <= limit && (bytes > 1 || page.len() == 1));
                after = Some(last.id);
                found.extend(page.iter().map(|stored| (stored.id, stored.offset)));
            }
            let mut expected: Vec<_> = (0..as_of).map(|record| (scene.id(record), offset(record))).collect();
            expected.sort_unstable();
            assert_eq!(found, expected, "{as_of} {limit} {bytes}");
        }
    }
}
