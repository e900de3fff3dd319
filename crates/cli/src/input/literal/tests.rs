use super::*;

use oxrdf::NamedNode;

/// `expected` is how JSON would write the value; nothing if the literal keeps its text and its datatype.
fn check(text: &str, datatype: &str, expected: Option<&str>) {
    let iri = NamedNode::new(format!("{XSD}{datatype}")).unwrap();
    let found = value(Literal::new_typed_literal(text, iri.clone()));
    let expected = match expected {
        Some(json) => {
            let line = format!(r#"{{"subject":"s","predicate":"p","object":{json}}}"#);
            let annals::Record::Assertion(assertion) = annals::Record::from_json(&line).unwrap().record
            else {
                panic!("{line}");
            };
            (assertion.object, None)
        }
        None => (Value::text(text), Some(iri.into_string())),
    };
    assert_eq!(found, expected, "{text:?} as xsd:{datatype}");
}

#[test]
fn whole_numbers_are_numbers_however_large() {
    for (text, datatype, expected) in [
        ("5", "integer", "5"),
        ("+005", "int", "5"),
        ("-0", "integer", "0"),
        ("9223372036854775807", "long", "9223372036854775807"),
        ("9223372036854775808", "integer", r#"{"decimal":"9223372036854775808"}"#),
        ("18446744073709551615", "unsignedLong", r#"{"decimal":"18446744073709551615"}"#),
        (
            "-00123456789012345678901234567890123456789012",
            "integer",
            r#"{"decimal":"-123456789012345678901234567890123456789012"}"#,
        ),
    ] {
        check(text, datatype, Some(expected));
    }
}

#[test]
fn a_number_beyond_its_type_is_kept_as_it_is_written() {
    for (text, datatype) in [
        ("128", "byte"),
        ("-1", "unsignedByte"),
        ("0", "positiveInteger"),
        ("1", "nonPositiveInteger"),
        ("0", "negativeInteger"),
        ("18446744073709551616", "unsignedLong"),
        ("-123456789012345678901234567890123456789012", "nonNegativeInteger"),
        ("123456789012345678901234567890123456789012", "long"),
        ("", "integer"),
        ("+", "integer"),
        (" 5", "integer"),
        ("5.0", "integer"),
        ("٣", "integer"),
    ] {
        check(text, datatype, None);
    }
}

#[test]
fn every_digit_of_a_decimal_is_kept() {
    for (text, expected) in
        [("5.20", "5.20"), ("+1.0", "1.0"), (".5", "0.5"), ("-.50", "-0.50"), ("5.", "5"), ("007.10", "7.10")]
    {
        check(text, "decimal", Some(&format!(r#"{{"decimal":"{expected}"}}"#)));
    }
    for text in [".", "", "-", "1e3", "1.2.3", "--1", "+-1", &"9".repeat(1_001)] {
        check(text, "decimal", None);
    }
}

#[test]
fn floats_follow_xml_schema_and_not_rust() {
    for (text, expected) in [
        ("1.5E3", "1500.0"),
        ("-1e-2", "-0.01"),
        (".5", "0.5"),
        ("INF", r#""inf""#),
        ("-INF", r#""-inf""#),
        ("NaN", r#""NaN""#),
    ] {
        check(text, "double", Some(&format!(r#"{{"float":{expected}}}"#)));
    }
    for text in ["inf", "nan", "infinity", "1e400", "", "e5", "0x10", "1_000"] {
        check(text, "float", None);
    }
}

#[test]
fn booleans_have_four_forms() {
    check("true", "boolean", Some("true"));
    check("1", "boolean", Some("true"));
    check("false", "boolean", Some("false"));
    check("0", "boolean", Some("false"));
    check("True", "boolean", None);
}

#[test]
fn times_are_as_precise_as_they_are_written() {
    for (text, datatype, expected) in [
        ("2024-05-03T10:00:00Z", "dateTime", "2024-05-03T10:00:00Z"),
        ("2024-05-03T12:00:00+02:00", "dateTime", "2024-05-03T10:00:00Z"),
        ("2024-05-03T10:00:00", "dateTime", "2024-05-03T10:00:00Z"),
        ("2024-05-03T10:00:00.5", "dateTime", "2024-05-03T10:00:00.500Z"),
        ("2024-05-03T10:00:00.1234Z", "dateTime", "2024-05-03T10:00:00.123400Z"),
        ("2024-05-03T10:00:00.1234560000Z", "dateTimeStamp", "2024-05-03T10:00:00.123456Z"),
        ("-0044-03-15T12:00:00Z", "dateTime", "-0044-03-15T12:00:00Z"),
        ("2024-05-03", "date", "2024-05-03"),
        ("2024-05-03Z", "date", "2024-05-03"),
        ("2024-05", "gYearMonth", "2024-05"),
        ("2024", "gYear", "2024"),
        ("-0044+00:00", "gYear", "-0044"),
    ] {
        check(text, datatype, Some(&format!(r#"{{"time":"{expected}"}}"#)));
    }
}

#[test]
fn a_time_that_is_none_of_ours_is_kept_as_it_is_written() {
    for (text, datatype) in [
        ("2024-05-03T10:00Z", "dateTime"),
        ("2024-05-03T10:00:00.1234567Z", "dateTime"),
        ("2024-05-03T10:00:00.Z", "dateTime"),
        ("2024-05-03T24:00:00Z", "dateTime"),
        ("2024-02-30T10:00:00Z", "dateTime"),
        ("12024-05-03T10:00:00Z", "dateTime"),
        ("2024-05-03", "dateTime"),
        ("2024-05-03+02:00", "date"),
        ("2024-05", "date"),
        ("2024-05-03T10:00:00Z", "date"),
        ("2024+02:00", "gYear"),
        ("10:00:00", "time"),
        ("P1D", "duration"),
    ] {
        check(text, datatype, None);
    }
}

#[test]
fn a_plain_or_tagged_literal_is_a_text() {
    assert_eq!(value(Literal::new_simple_literal(" 5\n")), (Value::text(" 5\n"), None));
    let tagged = Literal::new_language_tagged_literal("chat", "fr").unwrap();
    assert_eq!(
        value(tagged),
        (Value::Text { text: "chat".to_owned(), language: Some("fr".to_owned()) }, None)
    );
}
