mod damage;
mod layout;
mod processes;

use serde_json::json;

use super::*;

/// A session's first segment in a new store that syncs on demand.
fn begun() -> (tempfile::TempDir, FsStore, SessionId, SegmentId) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (session, segment) = (SessionId::new(), SegmentId::new());
    store.create_segment(session, segment, &[]).unwrap();
    (dir, store, session, segment)
}

fn open(root: &std::path::Path) -> FsStore {
    FsStore::open_with(root, FsOptions { sync: FsSync::OnDemand }).unwrap()
}

fn entry(number: usize) -> LogEntry {
    LogEntry::AssistantItem { ts: number as u64, item: json!({"number": number}) }
}

fn path(root: &std::path::Path, session: SessionId, segment: SegmentId) -> PathBuf {
    root.join(format!("{session}/{segment}.jsonl"))
}
