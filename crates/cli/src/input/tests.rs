use super::*;

use std::fs;
use std::io::{Cursor, Write};

use flate2::write::GzEncoder;
use proptest::prelude::*;

mod shipped;

fn options(source: Option<&str>) -> Options {
    Options { format: None, source: source.map(str::to_owned) }
}

/// Writes the text to a file of this name and reads it as `import` does.
fn read_with(name: &str, text: &[u8], source: Option<&str>) -> Result<Vec<Item>, InputError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    fs::write(&path, text).unwrap();
    Input::open(&path, options(source))?.collect()
}

/// The record that was accepted.
fn record(accepted: &Accepted) -> Record {
    Record::decode(&accepted.payload).unwrap()
}

/// Shows each item as its line and, of a record, its JSON, of a reject, the beginning of its reason.
fn check(name: &str, text: &[u8], expected: &[(u64, &str)]) {
    let items = read_with(name, text, None).unwrap();
    assert_eq!(items.len(), expected.len(), "I1: {items:?}");
    for (item, (line, expected)) in items.iter().zip(expected) {
        let found = match &item.outcome {
            Ok(accepted) => record(accepted).to_json().replace(r#""type":"assertion","#, ""),
            Err(reject) => reject.reason.clone(),
        };
        assert_eq!(item.line, *line, "{found}");
        assert!(found.starts_with(expected), "line {line}: {found}");
    }
}

fn ids(items: Vec<Item>) -> Vec<RecordId> {
    items.into_iter().map(|item| item.outcome.unwrap().id).collect()
}

#[test]
fn a_bad_line_of_json_spoils_no_other() {
    let mut text = br#"{"subject":"a","predicate":"p","object":1}

not json
{"subject":"b","predicate":"p","object":2,"colour":"red"}
{"type":"poem","name":"x"}
{"subject":"","predicate":"p","object":2}
"#
    .to_vec();
    text.extend_from_slice(b"{\"subject\":\"\xff\",\"predicate\":\"p\",\"object\":1}\r\n");
    text.extend_from_slice(&vec![b' '; MAX_LINE + 1]);
    text.extend_from_slice(b"\n{\"type\":\"epoch\",\"name\":\"e\"}");
    check(
        "f.jsonl",
        &text,
        &[
            (1, r#"{"subject":"a","predicate":"p","object":1}"#),
            (3, ""),
            (4, ""),
            (5, ""),
            (6, "subject is empty"),
            (7, "not UTF-8 at byte 12"),
            (8, "the line is longer than 1 MiB"),
            (9, r#"{"type":"epoch","name":"e"}"#),
        ],
    );
}

#[test]
fn a_reject_carries_its_line() {
    let items = read_with("f.jsonl", b"broken \xff\r\n", None).unwrap();
    assert_eq!(items[0].outcome.as_ref().unwrap_err().raw, b"broken \xff");
    let long = vec![b'x'; MAX_LINE + 10];
    let items = read_with("f.jsonl", &long, None).unwrap();
    assert_eq!(items[0].outcome.as_ref().unwrap_err().raw.len(), MAX_LINE);
}

#[test]
fn a_line_of_exactly_one_mebibyte_is_read() {
    let line = r#"{"subject":"s","predicate":"p","object":"o"}"#;
    let padded = format!("{line}{}\n{line}", " ".repeat(MAX_LINE - line.len()));
    let expected = r#"{"subject":"s""#;
    check("f.jsonl", padded.as_bytes(), &[(1, expected), (2, expected)]);
}

#[test]
fn n_quads_become_assertions() {
    check(
        "f.nq",
        b"<a:s> <a:p> <a:o> <a:g> .\n\
          # a comment\n\
          _:x <a:p> \"5\"^^<http://www.w3.org/2001/XMLSchema#byte> _:g .\n\
          <a:s> <a:p> \"x\"^^<a:type> <a:g> .\n\
          <a:s> <a:p> \"x\"@en .\n\
          broken\n\
          <a:s> <a:p> \"\\u0000\" .\n\
          <a:s> <a:\\u007F> \"x\" .\n",
        &[
            (
                1,
                r#"{"subject":"a:s","predicate":"a:p","object":{"entity":"a:o"},"qualifiers":{"graph":{"entity":"a:g"}}}"#,
            ),
            (
                3,
                r#"{"subject":"_:f.nq/x","predicate":"a:p","object":5,"qualifiers":{"graph":{"entity":"_:f.nq/g"}}}"#,
            ),
            (
                4,
                r#"{"subject":"a:s","predicate":"a:p","object":"x","qualifiers":{"datatype":{"entity":"a:type"},"graph":{"entity":"a:g"}}}"#,
            ),
            (5, r#"{"subject":"a:s","predicate":"a:p","object":{"text":"x","language":"en"}}"#),
            (6, "column 1: "),
            (7, r#"{"subject":"a:s","predicate":"a:p","object":"\u0000"}"#),
            (8, ""),
        ],
    );
}

/// The parser gives a node's parts before the node; another order would number nodes otherwise and change ids.
#[test]
fn turtle_becomes_assertions_with_stable_names() {
    let text = b"@prefix : <a:> .\n:s :p [ :q ( 1 \"two\" ) ] .\n_:b0 :p :o .\n";
    check(
        "f.ttl",
        text,
        &[
            (
                2,
                r##"{"subject":"_:f.ttl/#1","predicate":"http://www.w3.org/1999/02/22-rdf-syntax-ns#first","object":1}"##,
            ),
            (2, r##"{"subject":"_:f.ttl/#2","predicate":"a:q","object":{"entity":"_:f.ttl/#1"}}"##),
            (
                2,
                r##"{"subject":"_:f.ttl/#1","predicate":"http://www.w3.org/1999/02/22-rdf-syntax-ns#rest","object":{"entity":"_:f.ttl/#3"}}"##,
            ),
            (
                2,
                r##"{"subject":"_:f.ttl/#3","predicate":"http://www.w3.org/1999/02/22-rdf-syntax-ns#rest","object":{"entity":"http://www.w3.org/1999/02/22-rdf-syntax-ns#nil"}}"##,
            ),
            (
                2,
                r##"{"subject":"_:f.ttl/#3","predicate":"http://www.w3.org/1999/02/22-rdf-syntax-ns#first","object":"two"}"##,
            ),
            (2, r##"{"subject":"a:s","predicate":"a:p","object":{"entity":"_:f.ttl/#2"}}"##),
            (3, r#"{"subject":"_:f.ttl/b0","predicate":"a:p","object":{"entity":"a:o"}}"#),
        ],
    );
}

#[test]
fn a_statement_beyond_a_limit_is_rejected_and_the_rest_goes_on() {
    let long = "x".repeat(2_000);
    let items = read_with("f.ttl", format!("<a:{long}> <a:p> <a:o> .\n<a:s> <a:p> <a:o> .").as_bytes(), None)
        .unwrap();
    let reject = items[0].outcome.as_ref().unwrap_err();
    assert!(reject.reason.contains("subject has 2002 bytes"), "{}", reject.reason);
    assert_eq!(reject.raw, format!("<a:{long}> <a:p> <a:o> .").as_bytes());
    assert!(items[1].outcome.is_ok());
}

#[test]
fn a_source_names_where_statements_come_from_and_scopes_their_blank_nodes() {
    let items = read_with("f.nt", b"_:x <a:p> <a:o> .", Some("survey")).unwrap();
    let expected = r#"{"type":"assertion","subject":"_:survey/x","predicate":"a:p","object":{"entity":"a:o"},"source":"survey"}"#;
    assert_eq!(record(items[0].outcome.as_ref().unwrap()).to_json(), expected);
}

#[test]
fn a_turtle_mistake_says_how_far_it_came() {
    let error = read_with("f.ttl", b"<a:s> <a:p> <a:o> .\n<a:s> oops .", None).unwrap_err();
    assert!(matches!(error, InputError::Turtle { line: 2, column: 7, triples: 1, .. }), "{error}");
}

#[test]
fn a_file_that_was_not_copied_whole_says_so() {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for number in 0..10_000u32 {
        writeln!(
            encoder,
            r#"{{"subject":"s","predicate":"p","object":{}}}"#,
            number.wrapping_mul(2_654_435_761)
        )
        .unwrap();
    }
    let whole = encoder.finish().unwrap();
    let error = read_with("f.jsonl.gz", &whole[..whole.len() / 2], None).unwrap_err();
    assert!(matches!(error, InputError::CutShort { line: 1.., .. }), "{error}");
}

#[test]
fn nothing_is_given_out_after_an_error() {
    let stream = Stream::over(Cursor::new(b"<a:s> oops .\n<a:s> <a:p> <a:o> .".to_vec()), None).unwrap();
    let mut input = Input::over("f", Format::Ttl, None, stream).unwrap();
    assert!(input.next().unwrap().is_err());
    assert!(input.next().is_none());
}

#[test]
fn what_cannot_be_read_is_refused_before_the_first_line() {
    let missing = Input::open(Path::new("no/such/file.nt"), options(None)).err().unwrap();
    assert!(matches!(missing, InputError::Open { .. }), "{missing}");
    let directory = tempfile::Builder::new().suffix(".nt").tempdir().unwrap();
    let directory = Input::open(directory.path(), options(None)).err().unwrap();
    assert!(matches!(directory, InputError::Open { .. }), "{directory}");
    let unknown = read_with("f.txt", b"", None).unwrap_err();
    assert!(matches!(unknown, InputError::UnknownFormat { .. }), "{unknown}");
    let foreign = read_with("f.nt", b"\xfd7zXZ\0\0\x04", None).unwrap_err();
    assert!(matches!(foreign, InputError::Compression { compression: "xz", .. }), "{foreign}");
}

#[test]
fn an_empty_file_has_no_records() {
    for name in ["f.jsonl", "f.nt", "f.nq", "f.ttl"] {
        check(name, b"", &[]);
        check(name, b"\xef\xbb\xbf", &[]);
        check(name, b"\r\n \n", &[]);
    }
}

#[test]
fn the_same_text_gives_the_same_ids_however_it_is_compressed() {
    let text = b"@prefix : <a:> .\n:s :p [ :q [ :r 1 ] ] , [] .\n[] :p ( 1 2 ) .\n_:named :p 2.50 .\n";
    let plain = ids(read_with("f.ttl", text, None).unwrap());
    assert_eq!(plain.len(), 10);
    let again = ids(read_with("f.ttl", text, None).unwrap());
    let compressed = ids(read_with("f.ttl.zst", &zstd::encode_all(&text[..], 1).unwrap(), None).unwrap());
    assert_eq!(plain, again, "I3");
    assert_eq!(plain, compressed, "I3");
}

#[test]
fn two_files_do_not_share_their_blank_nodes() {
    let text = b"_:b0 <a:p> <a:o> .";
    assert_ne!(ids(read_with("one.nt", text, None).unwrap()), ids(read_with("two.nt", text, None).unwrap()));
}

proptest! {
    #[test]
    fn any_bytes_end_in_items_or_an_error(text in proptest::collection::vec(any::<u8>(), 0..300), format in 0..4usize) {
        let name = ["f.jsonl", "f.nt", "f.nq", "f.ttl"][format];
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        if let Ok(items) = read_with(name, &text, None) {
            // Turtle's statements are no lines.
            prop_assert!(items.len() <= lines || format == 3);
        }
    }

    #[test]
    fn every_line_that_is_not_blank_gives_one_item(lines in proptest::collection::vec("[ -~é行]{0,40}", 0..20)) {
        let items = read_with("f.jsonl", lines.join("\n").as_bytes(), None).unwrap();
        let numbers: Vec<u64> = items.iter().map(|item| item.line).collect();
        let expected: Vec<u64> =
            (1..).zip(&lines).filter(|(_, line)| !line.trim_ascii().is_empty()).map(|(number, _)| number).collect();
        prop_assert_eq!(numbers, expected, "I1");
    }
}
