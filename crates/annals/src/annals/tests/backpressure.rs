//! Appends that wait for the store, or fail, beyond a bound; and what is said of how far it is behind.

use std::io::{Read, Seek, SeekFrom, Write};
use std::thread;

use annals_record::{Kind, Lag, ReadLimit};

use super::*;
use crate::handover::Resting;
use crate::{Backpressure, LagBound};

/// Longer than any test waits unless a wake-up is lost.
const LONG: Duration = Duration::from_secs(60);
/// Long enough for a thread that is not held back to be done.
const SHORT: Duration = Duration::from_millis(50);

fn wait(lag: LagBound) -> Backpressure {
    Backpressure::Wait { lag, timeout: LONG }
}

fn open(dir: &Path, backpressure: Backpressure) -> Annals {
    let annals = Annals::open_with(dir, Options { backpressure, ..Options::default() }).unwrap();
    annals.catch_up().unwrap();
    annals
}

/// The worker rests, as it does while a rebuild takes its place.
fn rest(annals: &Annals) -> Resting<'_> {
    let resting = annals.handover.begin();
    annals.serving().ingestor.rest().unwrap();
    resting
}

/// Another worker takes its place.
fn resume(annals: &Annals, resting: Resting<'_>) {
    let Serving { store, generation, .. } = annals.serving();
    let next = Serving::start(&annals.journal, store, generation, &annals.options, false);
    *annals.serving.write().unwrap() = next;
    drop(resting);
}

/// So many records come while the worker rests, in groups of ten.
fn fall_behind(annals: &Annals, records: usize) {
    let claims: Vec<_> = (0..records).map(|i| claim(i).payload().unwrap()).collect();
    claims.chunks(10.max(records / 100)).for_each(|group| drop(annals.journal.append_batch(group).unwrap()));
}

/// For a while nothing is appended: whoever tries to is held back (BP1).
fn quiet(annals: &Annals) {
    let end = annals.journal.durable();
    assert_eq!(annals.journal.wait(end, SHORT).unwrap().durable, end, "BP1");
}

/// An append that is held back by five records too many; then `happens`. What comes of it, after all within a minute.
fn held_back(dir: &Path, happens: impl FnOnce(&Annals, Resting<'_>)) -> (Annals, Result<Appended, Error>) {
    let annals = open(dir, wait(LagBound::records(5)));
    let resting = rest(&annals);
    fall_behind(&annals, 10);
    let start = Instant::now();
    let appended = thread::scope(|scope| {
        let append = scope.spawn(|| annals.append(&claim(1000)));
        quiet(&annals);
        happens(&annals, resting);
        append.join().unwrap()
    });
    assert!(start.elapsed() < LONG, "the wake-up was lost");
    (annals, appended)
}

fn behind(result: Result<impl Sized, Error>) -> (Lag, Duration, Option<String>) {
    match result {
        Err(Error::Behind { lag, waited, worker, .. }) => {
            (lag, waited, worker.map(|error| error.to_string()))
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was appended"),
    }
}

#[test]
fn by_default_the_journal_takes_whatever_comes() {
    let dir = tempfile::tempdir().unwrap();
    let annals = open(dir.path(), Backpressure::None);
    annals.serving().ingestor.rest().unwrap();
    fall_behind(&annals, 1_000);
    annals.append(&claim(1_000)).unwrap();
    assert_eq!(annals.status().unwrap().lag.records, 1_001);
}

#[test]
fn bp2_whoever_waits_is_let_through_once_the_store_is_near_enough() {
    let dir = tempfile::tempdir().unwrap();
    let (annals, appended) = held_back(dir.path(), resume);
    annals.wait_for(appended.unwrap().next, SOON).unwrap();
    assert_eq!(annals.journal.records(), 11);
    annals.close().unwrap();
}

#[test]
fn bp3_whoever_waits_for_a_worker_that_fails_is_told_why() {
    let dir = tempfile::tempdir().unwrap();
    let (annals, appended) = held_back(dir.path(), |annals, resting| {
        damage(&dir.path().join("journal"));
        resume(annals, resting);
    });
    let error = appended.unwrap_err();
    assert!(error.to_string().contains("the worker has stopped: the log is damaged at offset 0"), "{error}");
    assert_eq!(error.kind(), Kind::Stop);
    assert_eq!(behind(Err::<(), _>(error)).0.records, 10);
    assert_eq!(annals.journal.records(), 10);
}

/// Flips a bit of the first record.
fn damage(journal: &Path) {
    let segment = fs::read_dir(journal).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.filter(|path| path.extension().is_some_and(|it| it == "wal")).min().unwrap();
    let mut file = fs::OpenOptions::new().read(true).write(true).open(segment).unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(4096 + 60)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(4096 + 60)).unwrap();
    file.write_all(&[byte[0] ^ 1]).unwrap();
}

#[test]
fn bp3_whoever_waits_for_a_worker_that_is_stopped_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (annals, appended) = held_back(dir.path(), |_, resting| drop(resting));
    let error = appended.unwrap_err();
    assert!(error.to_string().contains("start it again"), "{error}");
    assert_eq!(error.kind(), Kind::Retry);
    // And whoever comes later does not begin to wait.
    assert!(behind(annals.append(&claim(1))).2.unwrap().contains("was stopped"));
}

#[test]
fn bp3_nobody_waits_for_longer_than_the_timeout() {
    let dir = tempfile::tempdir().unwrap();
    let annals = open(dir.path(), Backpressure::Wait { lag: LagBound::records(5), timeout: SHORT });
    let resting = rest(&annals);
    fall_behind(&annals, 6);
    let error = annals.append(&claim(1000)).unwrap_err();
    assert_eq!(error.kind(), Kind::Retry);
    let text = error.to_string();
    assert!(text.contains("the store is 6 records, ") && text.contains("go on up to 5 records"), "{text}");
    assert!(text.contains("nothing was appended within") && text.contains("append again"), "{text}");
    let (lag, waited, worker) = behind(Err::<(), _>(error));
    assert!((lag.records, worker) == (6, None) && waited >= SHORT, "{lag:?} {waited:?}");
    resume(&annals, resting);
    annals.catch_up().unwrap();
    annals.append(&claim(1000)).unwrap();
}

#[test]
fn a_store_that_was_refused_lets_nobody_wait() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    closed(here.path());
    closed(there.path());
    fs::remove_dir_all(here.path().join("store")).unwrap();
    fs::rename(there.path().join("store"), here.path().join("store")).unwrap();
    let options = Options { backpressure: wait(LagBound::bytes(64)), ..Options::default() };
    let annals = Annals::open_with(here.path(), options).unwrap();
    annals.catch_up().unwrap_err();
    let error = annals.append(&claim(1000)).unwrap_err();
    assert!(error.to_string().contains("belongs to log"), "{error}");
    assert_eq!(error.refusal().unwrap().name, "foreign_log");
    assert_eq!(behind(Err::<(), _>(error)).0.records, annals.journal.records());
}

/// Which of the bounds hold back an append while five records, appended a while ago, are not applied.
#[test]
fn bp1_beyond_a_bound_nothing_is_appended_and_within_it_all_is() {
    let both = LagBound { records: Some(5), bytes: Some(64), age: Some(LONG) };
    for (bound, passes) in [
        (LagBound::default(), true),
        (LagBound::records(5), true),
        (LagBound::records(4), false),
        (LagBound::records(0), false),
        (LagBound::bytes(1 << 20), true),
        (LagBound::bytes(64), false),
        (LagBound::age(LONG), true),
        (LagBound::age(SHORT / 2), false),
        (both, false),
        (LagBound { bytes: Some(1 << 20), ..both }, true),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let annals = open(dir.path(), Backpressure::Fail { lag: bound });
        annals.append(&claim(999)).unwrap();
        annals.catch_up().unwrap();
        // What the first worker has applied counts as well as what its successor has.
        let resting = rest(&annals);
        resume(&annals, resting);
        annals.catch_up().unwrap();
        let resting = rest(&annals);
        fall_behind(&annals, 5);
        quiet(&annals);
        let single = annals.append(&claim(1000));
        assert_eq!(single.is_ok(), passes, "{bound}: {single:?}");
        if !passes {
            let text = single.as_ref().unwrap_err().to_string();
            assert!(
                text.contains("nothing was appended: append again once the store has caught up"),
                "{text}"
            );
            let (lag, waited, worker) = behind(single);
            assert!((lag.records, worker) == (5, None) && lag.bytes > 64 && waited.is_zero(), "{bound}");
            assert!(lag.seconds >= SHORT.as_secs_f64(), "{bound}: {lag}");
            behind(annals.append_batch(&[claim(1001), claim(1002)]));
            let mut importer = Importer::new(&annals);
            importer.add(&claim(1003)).unwrap();
            behind(importer.flush());
            assert_eq!(importer.queued(), 1, "the batch stays queued");
            assert_eq!(annals.journal.records(), 6);
        }
        resume(&annals, resting);
        annals.catch_up().unwrap();
        annals.append_batch(&[claim(1004), claim(1005)]).unwrap();
        annals.close().unwrap();
    }
}

#[test]
fn a_backlog_from_before_the_start_counts() {
    const BACKLOG: usize = 40_000;
    let dir = tempfile::tempdir().unwrap();
    let annals = open(dir.path(), Backpressure::None);
    annals.append(&claim(999)).unwrap();
    annals.catch_up().unwrap();
    annals.serving().ingestor.rest().unwrap();
    // Enough for a worker that takes one at a time to be busy with, however late this thread gets its turn.
    fall_behind(&annals, BACKLOG);
    quiet(&annals);
    annals.close().unwrap();
    let ingest = annals_ingest::Options { batch: ReadLimit { records: 1, bytes: 1 }, ..Default::default() };
    for bound in [LagBound::records(10), LagBound::bytes(500), LagBound::age(SHORT / 2)] {
        let options =
            Options { backpressure: Backpressure::Fail { lag: bound }, ingest, ..Options::default() };
        let annals = Annals::open_with(dir.path(), options).unwrap();
        let lag = behind(annals.append(&claim(5_000))).0;
        assert!((10..=BACKLOG as u64).contains(&lag.records), "{bound}: {lag}");
        annals.close().unwrap();
    }
}

#[test]
fn an_import_remembers_no_more_than_it_may_and_waits_for_the_worker() {
    let dir = tempfile::tempdir().unwrap();
    let annals = open(dir.path(), Backpressure::None);
    let resting = rest(&annals);
    let mut importer = Importer::new(&annals);
    importer.remembered = 10;
    let queue = |importer: &mut Importer<'_>, from: usize| {
        (from..from + 5).for_each(|i| assert_eq!(importer.add(&claim(i)).unwrap(), Added::Queued));
    };
    for from in [0, 5] {
        queue(&mut importer, from);
        importer.flush().unwrap();
    }
    queue(&mut importer, 10);
    thread::scope(|scope| {
        let flush = scope.spawn(|| importer.flush().map(|receipts| receipts.len()));
        quiet(&annals);
        resume(&annals, resting);
        assert_eq!(flush.join().unwrap().unwrap(), 5);
    });
    // More than may be remembered at once passes once nothing else is.
    (20..40).for_each(|i| assert_eq!(importer.add(&claim(i)).unwrap(), Added::Queued));
    assert_eq!(importer.flush().unwrap().len(), 20);
    annals.serving().ingestor.rest().unwrap();
    importer.remembered = 0;
    queue(&mut importer, 50);
    match importer.flush() {
        // The worker may have applied everything before it was stopped.
        Ok(receipts) => assert_eq!(receipts.len(), 5),
        Err(error) => assert!(error.to_string().contains("was stopped"), "{error}"),
    }
    queue(&mut importer, 60);
    let error = importer.flush().unwrap_err();
    assert!(error.to_string().contains("was stopped"), "{error}");
}

#[test]
fn a_status_says_when_the_store_will_have_caught_up() {
    let dir = tempfile::tempdir().unwrap();
    let ingest =
        annals_ingest::Options { batch: ReadLimit { records: 10, bytes: 1 << 20 }, ..Default::default() };
    let annals = Annals::open_with(dir.path(), Options { ingest, ..Options::default() }).unwrap();
    annals.catch_up().unwrap();
    assert_eq!(annals.status().unwrap().catch_up, Some(Duration::ZERO));
    let resting = rest(&annals);
    fall_behind(&annals, 5_000);
    let stopped = annals.status().unwrap();
    assert_eq!((stopped.lag.records, stopped.catch_up), (5_000, None), "nobody catches up");
    resume(&annals, resting);
    let (mut last, mut said) = (u64::MAX, 0);
    loop {
        let status = annals.status().unwrap();
        assert!(status.lag.records <= last);
        last = status.lag.records;
        if last == 0 {
            assert_eq!(status.catch_up, Some(Duration::ZERO));
            break;
        }
        said += u32::from(status.catch_up.is_some_and(|left| left > Duration::ZERO && left < LONG));
    }
    assert!(said > 0);
    let _resting = rest(&annals);
    fall_behind(&annals, 10);
    assert_eq!(annals.status().unwrap().catch_up, None, "nobody catches up, however fast it was");
}

#[cfg(feature = "tokio")]
mod tasks {
    use std::sync::Arc;

    use super::*;

    fn append(annals: &Arc<Annals>, tasks: usize) -> Vec<tokio::task::JoinHandle<Result<Appended, Error>>> {
        (0..tasks)
            .map(|i| {
                let annals = Arc::clone(annals);
                tokio::spawn(async move { annals.append_async(&claim(1000 + i)).await })
            })
            .collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn bp4_tasks_that_wait_hold_no_thread_and_are_all_let_through() {
        let dir = tempfile::tempdir().unwrap();
        let annals = Arc::new(open(dir.path(), wait(LagBound::records(5))));
        let resting = rest(&annals);
        fall_behind(&annals, 10);
        // More than the runtime has threads that may block.
        let tasks = append(&annals, 1_000);
        tokio::time::sleep(SHORT).await;
        assert_eq!(annals.journal.records(), 10, "BP1: they are held back");
        resume(&annals, resting);
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(annals.journal.records(), 1_010);
        Arc::into_inner(annals).unwrap().close().unwrap();
        Annals::open(dir.path()).unwrap().close().unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn bp3_tasks_are_told_when_the_worker_ends_and_when_the_time_is_up() {
        let dir = tempfile::tempdir().unwrap();
        let annals = Arc::new(open(dir.path(), wait(LagBound::records(5))));
        let resting = rest(&annals);
        fall_behind(&annals, 10);
        let tasks = append(&annals, 10);
        tokio::time::sleep(SHORT).await;
        drop(resting);
        for task in tasks {
            assert!(behind(task.await.unwrap()).2.unwrap().contains("was stopped"));
        }
        Arc::into_inner(annals).unwrap().close().unwrap();

        let dir = tempfile::tempdir().unwrap();
        let policy = Backpressure::Wait { lag: LagBound::records(5), timeout: SHORT };
        let annals = Arc::new(open(dir.path(), policy));
        let _resting = rest(&annals);
        fall_behind(&annals, 10);
        for task in append(&annals, 10) {
            let (lag, waited, worker) = behind(task.await.unwrap());
            assert!((lag.records, worker) == (10, None) && waited >= SHORT);
        }
        assert_eq!(annals.journal.records(), 10);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_task_that_is_dropped_while_it_waits_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let annals = Arc::new(open(dir.path(), wait(LagBound::records(5))));
        // For longer than the knowledge base is open.
        let handover = Arc::clone(&annals.handover);
        let _resting = handover.begin();
        annals.serving().ingestor.rest().unwrap();
        fall_behind(&annals, 10);
        let tasks = append(&annals, 10);
        tokio::time::sleep(SHORT).await;
        for task in tasks {
            task.abort();
            let _ = task.await;
        }
        assert_eq!(annals.journal.records(), 10);
        Arc::into_inner(annals).unwrap().close().unwrap();
        // Its thread has given the directory back.
        Annals::open(dir.path()).unwrap().close().unwrap();
    }
}
