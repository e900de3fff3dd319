use proptest::prelude::*;

use super::*;
use crate::limits::{MAX_ITEMS, MAX_LINE};
use crate::{Assertion, DecimalError, Kind, LimitError, RecordError, TimeError, Value, samples};

const ID: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// What an assertion about `s` and `p` with this JSON as its object is written as again, its first keys left out.
fn object(json: &str) -> String {
    check(&format!(r#""object":{json}"#))
}

/// What an assertion about `s` and `p` with these keys is written as again, its first keys left out; or the error.
fn check(keys: &str) -> String {
    match Record::from_json(&format!(r#"{{"subject":"s","predicate":"p",{keys}}}"#)) {
        Ok(read) => {
            read.record.to_json().replace(r#"{"type":"assertion","subject":"s","predicate":"p","#, "")
        }
        Err(error) => {
            assert_eq!(error.kind(), Kind::Fix);
            error.to_string()
        }
    }
}

/// As [`check`], for keys beside an object.
fn check_more(keys: &str) -> String {
    check(&format!(r#""object":1,{keys}"#)).replace(r#""object":1,"#, "")
}

/// What a whole line is written as again, or the error.
fn line(json: &str) -> String {
    Record::from_json(json).map_or_else(|error| error.to_string(), |read| read.record.to_json())
}

#[test]
fn every_form_of_a_value_is_read_and_written() {
    for form in [
        r#""text""#,
        r#""""#,
        r#"{"text":"Text","language":"de"}"#,
        "true",
        "false",
        "3",
        "-9223372036854775808",
        "5.20",
        r#"{"decimal":"5"}"#,
        r#"{"entity":"Everest"}"#,
        r#"{"time":"2024-05"}"#,
        r#"{"quantity":"5.2","unit":"m"}"#,
        r#"{"float":1.5}"#,
        r#"{"float":-0.0}"#,
        r#"{"float":"NaN"}"#,
        r#"{"float":"inf"}"#,
        r#"{"float":"-inf"}"#,
        r#"{"float":5e-324}"#,
        r#"{"bytes":"00ff"}"#,
        r#"{"some":true}"#,
        r#"{"none":true}"#,
    ] {
        assert_eq!(object(form), format!(r#""object":{form}}}"#));
    }
    assert_eq!(
        object(&format!(r#"{{"assertion":"{ID}"}}"#)),
        format!(r#""object":{{"assertion":"{ID}"}}}}"#)
    );
}

#[test]
fn other_ways_to_write_a_value_mean_the_same() {
    for (form, written) in [
        (r#"{"text":"text"}"#, r#""text""#),
        (r#"{"decimal":5.0}"#, "5.0"),
        (r#"{"decimal":5}"#, r#"{"decimal":"5"}"#),
        (r#"{"quantity":5.20,"unit":"m"}"#, r#"{"quantity":"5.20","unit":"m"}"#),
        (r#"{"unit":"m","quantity":5}"#, r#"{"quantity":"5","unit":"m"}"#),
        (r#"{"float":1}"#, r#"{"float":1.0}"#),
        (r#"{"bytes":"AbCd"}"#, r#"{"bytes":"abcd"}"#),
        ("9223372036854775808", r#"{"decimal":"9223372036854775808"}"#),
        ("1.50e1", "15.0"),
        ("123456789.012345", "123456789.012345"),
        ("1234567890.012345", r#"{"decimal":"1234567890.012345"}"#),
        ("1e3", r#"{"decimal":"1000"}"#),
        ("-0", "0"),
        (r#"{"time":"2024-05-03T12:00+02:00"}"#, r#"{"time":"2024-05-03T10:00Z"}"#),
        (r#""\u0065\ud83e\udd80\/""#, r#""e🦀/""#),
    ] {
        assert_eq!(object(form), format!(r#""object":{written}}}"#), "{form}");
    }
}

#[test]
fn a_value_of_no_known_form_is_refused_with_its_key() {
    for (form, expected) in [
        ("null", "`object` is null, expected a text, a number, true, false, or an object"),
        ("[1]", "`object` is a list, expected a text"),
        ("{}", "`object` is {}, expected a text"),
        (r#"{"int":3}"#, "unknown key `object.int`"),
        (r#"{"entity":"a","text":"b"}"#, "unknown key `object.text`"),
        (r#"{"entity":"a","entity":"b"}"#, "`object.entity` is given twice"),
        (r#"{"entity":3}"#, "`object.entity` is 3, expected a text in quotes"),
        (r#"{"quantity":"5"}"#, "`object.unit` is missing"),
        (r#"{"quantity":"five","unit":"m"}"#, "`object.quantity`: not a decimal number at byte 0"),
        (r#"{"decimal":"1e3"}"#, "`object.decimal`: not a decimal number at byte 1"),
        (r#"{"language":"de"}"#, r#"`object` is {"language":"de"}, expected a text"#),
        (r#"{"float":1e400}"#, "`object.float` is 1e400, expected a number within the range"),
        (r#"{"float":"nan"}"#, r#"`object.float` is "nan", expected a number"#),
        (r#"{"time":2024}"#, "`object.time` is 2024, expected a text in quotes"),
        (r#"{"time":"yesterday"}"#, "`object.time`: not a time at byte 0"),
        (r#"{"bytes":"abc"}"#, r#"`object.bytes` is "abc", expected pairs of hex digits"#),
        (r#"{"bytes":"zz"}"#, r#"`object.bytes` is "zz", expected pairs of hex digits"#),
        (r#"{"assertion":"ab"}"#, "`object.assertion` is not an id: 2 hex digits, expected 64"),
        (r#"{"some":false}"#, "`object.some` is false, expected true"),
        (r#"{"none":1}"#, "`object.none` is 1, expected true"),
        (r#""\ud800""#, "`object` is not a text: "),
        ("1e1001", "`object`: more than 1000 digits in a decimal number"),
        ("1e99999999999999999999", "`object`: more than 1000 digits in a decimal number"),
        (r#"{"entity":""}"#, "entity is empty; it takes 1 to 1024 bytes"),
        (r#"{"text":"a","language":""}"#, "language is empty"),
        (
            r#"{"entity":"a\tb"}"#,
            "entity has the control character U+0009 at byte 1; only texts may have any",
        ),
    ] {
        let found = object(form);
        assert!(found.starts_with(expected), "{form}: {found}");
    }
}

#[test]
fn every_key_of_an_assertion_is_read_and_written() {
    for keys in [
        r#""polarity":"deny""#.to_owned(),
        r#""confidence":0.95"#.to_owned(),
        r#""source":"a""#.to_owned(),
        r#""sources":["b","a"]"#.to_owned(),
        r#""agent":"a""#.to_owned(),
        format!(r#""epoch":"{ID}""#),
        r#""qualifiers":{"a":[1,2],"b":"c"}"#.to_owned(),
        r#""valid":{"from":"2023","until":"2024-05-03T10:00:00.000Z"}"#.to_owned(),
        r#""valid":{}"#.to_owned(),
        format!(r#""supersedes":"{ID}","corrects":"{ID}","retracts":"{ID}","derived_from":"{ID}""#),
        r#""authored_at":"2024-05-03T10:00:00.123456Z""#.to_owned(),
    ] {
        assert_eq!(check_more(&keys), format!("{keys}}}"));
    }
}

#[test]
fn other_ways_to_write_a_key_mean_the_same() {
    let epoch = crate::EpochId::of("trixie");
    for (keys, written) in [
        (r#""polarity":"affirm""#, String::new()),
        (r#""confidence":1"#, r#""confidence":1.0"#.to_owned()),
        (r#""confidence":95e-2"#, r#""confidence":0.95"#.to_owned()),
        (r#""confidence":0.9500000"#, r#""confidence":0.95"#.to_owned()),
        (r#""sources":["a"]"#, r#""source":"a""#.to_owned()),
        (r#""sources":[],"supersedes":[],"qualifiers":{"a":[]}"#, String::new()),
        (r#""epoch":"trixie""#, format!(r#""epoch":"{epoch}""#)),
        (r#""qualifiers":{"b":1,"a":[2]}"#, r#""qualifiers":{"a":2,"b":1}"#.to_owned()),
        (r#""authored_at":"2024-05-03T12:00+02:00""#, r#""authored_at":"2024-05-03T10:00:00Z""#.to_owned()),
        (r#""offset":17,"type":"assertion""#, String::new()),
    ] {
        let written = if written.is_empty() { r#""object":1}"#.to_owned() } else { format!("{written}}}") };
        assert_eq!(check_more(keys), written, "{keys}");
    }
}

#[test]
fn a_key_that_says_no_such_thing_is_refused_by_name() {
    for (keys, expected) in [
        (r#""subject":"t""#, "`subject` is given twice"),
        (r#""s\u0075bject":"t""#, "`subject` is given twice"),
        (r#""colour":"red""#, "unknown key `colour`"),
        (r#""voter":"ada""#, "unknown key `voter`"),
        (r#""polarity":"maybe""#, r#"`polarity` is "maybe", expected "affirm" or "deny""#),
        (r#""polarity":null"#, "`polarity` is null, expected"),
        (r#""agent":null"#, "`agent` is null, expected a text in quotes"),
        (
            r#""confidence":1.000001"#,
            "`confidence` is 1.000001, expected a number from 0 to 1 in steps of 0.000001",
        ),
        (r#""confidence":0.9500001"#, "`confidence` is 0.9500001, expected a number from 0 to 1"),
        (r#""confidence":-0.5"#, "`confidence` is -0.5, expected a number from 0 to 1"),
        (r#""confidence":"0.5""#, "`confidence` is a text, expected a number"),
        (r#""source":"a","sources":["b"]"#, "`source, sources` is given twice"),
        (r#""source":["a"]"#, "`source` is a list, expected a text in quotes"),
        (r#""sources":"a""#, "`sources` is a text, expected a list of texts"),
        (r#""sources":["a",3]"#, "`sources` is 3, expected a text in quotes"),
        (r#""sources":["a","a"]"#, "sources has the same entry twice; say it once"),
        (r#""epoch":"""#, "epoch is empty"),
        (r#""qualifiers":[1]"#, "`qualifiers` is a list, expected an object of qualifiers"),
        (r#""qualifiers":{"a":1,"a":2}"#, "`qualifiers.a` is given twice"),
        (r#""qualifiers":{"a":{"unit":"m"}}"#, r#"`qualifiers.a` is {"unit":"m"}, expected"#),
        (r#""qualifiers":{"a":[1,1]}"#, "qualifiers has the same entry twice"),
        (r#""qualifiers":{"":1}"#, "qualifier key is empty"),
        (r#""valid":"2024""#, "`valid` is a text, expected an object with from, until or both"),
        (r#""valid":{"to":"2024"}"#, "unknown key `valid.to`"),
        (r#""valid":{"from":"2024-13"}"#, "`valid.from`: no such month in the calendar"),
        (r#""valid":{"from":"2024","until":"2023"}"#, "valid ends before it begins"),
        (r#""corrects":["ab"]"#, "`corrects` is not an id: 2 hex digits, expected 64"),
        (r#""authored_at":"2024-05-03""#, "`authored_at`: an instant needs its date and its time of day"),
        (r#""authored_at":1714730400"#, "`authored_at` is 1714730400, expected a text in quotes"),
        (r#""type":"claim""#, "unknown type `claim`; it is `assertion`, `vote` or `epoch`"),
        (r#""type":7"#, "`type` is 7, expected a text in quotes"),
        (r#""id":"ab""#, "`id` is not an id: 2 hex digits, expected 64"),
    ] {
        let found = check_more(keys);
        assert!(found.starts_with(expected), "{keys}: {found}");
    }
}

#[test]
fn a_line_that_is_no_object_is_refused_in_one_sentence() {
    for (json, expected) in [
        ("", "not JSON: EOF while parsing a value at column 0"),
        ("hello", "not JSON: expected value at column 1"),
        ("[1]", "the line is a list, expected an object like"),
        ("3", "the line is a number, expected an object like"),
        (r#"{"subject":"s""#, "not JSON: EOF while parsing an object at column 14"),
        (r#"{"subject":"s"} x"#, "not JSON: trailing characters at column 17"),
        (r#"{"colour":1,}"#, "not JSON: trailing comma at column 13"),
        (r#"{"subject":'s'}"#, "not JSON: expected value at column 12"),
        ("{}", "`subject` is missing"),
        (r#"{"subject":"s"}"#, "`predicate` is missing"),
        (r#"{"subject":"s","predicate":"p"}"#, "`object` is missing"),
        (r#"{"subject":"","predicate":"p","object":1}"#, "subject is empty; it takes 1 to 1024 bytes"),
    ] {
        let found = line(json);
        assert!(found.starts_with(expected), "{json}: {found}");
    }
}

#[test]
fn votes_are_read_and_written() {
    let start = format!(r#"{{"type":"vote","assertion":"{ID}","voter":"ada""#);
    let vote = |keys: &str| line(&format!("{start},{keys}}}")).replace(&start, "");
    assert_eq!(vote(r#""stance":1"#), r#","stance":1,"weight":1.0,"seq":0}"#);
    let all = r#","stance":-1,"weight":0.5,"seq":18446744073709551615,"reason":"","epoch":"#;
    let all = format!(r#"{all}"{ID}","cast_at":"2024-05-03T10:00:00Z"}}"#);
    assert_eq!(vote(all.trim_start_matches(',').trim_end_matches('}')), all);
    for (keys, expected) in [
        (r#""weight":1"#, "`stance` is missing"),
        (r#""stance":2"#, "`stance` is 2, expected -1, 0 or 1"),
        (r#""stance":1.0"#, "`stance` is 1.0, expected -1, 0 or 1"),
        (r#""stance":"for""#, "`stance` is a text, expected -1, 0 or 1"),
        (r#""stance":0,"seq":-1"#, "`seq` is -1, expected a whole number from 0 to 18446744073709551615"),
        (
            r#""stance":0,"weight":1000.000001"#,
            "`weight` is 1000.000001, expected a number from 0 to 1000 in steps",
        ),
        (r#""stance":0,"subject":"s""#, "unknown key `subject`"),
        (r#""stance":0,"authored_at":"2024-05-03T10:00Z""#, "unknown key `authored_at`"),
    ] {
        assert!(vote(keys).starts_with(expected), "{keys}: {}", vote(keys));
    }
}

#[test]
fn epochs_are_read_and_written() {
    let full = format!(
        r#"{{"type":"epoch","name":"n","description":"d","supersedes":["{ID}",{{"refines":"{ID}"}},{{"extends":"{ID}"}}],"starts":"2024","ends":"2025-01-01","author":"a","authored_at":"2024-05-03T10:00:00.100Z"}}"#
    );
    assert_eq!(line(&full), full);
    let one = r#"{"type":"epoch","name":"n","supersedes":{"replaces":"m"}}"#;
    assert_eq!(
        line(one),
        format!(r#"{{"type":"epoch","name":"n","supersedes":"{}"}}"#, crate::EpochId::of("m"))
    );
    for (keys, expected) in [
        (r#""supersedes":3"#, "`supersedes` is 3, expected an epoch's name or id, or an object"),
        (r#""supersedes":{}"#, "`supersedes` is {}, expected an epoch's name or id"),
        (r#""supersedes":{"refines":"a","extends":"b"}"#, "unknown key `supersedes.extends`"),
        (r#""supersedes":["a","a"]"#, "supersedes has the same entry twice"),
        (r#""starts":"2024","ends":"2023""#, "the epoch ends before it begins"),
        (r#""confidence":1"#, "unknown key `confidence`"),
    ] {
        let found = line(&format!(r#"{{"type":"epoch","name":"n",{keys}}}"#));
        assert!(found.starts_with(expected), "{keys}: {found}");
    }
}

#[test]
fn an_id_is_checked_and_an_offset_ignored() {
    let read = Record::from_json(r#"{"subject":"s","predicate":"p","object":1}"#).unwrap();
    let at = read.record.to_json_at(Some(read.id), Some(Offset::new(40)));
    assert!(at.starts_with(&format!(r#"{{"id":"{}","offset":40,"type":"assertion","#, read.id)), "{at}");
    assert_eq!(Record::from_json(&at), Ok(read.clone()));
    let forged = at.replace(r#""object":1"#, r#""object":2"#);
    let computed = Record::from_json(r#"{"subject":"s","predicate":"p","object":2}"#).unwrap().id;
    assert_eq!(Record::from_json(&forged), Err(JsonError::IdMismatch { claimed: read.id, computed }));
}

#[test]
fn a_line_may_be_one_mebibyte_and_no_more() {
    let line =
        |bytes: usize| format!(r#"{{"subject":"s","predicate":"p","object":"{}"}}"#, "x".repeat(bytes));
    let room = MAX_LINE - line(0).len();
    assert_eq!(Record::from_json(&line(room + 1)), Err(JsonError::LineTooLong { bytes: MAX_LINE + 1 }));
    assert!(
        matches!(
            Record::from_json(&line(room)),
            Err(JsonError::Record(RecordError::Invalid(LimitError::RecordTooLarge { .. })))
        ),
        "with its id and offset it would not fit"
    );
    assert!(Record::from_json(&(line(room - 4_096) + "\r\n")).is_ok());
}

#[test]
fn depth_and_number_are_bounded() {
    let deep = format!(r#"{{"subject":"s","predicate":"p","object":{}}}"#, "[".repeat(MAX_LINE - 100));
    assert!(matches!(Record::from_json(&deep), Err(JsonError::Syntax { .. })));
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(Record::from_json(&deep), Err(JsonError::UnknownKey { key: "a".to_owned() }));
    let many = format!("{{{}\"b\":1}}", r#""a":1,"#.repeat(100_000));
    assert!(matches!(Record::from_json(&many), Err(JsonError::UnknownKey { .. })));
    let values = vec!["1"; MAX_ITEMS + 1].join(",");
    assert_eq!(
        check_more(&format!(r#""qualifiers":{{"a":[{values}]}}"#)),
        "qualifiers has 1025 entries, at most 1024 are allowed"
    );
    let sources: Vec<_> = (0..=MAX_ITEMS).map(|i| format!(r#""{i}""#)).collect();
    assert_eq!(
        check_more(&format!(r#""sources":[{}]"#, sources.join(","))),
        "sources has 1025 entries, at most 1024 are allowed"
    );
}

#[test]
fn an_unsorted_record_is_written_sorted() {
    let mut assertion = Assertion::new("s", "p", Value::Int(1));
    for key in ["b", "a", "b"] {
        let value = Value::Int(assertion.qualifiers.len() as i64);
        assertion.qualifiers.push(crate::Qualifier { key: key.to_owned(), value });
    }
    let json = Record::Assertion(assertion).to_json();
    assert!(json.ends_with(r#""qualifiers":{"a":1,"b":[0,2]}}"#), "{json}");
}

#[test]
fn errors_keep_their_cause() {
    let error = Record::from_json(r#"{"subject":"s","predicate":"p","object":1e9999}"#).unwrap_err();
    assert_eq!(error, JsonError::Number { key: "object".to_owned(), source: DecimalError::TooLong });
    let error = Record::from_json(r#"{"subject":"s","predicate":"p","object":{"time":"2024-05-03T10:00"}}"#)
        .unwrap_err();
    assert_eq!(error, JsonError::Time { key: "object.time".to_owned(), source: TimeError::NoZone });
    let long = format!(r#"{{"{}\n":1}}"#, "k".repeat(39));
    assert_eq!(line(&long), format!("unknown key `{}\\n`", "k".repeat(39)));
    let longer = format!(r#"{{"{}":1}}"#, "k".repeat(41));
    assert_eq!(line(&longer), format!("unknown key `{}…`", "k".repeat(40)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_record_comes_back_from_its_line(record in samples::record()) {
        let payload = record.payload().unwrap();
        let id = RecordId::of(&payload);
        let read = JsonRecord { record, payload, id };
        prop_assert_eq!(Record::from_json(&read.record.to_json()), Ok(read.clone()));
        let at = read.record.to_json_at(Some(id), Some(Offset::new(u64::MAX)));
        prop_assert!(!at.contains(['\n', '\r']));
        prop_assert!(serde_json::from_str::<serde_json::Value>(&at).is_ok_and(|json| json.is_object()));
        prop_assert_eq!(Record::from_json(&at), Ok(read));
    }

    #[test]
    fn any_change_of_a_line_ends_in_a_record_or_an_error(
        record in samples::record(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), "[\\PC\"\\\\{}\\[\\],:0-9]{0,2}"), 1..4),
    ) {
        let mut characters: Vec<String> = record.to_json().chars().map(String::from).collect();
        for (at, change) in changes {
            let at = at.index(characters.len());
            characters[at] = change;
        }
        if let Ok(read) = Record::from_json(&characters.concat()) {
            prop_assert_eq!(Record::from_json(&read.record.to_json()), Ok(read));
        }
    }
}
