use proptest::prelude::*;

use super::*;
use crate::{Qualifier, Record, RecordId, samples};

/// What [`LineSize`] adds up for an assertion with this object, exactly and without counting escapes.
fn sizes(object: &Value) -> [usize; 2] {
    [true, false].map(|exact| {
        let mut size = LineSize { bytes: FIXED, exact };
        size.value(object);
        size.bytes
    })
}

#[test]
#[cfg_attr(miri, ignore = "mebibytes of text take Miri many minutes")]
fn a_text_may_be_as_long_as_its_line_allows() {
    let check = |text: String| Assertion::new("s", "p", Value::text(text)).validate();
    assert_eq!(check("x".repeat(MAX_LINE - FIXED - VALUE - 2)), Ok(()));
    let refused = |found| matches!(found, Err(LimitError::RecordTooLarge { form: "a line of JSON", .. }));
    assert!(refused(check("x".repeat(MAX_LINE - FIXED - VALUE - 1))));
    assert!(refused(check("\u{1}".repeat(MAX_LINE / 6))), "each takes six bytes of JSON");
    assert_eq!(check("\u{1}".repeat(MAX_LINE / 6 - FIXED)), Ok(()));
    assert!(refused(Assertion::new("s", "p", Value::Bytes(vec![0; MAX_LINE / 2])).validate()));
}

#[test]
#[cfg_attr(miri, ignore = "mebibytes of text take Miri many minutes")]
fn the_fullest_lists_still_have_a_line_that_is_read_back() {
    let mut assertion = Assertion::new("s", "p", Value::NoValue);
    assertion.qualifiers = (0..1_024)
        .map(|i| Qualifier {
            key: "k".to_owned(),
            value: Value::Assertion(RecordId::of(&[i as u8, (i >> 8) as u8])),
        })
        .collect();
    assertion.canonicalize();
    let record = Record::Assertion(assertion);
    let read = Record::from_json(&record.to_json()).unwrap();
    assert_eq!(read.record, record);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_line_is_longer_than_it_was_taken_for(record in samples::record()) {
        let id = Some(RecordId::from_bytes([0xff; 32]));
        let bytes = record.to_json_at(id, Some(crate::Offset::new(u64::MAX))).len();
        let mut size = LineSize { bytes: FIXED, exact: true };
        match &record {
            Record::Assertion(assertion) => add_assertion(&mut size, assertion),
            Record::Vote(vote) => add_vote(&mut size, vote),
            Record::Epoch(epoch) => add_epoch(&mut size, epoch),
        }
        prop_assert!(bytes <= size.bytes, "{bytes} bytes, taken for {}", size.bytes);
    }

    #[test]
    fn the_quick_size_is_never_below_the_exact_one(value in samples::value()) {
        let [exact, quick] = sizes(&value);
        prop_assert!(exact <= quick);
    }
}
