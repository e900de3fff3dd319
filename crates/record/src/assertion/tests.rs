use super::*;
use crate::{Precision, TimeError};

/// What is wrong with a claim that is changed so.
fn check(change: impl FnOnce(&mut Assertion)) -> Option<LimitError> {
    let mut assertion = Assertion::new("s", "p", Value::Int(1));
    change(&mut assertion);
    let found = assertion.validate().err();
    let refused = crate::serialize_assertion(&assertion).err();
    assert_eq!(refused, found.clone().map(crate::RecordError::from), "writing checks what `validate` checks");
    found
}

fn qualifier(key: &str, value: i64) -> Qualifier {
    Qualifier { key: key.to_owned(), value: Value::Int(value) }
}

#[test]
fn each_field_keeps_its_limit() {
    let time = Time { micros: 1, precision: Precision::Year };
    let not_a_year = TimeError::NotABeginning { micros: 1, precision: "year" };
    assert_eq!(check(|_| ()), None);
    assert_eq!(check(|a| a.subject.clear()), Some(LimitError::Empty { field: "subject" }));
    assert_eq!(check(|a| a.predicate.clear()), Some(LimitError::Empty { field: "predicate" }));
    assert_eq!(check(|a| a.object = Value::entity("")), Some(LimitError::Empty { field: "entity" }));
    assert_eq!(check(|a| a.agent = Some(String::new())), Some(LimitError::Empty { field: "agent" }));
    assert_eq!(check(|a| a.sources = vec![String::new()]), Some(LimitError::Empty { field: "sources" }));
    assert_eq!(
        check(|a| a.qualifiers = vec![qualifier("", 1)]),
        Some(LimitError::Empty { field: "qualifier key" })
    );
    assert_eq!(
        check(|a| a.object = Value::Time(time)),
        Some(LimitError::Time { field: "time", source: not_a_year })
    );
    assert_eq!(
        check(|a| a.valid = Some(Interval { from: Some(time), until: None })),
        Some(LimitError::Time { field: "valid", source: not_a_year })
    );
    assert_eq!(
        check(|a| a.authored_at_micros = Some(i64::MAX)),
        Some(LimitError::Time { field: "authored_at", source: TimeError::OutOfRange })
    );
    assert_eq!(check(|a| a.confidence_ppm = Some(1_000_000)), None);
    assert_eq!(
        check(|a| a.confidence_ppm = Some(1_000_001)),
        Some(LimitError::OutOfRange { field: "confidence", found: 1_000_001, limit: 1_000_000 })
    );
}

#[test]
fn nothing_is_said_twice() {
    let link = Link { kind: LinkKind::Corrects, target: RecordId::from_bytes([1; 32]) };
    let other = Link { kind: LinkKind::Retracts, ..link };
    let again = |field| Some(LimitError::Repeated { field });
    assert_eq!(check(|a| a.links = vec![link, other]), None);
    assert_eq!(check(|a| a.links = vec![link, other, link]), again("links"));
    assert_eq!(check(|a| a.qualifiers = vec![qualifier("k", 1), qualifier("k", 2)]), None);
    assert_eq!(
        check(|a| a.qualifiers = ["k", "j", "k"].map(|key| qualifier(key, 1)).into()),
        again("qualifiers")
    );
    assert_eq!(check(|a| a.sources = ["a", "b", "a"].map(str::to_owned).into()), again("sources"));
}

#[test]
fn lists_have_at_most_1024_entries() {
    let too_many = |field| Some(LimitError::TooMany { field, count: 1_025, limit: 1_024 });
    let link = |i: u32| {
        let mut target = [0; 32];
        target[..4].copy_from_slice(&i.to_be_bytes());
        Link { kind: LinkKind::Corrects, target: RecordId::from_bytes(target) }
    };
    for (count, allowed) in [(1_024, true), (1_025, false)] {
        let refused = |field| if allowed { None } else { too_many(field) };
        assert_eq!(check(|a| a.sources = (0..count).map(|i| i.to_string()).collect()), refused("sources"));
        assert_eq!(check(|a| a.links = (0..count).map(link).collect()), refused("links"));
        let numbered = |i: u32| qualifier("k", i64::from(i));
        assert_eq!(check(|a| a.qualifiers = (0..count).map(numbered).collect()), refused("qualifiers"));
    }
}

#[test]
fn an_interval_may_be_empty_but_not_backwards() {
    let at = |micros| Some(Time { micros, precision: Precision::Microsecond });
    let check = |from, until| check(|a| a.valid = Some(Interval { from: at(from), until: at(until) }));
    assert_eq!(check(1, 2), None);
    assert_eq!(check(1, 1), None);
    assert_eq!(check(2, 1), Some(LimitError::Backwards { field: "valid" }));
}
