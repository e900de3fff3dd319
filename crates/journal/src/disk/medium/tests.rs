use super::*;

#[test]
fn a_file_system_on_which_a_promise_does_not_rest_has_its_concern() {
    for (number, name, word) in [
        (0x0102_1994, "tmpfs", "memory"),
        (0x8584_58f6, "ramfs", "memory"),
        (0x6969, "nfs", "another machine"),
        (0xff53_4d42, "cifs", "another machine"),
        (0x794c_7630, "overlay", "layers"),
        (0x6573_5546, "fuse", "program"),
    ] {
        let Medium { file_system, concern } = Medium::numbered(number);
        assert_eq!(file_system, name);
        assert!(concern.is_some_and(|concern| concern.contains(word)), "{name}: {concern:?}");
    }
    for (number, name) in [(0xef53, "ext4"), (0x5846_5342, "xfs"), (0x1234, "0x1234")] {
        assert_eq!(Medium::numbered(number), Medium { file_system: name.to_owned(), concern: None });
    }
}

#[test]
fn what_lies_in_memory_is_told_where_there_is_such_a_place() {
    let found = Medium::of(Path::new("/proc")).unwrap();
    assert_eq!(found.file_system, "0x9fa0");
    assert!(Medium::of(Path::new("/proc/nowhere")).is_err());
}

#[test]
fn a_sync_that_no_medium_is_fast_enough_for_is_a_concern() {
    assert!(sync_concern(Duration::from_micros(49)).is_some());
    assert_eq!(sync_concern(Duration::from_micros(50)), None);
    assert_eq!(sync_concern(Duration::from_millis(3)), None);
}

#[test]
fn a_probe_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    if sync_time(dir.path()).is_ok() {
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
    assert!(sync_time(&dir.path().join("nowhere")).is_err());
}
