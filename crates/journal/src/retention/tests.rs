use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use annals_record::{Kind, Log, LogError};

use super::*;
use crate::clock::Clock;
use crate::disk::{Disk, RealDisk};
use crate::options::Options;
use crate::purged::Purged;
use crate::receipts::ReceiptQuery;
use crate::segment::{self, HEADER_LEN};
use crate::tail::Tail;
use crate::{NoRefill, salvage};

mod clocks;
mod faults;

const SECOND: i64 = 1_000_000;
/// One record of `payload` fills a segment: header, record, commit, seal.
const SEALED: u64 = 4096 + 3080 + 160;
const ACTIVE: u64 = 4096 + 3080;
const STEP: u64 = 3080 + 160;

#[derive(Debug, Default)]
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now_micros(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A journal of which every segment holds one record.
struct Scene {
    dir: tempfile::TempDir,
    clock: Arc<Hands>,
    journal: Journal,
}

fn payload(i: usize) -> Vec<u8> {
    format!("{i:03000}").into_bytes()
}

impl Scene {
    /// `count` records, the i-th at second 1000 + i.
    fn new(count: usize) -> Self {
        Self::at(&(0..count as i64).map(|i| 1000 + i).collect::<Vec<_>>())
    }

    /// A record at each of these seconds.
    fn at(seconds: &[i64]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hands::default());
        let journal = open(dir.path(), &clock).unwrap();
        let scene = Self { dir, clock, journal };
        for (i, second) in seconds.iter().enumerate() {
            scene.append(i, *second);
        }
        scene
    }

    fn append(&self, i: usize, second: i64) {
        self.clock.0.store(second * SECOND, Ordering::SeqCst);
        self.journal.append(payload(i)).unwrap();
    }

    fn reader(&self) -> Reader {
        Reader::open_on(Arc::new(RealDisk), Arc::clone(&self.clock) as Arc<dyn Clock>, self.dir.path())
            .unwrap()
    }

    fn reopen(self) -> Self {
        let Self { dir, clock, journal } = self;
        journal.close().unwrap();
        let journal = open(dir.path(), &clock).unwrap();
        Self { dir, clock, journal }
    }

    fn purge(&self, keep: Keep) -> Vec<Receipt> {
        self.journal.apply(&self.journal.plan(&keep).unwrap(), Consent::default()).unwrap()
    }

    fn file(&self, i: u64) -> std::path::PathBuf {
        self.dir.path().join(segment::file_name(base(i)))
    }

    fn bases(&self) -> Vec<Offset> {
        crate::purged::bases(&RealDisk, self.dir.path()).unwrap()
    }
}

fn open(dir: &Path, clock: &Arc<Hands>) -> Result<Journal, Error> {
    let options = Options { segment_bytes: 8 << 10, max_batch_bytes: 1 << 20, ..Options::default() };
    Journal::open_on(Arc::new(RealDisk), Arc::clone(clock) as Arc<dyn Clock>, dir, options)
}

fn base(i: u64) -> Offset {
    Offset::new(i * STEP)
}

/// The end of the i-th segment's record, before its seal.
fn records_end(i: u64) -> Offset {
    Offset::new(i * STEP + 3080)
}

/// How many segments would go.
fn goes(scene: &Scene, keep: Keep) -> usize {
    let plan = scene.journal.plan(&keep).unwrap();
    assert_eq!(scene.reader().plan(&keep).unwrap(), plan, "a reader plans the same");
    let bases: Vec<Offset> = plan.purge.iter().map(|segment| segment.base).collect();
    assert_eq!(bases, (0..bases.len() as u64).map(base).collect::<Vec<_>>(), "a prefix");
    bases.len()
}

fn read_all<L: Log>(log: L, from: Offset) -> Result<Vec<Vec<u8>>, LogError> {
    let mut records = Vec::new();
    for batch in Tail::new(log, from) {
        records.extend(batch?.iter().map(|entry| entry.payload.to_vec()));
    }
    Ok(records)
}

fn payloads(range: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    range.map(payload).collect()
}

#[test]
fn every_policy_keeps_what_it_says_at_its_edges() {
    let scene = Scene::new(5);
    assert_eq!(goes(&scene, Keep::Everything), 0);
    for (most, gone) in [(0, 4), (1, 4), (2, 3), (4, 1), (5, 0), (6, 0), (u64::MAX, 0)] {
        assert_eq!(goes(&scene, Keep::Segments(most)), gone, "at most {most} segments");
    }
    assert_eq!(goes(&scene, Keep::Newest), 3);
    let all = 4 * SEALED + ACTIVE;
    let held: u64 = scene.journal.status().segments.iter().filter(|s| s.sealed).map(|s| s.file_bytes).sum();
    assert_eq!(held, 4 * SEALED, "a sealed file is as long as is planned with");
    let edges = [
        (all, 0),
        (all - 1, 1),
        (all - SEALED, 1),
        (all - SEALED - 1, 2),
        (ACTIVE, 4),
        (ACTIVE - 1, 4),
        (0, 4),
    ];
    for (limit, gone) in edges {
        assert_eq!(goes(&scene, Keep::Bytes(limit)), gone, "at most {limit} bytes of {all}");
    }
    let second = scene.journal.status().segments[1].base.get();
    for (offset, gone) in [(0, 0), (second - 1, 0), (second, 1), (second + 1, 1), (u64::MAX, 4)] {
        assert_eq!(goes(&scene, Keep::From(Offset::new(offset))), gone, "from {offset} on");
    }
    // The newest record is of second 1004.
    for (seconds, gone) in [(0, 4), (1, 3), (2, 2), (4, 0), (u64::MAX, 0)] {
        assert_eq!(goes(&scene, Keep::Age(Duration::from_secs(seconds))), gone, "at most {seconds} s old");
    }
    let almost = Duration::from_secs(1) - Duration::from_micros(1);
    assert_eq!(goes(&scene, Keep::Age(almost)), 4, "a second is older than a little less");
}

#[test]
fn an_idle_log_does_not_age() {
    let scene = Scene::new(3);
    scene.clock.0.store(1_000_000 * SECOND, Ordering::SeqCst);
    assert_eq!(goes(&scene, Keep::Age(Duration::from_secs(100))), 0);
}

#[test]
fn a_plan_says_what_goes_and_what_stays() {
    let scene = Scene::new(4);
    let plan = scene.journal.plan(&Keep::Segments(2)).unwrap();
    assert_eq!((plan.log, plan.keep), (scene.journal.identity(), Keep::Segments(2)));
    assert_eq!((plan.oldest, plan.oldest_after), (Offset::ZERO, records_end(1)));
    assert_eq!((plan.kept_segments, plan.kept_bytes), (2, SEALED + ACTIVE));
    assert_eq!((plan.blocked.len(), plan.clock), (0, None));
    let times = Some((1001 * SECOND, 1001 * SECOND));
    let second = PlannedSegment { base: base(1), end: base(2), bytes: SEALED, records: Some(1), times };
    assert_eq!(plan.purge[1], second);
    assert_eq!(scene.bases().len(), 4, "planning changes nothing");
}

#[test]
fn what_is_purged_is_a_gap_and_all_else_is_there() {
    let scene = Scene::new(6);
    let old = scene.reader();
    assert_eq!(read_all(old.clone(), Offset::ZERO).unwrap(), payloads(0..6));
    scene.clock.0.store(2000 * SECOND, Ordering::SeqCst);
    let receipts = scene.purge(Keep::Segments(2));
    assert_eq!(receipts.len(), 4);
    let scene = scene.reopen();
    assert_eq!(scene.bases(), [base(4), base(5)]);
    for log in [&scene.journal as &dyn Log, &scene.reader(), &old] {
        for wanted in [Offset::ZERO, base(1), base(3)] {
            let gap = log.read(wanted, annals_record::ReadLimit::default()).unwrap_err();
            let expected = (wanted, records_end(3));
            assert!(matches!(gap, LogError::Gap { wanted, oldest } if (wanted, oldest) == expected), "{gap}");
        }
        assert_eq!(log.bounds().unwrap().oldest, records_end(3));
        assert_eq!(log.lag(records_end(3)).unwrap().records, 2);
    }
    for from in [records_end(3), base(4)] {
        assert_eq!(read_all(scene.journal.clone(), from).unwrap(), payloads(4..6));
        assert_eq!(read_all(scene.reader(), from).unwrap(), payloads(4..6));
    }
    let verified = scene.journal.verify(&mut |_, _| {}).unwrap();
    assert_eq!((verified.records, verified.damaged), (2, vec![]));
    let status = scene.journal.status();
    assert_eq!((status.oldest, status.records, status.segments.len()), (records_end(3), 6, 2));
    assert_eq!(scene.journal.terms(), old.terms());
    scene.append(6, 2001);
    assert_eq!(read_all(scene.reader(), base(4)).unwrap(), payloads(4..7));
    assert_eq!(scene.purge(Keep::Segments(1)).len(), 2, "a purged log is purged on");
}

#[test]
fn receipts_say_what_went_and_why() {
    let scene = Scene::new(4);
    let chains: Vec<_> =
        scene.journal.core.source.segments().iter().map(|s| s.seal.map(|seal| seal.chain)).collect();
    scene.clock.0.store(2000 * SECOND, Ordering::SeqCst);
    let first = scene.purge(Keep::Segments(3));
    scene.clock.0.store(3000 * SECOND, Ordering::SeqCst);
    let second = scene.purge(Keep::Bytes(0));
    let expected = Receipt {
        base: Offset::ZERO,
        end: base(1),
        records: 1,
        bytes: SEALED,
        times: Some((1000 * SECOND, 1000 * SECOND)),
        chain: chains[0].unwrap(),
        purged_at_micros: 2000 * SECOND,
        reason: "max 3 segments".to_owned(),
    };
    assert_eq!(first, std::slice::from_ref(&expected));
    assert_eq!(second.iter().map(|receipt| receipt.base).collect::<Vec<_>>(), [base(1), base(2)]);
    assert_eq!(second[1].reason, "max 0 bytes");
    let scene = scene.reopen();
    let listed = scene.reader().receipts(&ReceiptQuery::default()).unwrap();
    assert_eq!(listed.purged, [second[1].clone(), second[0].clone(), expected]);
    assert_eq!(scene.journal.receipts(&ReceiptQuery::default()).unwrap(), listed);
}

#[test]
fn what_is_in_the_way_is_named() {
    let scene = Scene::new(5);
    let blockers = |plan: &Plan| -> Vec<Vec<Blocker>> { plan.blocked.iter().map(|b| b.by.clone()).collect() };
    let plan = scene.journal.plan(&Keep::Bytes(0)).unwrap();
    assert_eq!(blockers(&plan), [[Blocker::Active]]);
    assert_eq!(plan.blocked[0].segment.bytes, ACTIVE);
    assert_eq!(scene.purge(Keep::Segments(9)), [], "nothing to do is no error");

    let cursor = scene.journal.cursor_at("archive", base(2)).unwrap();
    let plan = scene.journal.plan(&Keep::Segments(1)).unwrap();
    let by = |position| Blocker::Cursor { name: "archive".to_owned(), position };
    assert_eq!((plan.purge.len(), blockers(&plan)), (2, vec![vec![by(base(2))], vec![by(base(2))]]));
    assert_eq!((plan.kept_segments, plan.kept_bytes), (3, 2 * SEALED + ACTIVE));
    drop(cursor);

    scene.journal.remove_cursor("archive").unwrap();

    fs::write(scene.dir.path().join("cursors/worker.cursor"), [7; 8192]).unwrap();
    let plan = scene.journal.plan(&Keep::Segments(1)).unwrap();
    assert!(plan.purge.is_empty() && plan.blocked.len() == 4);
    let unusable =
        "cursor worker cannot be used: neither of its slots verifies; remove it, and register it anew";
    assert!(plan.blocked[0].by[0].to_string().starts_with(unusable), "{}", plan.blocked[0].by[0]);
    scene.journal.remove_cursor("worker").unwrap();

    let mut bytes = fs::read(scene.file(1)).unwrap();
    bytes[50] ^= 1;
    fs::write(scene.file(1), bytes).unwrap();
    let scene = scene.reopen();
    let plan = scene.journal.plan(&Keep::Segments(1)).unwrap();
    assert_eq!(plan.purge.len(), 1);
    assert!(plan.blocked[0].by[0].to_string().starts_with("it is damaged: header checksum"), "{plan:?}");
    assert_eq!(blockers(&plan)[1], [Blocker::Earlier { base: base(1) }]);
}

#[test]
fn a_segment_that_has_lost_its_seal_is_damaged_and_stays() {
    let scene = Scene::new(4);
    let mut bytes = fs::read(scene.file(1)).unwrap();
    let len = bytes.len();
    bytes[len - 20] ^= 1;
    fs::write(scene.file(1), bytes).unwrap();
    let scene = scene.reopen();
    let plan = scene.journal.plan(&Keep::Segments(1)).unwrap();
    assert_eq!(plan.purge.len(), 1);
    assert!(matches!(plan.blocked[0].by[..], [Blocker::Damaged { .. }]), "{plan:?}");
}

#[test]
fn a_checkpoint_that_begins_a_segment_is_not_in_the_way_of_the_one_before() {
    let scene = Scene::new(2);
    let end = scene.journal.seal().unwrap();
    let checkpoint = scene.journal.checkpoint("here", false).unwrap();
    assert_eq!(checkpoint.offset, end);
    assert_eq!(goes(&scene, Keep::Segments(1)), 2);
}

#[test]
fn an_empty_segment_is_not_held_by_whoever_has_read_all_before_it() {
    let scene = Scene::new(2);
    scene.journal.seal().unwrap();
    let Scene { dir, clock, journal } = scene;
    let newest = journal.status().segments.pop().unwrap();
    journal.close().unwrap();
    // Torn before anything was written: the empty segment is sealed, and another one begins.
    let mut bytes = fs::read(&newest.path).unwrap();
    bytes.truncate(HEADER_LEN as usize);
    bytes.extend([0xaa; 64]);
    fs::write(&newest.path, bytes).unwrap();
    let journal = open(dir.path(), &clock).unwrap();
    let torn = journal.report().torn.clone().unwrap();
    let cursor = journal.cursor_at("worker", records_end(1)).unwrap();
    assert_eq!(torn.offset, newest.base);
    let plan = journal.plan(&Keep::Segments(1)).unwrap();
    assert_eq!((plan.purge.len(), plan.oldest_after), (3, records_end(1)), "{plan:?}");
    drop(cursor);
}

#[test]
fn the_latest_checkpoint_and_all_behind_it_stay() {
    let scene = Scene::new(3);
    let checkpoints: Vec<Offset> = (3..7)
        .map(|i| {
            let checkpoint = scene.journal.checkpoint([i as u8; 100], false).unwrap();
            scene.append(i, 1000 + i as i64);
            checkpoint.offset
        })
        .collect();
    let segments = scene.journal.status().segments;
    let (holding, active) = (&segments[5], &segments[6]);
    assert!(holding.base <= checkpoints[3] && checkpoints[3] < holding.end && !active.sealed);
    let plan = scene.journal.plan(&Keep::Bytes(0)).unwrap();
    assert_eq!(scene.reader().plan(&Keep::Bytes(0)).unwrap(), plan);
    let needed = Blocker::Checkpoint { offset: checkpoints[3] };
    assert_eq!(plan.purge.iter().map(|segment| segment.end).max(), Some(holding.base), "below it all may go");
    assert_eq!(plan.blocked[0].by, std::slice::from_ref(&needed));
    assert_eq!(plan.blocked[1].by, [Blocker::Active, needed]);
    scene.purge(Keep::Bytes(0));
    let scene = scene.reopen();
    assert_eq!(scene.journal.latest_checkpoint().unwrap().unwrap().body, [6; 100]);
}

#[test]
fn an_optimistic_append_to_a_log_without_records_asks_for_its_end() {
    let scene = Scene::new(3);
    let stale = base(1);
    let end = scene.journal.seal().unwrap();
    assert_eq!(scene.purge(Keep::Segments(1)).len(), 3);
    let scene = scene.reopen();
    let conflict = scene.journal.append_if(stale, &[b"x"]).unwrap_err();
    assert!(matches!(conflict, Error::Conflict { next, .. } if next == records_end(2)), "{conflict}");
    scene.journal.append_if(end, &[b"x"]).unwrap();
}

#[test]
fn whoever_has_read_all_of_a_segment_does_not_hold_it_and_misses_nothing() {
    let scene = Scene::new(3);
    // As a consumer stands that has seen the records and not what follows them.
    let cursor = scene.reader().cursor_at("worker", records_end(1)).unwrap();
    assert_eq!(scene.purge(Keep::Segments(1)).len(), 2);
    assert_eq!(read_all(scene.reader(), cursor.position()).unwrap(), payloads(2..3));
    drop(cursor);
    assert_eq!(scene.journal.cursor("worker").unwrap().position(), records_end(1));
    assert_eq!(scene.journal.cursors().unwrap()[0].lag.unwrap().records, 1);
    let scene = scene.reopen();
    assert_eq!(scene.journal.cursor("worker").unwrap().position(), records_end(1));
    let before = Offset::new(records_end(1).get() - 8);
    assert!(matches!(scene.journal.cursor_at("late", before), Err(Error::Gap { .. })));
}

#[test]
fn a_plan_that_does_not_fit_any_more_removes_nothing() {
    let scene = Scene::new(5);
    let plan = scene.journal.plan(&Keep::Segments(2)).unwrap();
    let cursor = scene.reader().cursor_at("late", base(1)).unwrap();
    let error = scene.journal.apply(&plan, Consent::default()).unwrap_err();
    assert!(
        matches!(&error, Error::Blocked { base: at, by } if *at == base(1) && by.contains("cursor late")),
        "{error}"
    );
    assert_eq!((error.kind(), scene.bases().len()), (Kind::Fix, 5));
    assert!(Purged::read(&RealDisk, scene.dir.path()).unwrap().is_none());
    drop(cursor);
    scene.journal.remove_cursor("late").unwrap();

    assert_eq!(scene.purge(Keep::Segments(4)).len(), 1);
    let error = scene.journal.apply(&plan, Consent::default()).unwrap_err();
    assert!(matches!(error, Error::StalePlan { .. }), "{error}");
    // Whatever is in the way of others.
    drop(scene.reader().cursor_at("late", base(2)).unwrap());
    assert_eq!(scene.journal.plan(&plan.keep).unwrap().blocked.len(), 1);
    let error = scene.journal.apply(&plan, Consent::default()).unwrap_err();
    assert!(matches!(error, Error::StalePlan { .. }), "{error}");
    scene.journal.remove_cursor("late").unwrap();
    let other = Scene::new(5).journal.plan(&Keep::Segments(2)).unwrap();
    let error = scene.journal.apply(&other, Consent::default()).unwrap_err();
    assert!(matches!(error, Error::StalePlan { .. }), "{error}");
    assert_eq!(scene.bases().len(), 4);

    // More may be wanted by now; what the plan shows goes.
    let plan = scene.journal.plan(&Keep::Segments(3)).unwrap();
    scene.append(5, 1005);
    assert_eq!(scene.journal.apply(&plan, Consent::default()).unwrap().len(), 1);
    let closed = scene.journal.clone();
    let plan = closed.plan(&Keep::Segments(1)).unwrap();
    let scene = scene.reopen();
    assert!(matches!(closed.apply(&plan, Consent::default()), Err(Error::Closed)));
    assert_eq!(scene.bases().len(), 4);
}

#[test]
fn readers_beside_a_writer_that_rolls_and_purges_see_all_once_in_order_or_a_gap() {
    let scene = Scene::new(3);
    let done = AtomicBool::new(false);
    let tail = |log: &dyn Fn() -> Box<dyn Log>| {
        let log = log();
        let (mut next, mut seen, mut gaps) = (Offset::ZERO, Vec::new(), 0);
        loop {
            let last = done.load(Ordering::SeqCst);
            match log.read(next, annals_record::ReadLimit { records: 1, bytes: 1 }) {
                Ok(batch) if batch.is_empty() && last => break,
                Ok(batch) if batch.is_empty() => {
                    log.wait(next, Duration::from_millis(5)).unwrap();
                }
                Ok(batch) => {
                    next = batch.next();
                    seen.extend(batch.iter().map(|entry| entry.payload.to_vec()));
                }
                Err(LogError::Gap { wanted, oldest }) => {
                    assert!(next <= wanted && wanted < oldest, "a gap ends behind its beginning");
                    (next, gaps) = (oldest, gaps + 1);
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert!(seen.is_sorted() && seen.windows(2).all(|two| two[0] != two[1]), "in order, once");
        assert_eq!(seen.last(), Some(&payload(119)));
        assert!(gaps > 0 || seen.len() == 120, "{} of 120 and no gap", seen.len());
    };
    std::thread::scope(|scope| {
        let readers = [
            scope.spawn(|| tail(&|| Box::new(scene.journal.clone()))),
            scope.spawn(|| tail(&|| Box::new(scene.reader()))),
        ];
        for i in 3..120 {
            scene.append(i, 1000 + i as i64);
            if i % 3 == 0 {
                scene.purge(Keep::Segments(3));
            }
        }
        done.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.join().unwrap();
        }
    });
    let receipts = scene.journal.receipts(&ReceiptQuery::default()).unwrap();
    assert!(
        receipts.purged.windows(2).all(|two| two[0].base == two[1].end),
        "one receipt each, newest first"
    );
}

#[test]
fn r4_a_segment_whose_seal_is_lost_is_held_by_whoever_has_not_read_what_is_left_of_it() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(Hands::default()));
    let journal = open(dir.path(), &clock).unwrap();
    journal.append("left").unwrap();
    let lost = journal.append("lost").unwrap();
    journal.seal().unwrap();
    let next = journal.append("next").unwrap();
    journal.close().unwrap();
    // The second group and the seal are gone, and nothing proves what they were.
    let path = dir.path().join(segment::file_name(Offset::ZERO));
    let mut bytes = fs::read(&path).unwrap();
    bytes[HEADER_LEN as usize + lost.offset.get() as usize..].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let (disk, hands): (Arc<dyn Disk>, Arc<dyn Clock>) = (Arc::new(RealDisk), Arc::clone(&clock) as _);
    let plan = salvage::plan(&disk, dir.path(), &NoRefill).unwrap();
    let report = salvage::apply(&disk, hands, dir.path(), Options::default(), &NoRefill, &plan).unwrap();
    assert!(!report.lost.is_empty(), "{report:?}");

    let journal = open(dir.path(), &clock).unwrap();
    let mut worker = journal.cursor_at("worker", Offset::ZERO).unwrap();
    let plan = journal.plan(&Keep::Segments(1)).unwrap();
    assert!(plan.purge.is_empty(), "{plan:?}");
    assert!(plan.blocked[0].by.iter().any(|by| matches!(by, Blocker::Cursor { .. })), "{plan:?}");
    worker.advance(next.next, None).unwrap();
    let plan = journal.plan(&Keep::Segments(1)).unwrap();
    assert_eq!(plan.purge[0].base, Offset::ZERO);
}
