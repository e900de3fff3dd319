use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use annals_record::{Appended, Log, ReadLimit};

use crate::{Clock, Error, Journal, Offset, Options, Reader, RealDisk};

/// A clock that is set by hand.
#[derive(Debug, Default)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now_micros(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Appends one record at each of these times, in segments of several strides.
fn journal(dir: &Path, times: &[i64]) -> (Journal, Vec<Appended>) {
    let hand = Arc::new(Hand::default());
    let options = Options { segment_bytes: 300 << 10, ..Options::default() };
    let journal =
        Journal::open_on(Arc::new(RealDisk), Arc::clone(&hand) as Arc<dyn Clock>, dir, options).unwrap();
    let append = |(i, time): (usize, &i64)| {
        hand.0.store(*time, Ordering::Relaxed);
        journal.append(vec![i as u8; 8000]).unwrap()
    };
    let receipts: Vec<_> = times.iter().enumerate().map(append).collect();
    assert!(journal.status().segments.len() > 2, "several segments are sealed");
    (journal, receipts)
}

/// The number of the record that stands first at `at`.
fn number(journal: &Journal, receipts: &[Appended], at: Offset) -> usize {
    if at == journal.durable() {
        return receipts.len();
    }
    let first = journal.read(at, ReadLimit { records: 1, bytes: 1 }).unwrap().iter().next().unwrap().offset;
    receipts.iter().position(|receipt| receipt.offset == first).unwrap()
}

#[test]
fn a_time_finds_the_first_group_at_or_after_it() {
    let dir = tempfile::tempdir().unwrap();
    // Some times twice.
    let times: Vec<i64> = (0..100).map(|i| i / 2 * 1000).collect();
    let (journal, receipts) = journal(dir.path(), &times);
    let reader = Reader::open(dir.path()).unwrap();
    for micros in (-1..51).flat_map(|i| [i * 1000 - 1, i * 1000, i * 1000 + 1]) {
        let expected = times.partition_point(|time| *time < micros);
        let found = journal.seek_time(micros).unwrap();
        assert_eq!(number(&journal, &receipts, found), expected, "at {micros}");
        assert_eq!(reader.seek_time(micros).unwrap(), found);
    }
    assert_eq!(journal.seek_time(i64::MIN).unwrap(), Offset::ZERO);
    assert_eq!(journal.seek_time(i64::MAX).unwrap(), journal.durable());
}

#[test]
fn where_the_clock_went_back_the_place_still_parts_older_from_newer() {
    let dir = tempfile::tempdir().unwrap();
    let mut times: Vec<i64> = (0..100).map(|i| i * 1000).collect();
    for (at, back) in [(20, 15_000), (37, 30_000), (60, 59_000), (88, 20_000)] {
        times[at..].iter_mut().for_each(|time| *time -= back);
    }
    let (journal, receipts) = journal(dir.path(), &times);
    for micros in (-40_000..60_000).step_by(500) {
        let found = number(&journal, &receipts, journal.seek_time(micros).unwrap());
        assert!(times.get(found).is_none_or(|time| *time >= micros), "T1: at {micros}: {found}");
        let before = found.checked_sub(1).map(|before| times[before]);
        assert!(before.is_none_or(|time| time < micros), "T1: at {micros}: {found}");
    }
}

#[test]
fn a_place_that_damage_may_hide_is_where_the_damage_begins() {
    let dir = tempfile::tempdir().unwrap();
    let times: Vec<i64> = (0..100).map(|i| i * 1000).collect();
    let (journal, receipts) = journal(dir.path(), &times);
    journal.clone().close().unwrap();
    // One in a sealed segment and one in the last.
    for victim in [10, 94] {
        let segments = journal.status().segments;
        let segment = segments.iter().rfind(|segment| segment.base <= receipts[victim].offset).unwrap();
        let mut bytes = std::fs::read(&segment.path).unwrap();
        bytes[4096 + (receipts[victim].offset.get() - segment.base.get()) as usize + 50] ^= 1;
        std::fs::write(&segment.path, bytes).unwrap();
        let reader = Reader::open(dir.path()).unwrap();
        for record in [victim - 1, victim, victim + 1] {
            let found = reader.seek_time(record as i64 * 1000).unwrap();
            assert_eq!(found, receipts[record.min(victim)].offset, "{record}, {victim} is damaged");
        }
        let found = reader.seek_time((victim as i64 + 3) * 1000).unwrap();
        assert_eq!(found, receipts[victim + 3].offset, "older groups stand behind the damage");
        assert!(reader.seek_time(0).is_ok_and(|found| found == Offset::ZERO));
    }
    let missing = &journal.status().segments[1];
    std::fs::remove_file(&missing.path).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let first = receipts.iter().position(|receipt| receipt.offset >= missing.base).unwrap();
    assert_eq!(reader.seek_time(first as i64 * 1000 + 1).unwrap(), missing.base);
    let read = reader.read(missing.base, ReadLimit::default());
    assert!(matches!(read.map_err(|error| error.kind()), Err(annals_record::Kind::Stop)), "and says so");
    assert!(!matches!(reader.seek_time(99_000), Err(Error::Io { .. })));
}

#[test]
fn the_age_of_what_is_not_read_is_that_of_the_next_record_also_behind_a_seal() {
    let (dir, hand) = (tempfile::tempdir().unwrap(), Arc::new(Hand::default()));
    let clock = Arc::clone(&hand) as Arc<dyn Clock>;
    let journal = Journal::open_on(Arc::new(RealDisk), clock, dir.path(), Options::default()).unwrap();
    let append = |at: i64| {
        hand.0.store(at, Ordering::Relaxed);
        journal.append(b"x").unwrap().next
    };
    append(1_000_000);
    let end = append(2_000_000);
    journal.seal().unwrap();
    journal.checkpoint(b"no record", false).unwrap();
    let last = append(5_000_000);
    hand.0.store(9_000_000, Ordering::Relaxed);
    let ages = [Offset::ZERO, end, last].map(|from| journal.age(from).unwrap());
    assert_eq!(ages, [Some(Duration::from_secs(8)), Some(Duration::from_secs(4)), None]);
    let lags = [Offset::ZERO, end, journal.durable()].map(|from| journal.lag(from).unwrap());
    assert_eq!(lags.map(|lag| (lag.records, lag.seconds)), [(3, 8.0), (1, 4.0), (0, 0.0)]);
    // A batch's end, behind the seal.
    let read = journal.read(Offset::ZERO, ReadLimit { records: 2, bytes: 1 << 20 }).unwrap();
    assert_eq!(journal.age(read.next()).unwrap(), Some(Duration::from_secs(4)));
}

#[test]
fn every_record_of_a_batch_has_the_time_of_its_batch() {
    let dir = tempfile::tempdir().unwrap();
    let times: Vec<i64> = (0..100).map(|i| i * 1000).collect();
    let (journal, receipts) = journal(dir.path(), &times);
    for (receipt, time) in receipts.iter().zip(&times) {
        assert_eq!(journal.time_of(receipt.offset).unwrap(), Some(*time));
    }
    assert_eq!(journal.time_of(journal.durable()).unwrap(), None);
}
