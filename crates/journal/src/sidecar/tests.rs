use serde_json::json;

use super::*;
use crate::disk::RealDisk;

#[test]
fn a_document_comes_back_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".x.json");
    assert!(matches!(read(&RealDisk, &path, 1000), Ok(None)));
    for document in
        [json!({"schema": 1, "big": u64::MAX, "small": i64::MIN}), json!({"a": {"b": ["ü", null]}})]
    {
        replace(&RealDisk, &path, &document).unwrap();
        assert_eq!(read(&RealDisk, &path, 1000).unwrap(), Some(document));
    }
    let strangers: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(strangers.len(), 1, "the temporary file is gone");
}

#[test]
fn no_changed_byte_and_no_cut_passes() {
    let bytes = encode(&json!({"schema": 1, "list": [1, 2, 3]}));
    assert!(decode(&bytes).is_ok());
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            assert!(decode(&changed).is_err(), "byte {at}, bit {bit}");
        }
        assert!(decode(&bytes[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn what_is_too_long_or_no_object_is_refused_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".x.json");
    replace(&RealDisk, &path, &json!({"schema": 1})).unwrap();
    let error = read(&RealDisk, &path, 10).unwrap_err();
    assert!(matches!(&error, Error::Sidecar { path: named, .. } if *named == path), "{error}");
    let covered = b"[1";
    let list = format!("[1{BEFORE}{}{AFTER}", RecordId::of(covered));
    assert!(decode(list.as_bytes()).is_err());
}
