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
