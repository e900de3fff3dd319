use super::*;
use crate::disk::RealDisk;

fn purged() -> Purged {
    Purged {
        log: LogId::from_bytes([7; 16]),
        oldest: Offset::new(u64::MAX),
        records_end: Offset::new(u64::MAX - 8),
        records_before: 3,
        chain: [0xAB; 32],
        receipts: Vec::new(),
    }
}

#[test]
fn what_is_written_is_read_and_unknown_keys_are_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Purged::read(&RealDisk, dir.path()).unwrap(), None);
    purged().write(&RealDisk, dir.path()).unwrap();
    assert_eq!(Purged::read(&RealDisk, dir.path()).unwrap(), Some(purged()));
    let mut document = purged().to_json();
    document["note"] = json!({"by": "a newer version"});
    sidecar::replace(&RealDisk, &dir.path().join(FILE_NAME), &document).unwrap();
    assert_eq!(Purged::read(&RealDisk, dir.path()).unwrap(), Some(purged()));
}

#[test]
fn a_document_of_ours_that_lacks_something_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let whole = purged().to_json();
    for key in ["schema", "log", "oldest", "records_end", "records_before", "chain", "receipts"] {
        for wrong in [None, Some(json!("x")), Some(json!(-1)), Some(json!([{}]))] {
            let mut document = whole.clone();
            match wrong {
                None => drop(document.as_object_mut().unwrap().remove(key)),
                Some(wrong) => document[key] = wrong,
            }
            sidecar::replace(&RealDisk, &dir.path().join(FILE_NAME), &document).unwrap();
            let error = Purged::read(&RealDisk, dir.path()).unwrap_err();
            assert!(matches!(error, Error::Sidecar { .. }), "{key}: {error}");
        }
    }
    let turned = Purged { oldest: Offset::new(8), records_end: Offset::new(16), ..purged() };
    turned.write(&RealDisk, dir.path()).unwrap();
    assert!(Purged::read(&RealDisk, dir.path()).is_err());
}
