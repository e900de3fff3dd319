//! What an append, or a journal, may ask for: policies, expectations, keys, checkpoints, seals.

use std::fs;

use super::*;

#[test]
fn under_a_policy_that_may_lose_readers_see_only_what_was_synced() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open_with(dir.path(), Options { sync: SyncPolicy::OnDemand, ..SMALL }).unwrap();
    let receipts = fill(&journal, 0..5);
    let reach = journal.durability();
    assert_eq!(reach.durable, Offset::ZERO);
    assert!(reach.accepted > reach.durable, "{reach:?}");
    assert!(read_all(journal.clone(), Offset::ZERO).0.is_empty());
    assert_eq!(journal.status().durability, Durability::Memory);

    let durable = journal.sync().unwrap();
    assert_eq!(durable, journal.durability().accepted);
    check(journal.clone(), &receipts);
    // Upward, for one append.
    let ask = AppendOptions { durable: true, ..AppendOptions::default() };
    let more = journal.append_with(&[payload(5)], &ask).unwrap();
    let receipts = [receipts, more].concat();
    check(journal.clone(), &receipts);
    // Rolls, which sync, and a close, which does.
    let receipts = [receipts, fill(&journal, 6..200)].concat();
    journal.close().unwrap();
    check(open(dir.path()), &receipts);
}

#[test]
fn every_nth_record_syncs_those_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open_with(dir.path(), Options { sync: SyncPolicy::Every(4), ..SMALL }).unwrap();
    for i in 1..=12 {
        let appended = journal.append(b"x").unwrap();
        assert_eq!(journal.durable() >= appended.next, i % 4 == 0, "record {i}");
    }
}

#[test]
fn an_interval_syncs_without_being_asked() {
    let dir = tempfile::tempdir().unwrap();
    let sync = SyncPolicy::Interval(Duration::ZERO);
    let journal = Journal::open_with(dir.path(), Options { sync, ..SMALL }).unwrap();
    for _ in 0..3 {
        let appended = journal.append(b"x").unwrap();
        let bounds = journal.wait(appended.offset, Duration::from_secs(60)).unwrap();
        assert!(bounds.durable >= appended.next, "nobody synced: {bounds:?}");
    }
}

#[test]
fn an_append_that_expects_another_end_is_refused_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let first = journal.append_if(Offset::ZERO, &["a"]).unwrap()[0];
    assert!(matches!(
        journal.append_if(Offset::ZERO, &["b"]),
        Err(Error::Conflict { expected: Offset::ZERO, next }) if next == first.next
    ));
    let second = journal.append_if(first.next, &["b"]).unwrap()[0];
    // The place after the commit frame, where a tail stands, is as good.
    let third = journal.append_if(journal.durable(), &["c"]).unwrap()[0];
    assert!(first.offset < second.offset && second.offset < third.offset);
    assert!(journal.append_if(Offset::new(third.next.get() + 4096), &["d"]).is_err(), "beyond the end");
    journal.seal().unwrap();
    drop(journal);
    let journal = open(dir.path());
    assert!(journal.append_if(second.next, &["d"]).is_err(), "a record follows, in an earlier segment");
    journal.append_if(third.next, &["d"]).unwrap();
    assert_eq!(journal.status().records, 4);
}

#[test]
fn writers_that_expect_the_end_take_turns() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let conflicts: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let (mut next, mut done, mut conflicts) = (Offset::ZERO, 0, 0);
                    while done < 50 {
                        match journal.append_if(next, &["x"]) {
                            Ok(appended) => (next, done) = (appended[0].next, done + 1),
                            Err(Error::Conflict { next: newer, .. }) => {
                                (next, conflicts) = (newer, conflicts + 1);
                            }
                            Err(other) => panic!("{other}"),
                        }
                    }
                    conflicts
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(journal.status().records, 200);
    assert!(conflicts > 0, "nobody met anybody");
}

#[test]
fn an_append_with_a_known_key_is_answered_with_the_first_one() {
    let dir = tempfile::tempdir().unwrap();
    let keyed = |journal: &Journal, key: &str, payloads: &[&str]| {
        let how = AppendOptions { key: Some(key.as_bytes()), ..AppendOptions::default() };
        journal.append_with(payloads, &how)
    };
    let journal = open(dir.path());
    let first = keyed(&journal, "one", &["a", "b"]).unwrap();
    assert_eq!(keyed(&journal, "one", &["a", "b"]).unwrap(), first);
    assert!(matches!(keyed(&journal, "one", &["a"]), Err(Error::KeyReused { .. })));
    // Over rolls, a close, a lost file of keys, and a kill.
    let others: Vec<_> =
        (0..60).map(|i| keyed(&journal, &format!("key {i}"), &[&"y".repeat(300)]).unwrap()).collect();
    assert!(journal.status().segments.len() > 2);
    journal.close().unwrap();
    for lose in [false, true] {
        if lose {
            fs::remove_file(dir.path().join(crate::keys::FILE_NAME)).unwrap();
        }
        let journal = open(dir.path());
        assert_eq!(keyed(&journal, "one", &["a", "b"]).unwrap(), first, "lost: {lose}");
        for (i, other) in others.iter().enumerate() {
            assert_eq!(&keyed(&journal, &format!("key {i}"), &[&"y".repeat(300)]).unwrap(), other);
        }
        assert_eq!(journal.status().records, 62);
        assert_eq!(read_all(journal.clone(), Offset::ZERO).0.len(), 62, "keys are no records");
    }
}

#[test]
fn a_checkpoint_is_found_again_and_is_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    assert_eq!(journal.latest_checkpoint().unwrap(), None);
    let before = fill(&journal, 0..20);
    journal.checkpoint(b"state at twenty", false).unwrap();
    let checkpoint = journal.checkpoint(b"and again", true).unwrap();
    assert_eq!(journal.latest_checkpoint().unwrap().as_ref(), Some(&checkpoint));
    let after = fill(&journal, 20..60);
    let (records, _) = read_all(journal.clone(), checkpoint.next);
    assert_eq!(records.len(), 40, "reading from the checkpoint gives what came after it");
    drop(journal);
    let journal = open(dir.path());
    assert_eq!(journal.latest_checkpoint().unwrap(), Some(checkpoint), "segments later");
    check(journal, &[before, after].concat());
}

#[test]
fn a_segment_ends_by_request_by_age_and_with_its_hour() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(Hands(Mutex::new(3_599_000_000)));
    let hands = |micros: i64| *clock.0.lock().unwrap() += micros;
    let options = |age, bucket| Options { seal: SealPolicy { age, bucket }, ..SMALL };
    let open = |options| {
        let clock: Arc<dyn Clock> = Arc::<Hands>::clone(&clock);
        Journal::open_on(Arc::new(RealDisk), clock, dir.path(), options).unwrap()
    };
    let segments = |journal: &Journal| journal.status().segments.len();
    let journal = open(options(None, Bucket::None));
    journal.seal().unwrap();
    assert_eq!(segments(&journal), 1, "nothing to seal");
    journal.append(b"a").unwrap();
    let base = journal.seal().unwrap();
    assert_eq!((segments(&journal), journal.durable()), (2, base));
    drop(journal);
    let journal = open(options(None, Bucket::Hour));
    journal.append(b"b").unwrap();
    hands(2_000_000);
    journal.append(b"c").unwrap();
    assert_eq!(segments(&journal), 3, "an hour began");
    drop(journal);
    let journal = open(options(Some(Duration::from_secs(10)), Bucket::None));
    hands(9_000_000);
    journal.append(b"d").unwrap();
    assert_eq!(segments(&journal), 3);
    hands(1_000_000);
    journal.append(b"e").unwrap();
    assert_eq!(segments(&journal), 4, "ten seconds old");
    assert_eq!(read_all(journal, Offset::ZERO).0.len(), 5);
}

#[derive(Debug)]
struct Hands(Mutex<i64>);

impl Clock for Hands {
    fn now_micros(&self) -> i64 {
        *self.0.lock().unwrap()
    }
}

/// A task's waker may hold the last handle, and is dropped by the journal's own thread, which leads just then.
#[cfg(feature = "tokio")]
#[test]
fn the_last_handle_may_go_with_a_waker() {
    use std::future::Future;
    use std::task::{Context, Wake, Waker};

    struct Holds(#[expect(dead_code, reason = "held until it is dropped")] Journal);

    impl Wake for Holds {
        fn wake(self: Arc<Self>) {}
    }

    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let waker = Waker::from(Arc::new(Holds(journal.clone())));
    let mut append = Box::pin(journal.append_async(b"x"));
    let polled = append.as_mut().poll(&mut Context::from_waker(&waker));
    drop((append, waker, journal));
    // Whoever closes it, and in whichever thread: the lock is given back.
    let (told, done) = std::sync::mpsc::channel();
    let path = dir.path().to_owned();
    std::thread::spawn(move || {
        while let Err(error) = Journal::open_with(&path, SMALL).map(drop) {
            assert!(matches!(error, Error::Locked { .. }), "{error}");
            std::thread::yield_now();
        }
        told.send(()).unwrap();
    });
    assert!(done.recv_timeout(Duration::from_secs(30)).is_ok(), "never closed; polled {polled:?}");
}
