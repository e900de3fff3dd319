use std::fs;

use annals_record::Kind;
use annals_testkit::{Call, Fault, FaultDisk, ManualClock, Outcome, SimDisk, Survival};
use fastrand::Rng;

use super::*;

fn small() -> LedgerOptions {
    LedgerOptions { max_file_bytes: 8 << 10, ..LedgerOptions::default() }
}

fn replayed(ledger: &Ledger, from: ReplayFrom) -> Vec<Vec<u8>> {
    let batches = ledger.replay(from).unwrap().map(Result::unwrap);
    batches.flat_map(|batch| batch.iter().map(|entry| entry.payload.to_vec()).collect::<Vec<_>>()).collect()
}

fn entry(i: u32) -> Vec<u8> {
    format!("{i:01000}").into_bytes()
}

fn write(ledger: &Ledger, i: u32) {
    ledger.write_entry(&entry(i)).unwrap();
}

#[test]
fn a_replay_begins_behind_the_latest_checkpoint_whose_bytes_it_gets_also_in_another_run() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(dir.path(), LedgerOptions::default()).unwrap();
    assert_eq!(ledger.latest_checkpoint().unwrap(), None);
    for i in 0..10 {
        ledger.write_entry(&entry(i)).unwrap();
        if i == 3 || i == 6 {
            ledger.create_checkpoint(format!("after {i}").as_bytes()).unwrap();
        }
    }
    ledger.close().unwrap();
    let ledger = Ledger::open(dir.path(), LedgerOptions::default()).unwrap();
    assert_eq!(ledger.latest_checkpoint().unwrap().unwrap().body, b"after 6");
    assert_eq!(replayed(&ledger, ReplayFrom::Checkpoint), [7, 8, 9].map(entry));
    assert_eq!(replayed(&ledger, ReplayFrom::Oldest), (0..10).map(entry).collect::<Vec<_>>());
}

#[test]
fn an_offset_is_a_place_of_the_whole_log_and_rises_over_rolls_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let mut places = Vec::new();
    for round in 0..3 {
        let ledger = Ledger::open(dir.path(), LedgerOptions { max_segments: 100, ..small() }).unwrap();
        places.extend((0..10).map(|i| ledger.write_entry(&entry(round * 10 + i)).unwrap().offset));
        let from = ReplayFrom::Offset(places[places.len() - 4]);
        let last = (round + 1) * 10;
        assert_eq!(replayed(&ledger, from), (last - 4..last).map(entry).collect::<Vec<_>>());
    }
    assert!(places.is_sorted() && places.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn le2_segments_beyond_the_bound_go_by_themselves_and_never_past_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(dir.path(), LedgerOptions { max_segments: 2, ..small() }).unwrap();
    ledger.write_entry(&entry(0)).unwrap();
    ledger.create_checkpoint(b"here").unwrap();
    (1..30).for_each(|i| write(&ledger, i));
    assert!(ledger.journal().unwrap().status().segments.len() > 5);
    assert_eq!(replayed(&ledger, ReplayFrom::Checkpoint), (1..30).map(entry).collect::<Vec<_>>());
    ledger.create_checkpoint(b"there").unwrap();
    assert_eq!(ledger.journal().unwrap().status().segments.len(), 2, "as soon as a newer one allows");
    ledger.write_entry(&entry(30)).unwrap();
    assert_eq!(replayed(&ledger, ReplayFrom::Checkpoint), [entry(30)]);
}

#[test]
fn le2_segments_stay_for_a_cursor_and_a_lower_bound_takes_away_all_that_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let many = LedgerOptions { max_segments: 50, ..small() };
    let ledger = Ledger::open(dir.path(), many).unwrap();
    (0..40).for_each(|i| write(&ledger, i));
    let segments = ledger.journal().unwrap().status().segments;
    drop(ledger.journal().unwrap().cursor_at("reader", segments[5].base).unwrap());
    ledger.close().unwrap();
    let ledger = Ledger::open(dir.path(), LedgerOptions { max_segments: 3, ..small() }).unwrap();
    assert_eq!(ledger.retain().unwrap().len(), 5);
    ledger.journal().unwrap().remove_cursor("reader").unwrap();
    ledger.retain().unwrap();
    assert_eq!(ledger.journal().unwrap().status().segments.len(), 3);
}

#[test]
fn le1_what_was_written_under_an_interval_is_accepted_at_once_and_durable_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let options = LedgerOptions::default().sync_interval(Duration::from_millis(1));
    let ledger = Ledger::open(dir.path(), options).unwrap();
    let written = ledger.write_entry(b"soon").unwrap();
    let reach = ledger.durability().unwrap();
    assert_eq!(reach.policy, SyncPolicy::Interval(Duration::from_millis(1)));
    assert!(reach.accepted >= written.next);
    let journal = ledger.journal().unwrap();
    let waited = journal.wait(written.offset, Duration::from_secs(60)).unwrap();
    assert!(waited.durable >= written.next, "nobody has asked for a sync");
    let hour = LedgerOptions::default().sync_interval(Duration::from_secs(3_600));
    let other = Ledger::open(dir.path().join("other"), hour).unwrap();
    let written = other.write_entry(b"later").unwrap();
    assert!(other.durability().unwrap().durable < written.next);
    assert!(other.sync().unwrap() >= written.next);
    let marked = other.create_checkpoint(b"at once").unwrap();
    assert!(other.durability().unwrap().durable >= marked.next);
}

#[test]
fn several_ledgers_in_one_process_know_nothing_of_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let open = |name: &str| Ledger::open(dir.path().join(name), LedgerOptions::default());
    let (one, two) = (open("one").unwrap(), open("two").unwrap());
    one.write_entry(b"1").unwrap();
    two.write_entry(b"2").unwrap();
    assert_eq!(
        (replayed(&one, ReplayFrom::Oldest), replayed(&two, ReplayFrom::Oldest)),
        (vec![b"1".to_vec()], vec![b"2".to_vec()])
    );
    let taken = open("one").unwrap_err();
    assert_eq!(taken.kind(), Kind::Retry, "{taken}");
}

/// A ledger on a disk that can be told to fail.
fn faulty(restart: Restart) -> (Arc<FaultDisk<SimDisk>>, Ledger) {
    let disk = Arc::new(FaultDisk::new(SimDisk::new()));
    let clock = Arc::new(ManualClock::at(1));
    let options = LedgerOptions { restart, ..small() };
    let ledger =
        Ledger::open_on(Arc::clone(&disk) as Arc<dyn Disk>, clock, Path::new("/wal"), options).unwrap();
    (disk, ledger)
}

#[test]
fn le3_after_a_failed_sync_the_writer_is_told_and_the_next_write_goes_on_in_a_journal_opened_again() {
    let restart = Restart { most: 1, within: Duration::from_secs(3_600), pause: Duration::ZERO };
    let (disk, ledger) = faulty(restart);
    ledger.write_entry(b"before").unwrap();
    disk.inject(Fault::of(&[Call::Sync], Outcome::Os(5)).on(".wal"));
    let told = ledger.write_entry(b"doubtful").unwrap_err();
    assert_eq!((disk.fired(), told.kind()), (1, Kind::Stop), "{told}");
    ledger.write_entry(b"after").unwrap();
    assert_eq!(ledger.restarts(), 1);
    let entries = replayed(&ledger, ReplayFrom::Oldest);
    assert_eq!((entries.first(), entries.last()), (Some(&b"before".to_vec()), Some(&b"after".to_vec())));
    disk.inject(Fault::of(&[Call::Sync], Outcome::Os(5)).on(".wal"));
    ledger.write_entry(b"doubtful").unwrap_err();
    for _ in 0..2 {
        let down = ledger.write_entry(b"refused").unwrap_err();
        assert!(matches!(down, Error::LedgerDown { restarts: 1, .. }), "{down}");
    }
    assert!(ledger.journal().is_err());
}

#[test]
fn le1_le3_faults_and_power_cuts_lose_no_entry_that_was_acknowledged() {
    let (mut told, mut restarts) = (0, 0);
    for seed in 0..120 {
        let rng = &mut Rng::with_seed(seed);
        let restart = Restart { most: 100, within: Duration::from_secs(3_600), pause: Duration::ZERO };
        let (disk, ledger) = faulty(restart);
        let (mut kept, mut marked) = (Vec::new(), None);
        for i in 0..80 {
            if rng.u32(..6) == 0 {
                disk.inject(Fault::of(&[Call::Sync, Call::Write], Outcome::Os(5)).nth(rng.u64(1..4)));
            }
            if rng.u32(..10) == 0 {
                if ledger.create_checkpoint(&i.to_string().into_bytes()).is_ok() {
                    (kept, marked) = (Vec::new(), Some(i.to_string().into_bytes()));
                }
            } else if ledger.write_entry(&entry(i)).is_ok() {
                kept.push(entry(i));
            } else {
                told += 1;
            }
        }
        restarts += ledger.restarts();
        let image = disk.disk().crash(Survival::any(rng), rng);
        let again =
            Ledger::open_on(Arc::new(image), Arc::new(ManualClock::at(2)), Path::new("/wal"), small())
                .unwrap();
        let latest = again.latest_checkpoint().unwrap().map(|at| at.body);
        let number = |body: &Option<Vec<u8>>| {
            body.as_ref().map(|body| String::from_utf8_lossy(body).parse::<u32>().unwrap())
        };
        assert!(number(&latest) >= number(&marked), "seed {seed}");
        let found = replayed(&again, ReplayFrom::Checkpoint);
        // One whose writer was told may stand, and one of which nobody knows may be the latest.
        let expected = kept.iter().filter(|_| latest == marked);
        let mut rest = found.iter();
        for entry in expected {
            assert!(rest.any(|found| found == entry), "seed {seed}: {}", String::from_utf8_lossy(entry));
        }
    }
    assert!(told > 100 && restarts > 100, "{told} told, {restarts} restarts");
}

#[test]
fn a_repair_keeps_what_verifies_on_both_sides_of_the_damage_and_says_what_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let options = LedgerOptions { max_segments: 100, ..small() };
    let ledger = Ledger::open(dir.path(), options).unwrap();
    let places: Vec<Appended> = (0..20).map(|i| ledger.write_entry(&entry(i)).unwrap()).collect();
    let segments = ledger.journal().unwrap().status().segments;
    ledger.close().unwrap();
    assert_eq!(Ledger::repair(dir.path(), options).unwrap(), LedgerRepair::default(), "it was sound");
    let path = &segments[1].path;
    let mut bytes = fs::read(path).unwrap();
    bytes[4_096 + 500..4_096 + 520].fill(0xAA);
    fs::write(path, bytes).unwrap();
    let repaired = Ledger::repair(dir.path(), options).unwrap();
    assert_eq!(repaired.discarded.len(), 1);
    let lost = repaired.discarded[0];
    let is_lost = |at: &Appended| lost.offset <= at.offset && at.offset.get() < lost.offset.get() + lost.len;
    assert_eq!(places.iter().filter(|at| is_lost(at)).count(), 1);
    let ledger = Ledger::open(dir.path(), options).unwrap();
    let mut tail = ledger.replay(ReplayFrom::Oldest).unwrap();
    let mut found = Vec::new();
    loop {
        match tail.next() {
            None => break,
            Some(Ok(batch)) => found.extend(batch.iter().map(|entry| entry.offset)),
            Some(Err(annals_record::LogError::Hole { offset, len })) => {
                tail.skip_to(Offset::new(offset.get() + len));
            }
            Some(Err(error)) => panic!("{error}"),
        }
    }
    let kept: Vec<Offset> = places.iter().filter(|at| !is_lost(at)).map(|at| at.offset).collect();
    assert_eq!(found, kept);
}

#[test]
fn a_torn_tail_never_keeps_a_ledger_from_opening_and_a_repair_of_nothing_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(dir.path().join("wal"), small()).unwrap();
    (0..3).for_each(|i| write(&ledger, i));
    let path = ledger.journal().unwrap().status().segments.last().unwrap().path.clone();
    let end = 4_096 + ledger.durability().unwrap().durable.get();
    ledger.close().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes.resize(end as usize, 0);
    bytes.extend_from_slice(&[1, 2, 3, 4, 5]);
    fs::write(&path, bytes).unwrap();
    let repaired = Ledger::repair(dir.path().join("wal"), small()).unwrap();
    assert_eq!(repaired.discarded.iter().map(|lost| lost.len).collect::<Vec<_>>(), [5]);
    let ledger = Ledger::open(dir.path().join("wal"), small()).unwrap();
    assert_eq!(replayed(&ledger, ReplayFrom::Oldest).len(), 3);
    let missing = Ledger::repair(dir.path().join("nothing"), small()).unwrap_err();
    assert!(matches!(missing, Error::Missing { .. }), "{missing}");
}
