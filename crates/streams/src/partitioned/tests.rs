use std::sync::Arc;

use annals_journal::{Journal, Keep, Options, SealPolicy, SystemClock};
use annals_testkit::{Call, Fault, FaultDisk, ManualClock, Outcome, SimDisk};

use super::*;

const HOUR: i64 = 3_600_000_000;

fn options() -> Options {
    let seal = SealPolicy { age: None, bucket: Bucket::Hour };
    Options {
        segment_bytes: 8 << 10,
        seal,
        fill_ahead: false,
        reserve_bytes: 4 << 10,
        own_thread: false,
        ..Options::default()
    }
}

fn journal<D: Disk + Clone + 'static>(disk: &D, clock: &ManualClock) -> (Arc<Partitioned>, Journal) {
    let shown = Arc::new(Partitioned::new(Arc::new(disk.clone()), PathBuf::from("/s"), Bucket::Hour));
    let journal =
        Journal::open_on(Arc::clone(&shown) as _, Arc::new(clock.clone()), Path::new("/s"), options())
            .unwrap();
    (shown, journal)
}

fn buckets(disk: &dyn Disk) -> Vec<String> {
    let others = disk.list_others(Path::new("/s")).unwrap();
    others.into_iter().map(|other| other.name).filter(|name| name.starts_with("date=")).collect()
}

#[test]
fn an_empty_bucket_goes_with_its_last_segment_and_its_sidecars() {
    let (disk, clock) = (SimDisk::new(), ManualClock::at(0));
    let (shown, journal) = journal(&disk, &clock);
    for _ in 0..4 {
        journal.append("x").unwrap();
        clock.advance(HOUR);
    }
    assert_eq!(buckets(&disk).len(), 4);
    let first = shown.path(&shown.place(0).unwrap(), 0, MANIFEST);
    disk.write_file(&first, b"{}").unwrap();
    let stranger = Path::new("/s/date=1970-01-01T01/notes.txt");
    disk.write_file(stranger, b"hands off").unwrap();
    journal.apply(&journal.plan(&Keep::Segments(2)).unwrap(), annals_journal::Consent::default()).unwrap();
    assert_eq!(buckets(&disk), ["date=1970-01-01T01", "date=1970-01-01T02", "date=1970-01-01T03"]);
    assert!(disk.read_file(first).is_err() && disk.read_file(stranger).is_ok());
    assert_eq!(shown.strangers().unwrap().len(), 1);
}

#[test]
fn what_an_earlier_process_left_half_done_is_cleared_by_the_next_open() {
    let (disk, clock) = (SimDisk::new(), ManualClock::at(0));
    journal(&disk, &clock).1.close().unwrap();
    disk.create_dir(Path::new("/s/date=1999-01-01")).unwrap();
    let left = ["00000000000000aa.wal.manifest.json", "0000000000000000.wal.manifest.json.tmp"];
    for name in left {
        disk.write_file(Path::new("/s/date=1970-01-01T00").join(name), b"x").unwrap();
    }
    disk.write_file("/s/date=1970-01-01T00/0000000000000000.wal.manifest.json", b"kept").unwrap();
    journal(&disk, &clock).1.close().unwrap();
    assert_eq!(buckets(&disk), ["date=1970-01-01T00"]);
    let names = disk.files("/s/date=1970-01-01T00").unwrap();
    let names: Vec<_> = names.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["0000000000000000.wal", "0000000000000000.wal.manifest.json"]);
}

#[test]
fn a_bucket_whose_sync_failed_is_synced_again_before_anything_counts() {
    let (disk, clock) = (FaultDisk::new(SimDisk::new()), ManualClock::at(0));
    let (_, journal) = journal(&disk, &clock);
    journal.append("kept").unwrap();
    clock.advance(HOUR);
    disk.inject(Fault::of(&[Call::SyncDir], Outcome::Error(io::ErrorKind::Other)).on("T01"));
    assert!(journal.append("lost").is_err());
    assert_eq!(disk.fired(), 1);
    drop(journal);
    let (_, again) = self::journal(&disk, &clock);
    again.append("after").unwrap();
    let cut = disk.disk().crash(annals_testkit::Survival::NOTHING, &mut fastrand::Rng::with_seed(3));
    let (_, after) = self::journal(&cut, &clock);
    assert_eq!(after.records(), 2, "the segment's name was durable before the append was acknowledged");
}

#[test]
fn the_journal_sees_neither_settings_nor_manifests_nor_what_stands_in_buckets() {
    let (disk, clock) = (SimDisk::new(), ManualClock::at(0));
    let (shown, journal) = journal(&disk, &clock);
    for path in ["/s/stream.json", "/s/stream.json.tmp", "/s/date=1970-01-01T00/x"] {
        disk.write_file(path, b"x").unwrap();
    }
    let mut names: Vec<String> =
        shown.list(Path::new("/s")).unwrap().into_iter().map(|listed| listed.name).collect();
    names.sort();
    assert_eq!(names, ["0000000000000000.wal", "LOCK", "watermark"]);
    journal.close().unwrap();
    let plain = Journal::open_on(Arc::new(disk.clone()), Arc::new(SystemClock), Path::new("/s"), options());
    assert!(plain.is_err(), "without the adapter it is no journal");
}

#[test]
fn a_manifest_that_comes_after_its_segment_was_purged_goes_with_its_bucket() {
    let (disk, clock) = (SimDisk::new(), ManualClock::at(0));
    let (shown, journal) = journal(&disk, &clock);
    for _ in 0..3 {
        journal.append("x").unwrap();
        clock.advance(HOUR);
    }
    let place = shown.place(0).unwrap();
    let sidecar = shown.path(&place, 0, MANIFEST);
    shown.keep_beside(&place, 0);
    assert!(disk.read_file(shown.path(&place, 0, "")).is_ok(), "it stays beside its segment");
    // Held back until the purge has been: the bucket is not empty then.
    disk.write_file(&sidecar, b"late").unwrap();
    disk.write_file(sidecar.with_extension("json.tmp"), b"late").unwrap();
    journal.apply(&journal.plan(&Keep::Segments(1)).unwrap(), annals_journal::Consent::default()).unwrap();
    disk.remove_file(sidecar.with_extension("json.tmp")).unwrap();
    disk.write_file(&sidecar, b"late").unwrap();
    assert_eq!(buckets(&disk).len(), 2);
    shown.keep_beside(&place, 0);
    assert_eq!(buckets(&disk), ["date=1970-01-01T02"]);
    // The clock goes back into a bucket that is gone.
    disk.remove_dir(Path::new("/s/date=1970-01-01T01")).unwrap_err();
    clock.set(0);
    journal.append("in a bucket made anew").unwrap();
    assert!(buckets(&disk).contains(&"date=1970-01-01T00".to_owned()));
}

#[test]
fn an_encoded_file_does_not_bring_back_a_segment_that_was_purged() {
    let (disk, clock) = (SimDisk::new(), ManualClock::at(0));
    let (shown, journal) = journal(&disk, &clock);
    for _ in 0..3 {
        journal.append("x").unwrap();
        clock.advance(HOUR);
    }
    let place = shown.place(0).unwrap();
    let temporary = shown.path(&place, 0, ENCODED);
    disk.write_file(&temporary, b"encoded").unwrap();
    journal.apply(&journal.plan(&Keep::Segments(1)).unwrap(), annals_journal::Consent::default()).unwrap();
    assert!(!shown.replace(0, &temporary, 7, Codec::Zstd).unwrap());
    assert!(disk.read_file(&temporary).is_err() && shown.place(0).is_err());
    assert_eq!(shown.count().unwrap(), 1);
}
