use annals_record::{Assertion, EpochId, Stance, Value, serialize_assertion};

use super::*;
use crate::scene::vote;

#[test]
fn each_built_in_lists_assertions_under_its_terms_and_nothing_else() {
    let epoch = EpochId::of("now");
    let full = Assertion {
        agent: Some("ann".to_owned()),
        sources: vec!["b".to_owned(), "a".to_owned()],
        epoch: Some(epoch),
        ..Assertion::new("s", "p", Value::entity("o"))
    };
    let bare = Assertion::new("s", "p:q", Value::text("o"));
    let scene = Scene::new([
        serialize_assertion(&full).unwrap(),
        serialize_assertion(&bare).unwrap(),
        vote(RecordId::of(b"x"), "ann", 1, Stance::For, 1),
        serialize_assertion(&full).unwrap(),
        vec![200, 1],
    ]);
    let twice = vec![0, 3];
    for (built_in, expected) in [
        (BuiltIn::Predicate, vec![(b"p".as_slice(), twice.clone()), (b"p:q", vec![1])]),
        (BuiltIn::Object, vec![(b"o", twice.clone()), (b"", vec![])]),
        (BuiltIn::Agent, vec![(b"ann", twice.clone()), (b"an", vec![])]),
        (BuiltIn::Source, vec![(b"a", twice.clone()), (b"b", twice.clone())]),
        (BuiltIn::Epoch, vec![(epoch.as_bytes().as_slice(), twice)]),
    ] {
        let store = open(&scene, Arc::new(built_in), 0);
        apply(&store, &scene, 0..5);
        let view = store.view().unwrap();
        let mut all = 0;
        for (term, records) in expected {
            let mut postings = view.postings(term);
            let (mut from, mut found) = (Offset::ZERO, Vec::new());
            while let Some(listed) = postings.seek(from).unwrap() {
                let record = listed.offset.get() as usize / 56;
                assert_eq!(listed.id, scene.id(record));
                found.push(record);
                from = Offset::new(listed.offset.get() + 1);
            }
            assert_eq!(found, records, "{built_in:?} {term:?}");
            all += records.len() as u64;
        }
        assert_eq!(view.entries().unwrap(), all);
    }
}

#[test]
fn postings_are_sought_by_steps_and_by_leaps_alike() {
    let scene = scene(200);
    let store = open(&scene, Arc::new(BuiltIn::Predicate), 0);
    apply(&store, &scene, 0..200);
    let view = store.view().unwrap();
    for step in [1, 3, 7, 8, 9, 40] {
        let mut postings = view.postings(b"says");
        for record in (0..200).step_by(step) {
            // The same place may be asked for again, and one between two records is that of the next.
            for from in [offset(record), offset(record), Offset::new(offset(record).get() + 1)] {
                let wanted = if from == offset(record) { record } else { record + 1 };
                let found = postings.seek(from).unwrap().map(|listed| listed.offset);
                assert_eq!(found, (wanted < 200).then(|| offset(wanted)), "{step}");
            }
        }
        assert_eq!(postings.seek(offset(200)).unwrap(), None);
        assert_eq!(postings.seek(offset(300)).unwrap(), None);
    }
}

#[test]
fn a_posting_that_is_none_is_named() {
    struct Odd;
    impl Projection for Odd {
        fn name(&self) -> &str {
            "odd"
        }
        fn version(&self) -> u32 {
            1
        }
        fn apply(&self, _: &Projected<'_>, txn: &mut ProjectionTxn<'_>) -> Result<(), ProjectionError> {
            txn.put(b"a\0\0\0\0\0\0\0\0\x05", b"too short");
            Ok(())
        }
    }
    let scene = scene(1);
    let store = open(&scene, Arc::new(Odd), 0);
    apply(&store, &scene, 0..1);
    let error = store.view().unwrap().postings(b"a").seek(Offset::ZERO).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}
