use std::sync::Arc;

use annals_record::{Bounds, Kind, LogId, MemoryLog, TermStart};
use annals_storage::{HybridStore, Sink};

use super::*;
use crate::Projector;
use crate::scene::{assertion, log_of, named};

/// A store filled from a log of ten records, and then what `change` makes of the log; whether work goes on.
fn check(change: impl FnOnce(MemoryLog) -> MemoryLog) -> Result<Cursor, Error> {
    let dir = tempfile::tempdir().unwrap();
    let log = log_of((0..10).map(|n| assertion("a", n)));
    let store = Arc::new(HybridStore::open(dir.path()).unwrap());
    Projector::new(Arc::new(log.clone()), Arc::clone(&store)).unwrap().step().unwrap();
    let before = store.cursor().unwrap();
    let resumed = resume(&change(log), &*store, OnDamage::Stop);
    assert_eq!(store.cursor().unwrap(), before, "W2: a refusal leaves the store alone");
    resumed
}

/// The refusal that `change` of the log leads to.
fn refusal(change: impl FnOnce(MemoryLog) -> MemoryLog) -> CursorRefusal {
    match check(change) {
        Err(error @ Error::Refused { part: "cursor", refusal }) => {
            assert_eq!(error.kind(), Kind::Fix);
            refusal
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn work_goes_on_where_the_store_stands() {
    let cursor = check(|log| {
        log.append(&[&assertion("a", 99)]).unwrap();
        log
    });
    assert_eq!(cursor.unwrap().last.unwrap().id, annals_record::RecordId::of(&assertion("a", 9)));
}

#[test]
fn an_empty_store_begins_at_the_beginning() {
    let dir = tempfile::tempdir().unwrap();
    let log = log_of((0..3).map(|n| assertion("a", n)));
    let store = HybridStore::open(dir.path()).unwrap();
    assert_eq!(
        resume(&log, &store, OnDamage::Stop).unwrap(),
        Cursor::start(log.identity(), Term::FIRST, Offset::ZERO)
    );
    let second = log.read(Offset::ZERO, ReadLimit { records: 1, bytes: 1 }).unwrap().next();
    log.purge(second);
    let refused = resume(&log, &store, OnDamage::Stop).unwrap_err();
    let gone = CursorRefusal::Purged { cursor: Offset::ZERO, oldest: second };
    assert!(matches!(refused, Error::Refused { refusal, .. } if refusal == gone), "{refused}");
}

#[test]
fn w2_each_log_that_does_not_fit_has_its_own_refusal() {
    let same_name = |payloads: std::ops::Range<i64>| log_of(payloads.map(|n| assertion("a", n)));
    assert!(matches!(
        refusal(|_| named(*b"a second log....")),
        CursorRefusal::ForeignLog { log, .. } if log == LogId::from_bytes(*b"a second log....")
    ));
    assert!(matches!(refusal(|_| same_name(0..9)), CursorRefusal::AheadOfLog { .. }));
    assert!(matches!(refusal(|_| same_name(1..11)), CursorRefusal::OtherRecord { .. }));
    let forked = |log: MemoryLog| {
        let middle = log.read(Offset::ZERO, ReadLimit { records: 5, bytes: 1 << 20 }).unwrap().next();
        log.fork(middle);
        (10..20).for_each(|n| _ = log.append(&[&assertion("a", n)]).unwrap());
        log
    };
    assert!(matches!(refusal(forked), CursorRefusal::Forked { .. }));
    let purged = |log: MemoryLog| {
        log.append(&[&assertion("a", 10)]).unwrap();
        log.purge(log.end());
        log
    };
    assert!(matches!(refusal(purged), CursorRefusal::Purged { .. }));
}

#[test]
fn a_record_that_retention_took_proves_nothing_and_hinders_nothing() {
    let cursor = check(|log| {
        log.purge(log.end());
        log
    });
    assert!(cursor.is_ok());
}

#[test]
fn a_damaged_place_at_the_cursor_is_the_logs_error() {
    let damaged = check(|log| {
        let all = log.read(Offset::ZERO, ReadLimit::default()).unwrap();
        log.damage(all.iter().next_back().unwrap().offset);
        log
    });
    assert!(matches!(damaged, Err(Error::Damaged { .. })), "{damaged:?}");
}

/// A store whose content reaches farther than its cursor, as a crash leaves it.
struct CutOff {
    cursor: Cursor,
    reach: Cursor,
}

impl Sink for CutOff {
    fn cursor(&self) -> Result<Option<Cursor>, annals_storage::Error> {
        Ok(Some(self.cursor))
    }

    fn reach(&self) -> Result<Option<Cursor>, annals_storage::Error> {
        Ok(Some(self.reach))
    }

    fn apply(
        &self,
        _: &[annals_storage::Change<'_>],
        _: &Cursor,
    ) -> Result<annals_storage::Outcome, annals_storage::Error> {
        Ok(annals_storage::Outcome::default())
    }

    fn pass(&self, _: &annals_storage::Passed, _: &Cursor) -> Result<(), annals_storage::Error> {
        unreachable!("nothing is passed here")
    }

    fn checkpoint(&self) -> Result<(), annals_storage::Error> {
        Ok(())
    }

    fn checkpoint_to(&self, at_least: Offset) -> Result<Offset, annals_storage::Error> {
        Ok(at_least)
    }
}

#[test]
fn content_of_another_past_is_refused_even_if_the_cursor_fits() {
    let log = log_of((0..10).map(|n| assertion("a", n)));
    let Bounds { durable, .. } = log.bounds().unwrap();
    let at = |next| Cursor { next, ..Cursor::start(log.identity(), Term::FIRST, Offset::ZERO) };
    let store = CutOff { cursor: at(Offset::ZERO), reach: at(durable) };
    assert!(resume(&log, &store, OnDamage::Stop).is_ok());
    let middle = log.read(Offset::ZERO, ReadLimit { records: 5, bytes: 1 << 20 }).unwrap().next();
    log.fork(middle);
    assert_eq!(log.terms()[1], TermStart { term: Term::new(2), start: middle });
    (0..20).for_each(|n| _ = log.append(&[&assertion("b", n)]).unwrap());
    let refused = resume(&log, &store, OnDamage::Stop);
    assert!(
        matches!(refused, Err(Error::Refused { part: "content", refusal: CursorRefusal::Forked { .. } })),
        "{refused:?}"
    );
}
