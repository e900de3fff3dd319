use std::sync::Arc;

use annals_record::{MemoryLog, ReadLimit};
use annals_storage::{BuiltIn, ProjectionOptions};

use super::*;
use crate::Projector;
use crate::scene::{assertion, log_of, vote};

struct Site {
    dir: tempfile::TempDir,
    log: Arc<MemoryLog>,
    store: Arc<HybridStore>,
}

impl Site {
    /// Assertions and votes, some of them twice, of which a store has applied so many.
    fn new(applied: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let id = annals_record::RecordId::of(b"x");
        let log = Arc::new(log_of((0..40).map(|n| match n % 4 {
            3 => vote(id, "ann", n as u64, annals_record::Stance::For, 1),
            _ => assertion(&format!("s{n}"), n % 20),
        })));
        log.append(&[assertion("s0", 0).as_slice()]).unwrap();
        let store = Arc::new(HybridStore::open(dir.path().join("store")).unwrap());
        let mut projector = Projector::new(Arc::clone(&log), Arc::clone(&store)).unwrap();
        projector.set_limit(ReadLimit { records: applied, bytes: usize::MAX });
        projector.step().unwrap();
        Self { dir, log, store }
    }

    fn place(&self, records: usize) -> Offset {
        self.log.read(Offset::ZERO, ReadLimit { records, bytes: usize::MAX }).unwrap().next()
    }

    fn oldest(&self) -> Offset {
        self.log.bounds().unwrap().oldest
    }

    fn projection(&self, name: &str) -> Arc<ProjectionStore> {
        let (options, end) = (ProjectionOptions::default(), self.log.end());
        let root = self.dir.path().join(name);
        Arc::new(ProjectionStore::open(root, Arc::new(BuiltIn::Predicate), options, end, |_| true).unwrap())
    }

    fn filled(&self, projection: &Arc<ProjectionStore>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut projector = Projector::new(Arc::clone(&self.log), Arc::clone(projection)).unwrap();
        while projector.step().unwrap() != crate::Progress::Idle {}
        projection.view().unwrap().prefix(b"", None, usize::MAX).unwrap()
    }
}

#[test]
fn what_was_purged_comes_from_the_store_and_the_rest_from_the_log() {
    let site = Site::new(25);
    let whole = site.filled(&site.projection("whole"));
    assert_eq!(whole.len(), 31);
    site.log.purge(site.place(20));
    let projection = site.projection("seeded");
    assert!(Projector::new(Arc::clone(&site.log), Arc::clone(&projection)).is_err(), "alone it cannot");
    // Cut off after it had handed something over, it is done again.
    let page = site.store.snapshot().unwrap().assertions(None, 5, usize::MAX).unwrap();
    let mut changes = Vec::new();
    for Stored { offset, id, payload } in page.iter().filter(|stored| stored.offset < site.oldest()) {
        changes.push(change(Entry { offset: *offset, id: *id, payload }).unwrap());
    }
    assert!(!changes.is_empty());
    projection.seed(&changes).unwrap();
    assert_eq!(projection.cursor().unwrap(), None);
    seed(&*site.log, &site.store, &projection).unwrap();
    assert_eq!(projection.cursor().unwrap().map(|cursor| cursor.next), Some(site.oldest()));
    assert_eq!(site.filled(&projection), whole);
    seed(&*site.log, &site.store, &projection).unwrap();
    assert!(projection.is_complete());
    assert!(projection.seed(&[]).is_err(), "not once something was applied");
}

#[test]
fn a_store_that_has_not_come_so_far_is_refused_and_a_whole_log_needs_none() {
    let site = Site::new(5);
    let projection = site.projection("p");
    seed(&*site.log, &site.store, &projection).unwrap();
    assert_eq!(projection.cursor().unwrap(), None);
    site.log.purge(site.place(20));
    let error = seed(&*site.log, &site.store, &projection).unwrap_err();
    assert!(matches!(error, Error::Refused { refusal: CursorRefusal::Purged { .. }, .. }), "{error}");
    assert_eq!(projection.view().unwrap().entries().unwrap(), 0);
}
