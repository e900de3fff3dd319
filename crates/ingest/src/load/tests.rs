use annals_record::{CursorRefusal, Kind, MemoryLog, RecordId};
use annals_storage::{BulkOptions, HybridStore, KvStore};

use super::*;
use crate::Projector;
use crate::scene::assertion;

struct Site {
    dir: tempfile::TempDir,
    log: MemoryLog,
}

impl Site {
    fn new(log: MemoryLog) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), log }
    }

    fn builder(&self) -> BulkBuilder {
        BulkBuilder::begin(self.dir.path(), &BulkOptions::default()).unwrap()
    }

    fn resumed(&self) -> BulkBuilder {
        BulkBuilder::resume(self.dir.path(), &BulkOptions::default()).unwrap().unwrap()
    }

    /// Loads up to `until`, three records at a time; what it was told.
    fn load(&self, builder: &mut BulkBuilder, until: Offset) -> Result<Vec<Loaded>, Error> {
        let from = load_from(&self.log, builder)?;
        let mut source = Plain::new(&self.log, from, ReadLimit { records: 3, bytes: usize::MAX });
        let mut told = Vec::new();
        load(&self.log, builder, &mut source, until, &mut |loaded| told.push(loaded))?;
        Ok(told)
    }

    fn finish(&self, builder: BulkBuilder) -> HybridStore {
        builder.finish(&mut |_, _| {}).unwrap();
        HybridStore::open_existing(self.dir.path()).unwrap()
    }
}

fn log_of(records: i64) -> MemoryLog {
    crate::scene::log_of((0..records).map(|n| assertion("a", n)))
}

fn place(log: &MemoryLog, records: usize) -> Offset {
    log.read(Offset::ZERO, ReadLimit { records, bytes: usize::MAX }).unwrap().next()
}

#[test]
fn w5_batches_are_added_in_the_order_of_the_log_and_none_beyond_the_end() {
    let site = Site::new(log_of(1000));
    let mut builder = site.builder();
    let until = place(&site.log, 500);
    let told = site.load(&mut builder, until).unwrap();
    assert!(told.is_sorted_by(|a, b| a.next < b.next));
    assert_eq!(told.iter().map(|loaded| loaded.records).sum::<u64>(), 500);
    assert_eq!(builder.cursor().map(|cursor| cursor.next), Some(until));
    assert_eq!(site.load(&mut builder, until).unwrap(), [], "it is there already");
    drop(builder);
    // Gone on with, to the end.
    let mut builder = site.resumed();
    let told = site.load(&mut builder, Offset::new(u64::MAX)).unwrap();
    assert_eq!(told.iter().map(|loaded| loaded.records).sum::<u64>(), 500);
    let store = site.finish(builder);
    assert_eq!(store.counts().unwrap().assertions, 1000);
    let worker = Projector::new(std::sync::Arc::new(site.log.clone()), std::sync::Arc::new(store)).unwrap();
    assert_eq!(worker.cursor().next, site.log.end());
}

#[test]
fn a_hole_is_passed_and_an_error_stops_behind_what_came_before_it() {
    let site = Site::new(log_of(10));
    site.log.lose(place(&site.log, 4));
    let fail_at = place(&site.log, 3);
    let mut builder = site.builder();
    site.load(&mut builder, fail_at).unwrap();
    site.log.fail_reads(1, Kind::Retry);
    assert_eq!(site.load(&mut builder, site.log.end()).unwrap_err().kind(), Kind::Retry);
    assert_eq!(builder.cursor().map(|cursor| cursor.next), Some(fail_at));
    site.load(&mut builder, site.log.end()).unwrap();
    let store = site.finish(builder);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.counts().unwrap().assertions, 9);
    assert_eq!(snapshot.as_of(), site.log.end());
    assert!(snapshot.get(&RecordId::of(&assertion("a", 4))).unwrap().is_none());
}

#[test]
fn damage_ends_the_load_with_everything_before_it_kept() {
    let site = Site::new(log_of(100));
    let bad = place(&site.log, 70);
    site.log.damage(bad);
    let mut builder = site.builder();
    let error = site.load(&mut builder, site.log.end()).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    assert!(error.to_string().contains(&format!("offset {bad}")), "{error}");
    let reached = builder.cursor().map(|cursor| cursor.next);
    assert!(reached > Some(place(&site.log, 60)) && reached <= Some(bad));
}

#[test]
fn g5_a_build_that_does_not_fit_the_log_is_refused() {
    let refused = |site: &Site, builder: &BulkBuilder| match load_from(&site.log, builder) {
        Err(Error::Refused { refusal, .. }) => refusal,
        other => panic!("{other:?}"),
    };
    let mut site = Site::new(log_of(10));
    let mut builder = site.builder();
    let end = site.log.end();
    site.load(&mut builder, end).unwrap();
    site.log = crate::scene::named([7; 16]);
    assert!(matches!(refused(&site, &builder), CursorRefusal::ForeignLog { .. }));
    site.log = log_of(5);
    assert!(matches!(refused(&site, &builder), CursorRefusal::AheadOfLog { .. }));
    site.log = crate::scene::log_of((0..10).map(|n| assertion("b", n)));
    assert!(matches!(refused(&site, &builder), CursorRefusal::OtherRecord { .. }));
    drop(builder);
    site.log.purge(place(&site.log, 3));
    assert!(matches!(refused(&site, &site.builder()), CursorRefusal::Purged { .. }));
}
