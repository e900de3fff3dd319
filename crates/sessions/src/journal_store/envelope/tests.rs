use serde_json::json;

use super::*;

fn head(what: What) -> Head {
    let (session, segment) = (SessionId::new(), SegmentId::new());
    Head { what, session, segment, number: u64::MAX - 1, micros: 77 }
}

#[test]
fn a_head_and_its_entry_come_back() {
    for what in [What::Entry, What::Trace, What::Made, What::Deleted] {
        let head = head(what);
        assert_eq!(Head::of(&head.alone()), Some((head, &b""[..])));
        let record = head.with(&json!({"kind": "x"})).unwrap();
        assert_eq!(Head::of(&record), Some((head, &br#"{"kind":"x"}"#[..])));
    }
}

#[test]
fn what_is_no_sessions_record_is_none() {
    let record = head(What::Entry).alone();
    for len in 0..record.len() {
        assert_eq!(Head::of(&record[..len]), None);
    }
    for at in 0..4 {
        let mut other = record.clone();
        other[at] ^= 0x40;
        assert_eq!(Head::of(&other), None, "byte {at}");
    }
}
