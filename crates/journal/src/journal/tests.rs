use std::fs;
use std::path::Path;
use std::sync::{Arc, Barrier};

use annals_record::{RecordId, Term};

use super::*;
use crate::{AppendOptions, Bucket, Reader, SealPolicy, segment};

mod asking;
mod conforming;
mod extremes;
mod quiet;

/// Small segments, so that a few records roll.
const SMALL: Options = Options {
    segment_bytes: 8 << 10,
    max_batch_bytes: 1 << 20,
    sync: SyncPolicy::Always,
    seal: SealPolicy { age: None, bucket: Bucket::None },
    remember_keys: 100,
    fill_ahead: true,
    reserve_bytes: 4 << 30,
    own_thread: true,
};

fn open(dir: &Path) -> Journal {
    Journal::open_with(dir, SMALL).unwrap()
}

fn payload(i: usize) -> Vec<u8> {
    format!("record {i} {}", "x".repeat(i * 37 % 300)).into_bytes()
}

/// Appends records `range`, one by one.
fn fill(journal: &Journal, range: std::ops::Range<usize>) -> Vec<Appended> {
    range.map(|i| journal.append(payload(i)).unwrap()).collect()
}

/// Records with their offsets, and the damaged ranges between them.
type Served = (Vec<(Offset, Vec<u8>)>, Vec<(u64, u64)>);

/// Everything a log serves from `from` on; damaged ranges are skipped and listed.
fn read_all<L: Log>(log: L, from: Offset) -> Served {
    let mut tail = Tail::new(log, from).with_limit(ReadLimit { records: 3, bytes: 500 });
    let (mut records, mut damaged) = (Vec::new(), Vec::new());
    while let Some(batch) = tail.next() {
        match batch {
            Ok(batch) => records.extend(batch.iter().map(|entry| (entry.offset, entry.payload.to_vec()))),
            Err(LogError::Damaged { offset, len, .. }) => {
                damaged.push((offset.get(), len));
                tail.skip_to(Offset::new(offset.get() + len));
            }
            Err(other) => panic!("{other}"),
        }
    }
    (records, damaged)
}

/// The log holds exactly records `0..count`, at the offsets of their receipts.
fn check<L: Log>(log: L, receipts: &[Appended]) {
    let (records, damaged) = read_all(log, Offset::ZERO);
    assert_eq!(damaged, []);
    let expected: Vec<_> = receipts.iter().enumerate().map(|(i, r)| (r.offset, payload(i))).collect();
    assert_eq!(records, expected);
}

fn segment_files(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| segment::base_of(path.file_name().unwrap().to_str().unwrap()).is_some());
    paths.sort();
    paths
}

fn flip(path: &Path, at: u64) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at as usize] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[test]
fn records_come_back_in_order_at_the_offsets_of_their_receipts() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let receipts = fill(&journal, 0..200);
    assert!(journal.status().segments.len() > 3, "200 records roll small segments");
    check(journal.clone(), &receipts);
    for (i, receipt) in receipts.iter().enumerate() {
        assert_eq!(receipt.id, RecordId::of(&payload(i)));
        let batch = journal.read(receipt.offset, ReadLimit { records: 1, bytes: 1 }).unwrap();
        assert_eq!(batch.iter().next().map(|entry| entry.payload.to_vec()), Some(payload(i)));
    }
    journal.close().unwrap();

    let journal = open(dir.path());
    assert_eq!(
        journal.report(),
        &OpenReport { records: 200, ..OpenReport::default() },
        "a clean close leaves nothing to do"
    );
    check(journal.clone(), &receipts);
    assert_eq!(journal.status().records, 200);
}

#[test]
fn a_batch_is_one_group_and_may_be_larger_than_a_segment() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let payloads: Vec<_> = (0..100).map(payload).collect();
    let receipts = journal.append_batch(&payloads).unwrap();
    check(journal.clone(), &receipts);
    let batch = journal.read(Offset::ZERO, ReadLimit { records: 1, bytes: 1 }).unwrap();
    assert_eq!(batch.len(), 100, "a group is read whole");
    assert!(journal.append_batch::<&[u8]>(&[]).unwrap().is_empty());
    let receipts: Vec<_> = receipts.into_iter().chain(fill(&journal, 100..110)).collect();
    drop(journal);
    check(open(dir.path()), &receipts);
}

#[test]
fn what_is_too_large_is_refused_with_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let error = journal.append(vec![0; 1 << 20]).unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 1_048_576, .. }), "{error}");
    assert_eq!(error.kind(), Kind::Fix);
    fill(&journal, 0..1);
}

#[test]
fn threads_share_groups_and_each_gets_its_own_receipt() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let barrier = Barrier::new(8);
    let receipts: Vec<(usize, Appended)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|t| {
                let (journal, barrier) = (&journal, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    (0..50)
                        .map(|i| (t * 50 + i, journal.append(payload(t * 50 + i)).unwrap()))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let (records, _) = read_all(journal.clone(), Offset::ZERO);
    assert_eq!(records.len(), 400);
    for (i, receipt) in receipts {
        assert!(records.contains(&(receipt.offset, payload(i))));
    }
    let groups: u64 = verify(&journal);
    assert_eq!(groups, 400);
}

fn verify(journal: &Journal) -> u64 {
    let verification = journal.verify(&mut |_, _| {}).unwrap();
    assert_eq!(verification.damaged, []);
    verification.records
}

#[test]
fn a_torn_tail_is_kept_in_quarantine_and_the_log_goes_on_in_a_new_term() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let mut receipts = fill(&journal, 0..5);
    let end = journal.durable();
    journal.close().unwrap();
    let path = segment_files(dir.path()).pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(b"half a frame");
    fs::write(&path, &bytes).unwrap();

    let journal = open(dir.path());
    let torn = journal.report().torn.clone().unwrap();
    assert_eq!((torn.offset, torn.bytes), (end, 12));
    assert_eq!(fs::read(&torn.quarantine).unwrap(), b"half a frame");
    assert_eq!(journal.status().term, Term::new(2));
    receipts.extend(fill(&journal, 5..50));
    check(journal.clone(), &receipts);
    verify(&journal);
    journal.close().unwrap();
    let journal = open(dir.path());
    assert_eq!(journal.report().torn, None);
    check(journal.clone(), &receipts);
    assert_eq!(journal.terms().len(), 2);
}

#[test]
fn a_flipped_bit_below_the_watermark_is_damage_and_nothing_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let receipts = fill(&journal, 0..20);
    journal.close().unwrap();
    let path = segment_files(dir.path()).pop().unwrap();
    let before = fs::metadata(&path).unwrap().len();
    for victim in [0, 7, 19] {
        flip(&path, 4096 + receipts[victim].offset.get() + 41);
        let journal = Journal::open(dir.path()).unwrap();
        let damage = journal.report().damage.clone().unwrap();
        assert_eq!(damage.offset, receipts[victim].offset);
        assert!(matches!(journal.append("more"), Err(Error::Damaged(d)) if d == damage));
        let (records, damaged) = read_all(journal.clone(), Offset::ZERO);
        assert_eq!(damaged, [(damage.offset.get(), damage.len)]);
        let others: Vec<_> =
            (0..20).filter(|i| *i != victim).map(|i| (receipts[i].offset, payload(i))).collect();
        assert_eq!(records, others, "the others keep their offsets");
        assert_eq!(journal.verify(&mut |_, _| {}).unwrap().damaged.len(), 1);
        drop(journal);
        assert_eq!(fs::metadata(&path).unwrap().len(), before);
        flip(&path, 4096 + receipts[victim].offset.get() + 41);
    }
    check(Journal::open(dir.path()).unwrap(), &receipts);
}

#[test]
fn damage_in_a_sealed_segment_fails_its_range_and_does_not_stop_writing() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let mut receipts = fill(&journal, 0..60);
    journal.close().unwrap();
    flip(&segment_files(dir.path())[0], 4096 + receipts[3].offset.get() + 8);
    let journal = open(dir.path());
    assert_eq!(journal.report().damage, None);
    receipts.extend(fill(&journal, 60..70));
    let (records, damaged) = read_all(journal.clone(), Offset::ZERO);
    assert_eq!(records.len(), 69);
    assert_eq!(damaged.len(), 1);
    assert_eq!(damaged[0].0, receipts[3].offset.get());
    assert_eq!(journal.verify(&mut |_, _| {}).unwrap().damaged.len(), 1);
}

#[test]
fn a_missing_segment_is_damage_wherever_it_stood() {
    for victim in [0, 1, 2] {
        let dir = tempfile::tempdir().unwrap();
        let journal = open(dir.path());
        let receipts = fill(&journal, 0..60);
        journal.close().unwrap();
        let files = segment_files(dir.path());
        let victim = if victim == 2 { files.len() - 1 } else { victim };
        fs::remove_file(&files[victim]).unwrap();
        let journal = open(dir.path());
        let (records, damaged) = read_all(journal.clone(), Offset::ZERO);
        assert!(records.len() < receipts.len());
        assert_eq!(damaged.len(), 1, "segment {victim} of {}", files.len());
        let last = victim == files.len() - 1;
        assert_eq!(journal.report().damage.is_some(), last, "a lost end stops writing");
        assert_eq!(journal.append("more").is_ok(), !last);
        assert!(!journal.verify(&mut |_, _| {}).unwrap().is_ok());
    }
}

#[test]
fn a_segment_twice_or_under_another_name_is_damage() {
    for moved in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let journal = open(dir.path());
        let receipts = fill(&journal, 0..60);
        journal.close().unwrap();
        let files = segment_files(dir.path());
        fs::copy(&files[0], &files[1]).unwrap();
        if moved {
            fs::remove_file(&files[0]).unwrap();
        }
        let journal = open(dir.path());
        let (records, damaged) = read_all(journal.clone(), Offset::ZERO);
        assert!(!damaged.is_empty() && records.len() < receipts.len(), "{moved}: {damaged:?}");
        assert!(records.iter().all(|(offset, bytes)| {
            receipts
                .iter()
                .position(|receipt| receipt.offset == *offset)
                .is_some_and(|i| *bytes == payload(i))
        }));
        assert!(!journal.verify(&mut |_, _| {}).unwrap().is_ok());
    }
}

#[test]
fn a_sealed_segment_cut_at_a_group_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let receipts = fill(&journal, 0..60);
    journal.close().unwrap();
    let first = &segment_files(dir.path())[0];
    fs::OpenOptions::new().write(true).open(first).unwrap().set_len(4096 + receipts[5].offset.get()).unwrap();
    let journal = open(dir.path());
    let (records, damaged) = read_all(journal.clone(), Offset::ZERO);
    assert_eq!(records[..5], (0..5).map(|i| (receipts[i].offset, payload(i))).collect::<Vec<_>>());
    assert_eq!(damaged[0].0, receipts[5].offset.get());
    assert_eq!(journal.verify(&mut |_, _| {}).unwrap().damaged.len(), 1);
}

#[test]
fn what_is_not_ours_is_refused_and_left_alone() {
    let check = |name: &str, bytes: &[u8], expected: fn(&Error) -> bool| {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(name), bytes).unwrap();
        let error = Journal::open(dir.path()).unwrap_err();
        assert!(expected(&error), "{name}: {error}");
        assert_eq!(fs::read(dir.path().join(name)).unwrap(), bytes);
    };
    check("letter.txt", b"dear", |error| matches!(error, Error::NotAJournal { .. }));
    check("0000000000000000.wal", b"STEMEDB1 a seed's file", |error| {
        matches!(error, Error::NotAJournal { .. })
    });
    check("0000000000000000.wal", &[0; 5000], |error| matches!(error, Error::Damaged(_)));
    let mut newer = vec![0; 5000];
    newer[..8].copy_from_slice(b"annalsWL");
    newer[8] = 3;
    let crc = crc32c::crc32c(&newer[..4092]).to_le_bytes();
    newer[4092..4096].copy_from_slice(&crc);
    check("0000000000000000.wal", &newer, |error| {
        matches!(error, Error::NewerFormat { found: 3, known: 2, .. })
    });
    let error = Reader::open("/nowhere/at/all").unwrap_err();
    assert!(matches!(error, Error::Missing { .. }));
}

#[test]
fn a_second_writer_is_told_who_holds_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let error = Journal::open(dir.path()).unwrap_err();
    assert!(
        matches!(&error, Error::Locked { holder, .. } if holder.contains(&std::process::id().to_string())),
        "{error}"
    );
    drop(journal);
    open(dir.path());
}

#[test]
fn a_reader_follows_a_writer_over_rolls() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let reader = Reader::open(dir.path()).unwrap();
    assert!(matches!(Log::append(&reader, &[b"no"]), Err(LogError::Failed(_, Kind::Fix))));
    let follower = std::thread::spawn(move || {
        let mut tail = reader.tail(Offset::ZERO);
        let mut payloads = Vec::new();
        while payloads.len() < 300 {
            let batch =
                tail.next_batch(Duration::from_secs(60)).unwrap().expect("the writer writes 300 records");
            payloads.extend(batch.iter().map(|entry| entry.payload.to_vec()));
        }
        (payloads, reader.status().unwrap())
    });
    let receipts = fill(&journal, 0..300);
    let (payloads, status) = follower.join().unwrap();
    assert_eq!(payloads, (0..300).map(payload).collect::<Vec<_>>());
    assert_eq!((status.records, status.durable), (300, journal.durable()));
    assert_eq!(status.segments.len(), journal.status().segments.len());
    check(Reader::open(dir.path()).unwrap(), &receipts);
}

#[test]
fn a_tail_wakes_without_polling_and_ends_when_the_journal_closes() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let mut tail = journal.tail(Offset::ZERO);
    let follower = std::thread::spawn(move || {
        let batch = tail.next_batch(Duration::from_secs(60)).unwrap().unwrap();
        (batch.len(), tail.next_batch(Duration::from_secs(60)).is_err())
    });
    journal.append("one").unwrap();
    journal.close().unwrap();
    assert_eq!(follower.join().unwrap(), (1, true));
}

#[test]
fn a_closed_journal_refuses_appends_and_still_reads() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let receipts = fill(&journal, 0..3);
    journal.clone().close().unwrap();
    assert!(matches!(journal.append("late"), Err(Error::Closed)));
    check(journal, &receipts);
}

#[test]
fn lag_counts_records_bytes_and_age() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let receipts = fill(&journal, 0..100);
    let lag = journal.lag(receipts[40].offset).unwrap();
    assert_eq!(lag.records, 60);
    assert_eq!(lag.bytes, journal.durable().get() - receipts[40].offset.get());
    assert_eq!(journal.lag(journal.durable()).unwrap(), Lag::default());
    assert_eq!(journal.records(), 100);
    assert_eq!(journal.records_before(receipts[40].offset).unwrap(), 40);
}

#[test]
fn the_seeds_shared_journal_compiles() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Arc::new(Mutex::new(open(dir.path())));
    journal.lock().unwrap().append(vec![1, 2, 3]).unwrap();
    assert_eq!(annals_record::IntoLog::into_log(journal).durable().get(), 88);
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn tasks_append_beside_threads() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let tasks: Vec<_> = (0..100)
        .map(|i| {
            let journal = journal.clone();
            tokio::spawn(async move { journal.append_async(payload(i)).await.unwrap() })
        })
        .collect();
    let threads: Vec<_> = (100..104)
        .map(|i| {
            let journal = journal.clone();
            std::thread::spawn(move || journal.append(payload(i)).unwrap())
        })
        .collect();
    let mut receipts = Vec::new();
    for task in tasks {
        receipts.push(task.await.unwrap());
    }
    receipts.extend(threads.into_iter().map(|thread| thread.join().unwrap()));
    let (records, _) = read_all(journal.clone(), Offset::ZERO);
    assert_eq!(records.len(), 104);
    for (i, receipt) in receipts.iter().enumerate() {
        assert!(records.contains(&(receipt.offset, payload(i))));
    }
    drop(journal);
    open(dir.path());
}

#[test]
fn a_reader_says_that_the_watermark_is_lost_and_a_writer_finds_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let receipts = fill(&journal, 0..60);
    journal.close().unwrap();
    let path = dir.path().join("watermark");
    fs::write(&path, [7; 8192]).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    assert!(matches!(reader.durable(), Err(Error::Damaged(_))));
    fs::remove_file(&path).unwrap();
    assert!(matches!(Reader::open(dir.path()), Err(Error::Damaged(_))));
    check(open(dir.path()), &receipts);
    check(Reader::open(dir.path()).unwrap(), &receipts);
}

#[test]
fn a_reader_finds_what_lies_behind_rolls_it_has_not_seen() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let reader = Reader::open(dir.path()).unwrap();
    let receipts = fill(&journal, 0..100);
    let segments = journal.status().segments.len();
    assert!(segments > 3, "{segments} segments");
    let last = receipts.last().unwrap();
    let batch = reader.read(last.offset, ReadLimit::default()).unwrap();
    assert_eq!(batch.iter().next().map(|entry| entry.payload.to_vec()), Some(payload(99)));
}

#[test]
fn damage_behind_a_group_without_records_is_told_to_an_iterator() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    journal.checkpoint(b"no record", false).unwrap();
    let receipt = journal.append("damaged").unwrap();
    journal.close().unwrap();
    flip(&segment_files(dir.path())[0], 4096 + receipt.offset.get() + 41);
    let (records, damaged) = read_all(Reader::open(dir.path()).unwrap(), Offset::ZERO);
    assert_eq!((records.len(), damaged.len()), (0, 1));
}
