use super::*;

const PLAIN: &str = r#"{"subject":"s","predicate":"p","object":"o"}"#;

/// The sources of the assertion on this line, read with this source.
fn sources(line: &str, source: Option<&str>) -> Vec<String> {
    match Record::decode(&json(line, source).unwrap().payload).unwrap() {
        Record::Assertion(assertion) => assertion.sources,
        other => panic!("{other:?}"),
    }
}

/// A line with one key more.
fn with(key: &str) -> String {
    format!("{},{key}}}", &PLAIN[..PLAIN.len() - 1])
}

#[test]
fn a_source_goes_to_assertions_that_name_none() {
    assert_eq!(sources(PLAIN, Some("atlas")), ["atlas"]);
    assert_eq!(sources(PLAIN, None), Vec::<String>::new());
    assert_eq!(sources(&with(r#""source":"survey""#), Some("atlas")), ["survey"]);
    assert_eq!(sources(&with(r#""qualifiers":{"id":"x"}"#), Some("atlas")), ["atlas"]);
}

#[test]
fn a_line_with_its_id_is_taken_as_it_is() {
    let id = Record::from_json(PLAIN).unwrap().id;
    let line = with(&format!(r#""id":"{id}""#));
    assert_eq!(sources(&line, Some("atlas")), Vec::<String>::new());
    assert_eq!(json(&line, Some("atlas")).unwrap().id, id);
}

#[test]
fn votes_and_epochs_have_no_source_to_give() {
    let epoch = r#"{"type":"epoch","name":"e"}"#;
    assert_eq!(json(epoch, Some("atlas")).unwrap().id, Record::from_json(epoch).unwrap().id);
}

#[test]
fn a_source_that_is_no_name_is_a_reason() {
    assert!(json(PLAIN, Some("")).unwrap_err().contains("source"));
}
