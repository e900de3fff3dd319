use annals_record::{Value, serialize_assertion, serialize_epoch, serialize_vote};

use super::*;

fn assertion(subject: &str, object: i64) -> Drawn {
    let assertion = Assertion::new(subject, "is", Value::Int(object));
    Drawn { payload: serialize_assertion(&assertion).unwrap(), meaning: Meaning::Assertion(assertion) }
}

fn vote(assertion: RecordId, voter: &str, stance: Stance, weight_ppm: u32, seq: u64) -> Drawn {
    let voter = voter.to_owned();
    let vote =
        Vote { assertion, voter, stance, weight_ppm, seq, reason: None, epoch: None, cast_at_micros: None };
    Drawn { payload: serialize_vote(&vote).unwrap(), meaning: Meaning::Vote(vote) }
}

/// The model of these records, at offsets 0, 10, 20, ...
fn model(records: &[&Drawn]) -> Model {
    let mut model = Model::new();
    for (i, drawn) in records.iter().enumerate() {
        model.apply(Offset::new(10 * i as u64), drawn);
    }
    model
}

#[test]
fn the_first_of_equal_records_stands() {
    let (a, b) = (assertion("s", 1), assertion("s", 2));
    let model = model(&[&a, &b, &a]);
    assert_eq!(model.subject("s"), [(Offset::ZERO, a.id()), (Offset::new(10), b.id())]);
    assert_eq!((model.counts().assertions, model.counts().subjects), (2, 1));
    assert_eq!(model.subject("t"), []);
}

#[test]
fn a_vote_counts_once_its_assertion_is_there() {
    let a = assertion("s", 1);
    let v = vote(a.id(), "x", Stance::For, 500_000, 1);
    assert_eq!((model(&[&v]).tally(a.id()), model(&[&v]).counts().votes), (None, 1));
    let tally = ModelTally { voters_for: 1, weight_for_ppm: 500_000, ..ModelTally::default() };
    assert_eq!(model(&[&v, &a]).tally(a.id()), Some(tally));
    assert_eq!(model(&[&v, &a]).tally(a.id()), model(&[&a, &v, &v]).tally(a.id()));
}

#[test]
fn per_voter_the_highest_seq_counts_then_the_larger_id() {
    let a = assertion("s", 1);
    let old = vote(a.id(), "x", Stance::For, 1, 1);
    let ties = [vote(a.id(), "x", Stance::Against, 2, 2), vote(a.id(), "x", Stance::Neutral, 3, 2)];
    let other = vote(a.id(), "y", Stance::Against, 5, 1);
    let tally = model(&[&a, &ties[0], &old, &ties[1], &other]).tally(a.id()).unwrap();
    let expected = if ties[0].id() > ties[1].id() {
        ModelTally { voters_against: 2, weight_against_ppm: 7, ..ModelTally::default() }
    } else {
        ModelTally {
            voters_neutral: 1,
            weight_neutral_ppm: 3,
            voters_against: 1,
            weight_against_ppm: 5,
            ..ModelTally::default()
        }
    };
    assert_eq!(tally, expected);
    assert_eq!(tally, model(&[&a, &other, &ties[1], &ties[0], &old]).tally(a.id()).unwrap(), "in any order");
}

#[test]
fn an_epochs_versions_stand_in_the_logs_order() {
    let epoch = |description: &str| {
        let epoch = Epoch { description: Some(description.to_owned()), ..Epoch::new("e") };
        Drawn { payload: serialize_epoch(&epoch).unwrap(), meaning: Meaning::Epoch(epoch) }
    };
    let (a, b) = (epoch("a"), epoch("b"));
    let model = model(&[&a, &b, &a]);
    let (id, versions) = model.epochs().next().unwrap();
    assert_eq!(id, EpochId::of("e"));
    let versions: Vec<_> = versions.iter().map(|(offset, id, _)| (*offset, *id)).collect();
    assert_eq!(versions, [(Offset::ZERO, a.id()), (Offset::new(10), b.id())]);
    assert_eq!((model.counts().epochs, model.counts().epoch_versions), (1, 2));
}

#[test]
fn what_cannot_be_applied_is_counted_each_time_it_comes() {
    let bad = Drawn { payload: vec![77], meaning: Meaning::Undecodable };
    let own = Drawn { payload: vec![200], meaning: Meaning::Application };
    let model = model(&[&bad, &own, &bad]);
    assert_eq!(model.dead_letters(), [(Offset::ZERO, bad.id()), (Offset::new(20), bad.id())]);
    assert_eq!(model.application(), [(Offset::new(10), own.id())]);
}
