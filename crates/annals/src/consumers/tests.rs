use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use annals_journal::Keep;
use annals_record::{Assertion, Kind, Log, Record, Value};
use annals_storage::{Change, Error as StoreError, Outcome, Passed};

use super::*;
use crate::{Options, cursors, status_beside};

mod beside;

/// Longer than any test waits unless something hangs.
const SOON: Duration = Duration::from_secs(60);

/// An application's sink: it notes what it is handed, can be put elsewhere, and fails or dawdles on demand.
#[derive(Default)]
struct Ledger {
    kept: Mutex<(Vec<Offset>, Option<Cursor>)>,
    fails: AtomicBool,
    /// It takes as long as this is set for its next batch.
    dawdles: AtomicBool,
    /// Nothing of it is durable as long as only a part is asked for.
    lazy: AtomicBool,
}

impl Ledger {
    fn kept(&self) -> Vec<Offset> {
        self.kept.lock().unwrap().0.clone()
    }

    fn next(&self) -> Offset {
        self.kept.lock().unwrap().1.map_or(Offset::ZERO, |cursor| cursor.next)
    }
}

impl Sink for Ledger {
    fn cursor(&self) -> Result<Option<Cursor>, StoreError> {
        Ok(self.kept.lock().unwrap().1)
    }

    fn reach(&self) -> Result<Option<Cursor>, StoreError> {
        self.cursor()
    }

    fn apply(&self, changes: &[Change<'_>], cursor: &Cursor) -> Result<Outcome, StoreError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::Poisoned { reason: "told to fail".to_owned() });
        }
        while self.dawdles.load(Ordering::SeqCst) {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        let (kept, there) = &mut *self.kept.lock().unwrap();
        kept.extend(changes.iter().map(|change| change.offset));
        *there = Some(*cursor);
        Ok(Outcome::default())
    }

    fn pass(&self, _passed: &Passed, cursor: &Cursor) -> Result<(), StoreError> {
        self.apply(&[], cursor).map(drop)
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn checkpoint_to(&self, _at_least: Offset) -> Result<Offset, StoreError> {
        Ok(if self.lazy.load(Ordering::SeqCst) { Offset::ZERO } else { self.next() })
    }

    fn seek(&self, cursor: &Cursor) -> Result<(), StoreError> {
        self.kept.lock().unwrap().1 = Some(*cursor);
        Ok(())
    }
}

fn claim(i: usize) -> Record {
    Record::Assertion(Assertion::new(format!("subject {}", i % 7), "says", Value::Int(i as i64)))
}

/// A knowledge base with so many claims, one group each.
fn filled(dir: &Path, claims: usize) -> (Annals, Vec<Offset>) {
    let annals = Annals::open(dir).unwrap();
    let all = (0..claims).map(|i| annals.append(&claim(i)).unwrap().offset).collect();
    annals.catch_up().unwrap();
    (annals, all)
}

fn slowly() -> ConsumerOptions {
    let batch = annals_record::ReadLimit { records: 1, bytes: 1 };
    let ingest = annals_ingest::Options { batch, idle: Duration::from_millis(5), ..Default::default() };
    ConsumerOptions { ingest, ..ConsumerOptions::default() }
}

fn end(annals: &Annals) -> Offset {
    annals.journal().durable()
}

/// How the consumer of this name stands, by its own process.
fn stands(annals: &Annals, name: &str) -> ConsumerStatus {
    let consumers = annals.status().unwrap().consumers;
    consumers.into_iter().find(|consumer| consumer.name == name).unwrap()
}

/// Where the journal's cursor of this name stands.
fn held(annals: &Annals, name: &str) -> Option<Offset> {
    let cursors = annals.journal().cursors().unwrap();
    cursors.into_iter().find(|cursor| cursor.name == name).and_then(|cursor| cursor.position)
}

#[test]
fn each_consumer_fills_its_own_sink_as_fast_as_it_is_and_shows_in_the_status() {
    let dir = tempfile::tempdir().unwrap();
    let (annals, all) = filled(dir.path(), 30);
    let (fast, slow) = (Arc::new(Ledger::default()), Arc::new(Ledger::default()));
    slow.dawdles.store(true, Ordering::SeqCst);
    let quick = annals.consumer("quick", Arc::clone(&fast)).unwrap();
    let snail = annals.consumer_with("a.snail-7", Arc::clone(&slow), slowly()).unwrap();
    quick.wait_for(end(&annals), SOON).unwrap();
    assert_eq!((fast.kept(), slow.kept()), (all, Vec::new()));
    assert_eq!(quick.lag().unwrap().records, 0);
    let names: Vec<_> = annals.status().unwrap().consumers.into_iter().map(|c| (c.name, c.kind)).collect();
    let consumer = |name: &str| (name.to_owned(), ConsumerKind::Consumer);
    assert_eq!(names, [("store".to_owned(), ConsumerKind::Store), consumer("a.snail-7"), consumer("quick")]);
    assert_eq!(stands(&annals, "a.snail-7").lag.map(|lag| lag.records), Some(30));
    assert_eq!(stands(&annals, "quick").lag.map(|lag| lag.records), Some(0));
    assert!(matches!(snail.wait_for(end(&annals), Duration::ZERO), Err(Error::Timeout { .. })));
    slow.dawdles.store(false, Ordering::SeqCst);
    snail.wait_for(end(&annals), SOON).unwrap();
    assert_eq!(slow.kept(), fast.kept());
}

#[test]
fn a_name_is_checked_and_has_one_worker_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let (annals, _) = filled(dir.path(), 1);
    let sink = || Arc::new(Ledger::default());
    let long = "x".repeat(65);
    for name in [
        "",
        "store",
        "store.gen-000001",
        "projection",
        "projection.agent",
        ".hidden",
        "../up",
        "a/b",
        "Mailer",
        "a_b",
        "ä",
        &long,
    ] {
        let refused = annals.consumer(name, sink()).err().unwrap();
        assert!(matches!(refused, Error::ConsumerName { .. }), "{name}: {refused}");
    }
    let first = annals.consumer("mailer", sink()).unwrap();
    let refused = annals.consumer("mailer", sink()).err().unwrap();
    assert!(matches!(&refused, Error::ConsumerTaken { name } if name == "mailer"), "{refused}");
    assert!(matches!(annals.forget_consumer("mailer"), Err(Error::ConsumerTaken { .. })));
    first.stop().unwrap();
    annals.consumer(&"x".repeat(64), sink()).unwrap().stop().unwrap();
    annals.consumer("mailer", sink()).unwrap().stop().unwrap();
    assert!(matches!(annals.pause("nobody"), Err(Error::NoConsumer { .. })));
}

#[test]
fn a_sink_of_another_journal_is_refused_and_holds_nothing() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sink = Arc::new(Ledger::default());
    let (annals, _) = filled(one.path(), 3);
    let consumer = annals.consumer("mailer", Arc::clone(&sink)).unwrap();
    consumer.wait_for(end(&annals), SOON).unwrap();
    drop(consumer);
    let (other, _) = filled(two.path(), 3);
    let refused = other.consumer("mailer", sink).err().unwrap();
    assert!(refused.to_string().contains("belongs to log"), "{refused}");
    assert_eq!(refused.refusal().map(|refusal| refusal.name), Some("foreign_log"));
    assert_eq!(held(&other, "mailer"), None);
}

#[test]
fn co1_a_failing_sink_stops_only_itself_and_goes_on_once_it_is_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let (annals, mut all) = filled(dir.path(), 5);
    let (bad, good) = (Arc::new(Ledger::default()), Arc::new(Ledger::default()));
    bad.fails.store(true, Ordering::SeqCst);
    let failing = annals.consumer("failing", Arc::clone(&bad)).unwrap();
    let other = annals.consumer("other", Arc::clone(&good)).unwrap();
    let failed = failing.wait_for(end(&annals), SOON).unwrap_err();
    assert!(
        failed.to_string().contains("consumer failing") && failed.to_string().contains("told to fail"),
        "{failed}"
    );
    assert_eq!(failed.kind(), Kind::Stop);
    all.push(annals.append(&claim(99)).unwrap().offset);
    annals.catch_up().unwrap();
    other.wait_for(end(&annals), SOON).unwrap();
    assert_eq!((good.kept(), bad.kept()), (all.clone(), Vec::new()));
    let status = stands(&annals, "failing");
    assert_eq!(status.state, ConsumerState::Failed);
    assert!(status.error.unwrap().contains("told to fail"));
    assert_ne!(stands(&annals, "store").state, ConsumerState::Failed);

    bad.fails.store(false, Ordering::SeqCst);
    failing.resume().unwrap();
    failing.wait_for(end(&annals), SOON).unwrap();
    assert_eq!(bad.kept(), all);
    // An error at the end is its own as well: all else closes in order.
    bad.fails.store(true, Ordering::SeqCst);
    let beyond = annals.append(&claim(100)).unwrap().next;
    failing.wait_for(beyond, SOON).unwrap_err();
    let closed = annals.close().unwrap_err();
    assert!(matches!(&closed, Error::Consumer { name, .. } if name == "failing"), "{closed}");
    let annals = Annals::open(dir.path()).unwrap();
    assert_eq!(annals.journal().report().torn, None);
    annals.close().unwrap();
}

#[test]
fn co2_a_pause_is_obeyed_by_whoever_opens_next_before_anything_is_applied() {
    let dir = tempfile::tempdir().unwrap();
    let (annals, all) = filled(dir.path(), 3);
    let sink = Arc::new(Ledger::default());
    let consumer = annals.consumer("mailer", Arc::clone(&sink)).unwrap();
    consumer.wait_for(end(&annals), SOON).unwrap();
    consumer.pause().unwrap();
    annals.pause("store").unwrap();
    let stood = end(&annals);
    let late = annals.append(&claim(3)).unwrap();
    let told = annals.wait_for(late.next, SOON).unwrap_err();
    assert!(
        matches!(&told, Error::Paused { name, applied, .. } if name == "store" && *applied == stood),
        "{told}"
    );
    assert!(told.to_string().contains("`annals cursors resume store`"), "{told}");
    assert!(matches!(annals.importer().err(), Some(Error::Paused { .. })));
    assert_eq!(
        (stands(&annals, "store").state, annals.status().unwrap().catch_up),
        (ConsumerState::Paused, None)
    );
    drop(consumer);
    annals.close().unwrap();

    for _ in 0..2 {
        let annals = Annals::open(dir.path()).unwrap();
        let consumer = annals.consumer("mailer", Arc::clone(&sink)).unwrap();
        assert!(matches!(annals.wait_for(late.next, SOON), Err(Error::Paused { .. })));
        assert!(matches!(consumer.wait_for(late.next, SOON), Err(Error::Paused { .. })));
        assert_eq!(annals.store().snapshot().unwrap().as_of(), stood);
        assert_eq!(sink.kept(), all);
        let pause = stands(&annals, "mailer").paused.unwrap();
        assert!(pause.by.contains("process ") && pause.since.ends_with('Z'), "{pause:?}");
    }
    let annals = Annals::open(dir.path()).unwrap();
    let consumer = annals.consumer("mailer", Arc::clone(&sink)).unwrap();
    annals.resume("mailer").unwrap();
    consumer.wait_for(late.next, SOON).unwrap();
    assert!(matches!(annals.wait_for(late.next, SOON), Err(Error::Paused { .. })));
    annals.resume("store").unwrap();
    annals.wait_for(late.next, SOON).unwrap();
}

#[test]
fn a_rebuild_keeps_a_pause_and_back_pressure_says_why_nothing_moves() {
    let dir = tempfile::tempdir().unwrap();
    let backpressure = crate::Backpressure::Wait { lag: crate::LagBound::records(0), timeout: SOON / 6 };
    let annals = Annals::open_with(dir.path(), Options { backpressure, ..Options::default() }).unwrap();
    annals.append(&claim(1)).unwrap();
    annals.catch_up().unwrap();
    annals.pause("store").unwrap();
    let stood = annals.append(&claim(2)).unwrap().offset;
    let held_back = annals.append(&claim(3)).unwrap_err();
    assert!(held_back.to_string().contains("paused"), "{held_back}");
    let rebuilt = annals.rebuild(&crate::RebuildOptions::default(), &mut |_| {}).unwrap();
    assert_eq!((rebuilt.same, rebuilt.switched), (Some(true), true));
    assert!(annals.serving().ingestor.wait_until_paused(SOON));
    assert_eq!(annals.store().snapshot().unwrap().as_of(), stood);
    annals.resume("store").unwrap();
    annals.catch_up().unwrap();
    annals.append(&claim(3)).unwrap();
}

#[test]
fn co3_what_a_consumer_has_not_made_durable_is_not_purged_whether_it_runs_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let (annals, _) = filled(dir.path(), 3);
    annals.journal().seal().unwrap();
    annals.append(&claim(4)).unwrap();
    annals.journal().remove_cursor(STORE_CURSOR).unwrap();
    let sink = Arc::new(Ledger::default());
    sink.lazy.store(true, Ordering::SeqCst);
    // It asks for parts to be made durable all the time, and for all of it only once the journal was quiet for long.
    let mut options = slowly();
    (options.ingest.checkpoint_every, options.ingest.idle) = (Duration::ZERO, Duration::from_secs(3));
    let consumer = annals.consumer_with("mailer", Arc::clone(&sink), options).unwrap();
    consumer.wait_for(end(&annals), SOON).unwrap();
    let goes = || annals.journal().plan(&Keep::Segments(1)).unwrap().purge.len();
    assert_eq!(goes(), 0, "it has applied them, but not durably");
    assert_eq!(held(&annals, "mailer"), Some(Offset::ZERO));
    sink.lazy.store(false, Ordering::SeqCst);
    consumer.stop().unwrap();
    assert_eq!(held(&annals, "mailer"), Some(end(&annals)));
    assert_eq!(goes(), 1);
    // It does not run, and what comes is held for it.
    annals.append(&claim(5)).unwrap();
    annals.journal().seal().unwrap();
    annals.append(&claim(6)).unwrap();
    assert_eq!(goes(), 1);
    assert!(annals.forget_consumer("mailer").unwrap());
    assert!(!annals.forget_consumer("mailer").unwrap());
    assert_eq!(goes(), 2);
    assert_eq!(annals.status().unwrap().consumers.len(), 1);
}

#[test]
fn a_new_sink_begins_where_it_is_told_and_a_place_that_was_purged_is_left_only_by_a_seek() {
    let dir = tempfile::tempdir().unwrap();
    let (annals, all) = filled(dir.path(), 3);
    annals.journal().seal().unwrap();
    let late = annals.append(&claim(4)).unwrap().offset;
    let begin = |name: &str, start| {
        let sink = Arc::new(Ledger::default());
        let consumer =
            annals.consumer_with(name, Arc::clone(&sink), ConsumerOptions { start, ..slowly() })?;
        consumer.wait_for(end(&annals), SOON).unwrap();
        consumer.stop()?;
        annals.forget_consumer(name)?;
        Ok::<_, Error>(sink)
    };
    assert_eq!(begin("a", ConsumerStart::Beginning).unwrap().kept().len(), 4);
    assert_eq!(begin("b", ConsumerStart::At(all[2])).unwrap().kept(), [all[2], late]);
    let at_end = begin("c", ConsumerStart::End).unwrap();
    assert_eq!((at_end.kept(), at_end.next()), (Vec::new(), end(&annals)));
    assert!(matches!(begin("d", ConsumerStart::At(Offset::new(1 << 40))), Err(Error::Consumer { .. })));

    annals.journal().remove_cursor(STORE_CURSOR).unwrap();
    let plan = annals.journal().plan(&Keep::Segments(1)).unwrap();
    annals.journal().apply(&plan, annals_journal::Consent::default()).unwrap();
    let refused = begin("e", ConsumerStart::Beginning).err().unwrap();
    assert_eq!(refused.refusal().map(|refusal| refusal.name), Some("purged"), "{refused}");
    assert_eq!(begin("f", ConsumerStart::Oldest).unwrap().kept(), [late]);

    // One that stands in what was purged goes on once somebody has said that the rest is skipped.
    let sink = Arc::new(Ledger::default());
    let cursor = Cursor { next: all[1], last: None, ..at_end.cursor().unwrap().unwrap() };
    sink.seek(&cursor).unwrap();
    assert!(annals.consumer("mailer", Arc::clone(&sink)).is_err());
    annals.consumers().notes.register("mailer", ConsumerKind::Consumer).unwrap();
    let plan = crate::plan_seek(dir.path(), "mailer", annals.journal().bounds().unwrap().oldest).unwrap();
    crate::seek(dir.path(), &plan).unwrap();
    let consumer = annals.consumer("mailer", Arc::clone(&sink)).unwrap();
    consumer.wait_for(end(&annals), SOON).unwrap();
    assert_eq!(sink.kept(), [late]);
}
