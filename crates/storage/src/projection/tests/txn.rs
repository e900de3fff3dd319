use std::collections::BTreeMap;
use std::ops::Bound;

use proptest::prelude::*;

use super::super::entries::ProjectionEntry;
use super::*;

/// Keys that lie close together, and at the ends.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(&[0_u8, 1, 0xff][..]), 0..4)
}

fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![Just(Bound::Unbounded), key().prop_map(Bound::Included), key().prop_map(Bound::Excluded)]
}

/// Two bounds of keys.
type Between = (Bound<Vec<u8>>, Bound<Vec<u8>>);
/// How a range is read.
type Range<'r> = &'r dyn Fn(Bound<&[u8]>, Bound<&[u8]>, usize) -> Vec<ProjectionEntry>;

/// Puts and deletes as it is told, and compares what it reads with a map.
struct Told {
    steps: Vec<Vec<(Vec<u8>, Option<u8>)>>,
    ranges: Vec<Between>,
    limit: usize,
    map: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl Projection for Told {
    fn name(&self) -> &str {
        "told"
    }

    fn version(&self) -> u32 {
        1
    }

    fn apply(&self, record: &Projected<'_>, txn: &mut ProjectionTxn<'_>) -> Result<(), ProjectionError> {
        let mut map = self.map.lock().unwrap();
        for (key, value) in &self.steps[record.offset.get() as usize / 56] {
            match value {
                Some(value) => {
                    txn.put(key, &[*value]);
                    map.insert(key.clone(), vec![*value]);
                }
                None => {
                    txn.delete(key);
                    map.remove(key);
                }
            }
            assert_eq!(txn.get(key)?, map.get(key).cloned());
        }
        self.check(&map, &|from, to, limit| txn.range(from, to, limit).unwrap());
        for prefix in [vec![], vec![0], vec![0xff], vec![0xff, 0xff], vec![1, 0xff]] {
            let found = txn.prefix(&prefix, Some(&[1, 0]), 9)?;
            assert_eq!(found, begin_with(&map, &prefix, &[1, 0]));
        }
        Ok(())
    }
}

fn begin_with(map: &BTreeMap<Vec<u8>, Vec<u8>>, prefix: &[u8], after: &[u8]) -> Vec<ProjectionEntry> {
    let wanted = map.iter().filter(|(key, _)| key.starts_with(prefix) && key.as_slice() > after);
    wanted.take(9).map(|(key, value)| (key.clone(), value.clone())).collect()
}

impl Told {
    fn check(&self, map: &BTreeMap<Vec<u8>, Vec<u8>>, range: Range<'_>) {
        for (from, to) in &self.ranges {
            let lies = |key: &Vec<u8>| {
                let behind = match from {
                    Bound::Unbounded => true,
                    Bound::Included(from) => key >= from,
                    Bound::Excluded(from) => key > from,
                };
                let before = match to {
                    Bound::Unbounded => true,
                    Bound::Included(to) => key <= to,
                    Bound::Excluded(to) => key < to,
                };
                behind && before
            };
            let expected = map.iter().filter(|(key, _)| lies(key)).take(self.limit);
            let expected: Vec<_> = expected.map(|(key, value)| (key.clone(), value.clone())).collect();
            let (from, to) = (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
            assert_eq!(range(from, to, self.limit), expected, "{from:?} {to:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_transaction_reads_what_it_has_changed_over_what_was_there(
        steps in prop::collection::vec(prop::collection::vec((key(), prop::option::of(0..9_u8)), 0..12), 1..6),
        ranges in prop::collection::vec((bound(), bound()), 1..9),
        limit in 0..9_usize,
        batch in 1..4_usize,
    ) {
        let scene = scene(steps.len() as i64);
        let records = steps.len();
        let told = Arc::new(Told { steps, ranges, limit, map: Mutex::default() });
        let store = open(&scene, told.clone(), 0);
        for from in (0..records).step_by(batch) {
            apply(&store, &scene, from..records.min(from + batch));
            let view = store.view().unwrap();
            let map = told.map.lock().unwrap();
            told.check(&map, &|from, to, limit| view.range(from, to, limit).unwrap());
            assert_eq!(view.prefix(&[0xff], Some(&[1, 0]), 9).unwrap(), begin_with(&map, &[0xff], &[1, 0]));
            assert_eq!(view.entries().unwrap(), map.len() as u64);
        }
    }
}
