use annals::Value;

use super::*;

fn read(line: &str) -> Record {
    Record::from_json(line).unwrap().record
}

/// The one line that a record of this JSON is shown as.
fn check(json: &str, shown: &str) {
    assert_eq!(line(&read(json)), shown);
}

#[test]
fn an_assertion_is_one_line() {
    check(
        r#"{"subject":"Everest","predicate":"height","object":{"quantity":"8848.86","unit":"m"},"confidence":0.95,"source":"survey"}"#,
        "Everest  height  8848.86 m  (confidence 0.95; source survey)",
    );
    check(
        r#"{"subject":"s","predicate":"p","object":"t","polarity":"deny","qualifiers":{"k":{"entity":"e"}},"valid":{"from":"2020"}}"#,
        r#"s  NOT p  "t"  (k = e; valid 2020 to …)"#,
    );
}

#[test]
fn votes_and_epochs_are_one_line() {
    let id = "ab".repeat(32);
    check(
        &format!(
            r#"{{"type":"vote","assertion":"{id}","voter":"alice","stance":-1,"weight":2.5,"seq":3,"reason":"no"}}"#
        ),
        r#"alice  against on abababababab  (weight 2.5, seq 3)  "no""#,
    );
    check(r#"{"type":"epoch","name":"bookworm","starts":"2023-06-10"}"#, "bookworm  2023-06-10 to …");
}

#[test]
fn no_record_brings_a_control_character_to_the_terminal() {
    let record =
        read(r#"{"subject":"s","predicate":"p","object":"\u001b[31m\n\u009b","qualifiers":{"k":"\u0007"}}"#);
    let mut shown = vec![line(&record)];
    shown.extend(fields(&record).into_iter().map(|(_, field)| field));
    assert!(shown.iter().all(|text| !text.chars().any(char::is_control)), "{shown:?}");
    assert!(shown[0].contains("\\u{1b}[31m\\n"), "{shown:?}");
}

#[test]
fn lists_cut_what_is_long_and_one_record_does_not() {
    let long = "x".repeat(500);
    let record = read(&format!(r#"{{"subject":"s","predicate":"p","object":"{long}"}}"#));
    assert!(line(&record).len() < 150);
    assert!(fields(&record).iter().any(|(_, field)| field.contains(&long)));
    assert_eq!(value(&Value::Bytes(vec![0xab; 20]), LIST), format!("0x{}… (20 bytes)", "ab".repeat(16)));
}

#[test]
fn a_tally_is_exact_in_json_and_short_for_people() {
    let counted = Tally {
        for_voters: 2,
        against_voters: 1,
        for_ppm: 2_500_000,
        against_ppm: 1_000_000,
        superseded: 4,
        ..Tally::default()
    };
    let json: serde_json::Value = serde_json::from_str(&tally_json(&counted)).unwrap();
    assert_eq!(json["for"]["voters"], 2);
    assert_eq!(json["for"]["weight"], 2.5);
    assert_eq!(json["balance"], 1.5);
    assert_eq!(json["superseded"], 4);
    assert_eq!(tally(&counted), "+2 -1 (balance 1.5)");
    assert_eq!(tally(&Tally::default()), "");
}

#[test]
fn a_key_is_added_at_the_end_of_an_object() {
    assert_eq!(with_key(r#"{"a":1}"#.to_owned(), "b", "[2]"), r#"{"a":1,"b":[2]}"#);
}
