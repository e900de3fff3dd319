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
