use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use annals::{Cursor, CursorRefusal, Damage, Kind, LogId, Offset};

use super::*;

fn check(error: impl Into<Failure>, code: u8) {
    assert_eq!(error.into().code.number(), code);
}

fn path() -> PathBuf {
    PathBuf::from("here")
}

#[test]
fn each_documented_code_has_its_error() {
    check(Error::Missing { path: path() }, 10);
    check(Error::NotOurs { path: path(), reason: String::new() }, 10);
    check(Error::Locked { path: path(), holder: String::new() }, 11);
    check(Error::NewerFormat { path: path(), found: 2, known: 1 }, 12);
    check(JournalError::NewerFormat { path: path(), found: 9, known: 1 }, 12);
    check(StoreError::Full { path: path(), op: "write" }, 14);
    check(JournalError::Full { path: path() }, 14);
    check(Error::Io { op: "write", path: path(), source: io::ErrorKind::StorageFull.into() }, 14);
    check(Error::Io { op: "write", path: path(), source: io::ErrorKind::PermissionDenied.into() }, 1);
}

#[test]
fn an_error_within_an_error_keeps_its_code() {
    let damage = || Damage { offset: Offset::ZERO, len: 1, detail: String::new() };
    check(LogError::from(JournalError::Damaged(damage())), 4);
    check(LogError::Failed(Box::new(JournalError::Full { path: path() }), Kind::Retry), 14);
    let log = LogId::from_bytes([1; 16]);
    let cursor = Cursor { log, term: annals::Term::FIRST, next: Offset::ZERO, last: None };
    let refusal = CursorRefusal::ForeignLog { cursor: cursor.log, log: LogId::from_bytes([2; 16]) };
    let refused = IngestError::Refused { part: "cursor", refusal };
    let error = Error::Ingest(IngestError::Failed(Arc::new(refused)));
    let failure = Failure::from(error);
    let json: serde_json::Value = serde_json::from_str(&failure.to_json()).unwrap();
    assert_eq!(json["error"]["refusal"], "foreign_log");
    assert_eq!(json["error"]["repairs"], serde_json::json!(["right_directory", "rebuild"]));
    check(failure, 13);
    for error in [
        StoreError::ContentBehind { path: path(), cursor: Offset::ZERO, reach: Offset::ZERO },
        StoreError::OlderStore { path: path(), cursor: Offset::ZERO, seen: Offset::ZERO },
        StoreError::TwoStores { path: path(), content: String::new(), index: String::new() },
    ] {
        check(Error::from(IngestError::Store(error)), 13);
    }
}
