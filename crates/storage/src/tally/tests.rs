use annals_record::{Offset, Stance};

use super::*;
use crate::scene::{Scene, assertion, vote};

/// The tally of votes of (voter, seq, stance, weight), in this order and in the opposite one.
fn check(votes: &[(&str, u64, Stance, u32)]) -> Tally {
    let claim = assertion("s", 1);
    let id = RecordId::of(&claim);
    let cast: Vec<_> =
        votes.iter().map(|(voter, seq, stance, weight)| vote(id, voter, *seq, *stance, *weight)).collect();
    let forth = Scene::new([vec![claim.clone()], cast.clone()].concat());
    let back = Scene::new([vec![claim], cast.into_iter().rev().collect()].concat());
    let tally = |scene: Scene| scene.filled().snapshot().unwrap().tally(&id).unwrap().unwrap();
    let forth = tally(forth);
    assert_eq!(forth, tally(back));
    forth
}

#[test]
fn each_voter_counts_once_with_the_highest_seq() {
    let tally = check(&[
        ("ann", 1, Stance::For, 1_000_000),
        ("ann", 3, Stance::Against, 250_000),
        ("ann", 2, Stance::For, 1_000_000),
        ("bob", 1, Stance::For, 1_000_000_000),
        ("cat", 9, Stance::Neutral, 500_000),
    ]);
    assert_eq!(
        tally,
        Tally {
            for_voters: 1,
            against_voters: 1,
            neutral_voters: 1,
            for_ppm: 1_000_000_000,
            against_ppm: 250_000,
            neutral_ppm: 500_000,
            superseded: 2,
        }
    );
    assert_eq!(tally.balance_ppm(), 999_750_000);
}

#[test]
fn of_two_votes_with_the_same_seq_the_larger_id_stands() {
    let claim = RecordId::of(&assertion("s", 1));
    let (for_it, against) =
        (vote(claim, "ann", 1, Stance::For, 7), vote(claim, "ann", 1, Stance::Against, 7));
    let for_stands = RecordId::of(&for_it) > RecordId::of(&against);
    let tally = check(&[("ann", 1, Stance::For, 7), ("ann", 1, Stance::Against, 7)]);
    assert_eq!((tally.for_voters, tally.against_voters), (u64::from(for_stands), u64::from(!for_stands)));
}

#[test]
fn votes_count_as_soon_as_their_assertion_is_there() {
    let claim = assertion("s", 1);
    let id = RecordId::of(&claim);
    let scene = Scene::new([vote(id, "ann", 1, Stance::For, 5), claim]);
    let store = scene.open();
    scene.apply(&store, 0..1);
    assert_eq!(store.snapshot().unwrap().tally(&id).unwrap(), None);
    assert_eq!(store.snapshot().unwrap().votes(&id, None, 10).unwrap().len(), 1);
    scene.apply(&store, 1..2);
    assert_eq!(store.snapshot().unwrap().tally(&id).unwrap().unwrap().for_ppm, 5);
    assert_eq!(store.snapshot().unwrap().get(&id).unwrap().unwrap().offset, Offset::new(56));
}
