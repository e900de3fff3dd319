//! One record of each type, with every field and every kind of value, and the identity it has in every good build.
//!
//! rkyv's layout follows from Cargo features that any crate of an application can switch on. The bytes in
//! `golden.jsonl` are checked by the tests of this crate, in its own build; these are checked in the application's.

use std::sync::OnceLock;

use super::{EncodingMismatch, Form, encode};
use crate::{
    Assertion, Decimal, Epoch, EpochId, Interval, Link, LinkKind, Polarity, Precision, Qualifier, RecordId,
    Stance, Supersession, SupersessionKind, Time, Value, Vote,
};

/// Checks once, at the first call, that this build lays records out as every other build does. Writing and reading a
/// payload checks it too; calling it first refuses before anything else is touched.
///
/// # Errors
/// [`EncodingMismatch`] names the type that comes out differently, and what in the build may cause it.
pub fn check_encoding() -> Result<(), EncodingMismatch> {
    static CHECKED: OnceLock<Result<(), EncodingMismatch>> = OnceLock::new();
    *CHECKED.get_or_init(|| {
        compare("assertion", &assertion(), ASSERTION_ID)?;
        compare("vote", &vote(), VOTE_ID)?;
        compare("epoch", &epoch(), EPOCH_ID)
    })
}

const ASSERTION_ID: &str = "48e10076a4f18a0d95c6ffd89d3c50e48beda19d2e7e34da8e80d8890b603b93";
const VOTE_ID: &str = "70ab98e992c8ca3e4c02337ff6459805cddfa838a7f7a64f0b06d964bbaceab1";
const EPOCH_ID: &str = "969d42932399a6e715087757d1f8ad9b4023f3e7470161400f006c1aeba98464";

pub(super) fn compare(
    record_type: &'static str,
    record: &impl Form,
    expected: &'static str,
) -> Result<(), EncodingMismatch> {
    let found = RecordId::of(&encode(record));
    if found.to_string() == expected {
        Ok(())
    } else {
        Err(EncodingMismatch { record_type, expected, found })
    }
}

/// An assertion with every field, and one qualifier of each kind of value.
pub(super) fn assertion() -> Assertion {
    let values = [
        ("entity", Value::Entity("Berlin".to_owned())),
        (
            "text",
            Value::text(
                "a text of more than sixty-four bytes, so that its length takes two of its four bytes",
            ),
        ),
        ("language", Value::Text { text: String::new(), language: Some("de".to_owned()) }),
        ("bool", Value::Bool(true)),
        ("int", Value::Int(-2)),
        ("decimal", Value::Decimal(Decimal("5.20".to_owned()))),
        ("float", Value::Float(0.1)),
        ("time", Value::Time(GOLDEN_TIME)),
        ("quantity", Value::Quantity { amount: Decimal("-12.5".to_owned()), unit: "kilogram".to_owned() }),
        ("bytes", Value::Bytes(vec![0, 1, 255])),
        ("assertion", Value::Assertion(RecordId::from_bytes([1; 32]))),
        ("somevalue", Value::SomeValue),
        ("novalue", Value::NoValue),
    ];
    let kinds = [LinkKind::Supersedes, LinkKind::Corrects, LinkKind::Retracts, LinkKind::DerivedFrom];
    let mut assertion = Assertion {
        subject: "Müggelsee".to_owned(),
        predicate: "is near".to_owned(),
        object: Value::Entity("Berlin-Köpenick".to_owned()),
        polarity: Polarity::Deny,
        qualifiers: values.map(|(key, value)| Qualifier { key: key.to_owned(), value }).into(),
        valid: Some(Interval { from: Some(GOLDEN_TIME), until: None }),
        confidence_ppm: Some(950_000),
        sources: vec!["a source of its own".to_owned(), "another".to_owned()],
        links: kinds.map(|kind| Link { kind, target: RecordId::from_bytes([2; 32]) }).into(),
        epoch: Some(EpochId::from_bytes([3; 32])),
        agent: Some("an agent".to_owned()),
        authored_at_micros: Some(-1),
    };
    assertion.canonicalize();
    assertion
}

/// A vote with every field.
pub(super) fn vote() -> Vote {
    Vote {
        assertion: RecordId::from_bytes([4; 32]),
        voter: "a voter of its own".to_owned(),
        stance: Stance::Against,
        weight_ppm: 1_500_000,
        seq: u64::MAX - 1,
        reason: Some("why".to_owned()),
        epoch: Some(EpochId::from_bytes([5; 32])),
        cast_at_micros: Some(1_714_730_400_000_000),
    }
}

/// An epoch with every field.
pub(super) fn epoch() -> Epoch {
    let kinds = [SupersessionKind::Replaces, SupersessionKind::Refines, SupersessionKind::Extends];
    Epoch {
        name: "a name of its own".to_owned(),
        description: Some(String::new()),
        supersedes: kinds.map(|kind| Supersession { kind, epoch: EpochId::from_bytes([6; 32]) }).into(),
        starts: Some(GOLDEN_TIME),
        ends: Some(Time { micros: 1_714_730_400_000_001, precision: Precision::Microsecond }),
        author: Some("author".to_owned()),
        authored_at_micros: Some(0),
    }
}

/// 2024-05-03.
const GOLDEN_TIME: Time = Time { micros: 1_714_694_400_000_000, precision: Precision::Day };
