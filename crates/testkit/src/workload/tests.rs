use std::collections::{BTreeMap, BTreeSet};

use annals_record::Record;

use super::*;

const RECORDS: usize = 5_000;

#[test]
fn the_same_seed_draws_the_same_records_on_every_machine() {
    let draw = |seed| Workload::new(seed).take(RECORDS).collect::<Vec<_>>();
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    let all = draw(1).iter().flat_map(|drawn| drawn.payload.clone()).collect::<Vec<_>>();
    assert_eq!(RecordId::of(&all).to_string(), GOLDEN, "W1");
}

#[test]
fn what_is_drawn_decodes_to_its_meaning() {
    for seed in 0..4 {
        for drawn in Workload::new(seed).take(RECORDS) {
            match (Record::decode(&drawn.payload), &drawn.meaning) {
                (Ok(Record::Assertion(found)), Meaning::Assertion(meant)) => assert_eq!(found, *meant),
                (Ok(Record::Vote(found)), Meaning::Vote(meant)) => assert_eq!(found, *meant),
                (Ok(Record::Epoch(found)), Meaning::Epoch(meant)) => assert_eq!(found, *meant),
                (_, Meaning::Application) => assert!(drawn.payload[0] >= 128),
                (Err(_), Meaning::Undecodable) => {}
                (found, meant) => panic!("{meant:?} decodes to {found:?}"),
            }
        }
    }
}

#[test]
fn every_kind_of_trouble_is_drawn() {
    let drawn: Vec<Drawn> = Workload::new(7).take(RECORDS).collect();
    let mut first = BTreeMap::new();
    for (i, drawn) in drawn.iter().enumerate() {
        first.entry(drawn.id()).or_insert(i);
    }
    assert!(first.len() < RECORDS * 97 / 100, "duplicates");
    let votes = drawn.iter().enumerate().filter_map(|(i, drawn)| match &drawn.meaning {
        Meaning::Vote(vote) => Some((i, vote)),
        _ => None,
    });
    let (mut early, mut orphaned, mut seats) = (0, 0, BTreeSet::new());
    let mut again = 0;
    for (i, vote) in votes {
        early += usize::from(first.get(&vote.assertion).is_some_and(|at| *at > i));
        orphaned += usize::from(!first.contains_key(&vote.assertion));
        again += usize::from(!seats.insert((vote.assertion, vote.voter.clone())));
    }
    assert!(early > 10 && orphaned > 10 && again > 10, "{early} {orphaned} {again}");
    let count = |meaning: fn(&Meaning) -> bool| drawn.iter().filter(|drawn| meaning(&drawn.meaning)).count();
    assert!(count(|meaning| *meaning == Meaning::Undecodable) > 10);
    assert!(count(|meaning| *meaning == Meaning::Application) > 10);
    assert!(count(|meaning| matches!(meaning, Meaning::Epoch(_))) > 10);
}

#[test]
fn few_subjects_have_most_of_the_assertions() {
    let mut subjects: BTreeMap<String, usize> = BTreeMap::new();
    for drawn in Workload::new(3).take(RECORDS) {
        if let Meaning::Assertion(assertion) = drawn.meaning {
            *subjects.entry(assertion.subject).or_default() += 1;
        }
    }
    let mut counts: Vec<usize> = subjects.into_values().collect();
    counts.sort_unstable();
    let all: usize = counts.iter().sum();
    let top: usize = counts.iter().rev().take(20).sum();
    assert!(counts.len() > 50 && top * 2 > all, "{} subjects, {top} of {all}", counts.len());
}

#[test]
fn payloads_are_empty_short_long_and_hostile() {
    let rng = &mut Rng::with_seed(1);
    let payloads: Vec<Vec<u8>> = (0..1_000).map(|_| payload(rng)).collect();
    assert!(payloads.iter().any(Vec::is_empty));
    assert!(payloads.iter().any(|payload| payload.len() > 2_000));
    assert!(payloads.iter().any(|payload| !payload.is_empty() && payload.iter().all(|byte| *byte == 0)));
    assert!(payloads.iter().any(|payload| payload.starts_with(&[0, 0, 0, 0x80])));
}

/// The BLAKE3 of the payloads of seed 1.
const GOLDEN: &str = "ff2dee7fb6ab082944732f44c770a7e41f620dbc595c2b7cfe3f7686a84aa8cf";
