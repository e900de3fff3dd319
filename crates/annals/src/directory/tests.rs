use super::*;

/// Opens a directory that holds one file.
fn open_with(name: &str, bytes: &[u8]) -> Result<Directory, Error> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(name), bytes).unwrap();
    let opened = Directory::existing_or_new(dir.path());
    assert_eq!(fs::read(dir.path().join(name)).unwrap(), bytes, "D1");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "D1");
    opened
}

#[test]
fn nothing_becomes_ours_and_stays_ours() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("a/b");
    assert!(matches!(Directory::existing(&root), Err(Error::Missing { .. })));
    Directory::existing_or_new(&root).unwrap();
    Directory::existing(&root).unwrap();
}

#[test]
fn what_is_not_ours_is_told_apart_and_left_alone() {
    assert!(matches!(open_with("letter.txt", b"dear"), Err(Error::NotOurs { .. })));
    assert!(matches!(open_with(MARKER, b"{\"annals\":2}"), Err(Error::NewerFormat { found: 2, .. })));
    assert!(matches!(open_with(MARKER, b"{\"anvils\":1}"), Err(Error::NotOurs { .. })));
    assert!(matches!(open_with(MARKER, b"\xff"), Err(Error::NotOurs { .. })));
    assert!(open_with(MARKER, b"{\"annals\":1, \"more\":true}").is_ok());
}

#[test]
fn a_creation_that_was_cut_off_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(MARKER_ASIDE), b"{\"ann").unwrap();
    Directory::existing_or_new(dir.path()).unwrap();
    Directory::existing(dir.path()).unwrap();
}

#[test]
fn a_journal_is_found_in_a_data_directory_and_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (data, alone) = (dir.path().join("data"), dir.path().join("alone"));
    assert!(matches!(journal_dir(&data), Err(Error::Missing { .. })));
    fs::create_dir_all(&data).unwrap();
    assert!(matches!(journal_dir(&data), Err(Error::Missing { .. })));
    Directory::existing_or_new(&data).unwrap();
    assert_eq!(journal_dir(&data).unwrap(), data.join("journal"));
    fs::create_dir_all(&alone).unwrap();
    fs::write(alone.join("letter.wal"), "").unwrap();
    assert!(matches!(journal_dir(&alone), Err(Error::NotOurs { .. })));
    fs::write(alone.join("00000000000000ff.wal"), "").unwrap();
    assert_eq!(journal_dir(&alone).unwrap(), alone);
    // A copy of a data directory without its marker.
    fs::create_dir_all(data.join("journal")).unwrap();
    fs::write(data.join("journal/watermark"), "").unwrap();
    fs::remove_file(data.join(MARKER)).unwrap();
    assert_eq!(journal_dir(&data).unwrap(), data.join("journal"));
    fs::write(data.join(MARKER), "{\"annals\":2}").unwrap();
    assert!(matches!(journal_dir(&data), Err(Error::NewerFormat { .. })));
}

#[test]
fn of_several_that_make_a_directory_at_once_none_fails() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..100 {
        let root = dir.path().join(round.to_string());
        let make = || {
            let made = Directory::existing_or_new(&root)?;
            fs::create_dir_all(made.journal()).unwrap();
            Ok::<_, Error>(made)
        };
        let made: Vec<_> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        made.into_iter().for_each(|made| assert!(made.is_ok(), "round {round}: {made:?}"));
        assert!(Directory::existing(&root).is_ok());
    }
}
