use super::*;
use crate::SimDisk;

use annals_journal::RealDisk;

/// A faulty disk with an open, empty file `/log`.
fn disk_with_log() -> (FaultDisk<SimDisk>, Box<dyn DiskFile>) {
    let disk = FaultDisk::new(SimDisk::new());
    let file = disk.open(Path::new("/log"), Mode::CreateNew).unwrap();
    (disk, file)
}

/// Makes one call of a kind and says how it went.
fn make(disk: &dyn Disk, file: &dyn DiskFile, call: Call) -> Result<(), io::ErrorKind> {
    let (root, other) = (Path::new("/"), Path::new("/other"));
    let made = match call {
        Call::CreateDir => disk.create_dir(Path::new("/dir")),
        Call::List => disk.list(root).map(drop),
        Call::Open => disk.open(Path::new("/log"), Mode::Read).map(drop),
        Call::Rename => disk.rename(Path::new("/log"), other),
        Call::Remove => disk.remove(other),
        Call::RemoveDir => disk.remove_dir(Path::new("/empty")),
        Call::SyncDir => disk.sync_dir(root),
        Call::Lock => disk.lock(Path::new("/lock"), "").map(drop),
        Call::Read => file.read_at(&mut [0; 4], 0).map(drop),
        Call::Write => file.write_at(b"abcd", 0).map(drop),
        Call::Sync => file.sync(),
        Call::Len => file.len().map(drop),
        Call::SetLen => file.set_len(4),
        Call::Allocate => file.allocate(8),
    };
    made.map_err(|error| error.kind())
}

#[test]
fn every_kind_of_call_can_fail_and_succeeds_again() {
    for call in Call::ALL {
        let (disk, file) = disk_with_log();
        if call == Call::Remove {
            disk.rename(Path::new("/log"), Path::new("/other")).unwrap();
        }
        if call == Call::RemoveDir {
            disk.create_dir(Path::new("/empty")).unwrap();
        }
        disk.inject(Fault::of(&[call], Outcome::Error(io::ErrorKind::StorageFull)));
        assert_eq!(make(&disk, &*file, call), Err(io::ErrorKind::StorageFull), "{call:?}");
        assert_eq!(make(&disk, &*file, call), Ok(()), "{call:?}");
        assert_eq!(disk.fired(), 1, "{call:?}");
    }
}

#[test]
fn the_nth_call_fails_and_as_many_after_it_as_said() {
    let (disk, file) = disk_with_log();
    disk.inject(Fault::of(&[Call::Write, Call::Sync], Outcome::Error(io::ErrorKind::Other)).nth(2).times(2));
    let calls = [Call::Write, Call::Len, Call::Sync, Call::Write, Call::Write];
    let failed = calls.map(|call| make(&disk, &*file, call).is_err());
    assert_eq!(failed, [false, false, true, true, false]);
    assert_eq!((disk.fired(), disk.count(Call::Write)), (2, 3));
}

#[test]
fn a_fault_without_a_kind_meets_every_call_until_it_is_healed() {
    let (disk, file) = disk_with_log();
    disk.inject(Fault::of(&[], Outcome::Error(io::ErrorKind::Other)).forever());
    assert!(Call::ALL.iter().all(|call| make(&disk, &*file, *call).is_err()));
    disk.heal();
    assert_eq!(make(&disk, &*file, Call::Sync), Ok(()));
    assert_eq!(disk.fired(), Call::ALL.len() as u64);
}

#[test]
fn a_fault_meets_only_its_files() {
    let (disk, file) = disk_with_log();
    let other = disk.open(Path::new("/other"), Mode::CreateNew).unwrap();
    disk.inject(Fault::of(&[Call::Write], Outcome::Error(io::ErrorKind::Other)).on("other").forever());
    assert!(make(&disk, &*file, Call::Write).is_ok());
    assert!(make(&disk, &*other, Call::Write).is_err());
}

#[test]
fn a_bad_place_fails_reads_that_touch_it_and_no_others() {
    let (disk, file) = disk_with_log();
    file.write_at(&[1; 64], 0).unwrap();
    disk.inject(Fault::of(&[Call::Read], Outcome::Error(io::ErrorKind::Other)).at(16..20).forever());
    let fails = |pos, len| file.read_at(&mut vec![0; len], pos).is_err();
    assert_eq!([fails(0, 16), fails(0, 17), fails(19, 1), fails(20, 8)], [false, true, true, false]);
    assert_eq!(disk.fired(), 2);
}

#[test]
fn a_short_call_moves_only_so_many_bytes() {
    let (disk, file) = disk_with_log();
    disk.inject(Fault::of(&[Call::Write], Outcome::Short(3)));
    assert_eq!(file.write_at(b"abcd", 0).unwrap(), 3);
    assert_eq!(file.write_at(b"d", 3).unwrap(), 1);
    disk.inject(Fault::of(&[Call::Read], Outcome::Short(1)).forever());
    let mut buf = [0; 4];
    assert_eq!((file.read_at(&mut buf, 1).unwrap(), buf[0]), (1, b'b'));
    disk.heal();
    disk.inject(Fault::of(&[Call::Write], Outcome::Short(0)));
    assert_eq!(file.write_at(b"e", 4).unwrap(), 0);
    assert_eq!(disk.disk().read_file("/log").unwrap(), b"abcd");
}

#[test]
fn an_error_after_the_fact_leaves_the_call_done() {
    let (disk, file) = disk_with_log();
    disk.inject(Fault::of(&[Call::Write, Call::Rename], Outcome::ErrorAfter(io::ErrorKind::Other)).times(2));
    assert!(make(&disk, &*file, Call::Write).is_err());
    assert!(make(&disk, &*file, Call::Rename).is_err());
    assert_eq!(disk.disk().read_file("/other").unwrap(), b"abcd");
}

#[test]
fn the_operating_systems_disk_can_fail_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let disk = FaultDisk::new(RealDisk);
    let file = disk.open(&path, Mode::CreateNew).unwrap();
    disk.inject(Fault::of(&[Call::Write], Outcome::Short(1)).forever());
    for (pos, byte) in b"abc".chunks(1).enumerate() {
        assert_eq!(file.write_at(&[byte, b"rest"].concat(), pos as u64).unwrap(), 1);
    }
    assert_eq!((std::fs::read(&path).unwrap(), disk.fired()), (b"abc".to_vec(), 3));
}
