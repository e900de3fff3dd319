use annals_record::{Assertion, Polarity, Value, serialize_assertion};
use proptest::option;
use proptest::prelude::*;

use super::*;

fn log() -> LogId {
    LogId::from_bytes([9; 16])
}

/// JSON of every kind, as others write it: spaces, any order of keys, any spelling of a number.
fn json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?[0-9]{1,3}".prop_map(|digits| digits.parse::<i64>().unwrap().to_string()),
        "-?(0|[1-9][0-9]{0,16})(\\.[0-9]{1,17})?([eE][+-]?[0-9]{1,2})?",
        any::<f64>()
            .prop_filter("JSON has no NaN", |float| float.is_finite())
            .prop_map(|float| format!("{float:?}")),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    scalar.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|all| format!("[{}]", all.join(", "))),
            prop::collection::vec(("[a-z]{0,9}", inner), 0..4).prop_map(|all| {
                let fields: Vec<String> =
                    all.iter().map(|(key, value)| format!("\"{key}\" : {value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

fn time() -> impl Strategy<Value = f64> {
    prop_oneof![
        (0..4_000_000_000_000_i64).prop_map(|millis| millis as f64 / 1e3),
        (0..4_000_000_000_000_000_i64).prop_map(|micros| micros as f64 / 1e6),
        1.0e9..2.0e9,
        any::<f64>().prop_filter("a number", |time| !time.is_nan()),
        Just(-0.0),
        Just(f64::INFINITY),
    ]
}

pub(crate) fn facts() -> impl Strategy<Value = Fact> {
    let uuid = any::<[u8; 16]>().prop_map(Uuid::from_bytes);
    let id = prop_oneof![Just(FactId::Native), uuid.clone().prop_map(FactId::Foreign)];
    let cause = prop_oneof![
        (0..1_u64 << 62).prop_map(|at| Cause::Fact(Offset::new(at))),
        uuid.prop_map(Cause::Foreign)
    ];
    let name = "[^\\p{Cc}]{1,30}";
    let who = (id, option::of(cause), option::of(prop_oneof!["[^\\p{Cc}]{1,20}", any::<String>()]));
    let version = prop_oneof![Just(1), any::<i64>()];
    (name, name, json(), time(), option::of(time()), version, option::of(json()), who).prop_map(
        |(store, key, value, time, valid_time, schema_version, derivation, (id, causation, producer))| Fact {
            id,
            causation,
            valid_time,
            schema_version,
            producer,
            derivation,
            ..Fact::new(store, key, value, time)
        },
    )
}

/// Facts are compared by the bits of their times.
fn bits(fact: &Fact) -> (Fact, u64, Option<u64>) {
    (fact.clone(), fact.transaction_time.to_bits(), fact.valid_time.map(f64::to_bits))
}

proptest! {
    #[test]
    fn every_fact_comes_again_of_its_assertion_and_of_its_payload(fact in facts()) {
        let assertion = fact.to_assertion().unwrap();
        prop_assert_eq!(bits(&Fact::from_assertion(&assertion).unwrap()), bits(&fact));
        let payload = fact.to_payload().unwrap();
        prop_assert_eq!(bits(&Fact::from_payload(&payload).unwrap()), bits(&fact));
    }

    #[test]
    fn a_payload_laid_down_directly_is_the_one_that_every_assertion_has(fact in facts()) {
        let mut direct = vec![0xaa; 3];
        fact.view().write(&mut direct);
        let payload = fact.to_payload().unwrap();
        prop_assert_eq!(&direct[3..], &payload[..]);
        prop_assert_eq!(fact.view().len(), payload.len());
        prop_assert_eq!(Fact::of_payload(&payload).map(|fact| bits(&fact)), Some(bits(&fact)));
    }

    #[test]
    fn a_line_is_json_with_every_field(fact in facts(), at in 0..1_u64 << 62) {
        let finite = fact.transaction_time.is_finite() && fact.valid_time.is_none_or(f64::is_finite);
        let line = fact.line(log(), Offset::new(at)).unwrap();
        if finite {
            let read: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(read.len(), 11);
            prop_assert_eq!(read["key"].as_str(), Some(&*fact.key));
        }
        let frame = frame(&line);
        prop_assert_eq!(frame.len(), line.len() + 8);
    }

    #[test]
    fn a_native_id_and_a_place_are_one_thing(at in 0..1_u64 << 62, log: [u8; 16], other: [u8; 16]) {
        let (at, log, other) = (Offset::new(at), LogId::from_bytes(log), LogId::from_bytes(other));
        let id = id_at(log, at);
        prop_assert_eq!(place_of(log, id), Some(at));
        prop_assert_eq!(place_of(other, id).is_some(), log == other);
        prop_assert_eq!(id.get_version_num(), 8);
        prop_assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
    }
}

#[test]
fn an_assertion_that_says_more_than_a_fact_is_none() {
    let fact =
        Fact { producer: Some("gate 4".into()), ..Fact::new("gps", "van-7", r#"{"lat":52.5}"#, 1.7e9) };
    let good = fact.to_assertion().unwrap();
    assert_eq!(Fact::from_assertion(&good), Ok(fact));
    let refused = |change: fn(&mut Assertion)| {
        let mut assertion = good.clone();
        change(&mut assertion);
        assert!(Fact::from_assertion(&assertion).is_err(), "{assertion:?}");
        assert_eq!(Fact::of_payload(&serialize_assertion(&assertion).unwrap()), None, "{assertion:?}");
    };
    refused(|a| a.polarity = Polarity::Deny);
    refused(|a| a.object = Value::Int(5));
    refused(|a| a.object = Value::Text { text: "1".into(), language: Some("en".into()) });
    refused(|a| a.sources.push("a map".into()));
    refused(|a| a.confidence_ppm = Some(1));
    refused(|a| a.authored_at_micros = None);
    refused(|a| {
        a.qualifiers.push(annals_record::Qualifier { key: "colour".into(), value: Value::Bool(true) });
    });
    // Said twice over: a schema of 1 is not said.
    refused(|a| a.qualifiers.push(annals_record::Qualifier { key: "schema".into(), value: Value::Int(1) }));
}

#[test]
fn what_cannot_be_kept_is_refused_with_its_field() {
    let good = Fact::new("s", "k", "1", 1.0);
    let refused = |fact: Fact, text: &str| {
        let error = fact.to_payload().unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    };
    refused(Fact { value: "{".into(), ..good.clone() }, "value is no JSON");
    refused(Fact { derivation: Some("nope".into()), ..good.clone() }, "derivation is no JSON");
    refused(Fact { transaction_time: f64::NAN, ..good.clone() }, "transaction time is not a number");
    refused(Fact { valid_time: Some(f64::NAN), ..good.clone() }, "valid time is not a number");
    refused(Fact { key: String::new(), ..good.clone() }, "subject is empty");
    refused(Fact { store: "a\nb".into(), ..good.clone() }, "predicate has the control character");
    refused(
        Fact { causation: Some(Cause::Fact(Offset::new(1 << 62))), ..good },
        "beyond what a log can hold",
    );
}

#[test]
fn a_value_hash_sorts_keys_at_every_depth_and_leaves_numbers_alone() {
    let hash = |value: &str| Fact::new("s", "k", value, 0.0).value_hash();
    assert_eq!(
        hash(r#"{"b":1,"a":{"d":[1, 2],"c":"é"}}"#),
        hash(r#" { "a" : {"c":"\u00e9","d":[1,2]}, "b":1 }"#)
    );
    assert_ne!(hash("1.0"), hash("1"));
    assert_ne!(hash("[1,2]"), hash("[2,1]"));
    // As `printf '{"a":1,"b":[]}' | sha256sum` says.
    let known = "f87e4099e9be5e75094e0a4f46d3dc18a9c37429314a5a2490fb78d31e7e170c";
    let found: String = hash(r#"{"b":[],"a":1}"#).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found, known);
    assert!(hash(&"[".repeat(100_000)).is_err());
    assert!(hash("{\"a\":}").is_err());
}

#[test]
fn a_line_spells_everything_out() {
    let mut fact =
        Fact { valid_time: Some(1.5), ..Fact::new("gps", "van", r#"{"lat":52.5}"#, 1_700_000_000.25) };
    fact.causation = Some(Cause::Foreign(Uuid::from_u128(7)));
    let line = fact.line(log(), Offset::new(16)).unwrap();
    let id = id_at(log(), Offset::new(16));
    let hash: String = fact.value_hash().unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        line,
        format!(
            r#"{{"id":"{id}","store":"gps","key":"van","value":{{"lat":52.5}},"value_hash":"{hash}","causation":"00000000-0000-0000-0000-000000000007","transaction_time":1700000000.25,"valid_time":1.5,"schema_version":1,"producer":null,"derivation":null}}"#
        )
    );
    assert_eq!(frame("123456789"), *b"\0\0\0\x09123456789\xcb\xf4\x39\x26");
}
