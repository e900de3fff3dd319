use std::sync::Mutex;
use std::sync::atomic::Ordering;

use annals_record::{Kind, MemoryLog, ReadLimit};
use annals_storage::HybridStore;

use super::*;
use crate::Restart;
use crate::scene::{FaultyStore, assertion, log_of, named};

mod pauses;

/// Longer than any test waits unless something hangs.
const LONG: Duration = Duration::from_secs(60);

fn ten() -> MemoryLog {
    log_of((0..10).map(|n| assertion("a", n)))
}

fn store() -> (tempfile::TempDir, Arc<HybridStore>) {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(HybridStore::open(dir.path()).unwrap());
    (dir, store)
}

#[test]
fn it_reads_as_the_example_and_answers_once_waited_for() {
    let (_dir, store) = store();
    let journal = Arc::new(Mutex::new(ten()));
    let mut ingestor = Ingestor::new(journal.clone(), Arc::clone(&store));
    assert_eq!(ingestor.progress().state, State::New);
    assert!(matches!(ingestor.lag(), Err(Error::NotStarted)));
    ingestor.start();
    for n in 10..20 {
        let appended = journal.lock().unwrap().append(&[&assertion("a", n)]).unwrap();
        ingestor.wait_for(appended[0].next, LONG).unwrap();
        assert!(store.snapshot().unwrap().get(&appended[0].id).unwrap().is_some());
    }
    ingestor.wait_for(journal.lock().unwrap().end(), LONG).unwrap();
    assert_eq!(ingestor.progress().records, 20);
    assert_eq!(ingestor.lag().unwrap().records, 0);
    ingestor.stop().unwrap();
    assert_eq!(ingestor.progress().state, State::Stopped);
}

#[test]
fn a_stop_makes_everything_durable_and_lets_go_of_the_store() {
    let (dir, store) = store();
    let log = Arc::new(ten());
    let mut ingestor = Ingestor::new(Arc::clone(&log), store);
    ingestor.start();
    ingestor.wait_for(log.end(), LONG).unwrap();
    ingestor.stop().unwrap();
    ingestor.stop().unwrap();
    assert_eq!(ingestor.progress().checkpointed, Some(log.end()));
    drop(ingestor);
    let store = HybridStore::open(dir.path()).unwrap();
    assert_eq!(store.durable_cursor().unwrap().map(|cursor| cursor.next), Some(log.end()));
}

#[test]
fn a_stop_in_the_middle_of_the_work_makes_durable_what_was_applied() {
    let (_dir, store) = store();
    let log = Arc::new(log_of((0..1000).map(|n| assertion("a", n))));
    let one = ReadLimit { records: 1, bytes: 1 };
    let options = Options { batch: one, checkpoint_every: LONG * 60, ..Options::default() };
    let mut ingestor = Ingestor::with_options(Arc::clone(&log), Arc::clone(&store), options);
    ingestor.start();
    ingestor.wait_for(Offset::new(1), LONG).unwrap();
    ingestor.stop().unwrap();
    let cursor = store.cursor().unwrap();
    assert!(cursor.is_some());
    assert_eq!(store.durable_cursor().unwrap(), cursor);
}

#[test]
fn dropping_it_stops_it() {
    let (dir, store) = store();
    let mut ingestor = Ingestor::new(Arc::new(ten()), store);
    ingestor.start();
    drop(ingestor);
    HybridStore::open(dir.path()).unwrap();
}

#[test]
fn after_a_stop_it_goes_on_where_it_was() {
    let (_dir, store) = store();
    let log = Arc::new(ten());
    let mut ingestor = Ingestor::new(Arc::clone(&log), store);
    for round in 1..4 {
        ingestor.start();
        ingestor.start();
        log.append(&[&assertion("b", round)]).unwrap();
        ingestor.wait_for(log.end(), LONG).unwrap();
        ingestor.stop().unwrap();
        let beyond = log.append(&[&assertion("c", round)]).unwrap()[0].next;
        let stopped = ingestor.wait_for(beyond, LONG);
        assert!(matches!(stopped, Err(Error::Stopped { .. })), "{stopped:?}");
    }
    assert_eq!(ingestor.progress().records, 15);
}

#[test]
fn a_log_that_goes_quiet_is_checkpointed() {
    let (_dir, store) = store();
    let log = Arc::new(ten());
    let mut ingestor = Ingestor::new(Arc::clone(&log), Arc::clone(&store));
    ingestor.start();
    let end = log.end();
    let board = Arc::clone(&ingestor.shared.board);
    assert!(board.wait_until(LONG, |status| status.checkpointed == Some(end)));
    assert_eq!(ingestor.progress().state, State::CaughtUp);
    assert_eq!(store.durable_cursor().unwrap().map(|cursor| cursor.next), Some(end));
}

#[test]
fn failures_that_may_pass_are_tried_again_until_they_do() {
    let (_dir, store) = store();
    let log = Arc::new(ten());
    log.fail_reads(5, Kind::Retry);
    let options = Options { backoff_first: Duration::from_micros(1), ..Options::default() };
    let mut ingestor = Ingestor::with_options(Arc::clone(&log), store, options);
    ingestor.start();
    ingestor.wait_for(log.end(), LONG).unwrap();
    let status = ingestor.progress();
    assert_eq!(status.retries, 0);
    assert!(status.last_error.is_some_and(|error| error.to_string() == "told to fail"));
}

#[test]
fn it_can_be_stopped_while_it_waits_to_try_again() {
    let (_dir, store) = store();
    let log = Arc::new(ten());
    log.fail_reads(1_000_000, Kind::Retry);
    let options = Options { backoff_first: LONG * 60, backoff_cap: LONG * 60, ..Options::default() };
    let mut ingestor = Ingestor::with_options(log, store, options);
    ingestor.start();
    assert!(ingestor.shared.board.wait_until(LONG, |status| status.state == State::Retrying));
    ingestor.stop().unwrap();
}

#[test]
fn w2_a_store_of_another_log_stops_it_with_the_refusal() {
    let (_dir, store) = store();
    let mut ingestor = Ingestor::new(Arc::new(ten()), Arc::clone(&store));
    ingestor.start();
    ingestor.wait_for(ten().end(), LONG).unwrap();
    drop(ingestor);

    let other = named(*b"a second log....");
    let mut ingestor = Ingestor::new(Arc::new(other), store);
    ingestor.start();
    let refused = ingestor.wait_for(Offset::new(1), LONG).unwrap_err();
    assert!(refused.to_string().contains("belongs to log"), "{refused}");
    assert_eq!(refused.kind(), Kind::Fix);
    assert_eq!(ingestor.progress().state, State::Failed);
    assert!(matches!(ingestor.stop(), Err(Error::Failed(_))));
}

#[test]
fn damage_in_the_log_stops_it_with_what_came_before_applied() {
    let (_dir, store) = store();
    let log = Arc::new(ten());
    let end = log.end();
    log.append(&[&assertion("a", 99)]).unwrap();
    log.damage(end);
    let mut ingestor = Ingestor::new(Arc::clone(&log), Arc::clone(&store));
    ingestor.start();
    let failed = ingestor.wait_for(log.end(), LONG).unwrap_err();
    assert!(failed.to_string().contains("damaged at offset"), "{failed}");
    assert_eq!(store.snapshot().unwrap().as_of(), end);
}

#[test]
fn a_hole_in_the_log_is_passed_and_counted() {
    let (dir, store) = store();
    let log = Arc::new(ten());
    let lost = log.read(Offset::ZERO, ReadLimit { records: 4, bytes: usize::MAX }).unwrap().next();
    log.lose(lost);
    let mut ingestor = Ingestor::new(Arc::clone(&log), Arc::clone(&store));
    ingestor.start();
    ingestor.wait_for(log.end(), LONG).unwrap();
    let status = ingestor.progress();
    assert_eq!((status.records, status.holes, status.last_error.is_none()), (9, 1, true));
    assert_eq!(store.snapshot().unwrap().as_of(), log.end());
    assert!(crate::compare(&*log, &store, &mut |_, _| {}).unwrap().is_same());
    drop((ingestor, store));

    // What was applied last is lost: that is no reason to refuse the store.
    let store = Arc::new(HybridStore::open(dir.path()).unwrap());
    let last = store.cursor().unwrap().unwrap().last.unwrap().offset;
    log.lose(last);
    let beyond = log.append(&[&assertion("b", 1)]).unwrap()[0].next;
    let mut ingestor = Ingestor::new(Arc::clone(&log), store);
    ingestor.start();
    ingestor.wait_for(beyond, LONG).unwrap();
    assert_eq!(ingestor.progress().records, 1);
}

#[test]
fn an_error_of_the_store_and_a_panic_end_it_and_wake_whoever_waits() {
    for panics in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(FaultyStore::open(dir.path()));
        store.panics.store(panics, Ordering::SeqCst);
        store.fails.store(!panics, Ordering::SeqCst);
        let log = Arc::new(ten());
        let mut ingestor = Ingestor::new(Arc::clone(&log), Arc::clone(&store));
        ingestor.start();
        let failed = ingestor.wait_for(log.end(), LONG).unwrap_err();
        assert_eq!(failed.kind(), Kind::Stop);
        assert!(failed.to_string().contains(if panics { "panicked" } else { "told to fail" }), "{failed}");
        assert!(ingestor.stop().is_err());

        store.panics.store(false, Ordering::SeqCst);
        store.fails.store(false, Ordering::SeqCst);
        ingestor.start();
        ingestor.wait_for(log.end(), LONG).unwrap();
    }
}

#[test]
fn a_worker_that_fails_or_panics_is_started_again_as_often_as_its_strategy_says() {
    for (panics, failures, works) in [(true, 2, true), (false, 2, true), (true, 3, false), (false, 3, false)]
    {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(FaultyStore::open(dir.path()));
        store.panics.store(panics, Ordering::SeqCst);
        store.fails.store(!panics, Ordering::SeqCst);
        store.left.store(failures, Ordering::SeqCst);
        let log = Arc::new(ten());
        let restart = Restart { most: 2, within: LONG * 60, pause: Duration::from_millis(1) };
        let options = Options { restart, ..Options::default() };
        let mut ingestor = Ingestor::with_options(Arc::clone(&log), Arc::clone(&store), options);
        ingestor.start();
        let waited = ingestor.wait_for(log.end(), LONG);
        let status = ingestor.progress();
        assert_eq!(status.restarts, 2, "{failures} failures");
        assert_eq!(store.left.load(Ordering::SeqCst), 0, "every failure has happened");
        assert!(status.last_error.is_some());
        if works {
            waited.unwrap();
            assert_eq!(
                (status.records, status.outcome.fresh),
                (10, 10),
                "applied once, whatever came before"
            );
            ingestor.stop().unwrap();
        } else {
            let told = waited.unwrap_err().to_string();
            assert!(told.contains(if panics { "panicked" } else { "told to fail" }), "{told}");
            assert!(ingestor.stop().is_err());
        }
    }
}

#[test]
fn what_somebody_has_to_mend_first_is_not_tried_again() {
    let (_dir, store) = store();
    let restart = Restart { most: 5, within: LONG * 60, pause: Duration::ZERO };
    let options = Options { restart, ..Options::default() };
    for (log, fits) in [(ten(), true), (named(*b"a second log...."), false)] {
        let mut ingestor = Ingestor::with_options(Arc::new(log), Arc::clone(&store), options);
        ingestor.start();
        assert_eq!(ingestor.wait_for(ten().end(), LONG).is_ok(), fits, "a store of the first log");
        assert_eq!(ingestor.progress().restarts, 0);
    }
}

#[test]
fn a_stop_while_it_waits_to_be_started_again_tells_the_failure() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(FaultyStore::open(dir.path()));
    store.fails.store(true, Ordering::SeqCst);
    let restart = Restart { most: 5, within: LONG, pause: LONG * 60 };
    let log = Arc::new(ten());
    let mut ingestor = Ingestor::with_options(log, store, Options { restart, ..Options::default() });
    ingestor.start();
    let board = Arc::clone(&ingestor.shared.board);
    assert!(board.wait_until(LONG, |status| status.restarts == 1));
    let told = ingestor.stop().unwrap_err().to_string();
    assert!(told.contains("told to fail"), "{told}");
}

#[test]
fn a_log_that_is_closed_is_not_asked_in_a_busy_loop() {
    let (_dir, store) = store();
    let log = Arc::new(ten());
    log.close();
    let options = Options { idle: LONG * 60, ..Options::default() };
    let mut ingestor = Ingestor::with_options(Arc::clone(&log), store, options);
    ingestor.start();
    let board = Arc::clone(&ingestor.shared.board);
    assert!(board.wait_until(LONG, |status| status.state == State::CaughtUp));
    // It waits for its own hour now. In a busy loop it would have read a thousand times before this gives up.
    assert!(!board.wait_until(Duration::from_millis(200), |_| log.reads() > 1000));
    ingestor.stop().unwrap();
    assert!(log.reads() < 10, "{} reads", log.reads());
}

#[cfg(feature = "tokio")]
mod runtime {
    use super::*;

    #[tokio::test]
    async fn a_tokio_mutex_is_a_source_and_the_worker_a_task() {
        let (dir, store) = store();
        let journal = Arc::new(tokio::sync::Mutex::new(ten()));
        let mut ingestor = Ingestor::new(journal.clone(), Arc::clone(&store));
        ingestor.start();
        let appended = journal.lock().await.append(&[&assertion("a", 10)]).unwrap();
        assert!(ingestor.thread.lock().unwrap().is_none());
        let ingestor = tokio::task::spawn_blocking(move || {
            ingestor.wait_for(appended[0].next, LONG).unwrap();
            ingestor
        });
        let mut ingestor = ingestor.await.unwrap();
        assert!(
            store
                .snapshot()
                .unwrap()
                .get(&annals_record::RecordId::of(&assertion("a", 10)))
                .unwrap()
                .is_some()
        );
        ingestor.stop().unwrap();
        drop((ingestor, store));
        HybridStore::open(dir.path()).unwrap();
    }

    #[test]
    fn a_runtime_that_ends_before_the_worker_begins_does_not_hang_it() {
        let (_dir, store) = store();
        let mut ingestor = Ingestor::new(Arc::new(ten()), store);
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        let (begun, begins) = std::sync::mpsc::channel();
        let (release, released) = std::sync::mpsc::channel::<()>();
        runtime.spawn_blocking(move || {
            begun.send(()).unwrap();
            let _ = released.recv();
        });
        begins.recv().unwrap();
        runtime.block_on(async { ingestor.start() });
        assert_eq!(ingestor.progress().state, State::Starting);
        runtime.shutdown_background();
        release.send(()).unwrap();
        ingestor.stop().unwrap();
    }
}

#[test]
fn w5_damage_is_passed_counted_and_noted_where_that_is_asked_for() {
    let (_dir, store) = store();
    let log = Arc::new(ten());
    let end = log.end();
    log.append(&[&assertion("a", 99)]).unwrap();
    log.append(&[&assertion("a", 100)]).unwrap();
    log.damage(end);
    let options = Options { damage: crate::OnDamage::PassAndList, ..Options::default() };
    let mut ingestor = Ingestor::with_options(Arc::clone(&log), Arc::clone(&store), options);
    ingestor.start();
    ingestor.wait_for(log.end(), LONG).unwrap();
    let status = ingestor.progress();
    assert_eq!((status.records, status.damaged, status.holes, status.last_error.is_none()), (11, 1, 0, true));
    assert_eq!(store.snapshot().unwrap().passed(None, 9).unwrap()[0].offset, end);
    ingestor.stop().unwrap();
}
