use proptest::prelude::*;
use rkyv::util::AlignedVec;

use super::*;
use crate::limits::LimitError;
use crate::{Link, LinkKind, Qualifier, Stance, Value, samples};

/// What a payload decodes to, read in place and read from an odd address; both must agree.
fn check(payload: &[u8]) -> Result<Record, DecodeError> {
    let mut aligned = AlignedVec::<16>::new();
    aligned.extend_from_slice(payload);
    let mut odd = AlignedVec::<16>::new();
    odd.push(0);
    odd.extend_from_slice(payload);
    let decoded = Record::decode(&aligned);
    assert_eq!(decoded, Record::decode(&odd[1..]), "an odd address reads alike");
    decoded
}

fn assertion() -> Assertion {
    Assertion::new("Everest", "height", Value::Int(8_849))
}

#[test]
fn order_of_sets_changes_no_byte() {
    let mut forth = assertion();
    forth.qualifiers = [("b", 1), ("a", 2), ("a", 1)]
        .map(|(key, number)| Qualifier { key: key.to_owned(), value: Value::Int(number) })
        .into();
    forth.links = [(LinkKind::Corrects, 1), (LinkKind::Supersedes, 2), (LinkKind::Supersedes, 1)]
        .map(|(kind, byte)| Link { kind, target: RecordId::from_bytes([byte; 32]) })
        .into();
    let mut back = forth.clone();
    back.qualifiers.reverse();
    back.links.reverse();
    assert_ne!(forth, back);
    assert_eq!(serialize_assertion(&forth), serialize_assertion(&back));

    back.sources = vec!["z".to_owned(), "a".to_owned()];
    forth.sources = vec!["a".to_owned(), "z".to_owned()];
    assert_ne!(serialize_assertion(&forth), serialize_assertion(&back), "sources keep their order");
}

#[test]
fn all_floats_that_are_no_number_are_one() {
    let [canonical, signalling, negative] =
        [0x7ff8_0000_0000_0000, 0x7ff0_0000_0000_0001, 0xfff8_0000_0000_0007]
            .map(|bits| Assertion::new("s", "p", Value::Float(f64::from_bits(bits))));
    assert_eq!(canonical, signalling);
    assert_eq!(serialize_assertion(&canonical), serialize_assertion(&signalling));
    assert_eq!(serialize_assertion(&canonical), serialize_assertion(&negative));
    assert!(matches!(check(&encode(&signalling)), Err(DecodeError::NotCanonical { .. })));
}

#[test]
fn each_flaw_of_the_header_has_its_own_error() {
    let good = serialize_assertion(&assertion()).unwrap();
    let with = |at: usize, byte: u8| {
        let mut payload = good.clone();
        payload[at] = byte;
        check(&payload)
    };
    assert_eq!(check(&[]), Err(DecodeError::TooShort { found: 0, needed: 8 }));
    assert_eq!(check(&good[..7]), Err(DecodeError::TooShort { found: 7, needed: 8 }));
    assert_eq!(check(&good[..8]), Err(DecodeError::TooShort { found: 8, needed: 8 + 216 }));
    assert_eq!(with(0, 3), Err(DecodeError::Reserved(3)));
    assert_eq!(with(0, 127), Err(DecodeError::Reserved(127)));
    assert_eq!(with(0, 128), Err(DecodeError::Application(128)));
    assert_eq!(check(&[255]), Err(DecodeError::Application(255)), "what follows is the application's");
    assert_eq!(with(1, 1), Err(DecodeError::UnknownVersion { record_type: 0, found: 1 }));
    assert_eq!(with(2, 1), Err(DecodeError::Header { at: 2, found: 1 }));
    assert_eq!(with(7, 9), Err(DecodeError::Header { at: 7, found: 9 }));
    assert_eq!(
        check(&[&good[..], &vec![0; MAX_PAYLOAD]].concat()),
        Err(DecodeError::TooLong { found: MAX_PAYLOAD + good.len() })
    );
    assert!(
        matches!(with(8 + 72, 2), Err(DecodeError::Archive { record_type: 0 })),
        "an option that is neither"
    );
}

#[test]
fn a_valid_archive_of_an_invalid_record_is_refused() {
    let empty = encode(&Assertion::new("", "p", Value::Int(1)));
    assert_eq!(check(&empty), Err(DecodeError::Invalid(LimitError::Empty { field: "subject" })));
    let mut twice = assertion();
    twice.qualifiers = vec![Qualifier { key: "k".to_owned(), value: Value::Bool(true) }; 2];
    assert_eq!(
        check(&encode(&twice)),
        Err(DecodeError::Invalid(LimitError::Repeated { field: "qualifiers" }))
    );
}

#[test]
fn a_record_has_one_form_only() {
    let mut unsorted = assertion();
    unsorted.qualifiers =
        ["b", "a"].map(|key| Qualifier { key: key.to_owned(), value: Value::NoValue }).into();
    let expected = RecordId::of(&serialize_assertion(&unsorted).unwrap());
    assert_eq!(check(&encode(&unsorted)), Err(DecodeError::NotCanonical { expected }));

    // Eight bytes that no pointer reaches, between the header and the archive.
    let good = serialize_assertion(&assertion()).unwrap();
    let stuffed = [&good[..8], &[0; 8], &good[8..]].concat();
    assert_eq!(check(&stuffed), Err(DecodeError::NotCanonical { expected: RecordId::of(&good) }));

    // The root once more: the last one is read, and says the same.
    let vote = serialize_vote(&Vote::new(RecordId::from_bytes([1; 32]), "ada", Stance::For)).unwrap();
    let twice = [&vote[..], &vote[8..]].concat();
    assert_eq!(check(&twice), Err(DecodeError::NotCanonical { expected: RecordId::of(&vote) }));

    // A byte of padding after the tag of a value, which no reader looks at.
    let mut padded = good.clone();
    padded[8 + 16 + 1] = 1;
    assert_eq!(check(&padded), Err(DecodeError::NotCanonical { expected: RecordId::of(&good) }));
}

#[test]
fn a_build_that_encodes_differently_is_found_out() {
    assert_eq!(check_encoding(), Ok(()));
    let mismatch = golden::compare("vote", &golden::vote(), "another").unwrap_err();
    assert_eq!(mismatch.found, RecordId::of(&encode(&golden::vote())));
    assert!(mismatch.to_string().contains("golden vote"), "{mismatch}");
}

#[test]
fn the_goldens_of_the_start_have_every_field_and_every_kind() {
    for record in [golden::assertion().into(), golden::vote().into(), Record::Epoch(golden::epoch())] {
        assert_eq!(check(&record.payload().unwrap()), Ok(record));
    }
    let kinds: Vec<_> = golden::assertion().qualifiers.iter().map(|q| q.value.kind_number()).collect();
    assert!((0..12).all(|kind| kinds.contains(&kind)), "{kinds:?}");
}

#[test]
fn a_kind_of_value_has_its_number_in_the_payload() {
    for qualifier in golden::assertion().qualifiers {
        let number = qualifier.value.kind_number();
        let payload = serialize_assertion(&Assertion::new("s", "p", qualifier.value)).unwrap();
        assert_eq!(payload[payload.len() - 216 + 16], number);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_record_comes_back_from_its_payload(record in samples::record()) {
        let payload = record.payload().unwrap();
        prop_assert_eq!(check(&payload), Ok(record.clone()));
        prop_assert_eq!(record.id(), Ok(RecordId::of(&payload)));
        prop_assert_eq!(record_type(&payload), Some(record.record_type()));
    }

    #[test]
    fn any_order_of_an_assertion_gives_the_payload_of_its_sorted_form(assertion in samples::assertion()) {
        let mut sorted = assertion.clone();
        sorted.canonicalize();
        prop_assert!(sorted.is_canonical());
        prop_assert_eq!(assertion.validate(), Ok(()));
        prop_assert_eq!(serialize_assertion(&assertion), serialize_assertion(&sorted));
    }

    #[test]
    fn any_bytes_end_in_a_record_or_an_error(record_type in 0..3_u8, archive in proptest::collection::vec(any::<u8>(), 0..400)) {
        let payload = [&[record_type, 0, 0, 0, 0, 0, 0, 0], &archive[..]].concat();
        if let Ok(record) = check(&payload) {
            prop_assert_eq!(record.payload(), Ok(payload));
        }
    }

    #[test]
    fn changed_bytes_end_in_an_error_or_in_the_record_they_spell(
        record in samples::record(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut payload = record.payload().unwrap();
        for (at, byte) in changes {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        if let Ok(record) = check(&payload) {
            prop_assert_eq!(record.payload(), Ok(payload));
        }
    }

    #[test]
    fn a_cut_payload_is_never_a_record(record in samples::record(), cut in any::<prop::sample::Index>()) {
        let payload = record.payload().unwrap();
        // The root stands at the end, so a cut takes part of it.
        prop_assert!(check(&payload[..cut.index(payload.len())]).is_err());
    }
}

#[cfg(feature = "json")]
mod fixtures {
    use serde_json::Value as Json;

    use super::*;

    /// Each line holds a record as a person writes it, its payload in hex, and its id.
    const FIXTURES: &str = include_str!("golden.jsonl");

    fn field(line: &Json, key: &str) -> String {
        line[key].as_str().unwrap_or_default().to_owned()
    }

    /// The text of the record itself: through a parsed number, digits would be lost.
    fn written(line: &str) -> &str {
        let (_, rest) = line.split_once(r#""json":"#).unwrap();
        rest.split_once(r#","payload":"#).unwrap().0
    }

    #[test]
    fn golden_records_have_their_golden_bytes() {
        assert!(FIXTURES.lines().count() >= 60);
        for line in FIXTURES.lines() {
            let golden: Json = serde_json::from_str(line).unwrap();
            let read = Record::from_json(written(line)).unwrap();
            let hex: String = read.payload.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, field(&golden, "payload"), "{line}");
            assert_eq!(read.id.to_string(), field(&golden, "id"), "{line}");
            assert_eq!(check(&read.payload), Ok(read.record), "{line}");
        }
    }

    #[test]
    fn each_golden_is_another_record() {
        let ids: std::collections::HashSet<_> = FIXTURES.lines().map(|line| line.split(',').next()).collect();
        assert_eq!(ids.len(), FIXTURES.lines().count());
    }

    #[test]
    fn a_golden_cut_or_flipped_anywhere_never_panics() {
        for line in FIXTURES.lines() {
            let payload = Record::from_json(written(line)).unwrap().payload;
            for at in 0..payload.len() {
                assert!(check(&payload[..at]).is_err());
                for flip in [1, 0x80, 0xff] {
                    let mut flipped = payload.clone();
                    flipped[at] ^= flip;
                    if let Ok(record) = check(&flipped) {
                        assert_eq!(record.payload(), Ok(flipped));
                    }
                }
            }
        }
    }
}
