//! Records of every shape, for the tests of this crate: all fields, all kinds of values, the lengths at which the bytes
//! change their form.

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::{collection, option};

use crate::time::{MAX_MICROS, MIN_MICROS};
use crate::{
    Assertion, Decimal, Epoch, EpochId, Interval, Link, LinkKind, Polarity, Precision, Qualifier, Record,
    RecordId, Stance, Supersession, SupersessionKind, Time, Value, Vote,
};

/// Any valid record in its canonical form.
pub(crate) fn record() -> impl Strategy<Value = Record> {
    let record = prop_oneof![
        4 => assertion().prop_map(Record::Assertion),
        1 => vote().prop_map(Record::Vote),
        1 => epoch().prop_map(Record::Epoch),
    ];
    record.prop_map(|mut record| {
        record.canonicalize();
        record
    })
}

/// Any valid assertion, its qualifiers and links in any order.
pub(crate) fn assertion() -> impl Strategy<Value = Assertion> {
    let qualifier = (prop_oneof![name(), "[ab]"], value()).prop_map(|(key, value)| Qualifier { key, value });
    let claim =
        (name(), name(), value(), any::<bool>(), collection::vec(qualifier, 0..6), option::of(interval()));
    let provenance = (
        option::of(0..=1_000_000_u32),
        collection::vec(name(), 0..4),
        collection::vec((link_kind(), id()), 0..5),
        option::of(id()),
        option::of(name()),
        option::of(instant()),
    );
    (claim, provenance).prop_map(|(claim, provenance)| {
        let (subject, predicate, object, deny, qualifiers, valid) = claim;
        let (confidence_ppm, sources, links, epoch, agent, authored_at_micros) = provenance;
        Assertion {
            subject,
            predicate,
            object,
            polarity: if deny { Polarity::Deny } else { Polarity::Affirm },
            qualifiers: once(qualifiers, |entry| format!("{entry:?}")),
            valid,
            confidence_ppm,
            sources: once(sources, String::clone),
            links: once(links, |link| *link)
                .into_iter()
                .map(|(kind, target)| Link { kind, target })
                .collect(),
            epoch: epoch.map(|id| EpochId::from_bytes(*id.as_bytes())),
            agent,
            authored_at_micros,
        }
    })
}

fn vote() -> impl Strategy<Value = Vote> {
    let cast = (option::of(text()), option::of(id()), option::of(instant()));
    let stance = prop_oneof![Just(Stance::Against), Just(Stance::Neutral), Just(Stance::For)];
    (id(), name(), stance, 0..=1_000_000_000_u32, any::<u64>(), cast).prop_map(
        |(assertion, voter, stance, ppm, seq, cast)| {
            let (reason, epoch, cast_at_micros) = cast;
            let epoch = epoch.map(|id| EpochId::from_bytes(*id.as_bytes()));
            Vote { assertion, voter, stance, weight_ppm: ppm, seq, reason, epoch, cast_at_micros }
        },
    )
}

fn epoch() -> impl Strategy<Value = Epoch> {
    let kind = prop_oneof![
        Just(SupersessionKind::Replaces),
        Just(SupersessionKind::Refines),
        Just(SupersessionKind::Extends)
    ];
    let supersedes = collection::vec((kind, id()), 0..4);
    (name(), option::of(text()), supersedes, interval(), option::of(name()), option::of(instant())).prop_map(
        |(name, description, supersedes, Interval { from, until }, author, authored_at_micros)| {
            let supersession =
                |(kind, id): (_, RecordId)| Supersession { kind, epoch: EpochId::from_bytes(*id.as_bytes()) };
            let mut supersedes: Vec<_> = supersedes.into_iter().map(supersession).collect();
            supersedes.sort_unstable();
            supersedes.dedup();
            Epoch { name, description, supersedes, starts: from, ends: until, author, authored_at_micros }
        },
    )
}

/// A value of any kind.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        name().prop_map(Value::Entity),
        (text(), option::of(name())).prop_map(|(text, language)| Value::Text { text, language }),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        decimal().prop_map(Value::Decimal),
        prop_oneof![any::<u64>().prop_map(f64::from_bits), any::<f64>()].prop_map(Value::Float),
        time().prop_map(Value::Time),
        (decimal(), name()).prop_map(|(amount, unit)| Value::Quantity { amount, unit }),
        collection::vec(any::<u8>(), 0..80).prop_map(Value::Bytes),
        id().prop_map(Value::Assertion),
        Just(Value::SomeValue),
        Just(Value::NoValue),
    ]
}

/// A name: short, at the lengths where an archived string changes its form, or as long as may be.
pub(crate) fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,9}", r#"[\PC&&[^\x00]]{1,70}"#, "[\"\\\\]{1,3}", Just("n".repeat(1_024))]
        .prop_filter("a name has 1 to 1,024 bytes", |name| crate::limits::check_name("name", name).is_ok())
}

/// A text: any characters, or none.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,9}", "(?s).{0,70}", "[\\x00-\\x1f\"\\\\]{0,9}", "a{60,70}"]
}

/// A decimal number, of few digits or of many.
pub(crate) fn decimal() -> impl Strategy<Value = Decimal> {
    let digits = r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,20})?";
    prop_oneof![digits.boxed(), Just(format!("-{}.{}", "9".repeat(500), "0".repeat(500))).boxed()]
        .prop_filter_map("a decimal number", |digits| digits.parse().ok())
}

/// A time of any precision.
pub(crate) fn time() -> impl Strategy<Value = Time> {
    (instant(), 0..7_usize).prop_filter_map("a time", |(micros, precision)| {
        let precision = [
            Precision::Year,
            Precision::Month,
            Precision::Day,
            Precision::Minute,
            Precision::Second,
            Precision::Millisecond,
            Precision::Microsecond,
        ][precision];
        // Writing cuts off what is finer, so reading gives the beginning of the period.
        Time { micros, precision }.to_string().parse().ok()
    })
}

fn interval() -> impl Strategy<Value = Interval> {
    (option::of(time()), option::of(time())).prop_map(|(a, b)| match (a, b) {
        (Some(a), Some(b)) if b.micros < a.micros => Interval { from: Some(b), until: Some(a) },
        (from, until) => Interval { from, until },
    })
}

fn instant() -> impl Strategy<Value = i64> {
    prop_oneof![
        MIN_MICROS..=MAX_MICROS,
        (MIN_MICROS / 1_000_000..=MAX_MICROS / 1_000_000).prop_map(|seconds| seconds * 1_000_000),
        Just(MIN_MICROS),
        Just(MAX_MICROS),
    ]
}

fn id() -> impl Strategy<Value = RecordId> {
    any::<[u8; 32]>().prop_map(RecordId::from_bytes)
}

fn link_kind() -> impl Strategy<Value = LinkKind> {
    prop_oneof![
        Just(LinkKind::Supersedes),
        Just(LinkKind::Corrects),
        Just(LinkKind::Retracts),
        Just(LinkKind::DerivedFrom)
    ]
}

/// The entries, each once.
fn once<T, K: Eq + std::hash::Hash>(entries: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut seen = HashSet::new();
    entries.into_iter().filter(|entry| seen.insert(key(entry))).collect()
}
