//! Texts to import: JSON lines, N-Triples, N-Quads, Turtle, plain or compressed.
//!
//!   first byte: format, whether a source is named -> the rest as a file
//!
//! HI1: every record that is accepted decodes, has the id of its bytes, and is accepted again as its own JSON.
//! HI2: lines come in their order, and in the formats of lines each gives one item at most.
//! HI3: the same text gives the same records.
//! HI4: a reason is shown without a character that a terminal obeys.

use annals_cli::bare;
use annals_record::{Record, RecordId};
use annals_testkit::Workload;
use fastrand::Rng;

use crate::terminal;

/// Throws these bytes at an import.
pub fn run(bytes: &[u8]) {
    let Some((mode, text)) = bytes.split_first() else { return };
    let format = usize::from(mode & 3);
    let source = (mode & 4 != 0).then_some("a source\u{1b}[31m");
    let (lines, ended) = bare::import(format, source, text);
    let by_line = bare::FORMATS[format] != "ttl";
    let mut last = 0;
    for (line, outcome) in &lines {
        assert!(*line > last || (!by_line && *line == last), "HI2: line {line} after {last}");
        last = *line;
        match outcome {
            Ok((id, payload)) => accepted(*id, payload),
            Err(reason) => terminal::check(reason),
        }
    }
    if let Some(reason) = &ended {
        terminal::check(reason);
    }
    assert_eq!(bare::import(format, source, text), (lines, ended), "HI3");
}

fn accepted(id: RecordId, payload: &[u8]) {
    assert_eq!(id, RecordId::of(payload), "HI1");
    match Record::decode(payload) {
        Ok(record) => {
            let line = record.to_json();
            let (lines, _) = bare::import(0, None, line.as_bytes());
            assert!(
                matches!(&lines[..], [(1, Ok((again, bytes)))] if *again == id && bytes == payload),
                "HI1: {line}: {lines:?}"
            );
        }
        Err(error) => unreachable!("HI1: an accepted record does not decode: {error}"),
    }
}

/// Draws a text.
#[must_use]
pub fn draw(rng: &mut Rng) -> Vec<u8> {
    let format = rng.u8(..8);
    let mut bytes = vec![format];
    for _ in 0..rng.usize(1..5) {
        let line = match format & 3 {
            0 => json(rng),
            1 => format!("<http://a/{}> <http://b> {} .", rng.u8(..), object(rng)),
            2 => format!("_:n{} <http://b> {} <http://g> .", rng.u8(..), object(rng)),
            _ => format!("@prefix p: <http://p/> .\np:s{} p:p {} ; a p:c .", rng.u8(..), object(rng)),
        };
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }
    bytes
}

fn json(rng: &mut Rng) -> String {
    let records = Workload::new(rng.u64(..)).take(20).filter_map(|drawn| Record::decode(&drawn.payload).ok());
    records.map(|record| record.to_json()).next().unwrap_or_default()
}

fn object(rng: &mut Rng) -> String {
    const TYPES: [&str; 8] =
        ["integer", "decimal", "double", "boolean", "date", "dateTime", "gYear", "base64Binary"];
    const FORMS: [&str; 9] =
        ["12", "-0.50", "1e3", "NaN", "true", "2024-02-30", "2024-01-01T00:00:00+14:00", "-0044", "aGk="];
    match rng.u32(..4) {
        0 => "\"a \\u001b[31m text\"@en".to_owned(),
        1 => "_:b".to_owned(),
        _ => {
            let (kind, form) = (TYPES[rng.usize(..TYPES.len())], FORMS[rng.usize(..FORMS.len())]);
            format!("\"{form}\"^^<http://www.w3.org/2001/XMLSchema#{kind}>")
        }
    }
}
