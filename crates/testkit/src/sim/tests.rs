use super::*;

const LOG: &str = "/data/log";
const SEEDS: u64 = 200;

/// A disk with the durable, empty file `/data/log`, and that file.
fn disk_with_log() -> (SimDisk, Box<dyn DiskFile>) {
    let disk = SimDisk::new();
    disk.create_dir(Path::new("/data")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    let file = disk.open(Path::new(LOG), Mode::CreateNew).unwrap();
    disk.sync_dir(Path::new("/data")).unwrap();
    (disk, file)
}

/// Every different content of `path` that crashes of 200 seeds leave; `None` where the name is lost.
fn survivors(disk: &SimDisk, survival: Survival, path: &str) -> BTreeSet<Option<Vec<u8>>> {
    (0..SEEDS).map(|seed| disk.crash(survival, &mut Rng::with_seed(seed)).read_file(path).ok()).collect()
}

fn filled(parts: &[(u8, usize)]) -> Vec<u8> {
    parts.iter().flat_map(|(byte, len)| vec![*byte; *len]).collect()
}

#[test]
fn what_was_synced_survives_every_crash() {
    let (disk, file) = disk_with_log();
    file.write_at(b"kept", 0).unwrap();
    file.sync().unwrap();
    for survives in [Survives::Nothing, Survives::Prefix, Survives::Some, Survives::Everything] {
        assert_eq!(survivors(&disk, Survival::all(survives), LOG), BTreeSet::from([Some(b"kept".to_vec())]));
    }
}

#[test]
fn what_was_not_synced_is_lost_or_kept_as_the_survival_says() {
    let (disk, file) = disk_with_log();
    file.write_at(b"kept", 0).unwrap();
    file.sync().unwrap();
    file.write_at(b"lost", 4).unwrap();
    assert_eq!(survivors(&disk, Survival::NOTHING, LOG), BTreeSet::from([Some(b"kept".to_vec())]));
    assert_eq!(survivors(&disk, Survival::EVERYTHING, LOG), BTreeSet::from([Some(b"keptlost".to_vec())]));
    assert_eq!(disk.read_file(LOG).unwrap(), b"keptlost", "the disk before the crash is left alone");
}

#[test]
fn unsynced_sectors_survive_in_any_order_and_never_torn() {
    let (disk, file) = disk_with_log();
    file.set_len(1024).unwrap();
    file.sync().unwrap();
    file.write_at(&filled(&[(1, 512), (2, 512)]), 0).unwrap();
    let some = survivors(&disk, Survival::all(Survives::Some), LOG);
    let sectors = |first, second| Some(filled(&[(first, 512), (second, 512)]));
    assert_eq!(some, BTreeSet::from([sectors(0, 0), sectors(1, 0), sectors(0, 2), sectors(1, 2)]));
}

#[test]
fn a_sector_written_twice_survives_as_any_of_its_versions() {
    let (disk, file) = disk_with_log();
    file.set_len(4).unwrap();
    file.sync().unwrap();
    file.write_at(b"ab", 0).unwrap();
    file.write_at(b"cd", 2).unwrap();
    let versions = [&b"\0\0\0\0"[..], b"ab\0\0", b"abcd"].map(|bytes| Some(bytes.to_vec()));
    assert_eq!(survivors(&disk, Survival::all(Survives::Some), LOG), BTreeSet::from(versions.clone()));
    assert_eq!(survivors(&disk, Survival::all(Survives::Prefix), LOG), BTreeSet::from(versions));
}

#[test]
fn a_prefix_keeps_no_later_write_without_the_earlier_ones() {
    let (disk, file) = disk_with_log();
    file.set_len(2048).unwrap();
    file.sync().unwrap();
    for (i, sector) in [3_u64, 1, 2, 0].into_iter().enumerate() {
        file.write_at(&[i as u8 + 1; 512], sector * 512).unwrap();
    }
    let heads = survivors(&disk, Survival::all(Survives::Prefix), LOG).into_iter().flatten();
    let heads: BTreeSet<[u8; 4]> =
        heads.map(|bytes| [0, 1, 2, 3].map(|sector| bytes[sector * 512])).collect();
    let prefixes = [[0, 0, 0, 0], [0, 0, 0, 1], [0, 2, 0, 1], [0, 2, 3, 1], [4, 2, 3, 1]];
    assert_eq!(heads, BTreeSet::from(prefixes));
}

#[test]
fn a_prefix_may_end_within_a_write() {
    let (disk, file) = disk_with_log();
    file.set_len(1536).unwrap();
    file.sync().unwrap();
    file.write_at(&[1; 1536], 0).unwrap();
    let heads = survivors(&disk, Survival::all(Survives::Prefix), LOG).into_iter().flatten();
    let heads: BTreeSet<[u8; 3]> = heads.map(|bytes| [0, 1, 2].map(|sector| bytes[sector * 512])).collect();
    assert_eq!(heads, BTreeSet::from([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]));
}

#[test]
fn an_unsynced_length_may_be_lost_with_the_bytes_kept_and_the_other_way_round() {
    let (disk, file) = disk_with_log();
    file.write_at(b"ab", 0).unwrap();
    let only = |sectors, lengths| Survival { sectors, lengths, names: Survives::Everything };
    let (none, all) = (Survives::Nothing, Survives::Everything);
    assert_eq!(survivors(&disk, only(all, none), LOG), BTreeSet::from([Some(Vec::new())]));
    assert_eq!(survivors(&disk, only(none, all), LOG), BTreeSet::from([Some(vec![0, 0])]));
}

#[test]
fn a_cut_that_was_not_synced_may_bring_the_old_bytes_back() {
    let (disk, file) = disk_with_log();
    file.write_at(b"abcd", 0).unwrap();
    file.sync().unwrap();
    file.set_len(2).unwrap();
    file.set_len(4).unwrap();
    assert_eq!(disk.read_file(LOG).unwrap(), b"ab\0\0", "a cut reads as zeros at once");
    assert_eq!(survivors(&disk, Survival::NOTHING, LOG), BTreeSet::from([Some(b"abcd".to_vec())]));
    assert_eq!(survivors(&disk, Survival::EVERYTHING, LOG), BTreeSet::from([Some(b"ab\0\0".to_vec())]));
    file.sync().unwrap();
    assert_eq!(survivors(&disk, Survival::NOTHING, LOG), BTreeSet::from([Some(b"ab\0\0".to_vec())]));
}

#[test]
fn a_file_created_without_a_sync_of_its_directory_is_lost_with_its_synced_bytes() {
    let (disk, _) = disk_with_log();
    let file = disk.open(Path::new("/data/new"), Mode::CreateNew).unwrap();
    file.write_at(b"x", 0).unwrap();
    file.sync().unwrap();
    assert_eq!(survivors(&disk, Survival::NOTHING, "/data/new"), BTreeSet::from([None]));
    disk.sync_dir(Path::new("/data")).unwrap();
    assert_eq!(survivors(&disk, Survival::NOTHING, "/data/new"), BTreeSet::from([Some(b"x".to_vec())]));
}

#[test]
fn a_directory_whose_parent_was_not_synced_is_lost_with_all_that_is_in_it() {
    let disk = SimDisk::new();
    disk.create_dir(Path::new("/data")).unwrap();
    let file = disk.open(Path::new(LOG), Mode::CreateNew).unwrap();
    file.sync().unwrap();
    disk.sync_dir(Path::new("/data")).unwrap();
    assert_eq!(survivors(&disk, Survival::NOTHING, LOG), BTreeSet::from([None]));
}

#[test]
fn a_rename_into_another_directory_is_kept_once_both_are_synced_and_before_that_has_any_of_its_names() {
    let (disk, file) = disk_with_log();
    file.write_at(b"moved", 0).unwrap();
    file.sync().unwrap();
    disk.create_dir(Path::new("/data/part")).unwrap();
    disk.sync_dir(Path::new("/data")).unwrap();
    disk.rename(Path::new(LOG), Path::new("/data/part/log")).unwrap();
    assert!(disk.read_file(LOG).is_err());
    let names = |disk: &SimDisk| -> BTreeSet<(bool, bool)> {
        let crash = |seed| disk.crash(Survival::all(Survives::Some), &mut Rng::with_seed(seed));
        let named = |disk: SimDisk| (disk.read_file(LOG).is_ok(), disk.read_file("/data/part/log").is_ok());
        (0..SEEDS).map(|seed| named(crash(seed))).collect()
    };
    assert_eq!(names(&disk).len(), 4, "both names, one of them, or none");
    disk.sync_dir(Path::new("/data/part")).unwrap();
    assert_eq!(names(&disk), BTreeSet::from([(false, true), (true, true)]));
    disk.sync_dir(Path::new("/data")).unwrap();
    assert_eq!(names(&disk), BTreeSet::from([(false, true)]));
}

#[test]
fn directories_are_listed_and_removed_when_they_are_empty() {
    let (disk, _file) = disk_with_log();
    disk.create_dir(Path::new("/data/part")).unwrap();
    let listed = disk.list_others(Path::new("/data")).unwrap();
    assert_eq!(listed, [Other { name: "part".to_owned(), is_dir: true }]);
    let refused = disk.remove_dir(Path::new("/data")).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::DirectoryNotEmpty);
    disk.sync_dir(Path::new("/data")).unwrap();
    disk.remove_dir(Path::new("/data/part")).unwrap();
    assert_eq!(disk.list_others(Path::new("/data")).unwrap(), []);
    let crashed = disk.crash(Survival::NOTHING, &mut Rng::with_seed(1));
    assert_eq!(crashed.list_others(Path::new("/data")).unwrap(), listed, "the name was not synced away");
}

#[test]
fn a_rename_without_a_sync_of_its_directory_is_whole_or_not_at_all() {
    let (disk, file) = disk_with_log();
    file.write_at(b"old", 0).unwrap();
    file.sync().unwrap();
    let file = disk.open(Path::new("/data/log.tmp"), Mode::CreateNew).unwrap();
    file.write_at(b"new", 0).unwrap();
    file.sync().unwrap();
    disk.rename(Path::new("/data/log.tmp"), Path::new(LOG)).unwrap();
    let [old, new] = [b"old", b"new"].map(|bytes| Some(bytes.to_vec()));
    assert_eq!(survivors(&disk, Survival::NOTHING, LOG), BTreeSet::from([old.clone()]));
    assert_eq!(survivors(&disk, Survival::all(Survives::Some), LOG), BTreeSet::from([old, new.clone()]));
    disk.sync_dir(Path::new("/data")).unwrap();
    assert_eq!(survivors(&disk, Survival::NOTHING, LOG), BTreeSet::from([new]));
    assert_eq!(survivors(&disk, Survival::NOTHING, "/data/log.tmp"), BTreeSet::from([None]));
}

#[test]
fn a_removal_without_a_sync_of_its_directory_may_be_undone() {
    let (disk, file) = disk_with_log();
    file.write_at(b"x", 0).unwrap();
    file.sync().unwrap();
    disk.remove(Path::new(LOG)).unwrap();
    assert_eq!(disk.read_file(LOG).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(survivors(&disk, Survival::NOTHING, LOG), BTreeSet::from([Some(b"x".to_vec())]));
    assert_eq!(
        survivors(&disk, Survival::all(Survives::Some), LOG),
        BTreeSet::from([None, Some(b"x".to_vec())])
    );
}

#[test]
fn the_same_seed_leaves_the_same_bytes() {
    let (disk, file) = disk_with_log();
    file.write_at(&[7; 8192], 0).unwrap();
    let crash = || disk.crash(Survival::all(Survives::Some), &mut Rng::with_seed(5)).read_file(LOG).unwrap();
    assert_eq!(crash(), crash());
}

#[test]
fn a_sync_that_loses_bytes_keeps_them_readable_and_the_next_sync_lies() {
    let (disk, file) = disk_with_log();
    file.write_at(b"kept", 0).unwrap();
    file.sync().unwrap();
    disk.lose_sync(1);
    file.write_at(b"lost", 4).unwrap();
    file.sync().unwrap_err();
    file.sync().unwrap();
    assert_eq!(disk.fired(), 1);
    assert_eq!(disk.read_file(LOG).unwrap(), b"keptlost");
    assert_eq!(survivors(&disk, Survival::EVERYTHING, LOG), BTreeSet::from([Some(b"kept".to_vec())]));
    file.write_at(b"LOST", 4).unwrap();
    file.sync().unwrap();
    assert_eq!(disk.read_durable(LOG).unwrap(), b"keptLOST", "written again, it is dirty again");
}

#[test]
fn dropping_the_caches_shows_what_the_medium_has() {
    let (disk, file) = disk_with_log();
    disk.lose_sync(1);
    file.write_at(b"lost", 0).unwrap();
    file.sync().unwrap_err();
    file.write_at(b"dirty", 8).unwrap();
    disk.drop_caches();
    assert_eq!(disk.read_file(LOG).unwrap(), b"\0\0\0\0\0\0\0\0dirty");
}

#[test]
fn a_full_disk_takes_what_fits_then_refuses_until_there_is_room() {
    let (disk, file) = disk_with_log();
    disk.set_capacity(Some(6));
    assert_eq!(file.write_at(b"abcdefgh", 0).unwrap(), 6);
    assert_eq!(file.write_at(b"gh", 6).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.write_at(b"AB", 0).unwrap(), 2, "what is there can be overwritten");
    assert_eq!(file.allocate(7).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!((disk.fired(), file.len().unwrap()), (2, 6));
    disk.set_capacity(Some(8));
    assert_eq!(file.write_at(b"gh", 6).unwrap(), 2);
    file.set_len(2).unwrap();
    assert_eq!(disk.used(), 2, "a cut gives room back");
}

#[test]
fn reserved_room_cannot_run_out() {
    let (disk, file) = disk_with_log();
    disk.set_capacity(Some(8));
    file.allocate(8).unwrap();
    let other = disk.open(Path::new("/data/other"), Mode::CreateNew).unwrap();
    assert_eq!(other.write_at(b"x", 0).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.write_at(b"abcdefgh", 0).unwrap(), 8);
}

#[test]
fn a_lock_is_held_by_one_and_falls_with_its_holder_or_a_crash() {
    let (disk, _) = disk_with_log();
    let held = disk.lock(Path::new("/data/lock"), "process 7").unwrap();
    let refused = disk.lock(Path::new("/data/lock"), "process 8").unwrap_err();
    assert_eq!((refused.kind(), refused.to_string()), (io::ErrorKind::WouldBlock, "process 7".to_owned()));
    disk.crash(Survival::EVERYTHING, &mut Rng::with_seed(0))
        .lock(Path::new("/data/lock"), "process 9")
        .unwrap();
    drop(held);
    disk.lock(Path::new("/data/lock"), "process 8").unwrap();
}

#[test]
fn after_the_power_is_cut_nothing_changes_any_more() {
    let (disk, file) = disk_with_log();
    disk.cut_power_after(disk.steps() + 1);
    file.write_at(b"last", 0).unwrap();
    assert!(disk.is_off());
    file.write_at(b"late", 0).unwrap_err();
    file.sync().unwrap_err();
    disk.list(Path::new("/data")).unwrap_err();
    assert_eq!(survivors(&disk, Survival::EVERYTHING, LOG), BTreeSet::from([Some(b"last".to_vec())]));
    assert_eq!(survivors(&disk, Survival::NOTHING, LOG), BTreeSet::from([Some(Vec::new())]));
}

#[test]
fn calls_are_counted_and_changes_are_listed_in_order() {
    let (disk, file) = disk_with_log();
    file.write_at(b"x", 0).unwrap();
    file.read_at(&mut [0], 0).unwrap();
    file.sync().unwrap();
    assert_eq!((disk.count(Call::Read), disk.count(Call::SyncDir), disk.steps()), (1, 2, 6));
    let made: Vec<Call> = disk.made().into_iter().map(|made| made.call).collect();
    assert_eq!(made, [Call::CreateDir, Call::SyncDir, Call::Open, Call::SyncDir, Call::Write, Call::Sync]);
    assert_eq!(&*disk.made()[4].path, Path::new(LOG));
}

#[test]
fn tampering_changes_the_medium_and_what_is_read() {
    let (disk, _) = disk_with_log();
    disk.write_file(LOG, b"abc").unwrap();
    disk.flip(LOG, 1, 0).unwrap();
    disk.truncate(LOG, 2).unwrap();
    assert_eq!(disk.read_file(LOG).unwrap(), b"ac");
    assert_eq!(survivors(&disk, Survival::NOTHING, LOG), BTreeSet::from([Some(b"ac".to_vec())]));
    disk.remove_file(LOG).unwrap();
    assert_eq!(survivors(&disk, Survival::NOTHING, LOG), BTreeSet::from([None]));
}

#[test]
fn names_are_refused_as_an_operating_system_refuses_them() {
    let (disk, _) = disk_with_log();
    let open = |path: &str, mode| disk.open(Path::new(path), mode).unwrap_err().kind();
    assert_eq!(open("/data/none", Mode::Read), io::ErrorKind::NotFound);
    assert_eq!(open("/none/log", Mode::CreateNew), io::ErrorKind::NotFound);
    assert_eq!(open(LOG, Mode::CreateNew), io::ErrorKind::AlreadyExists);
    assert_eq!(open("/data", Mode::Read), io::ErrorKind::InvalidInput);
    assert_eq!(disk.list(Path::new("/none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    let read_only = disk.open(Path::new(LOG), Mode::Read).unwrap();
    assert_eq!(read_only.write_at(b"x", 0).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
}
