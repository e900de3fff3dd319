use std::collections::HashMap;

use annals_record::{Record, RecordId, RecordType, record_type};
use fastrand::Rng;

use super::super::zipf::Zipf;
use super::{Made, Set, subject};

fn all(records: u64) -> Vec<Made> {
    let mut set = Set::new(records);
    std::iter::from_fn(|| set.next().unwrap()).collect()
}

#[test]
fn the_same_set_comes_twice_and_has_as_many_records_as_were_asked_for() {
    let (one, two) = (all(3000), all(3000));
    assert_eq!(one.len(), 3000);
    assert!(one.iter().zip(&two).all(|(a, b)| a.payload == b.payload && a.id == b.id));
    // So long as nobody changes the set, figures of one day can be compared with those of another.
    let together = one.iter().fold(blake3::Hasher::new(), |mut sum, made| {
        sum.update(made.id.as_bytes());
        sum
    });
    assert_eq!(together.finalize().to_hex()[..16], *"247e8e0b048c9d35");
}

#[test]
fn ninety_of_a_hundred_are_assertions_nine_votes_and_one_an_epoch() {
    let made = all(100_000);
    let mut kinds = HashMap::new();
    for one in &made {
        *kinds.entry(record_type(&one.payload).unwrap()).or_insert(0_u32) += 1;
    }
    let near = |kind, share: f64| {
        let found = f64::from(kinds[&kind]) / made.len() as f64;
        assert!((found - share).abs() < 0.003, "{kind:?}: {found}");
    };
    near(RecordType::Assertion, 0.9);
    near(RecordType::Vote, 0.09);
    near(RecordType::Epoch, 0.01);
    let bytes: usize = made.iter().map(|one| one.payload.len()).sum();
    let average = bytes as f64 / made.len() as f64;
    assert!((230.0..240.0).contains(&average), "{average} B");
}

#[test]
fn every_record_is_one_of_its_own_that_decodes_and_votes_are_on_what_came_before() {
    let made = all(20_000);
    let mut seen = std::collections::HashSet::<RecordId>::new();
    for one in &made {
        match Record::decode(&one.payload).unwrap() {
            Record::Assertion(assertion) => assert_eq!(assertion.subject, subject(one.subject.unwrap())),
            Record::Vote(vote) => assert!(seen.contains(&vote.assertion)),
            Record::Epoch(_) => assert_eq!(one.subject, None),
        }
        assert!(seen.insert(one.id), "a duplicate would be ingested as nothing");
    }
}

#[test]
fn subjects_come_by_zipfs_law() {
    let zipf = Zipf::new(200_000);
    // The set of the issue: 1,800,000 assertions.
    assert!((135_000.0..150_000.0).contains(&zipf.expected_first(1_800_000.0)));
    let (mut rng, mut ranks) = (Rng::with_seed(7), HashMap::new());
    let draws = 400_000;
    for _ in 0..draws {
        *ranks.entry(zipf.draw(&mut rng)).or_insert(0_u32) += 1;
    }
    let first = f64::from(ranks[&0]);
    assert!((first / zipf.expected_first(f64::from(draws)) - 1.0).abs() < 0.03, "{first}");
    for rank in [1, 2, 4, 9, 99] {
        let expected = first / (rank + 1) as f64;
        let found = f64::from(ranks[&rank]);
        assert!((found - expected).abs() < 6.0 * expected.sqrt() + 0.02 * expected, "{rank}: {found}");
    }
    assert!(ranks.keys().all(|rank| *rank < 200_000));
}
