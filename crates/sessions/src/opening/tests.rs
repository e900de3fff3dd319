use super::*;
use crate::{SegmentId, SessionId};

#[test]
fn what_lies_there_is_opened_and_nothing_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let (files, journal) = (dir.path().join("files"), dir.path().join("journal"));
    let (session, segment) = (SessionId::new(), SegmentId::new());
    FsStore::new(&files).unwrap().create_segment(session, segment, &[]).unwrap();
    let store = JournalStore::open(&journal).unwrap();
    store.create_segment(session, segment, &[]).unwrap();
    assert!(matches!(open_store(&journal), Err(StoreError::Locked { .. })), "it is a journal, and in use");
    store.close().unwrap();
    for root in [&files, &journal] {
        assert_eq!(open_store(root).unwrap().list_sessions().unwrap(), [session]);
    }
    assert!(!files.join("LOCK").exists());
    let missing = dir.path().join("missing");
    assert!(
        open_store(&missing)
            .is_err_and(|error| matches!(&error, StoreError::Io(io) if io.kind() == io::ErrorKind::NotFound))
    );
    assert!(!missing.exists());
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    assert!(open_store(&empty).unwrap().list_sessions().unwrap().is_empty());
}
