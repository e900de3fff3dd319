use serde_json::{Value, json};

use super::*;
use crate::LogEntry;

fn line(more: bool) -> Vec<u8> {
    let mut lines = Vec::new();
    encode(&LogEntry::TurnEnd { ts: 7, turn_count: 1 }, more, &mut lines).unwrap();
    lines
}

#[test]
fn a_line_is_one_object_with_its_checksum_last() {
    let text = String::from_utf8(line(false)).unwrap();
    assert_eq!(text, "{\"kind\":\"turn_end\",\"ts\":7,\"turn_count\":1,\"crc32c\":\"24f584a6\"}\n");
    assert!(serde_json::from_str::<Value>(&text).unwrap().is_object(), "any reader of JSON reads it");
}

#[test]
fn every_flip_of_every_byte_shows() {
    for more in [false, true] {
        let whole = line(more);
        let whole = &whole[..whole.len() - 1];
        assert!(decode::<LogEntry>(whole).is_ok());
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut flipped = whole.to_vec();
                flipped[at] ^= 1 << bit;
                assert!(
                    decode::<LogEntry>(&flipped).is_err() && ending(&flipped) != Ending::Sealed,
                    "bit {bit} of byte {at}: {}",
                    String::from_utf8_lossy(&flipped)
                );
            }
        }
    }
}

#[test]
fn a_line_without_a_checksum_is_read_as_it_is() {
    let entry: LogEntry = decode(b"{\"kind\":\"turn_end\",\"ts\":7,\"turn_count\":1}\r").unwrap();
    assert_eq!(entry, LogEntry::TurnEnd { ts: 7, turn_count: 1 });
}

#[test]
fn the_reason_names_the_byte() {
    let wrong = decode::<LogEntry>(b"{\"kind\":\"turn_end\",{\"kind\":\"turn_end\"}").unwrap_err();
    assert_eq!((wrong.at, wrong.reason.as_str()), (19, "key must be a string"));
}

#[test]
fn endings_tell_lines_apart() {
    let without = |mut line: Vec<u8>| {
        line.pop();
        line
    };
    assert_eq!(ending(b" \r"), Ending::Blank);
    assert_eq!(ending(b"{\"kind\x18\x18"), Ending::Sealed);
    assert_eq!(ending(&without(line(true))), Ending::More);
    assert_eq!(ending(&without(line(false))), Ending::Last);
    assert_eq!(ending(b"garbage"), Ending::Last);
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let mut deep = json!(0);
    for _ in 0..119 {
        deep = json!([deep]);
    }
    let mut lines = b"kept".to_vec();
    let entry = |payload| LogEntry::Extension { ts: 0, domain: "[[[\\\"[".into(), payload };
    let error = encode(&entry(json!([deep.clone()])), false, &mut lines).unwrap_err().to_string();
    assert!(error.contains("121 deep"), "{error}");
    assert_eq!(lines, b"kept");
    lines.clear();
    encode(&entry(deep), false, &mut lines).unwrap();
    decode::<LogEntry>(&lines[..lines.len() - 1]).unwrap();
    assert!(encode(&7, false, &mut lines).is_err() && encode(&json!({}), false, &mut lines).is_err());
}

#[test]
fn a_field_called_as_ours_does_not_confuse() {
    let unknown: LogEntry =
        serde_json::from_value(json!({"kind": "other", "crc32c": "00000000", "ts": 1})).unwrap();
    let mut lines = Vec::new();
    encode(&unknown, false, &mut lines).unwrap();
    assert_eq!(decode::<LogEntry>(&lines[..lines.len() - 1]).unwrap(), unknown);
}
