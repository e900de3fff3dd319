use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::{FsOptions, FsStore, FsSync, JournalStore, LogEntry, TraceEntry};

struct Files {
    dir: tempfile::TempDir,
    made: AtomicUsize,
    sync: FsSync,
}

impl Files {
    fn new(sync: FsSync) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), made: AtomicUsize::new(0), sync }
    }
}

impl Subject for Files {
    type Store = FsStore;

    fn create(&self) -> FsStore {
        let next = self.made.fetch_add(1, Ordering::Relaxed).to_string();
        FsStore::open_with(self.dir.path().join(next), FsOptions { sync: self.sync }).unwrap()
    }

    fn reopen(&self, store: FsStore) -> Option<FsStore> {
        Some(FsStore::open_with(store.root(), FsOptions { sync: self.sync }).unwrap())
    }

    fn damage(
        &self,
        store: FsStore,
        session: SessionId,
        segment: SegmentId,
        index: usize,
    ) -> Option<FsStore> {
        let path = store.root().join(format!("{session}/{segment}.jsonl"));
        let mut bytes = fs::read(&path).unwrap();
        let line: usize = bytes.split_inclusive(|byte| *byte == b'\n').take(index).map(<[u8]>::len).sum();
        bytes[line + 12] ^= 1;
        fs::write(path, bytes).unwrap();
        Some(store)
    }
}

#[test]
fn the_file_store_conforms() {
    let report = check(&Files::new(FsSync::Always));
    assert_eq!((report.kept.len(), &*report.skipped), (Rule::ALL.len(), &[][..]), "{report}");
}

#[test]
fn the_file_store_conforms_when_it_syncs_on_demand() {
    let report = check(&Files::new(FsSync::OnDemand));
    assert_eq!(report.kept.len(), Rule::ALL.len(), "{report}");
}

struct Journals {
    dir: tempfile::TempDir,
    made: AtomicUsize,
    sync: annals_journal::SyncPolicy,
}

impl Journals {
    fn open(&self, dir: &std::path::Path) -> JournalStore {
        let options = annals_journal::Options {
            sync: self.sync,
            fill_ahead: false,
            segment_bytes: 8 << 20,
            ..annals_journal::Options::default()
        };
        JournalStore::open_with(dir, options).unwrap()
    }
}

impl Subject for Journals {
    type Store = JournalStore;

    fn create(&self) -> JournalStore {
        let next = self.made.fetch_add(1, Ordering::Relaxed).to_string();
        self.open(&self.dir.path().join(next))
    }

    fn reopen(&self, store: JournalStore) -> Option<JournalStore> {
        let dir = store.journal().status().segments[0].path.parent().unwrap().to_owned();
        store.close().unwrap();
        Some(self.open(&dir))
    }

    fn damage(
        &self,
        store: JournalStore,
        session: SessionId,
        segment: SegmentId,
        index: usize,
    ) -> Option<JournalStore> {
        // Otherwise entries share an atomic group, which is the unit of damage in a journal.
        if self.sync != annals_journal::SyncPolicy::Always {
            return None;
        }
        let entry = serde_json::to_vec(&store.read_all(session, segment).unwrap()[index]).unwrap();
        let path = &store.journal().status().segments[0].path;
        let mut bytes = fs::read(path).unwrap();
        // The envelope lies before it, with the ids: entries of others may look the same.
        let own = [session.as_bytes(), &segment.as_bytes()[..]].concat();
        let places = bytes.windows(entry.len()).enumerate().filter(|(_, window)| **window == *entry);
        let at = places.map(|(at, _)| at).find(|at| bytes[at - 48..at - 16] == *own).unwrap();
        bytes[at + 12] ^= 1;
        fs::write(path, bytes).unwrap();
        Some(store)
    }
}

#[test]
fn the_journal_store_conforms() {
    let sync = annals_journal::SyncPolicy::Always;
    let journals = Journals { dir: tempfile::tempdir().unwrap(), made: AtomicUsize::new(0), sync };
    let report = check(&journals);
    assert_eq!((report.kept.len(), &*report.skipped), (Rule::ALL.len(), &[][..]), "{report}");
}

#[test]
fn the_journal_store_conforms_when_it_syncs_on_demand() {
    let sync = annals_journal::SyncPolicy::OnDemand;
    let journals = Journals { dir: tempfile::tempdir().unwrap(), made: AtomicUsize::new(0), sync };
    let report = check(&journals);
    assert_eq!(
        (report.kept.len(), &*report.skipped),
        (Rule::ALL.len() - 1, &[Rule::Damaged][..]),
        "{report}"
    );
}

/// A store with one fault.
struct Broken {
    store: FsStore,
    fault: &'static str,
}

impl Store for Broken {
    fn append(&self, session: SessionId, segment: SegmentId, entry: &LogEntry) -> Result<(), StoreError> {
        if self.fault == "forgets" && entry.ts() == 17 {
            return Ok(());
        }
        self.store.append(session, segment, entry)
    }

    fn read_all(&self, session: SessionId, segment: SegmentId) -> Result<Vec<LogEntry>, StoreError> {
        self.store.read_all(session, segment)
    }

    fn read(&self, session: SessionId, segment: SegmentId) -> Result<crate::Read, StoreError> {
        self.store.read(session, segment)
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        let mut sessions = self.store.list_sessions()?;
        if self.fault == "oldest first" {
            sessions.reverse();
        }
        Ok(sessions)
    }

    fn list_segments(&self, session: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        self.store.list_segments(session)
    }

    fn lookup_session_of(&self, segment: SegmentId) -> Result<Option<SessionId>, StoreError> {
        self.store.lookup_session_of(segment)
    }

    fn create_segment(
        &self,
        session: SessionId,
        segment: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        if self.fault == "makes again" && self.store.exists(session, segment)? {
            fs::remove_file(self.store.root().join(format!("{session}/{segment}.jsonl"))).unwrap();
        }
        self.store.create_segment(session, segment, entries)
    }

    fn exists(&self, session: SessionId, segment: SegmentId) -> Result<bool, StoreError> {
        self.store.exists(session, segment)
    }

    fn read_entry_count(&self, session: SessionId, segment: SegmentId) -> Result<usize, StoreError> {
        self.store.read_entry_count(session, segment)
    }

    fn append_trace(
        &self,
        session: SessionId,
        segment: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError> {
        self.store.append_trace(session, segment, entry)
    }

    fn append_if(
        &self,
        session: SessionId,
        segment: SegmentId,
        expected: usize,
        entries: &[LogEntry],
    ) -> Result<usize, StoreError> {
        if self.fault != "looks, then writes" {
            return self.store.append_if(session, segment, expected, entries);
        }
        let found = self.store.read_entry_count(session, segment)?;
        if found != expected {
            return Err(StoreError::Conflict { segment, expected, found });
        }
        std::thread::yield_now();
        for entry in entries {
            self.store.append(session, segment, entry)?;
        }
        Ok(expected + entries.len())
    }
}

#[track_caller]
fn breaks(fault: &'static str, rule: Rule) {
    let files = Files::new(FsSync::OnDemand);
    let report = run(&|| Broken { store: files.create(), fault });
    assert!(report.broken.iter().any(|(broken, _)| *broken == rule), "{report}");
}

#[test]
fn a_store_that_forgets_an_entry_is_found_out() {
    breaks("forgets", Rule::InOrder);
}

#[test]
fn a_store_that_lists_the_oldest_first_is_found_out() {
    breaks("oldest first", Rule::ByCreation);
}

#[test]
fn a_store_that_makes_a_segment_again_is_found_out() {
    breaks("makes again", Rule::NeverTwice);
}

#[test]
fn a_store_that_looks_and_then_writes_is_found_out() {
    breaks("looks, then writes", Rule::OnePasses);
}

#[test]
fn what_a_store_cannot_do_is_skipped_and_not_kept() {
    let files = Files::new(FsSync::OnDemand);
    let report = run(&|| Broken { store: files.create(), fault: "none" });
    assert_eq!(
        report.skipped,
        [Rule::Together, Rule::Traces, Rule::Deleted, Rule::Reopened, Rule::Damaged],
        "{report}"
    );
    assert_eq!(report.broken, [], "{report}");
}
