use annals_record::Stance;

use super::*;
use crate::chunk::{ChunkWriter, Piece};
use crate::keys::last_with;
use crate::scene::{assertion, offset, vote};

/// A layer with some assertions, votes on two of them, and versions of two epochs.
fn layer() -> (Layer, Vec<RecordId>) {
    let claims: Vec<_> = (0..40).map(|n| assertion("s", n)).collect();
    let ids: Vec<_> = claims.iter().map(|claim| RecordId::of(claim)).collect();
    let votes: Vec<_> =
        (0..20).map(|n| (n % 2, vote(ids[n % 2], &format!("voter {n}"), 1, Stance::For, 1))).collect();
    let mut writer = ChunkWriter::default();
    let mut place = 0..;
    let mut push = |part, content: &[u8]| {
        let offset = offset(place.next().unwrap());
        writer.push(&Piece { offset, id: RecordId::of(content), part, content });
    };
    claims.iter().for_each(|claim| push(Part::Assertion { subject: "s" }, claim));
    votes.iter().for_each(|(on, vote)| push(Part::Vote { assertion: ids[*on] }, vote));
    for version in 0..6_u8 {
        let epoch = EpochId::from_bytes([version % 2; 32]);
        push(Part::Epoch { epoch, new_name: version < 2 }, &[version]);
    }
    let layer = Layer::default();
    layer.add(writer.finish(), false);
    (layer, ids)
}

/// How many keys there are from `low` to `high`; they are in order, and each finds its value.
fn check(layer: &Layer, low: &[u8], high: &[u8]) -> usize {
    let held = layer.held();
    let found = held.range(low, high);
    assert!(found.is_sorted_by(|(a, _), (b, _)| a < b));
    for (key, value) in &found {
        assert!(low <= &key[..] && &key[..] <= high);
        match held.get(key) {
            Some(stored) => assert_eq!(**stored, **value),
            None => assert!(key.starts_with(b"I:")),
        }
    }
    found.len()
}

#[test]
fn ranges_hold_what_lies_between_their_ends() {
    let (layer, ids) = layer();
    for (prefix, expected) in [(&b"H:"[..], 40), (b"V:", 20), (b"E:", 6), (b"I:", 26), (b"R:", 0)] {
        assert_eq!(check(&layer, prefix, &last_with(prefix)), expected, "{}", prefix.escape_ascii());
    }
    let votes = keys::votes_prefix(&ids[1]);
    assert_eq!(check(&layer, &votes, &last_with(&votes)), 10);
    let versions = keys::epoch_prefix(&EpochId::from_bytes([1; 32]));
    assert_eq!(check(&layer, &versions, &last_with(&versions)), 3);
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    let key = |place: usize| keys::assertion_key(&sorted[place]);
    assert_eq!(check(&layer, &key(3), &key(12)), 10);
}

#[test]
fn a_vote_is_found_under_its_own_assertion_only() {
    let (layer, ids) = layer();
    let held = layer.held();
    let vote = held.votes_on[&ids[0]][0];
    assert!(held.get(&keys::vote_key(&ids[0], &vote)).is_some());
    assert!(held.get(&keys::vote_key(&ids[1], &vote)).is_none());
}

#[test]
fn chunks_are_kept_once() {
    let (layer, _) = layer();
    assert_eq!(layer.unkept().len(), 1);
    layer.keep(1);
    assert!(layer.unkept().is_empty());
    let other = Layer::default();
    other.add(layer.held().chunks.clone(), true);
    assert!(other.unkept().is_empty());
    assert_eq!(other.bytes(), layer.bytes());
}
