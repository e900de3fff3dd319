//! Dead letters that are read again, given up, or cut off meanwhile; and damage that is passed.

use annals_record::EpochId;

use super::*;
use crate::Redriven;
use crate::index_view::IndexView;
use crate::letters::{Redriver, content_of};
use crate::{Effect, Passed};

/// Changes of which some cannot be applied, as an older build would decode them.
fn refusing(scene: &Scene, records: std::ops::Range<usize>, refused: &[usize]) -> Vec<Change<'static>> {
    let changes = scene.changes(records.clone());
    let each = records.zip(changes).map(|(n, change)| {
        let payload: &'static [u8] = Vec::leak(change.payload.to_vec());
        let reason = format!("record {n} is of a later version");
        let effect = if refused.contains(&n) { Effect::DeadLetter { reason } } else { change.effect };
        Change { offset: change.offset, id: change.id, payload, effect }
    });
    each.collect()
}

/// A store of which these records were refused, folded where it says.
fn parked(scene: &Scene, records: usize, refused: &[usize], folded: usize) -> HybridStore {
    let store = scene.open();
    let cursor = |n| scene.cursor(n);
    store.apply(&refusing(scene, 0..folded, refused), &cursor(folded)).unwrap();
    store.fold().unwrap();
    store.apply(&refusing(scene, folded..records, refused), &cursor(records)).unwrap();
    store
}

fn redrive(scene: &Scene, store: &HybridStore, records: &[usize]) -> Redriven {
    let changes: Vec<_> = records.iter().flat_map(|n| scene.changes(*n..n + 1)).collect();
    store.redrive(&changes).unwrap()
}

/// Every answer, to compare.
fn answers(store: &HybridStore, records: usize, scene: &Scene) -> impl PartialEq + std::fmt::Debug + use<> {
    let snapshot = store.snapshot().unwrap();
    let subjects = snapshot.subjects("", None, usize::MAX).unwrap();
    let listed: Vec<_> = subjects
        .iter()
        .map(|entry| snapshot.subject_ids(&entry.subject, None, usize::MAX).unwrap())
        .collect();
    let records: Vec<_> = (0..records).map(|n| snapshot.get(&scene.id(n)).unwrap()).collect();
    let epochs = snapshot.epochs(None, usize::MAX).unwrap();
    let versions = snapshot.epoch_versions(&EpochId::of("e"), None, usize::MAX).unwrap();
    let letters = snapshot.dead_letters(None, usize::MAX).unwrap();
    let at: Vec<_> = (0..20)
        .map(|n| store.snapshot().unwrap().at(offset(n)).subject_ids("a", None, usize::MAX).unwrap())
        .collect();
    (contents(store), subjects, listed, records, epochs, versions, letters, at)
}

#[test]
fn letters_that_are_read_again_in_any_order_and_batches_end_as_if_they_had_been_applied_when_they_came() {
    let expected = {
        let scene = everything();
        answers(&scene.filled(), 20, &scene)
    };
    // The claim, the vote on it, both versions of the epoch, some of both subjects; their later duplicates were applied.
    let refused = [0, 1, 2, 3, 9, 12, 13];
    let orders: [&[&[usize]]; 5] = [
        &[&[0, 1, 2, 3, 9, 12, 13]],
        &[&[13], &[12], &[9], &[3], &[2], &[1], &[0]],
        &[&[3], &[2, 12], &[0], &[13, 9, 1]],
        &[&[12, 1], &[9], &[3, 0], &[2], &[13]],
        &[&[2], &[3], &[1, 0], &[9, 12, 13]],
    ];
    for (order, folded) in orders.into_iter().zip([0, 5, 10, 13, 20]) {
        let scene = everything();
        let store = parked(&scene, 20, &refused, folded);
        assert_eq!(contents(&store).0.dead_letters, 8);
        for batch in order {
            let redriven = redrive(&scene, &store, batch);
            assert_eq!(redriven.applied + redriven.moved, batch.len() as u64, "{redriven:?}");
            contents(&store);
        }
        assert_eq!(answers(&store, 20, &scene), expected, "{order:?}");
        kill(store);
        assert_eq!(answers(&scene.open(), 20, &scene), expected, "{order:?}, durable");
    }
}

#[test]
fn what_was_applied_from_a_later_place_moves_to_where_it_came_first_and_a_name_with_it() {
    let scene = everything();
    // Records 6 and 7 are records 0 and 2 again.
    let store = parked(&scene, 20, &[0, 2], 20);
    assert_eq!(store.first_offset(&scene.id(0)).unwrap(), Some(offset(6)));
    let redriven = redrive(&scene, &store, &[0, 2, 5]);
    assert_eq!(redriven, Redriven { moved: 2, parked: 1, ..Redriven::default() });
    assert_eq!(store.first_offset(&scene.id(0)).unwrap(), Some(offset(0)));
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.epochs(None, 9).unwrap()[0].first, offset(2));
    assert_eq!(snapshot.epoch_versions(&EpochId::of("e"), None, 9).unwrap().len(), 2);
    // Once more: there is nothing left.
    assert_eq!(redrive(&scene, &store, &[0, 2]), Redriven { unknown: 2, ..Redriven::default() });
}

#[test]
fn letters_of_the_same_record_end_in_one_at_the_first_place() {
    let scene = Scene::new([assertion("a", 1), assertion("a", 1), assertion("b", 2), assertion("a", 1)]);
    let store = parked(&scene, 4, &[0, 1, 3], 4);
    assert_eq!(redrive(&scene, &store, &[1]), Redriven { applied: 1, ..Redriven::default() });
    assert_eq!(redrive(&scene, &store, &[0, 3]), Redriven { moved: 1, duplicates: 1, ..Redriven::default() });
    let alike = Scene::new([assertion("a", 1), assertion("a", 1), assertion("b", 2), assertion("a", 1)]);
    assert_eq!(answers(&store, 4, &scene), answers(&alike.filled(), 4, &alike));
}

#[test]
fn an_assertion_goes_into_the_middle_of_a_subject_with_many_runs() {
    let payloads = || (0..451).map(|n| assertion(if n == 450 { "b" } else { "a" }, n));
    let expected = {
        let scene = Scene::new(payloads());
        let store = scene.filled();
        store.fold().unwrap();
        answers(&store, 451, &scene)
    };
    for refused in [vec![0], vec![99, 100, 101], vec![449], (0..450).step_by(2).collect(), (0..450).collect()]
    {
        let scene = Scene::new(payloads());
        let store = parked(&scene, 451, &refused, 300);
        for batch in refused.rchunks(70) {
            redrive(&scene, &store, batch);
        }
        assert_eq!(answers(&store, 451, &scene), expected, "{} refused", refused.len());
        let after = store.snapshot().unwrap().subject_ids("a", Some(offset(250)), 3).unwrap();
        assert_eq!(after.iter().map(|entry| entry.offset).collect::<Vec<_>>(), [251, 252, 253].map(offset));
    }
}

#[test]
fn s2_a_redrive_that_is_cut_off_after_any_of_its_steps_is_gone_on_with() {
    let expected = {
        let scene = everything();
        answers(&scene.filled(), 20, &scene)
    };
    let refused = [0, 1, 2, 9];
    for steps in 0..4 {
        let scene = everything();
        let store = parked(&scene, 20, &refused, 20);
        store.checkpoint().unwrap();
        let before = answers(&store, 20, &scene);
        let changes: Vec<_> = refused.iter().flat_map(|n| scene.changes(*n..n + 1)).collect();
        let changes: Vec<_> = changes.iter().collect();
        let core = &store.core;
        let (letters, standing) = (core.index.read().unwrap(), core.standing());
        let index = IndexView::new(core.index.read().unwrap(), Layers::default(), standing.next());
        let redrive = Redriver::plan(&changes, &core.content, &letters, &index, standing).unwrap();
        drop((letters, index));
        if steps > 0 {
            core.index.begin_redrive(&redrive.steps, &redrive.standing).unwrap();
        }
        if steps > 1 {
            core.content.commit(content_of(&redrive.steps, &core.content).unwrap()).unwrap();
        }
        if steps > 2 {
            let then = &redrive.standing;
            core.index.end_redrive(&redrive.steps, &then.counts, &then.digests, false).unwrap();
        }
        kill(store);
        let store = scene.open();
        if steps == 0 {
            assert_eq!(answers(&store, 20, &scene), before, "nothing was written down");
        } else {
            assert_eq!(answers(&store, 20, &scene), expected, "after {steps} steps");
            kill(store);
            assert_eq!(answers(&scene.open(), 20, &scene), expected, "after {steps} steps, durable");
        }
    }
}

#[test]
fn s4_whoever_looked_before_a_redrive_does_not_meet_it() {
    let scene = everything();
    let store = parked(&scene, 20, &[0, 1, 2, 9], 20);
    let snapshot = store.snapshot().unwrap();
    let claim = scene.id(0);
    let then = |snapshot: &Snapshot<'_>| {
        let walk = snapshot.walk(&mut |_, _| {}).unwrap();
        assert!(walk.is_sound(), "{walk:?}");
        let listed = snapshot.subject_ids("a", None, 99).unwrap();
        let places = [0, 2].map(|n| snapshot.get(&scene.id(n)).unwrap().map(|stored| stored.offset));
        (
            walk,
            listed,
            places,
            snapshot.votes(&claim, None, 9).unwrap().len(),
            snapshot.dead_letters(None, 9).unwrap(),
        )
    };
    let before = then(&snapshot);
    assert_eq!((before.2, before.3), ([Some(offset(6)), Some(offset(7))], 0));
    redrive(&scene, &store, &[0, 1, 2, 9]);
    assert_eq!(then(&snapshot), before);
    let after = then(&store.snapshot().unwrap());
    assert_eq!((after.2, after.3), ([Some(offset(0)), Some(offset(2))], 1));
    // Nor what others have asked for since.
    assert_eq!(then(&snapshot), before);
}

#[test]
fn a_letter_that_still_cannot_be_applied_stays_with_its_new_reason() {
    let scene = everything();
    let store = parked(&scene, 20, &[9, 12], 20);
    let mut changes: Vec<_> = [9, 12].iter().flat_map(|n| scene.changes(*n..n + 1)).collect();
    changes[0].effect = Effect::DeadLetter { reason: "not this build either".to_owned() };
    let redriven = store.redrive(&changes).unwrap();
    assert_eq!(redriven, Redriven { applied: 1, parked: 1, ..Redriven::default() });
    kill(store);
    let store = scene.open();
    let letters = store.snapshot().unwrap().dead_letters(None, 9).unwrap();
    let reasons: Vec<_> = letters.iter().map(|letter| (letter.offset, letter.reason.as_str())).collect();
    assert_eq!(reasons[1], (offset(9), "not this build either"));
    assert_eq!(reasons.len(), 2);
    contents(&store);
}

#[test]
fn what_is_given_up_is_noted_and_may_be_taken_back() {
    let scene = everything();
    let store = parked(&scene, 20, &[0, 9], 20);
    let given_up = store.discard(&[offset(9), offset(5), offset(11)]).unwrap();
    assert_eq!(given_up.iter().map(|letter| letter.offset).collect::<Vec<_>>(), [offset(5), offset(9)]);
    kill(store);
    let store = scene.open();
    let snapshot = store.snapshot().unwrap();
    assert_eq!((contents(&store).0.dead_letters, snapshot.discarded_len().unwrap()), (1, 2));
    assert_eq!(snapshot.discarded(None, 9).unwrap(), given_up);
    assert_eq!(snapshot.discarded(Some(offset(5)), 9).unwrap(), given_up[1..]);
    assert_eq!(snapshot.dead_letter(offset(9)).unwrap(), Some((given_up[1].clone(), true)));
    assert_eq!(store.snapshot().unwrap().at(offset(9)).discarded_len().unwrap(), 1);
    assert_eq!(store.discard(&[offset(9)]).unwrap(), []);
    // Given up or not, it can be read again when somebody asks for it.
    assert_eq!(redrive(&scene, &store, &[0, 9]), Redriven { applied: 1, moved: 1, ..Redriven::default() });
    assert_eq!(store.snapshot().unwrap().discarded_len().unwrap(), 1);
    assert_eq!(contents(&store).0.dead_letters, 0);
}

#[test]
fn a_vote_that_comes_before_its_assertion_counts_as_soon_as_that_comes() {
    let claim = assertion("a", 1);
    let ballot = vote(RecordId::of(&claim), "ann", 1, Stance::For, 5);
    let tally = |store: &HybridStore, at: usize| {
        let snapshot = store.snapshot().unwrap().at(offset(at));
        snapshot.tally(&RecordId::of(&claim)).unwrap().map(|tally| tally.for_voters)
    };
    for folds in [[false, false], [true, false], [false, true], [true, true]] {
        let scene = Scene::new([ballot.clone(), assertion("b", 2), claim.clone(), assertion("b", 3)]);
        let store = scene.open();
        scene.apply(&store, 0..2);
        assert_eq!(store.snapshot().unwrap().votes(&RecordId::of(&claim), None, 9).unwrap().len(), 1);
        if folds[0] {
            store.fold().unwrap();
        }
        assert_eq!(tally(&store, 2), None);
        scene.apply(&store, 2..4);
        if folds[1] {
            store.fold().unwrap();
        }
        assert_eq!((tally(&store, 4), tally(&store, 3), tally(&store, 2)), (Some(1), Some(1), None));
        kill(store);
    }
    // Also when the assertion was parked and is read again.
    let scene = Scene::new([ballot, assertion("b", 2), claim.clone(), assertion("b", 3)]);
    let store = parked(&scene, 4, &[2], 1);
    assert_eq!(tally(&store, 4), None);
    redrive(&scene, &store, &[2]);
    assert_eq!((tally(&store, 4), tally(&store, 3), tally(&store, 2)), (Some(1), Some(1), None));
}

#[test]
fn damage_that_is_passed_is_noted_with_the_cursor_behind_it() {
    let scene = everything();
    let store = scene.open();
    let passed = Passed { offset: offset(0), len: offset(3).get(), detail: "segment 0: checksum".to_owned() };
    let cursor = Cursor { last: None, ..scene.cursor(3) };
    store.pass(&passed, &cursor).unwrap();
    kill(store);
    let store = scene.open();
    assert_eq!(store.cursor().unwrap(), Some(cursor));
    store.apply(&scene.changes(3..20), &scene.cursor(20)).unwrap();
    contents(&store);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.passed(None, 9).unwrap(), std::slice::from_ref(&passed));
    assert_eq!((snapshot.passed(Some(offset(0)), 9).unwrap(), passed.end()), (vec![], offset(3)));
    let back = Cursor { next: offset(2), ..cursor };
    assert!(matches!(store.pass(&passed, &back), Err(Error::OutOfOrder { .. })));
}

#[test]
fn a_store_that_was_made_before_letters_could_be_given_up_gets_what_it_lacks() {
    let scene = everything();
    scene.filled().close().unwrap();
    let database = redb::Database::open(scene.dir.path().join("store").join(INDEX_FILE)).unwrap();
    let writing = database.begin_write().unwrap();
    for name in ["discarded", "passed", "redriving"] {
        assert!(writing.delete_table(redb::TableDefinition::<u64, &[u8]>::new(name)).unwrap());
    }
    writing.commit().unwrap();
    drop(database);
    let store = scene.open();
    assert_eq!(store.discard(&[offset(5)]).unwrap().len(), 1);
    kill(store);
    assert_eq!(scene.open().snapshot().unwrap().discarded_len().unwrap(), 1);
}
