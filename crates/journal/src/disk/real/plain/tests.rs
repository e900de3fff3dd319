use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode as Bits, mknodat};
use tempfile::tempdir;

use super::super::RealDisk;
use super::*;
use crate::disk::{Disk, Mode};

fn refusal(path: &Path, mode: Mode) -> String {
    let error = RealDisk.open(path, mode).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
    error.to_string()
}

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Bits::from_raw_mode(0o600), 0).unwrap();
}

#[test]
fn what_is_no_plain_file_is_refused_by_its_kind_without_waiting() {
    let dir = tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("file"), b"elsewhere").unwrap();
    symlink(at("file"), at("link")).unwrap();
    symlink(at("nowhere"), at("dangling")).unwrap();
    symlink("/dev/zero", at("to a device")).unwrap();
    fs::create_dir(at("dir")).unwrap();
    fifo(&at("fifo"));
    let _listening = UnixListener::bind(at("socket")).unwrap();
    let kinds = [
        ("link", "a symbolic link"),
        ("dangling", "a symbolic link"),
        ("to a device", "a symbolic link"),
        ("dir", "a directory"),
        ("fifo", "a FIFO"),
        ("socket", "a socket"),
    ];
    for (name, kind) in kinds {
        for mode in [Mode::Read, Mode::Write] {
            assert!(refusal(&at(name), mode).contains(kind), "{name} {mode:?}: {}", refusal(&at(name), mode));
        }
        let locked = RealDisk.lock(&at(name), "somebody").unwrap_err();
        assert!(locked.to_string().contains(kind), "{name}: {locked}");
        let written = open_plain(&at(name), OpenOptions::new().write(true)).unwrap_err();
        assert!(written.to_string().contains(kind), "{name}: {written}");
        assert!(RealDisk.open(&at(name), Mode::CreateNew).is_err(), "{name}");
    }
    assert!(refusal(Path::new("/dev/null"), Mode::Write).contains("a device"));
    assert_eq!(fs::read(at("file")).unwrap(), b"elsewhere");
    assert!(!at("nowhere").exists(), "nothing is made through a link");
}

#[test]
fn a_file_with_a_second_name_is_refused_and_one_that_lost_its_name_goes_on() {
    let dir = tempdir().unwrap();
    let (one, other) = (dir.path().join("one"), dir.path().join("other"));
    fs::write(&one, b"shared").unwrap();
    let open = RealDisk.open(&one, Mode::Write).unwrap();
    fs::hard_link(&one, &other).unwrap();
    for mode in [Mode::Read, Mode::Write] {
        assert!(refusal(&one, mode).contains("2 names"));
    }
    assert!(RealDisk.lock(&one, "somebody").unwrap_err().to_string().contains("2 names"));
    assert_eq!(fs::read(&other).unwrap(), b"shared", "no holder is written through a second name");
    fs::remove_file(&other).unwrap();
    RealDisk.open(&one, Mode::Read).unwrap();
    fs::remove_file(&one).unwrap();
    assert_eq!(open.write_at(b"S", 0).unwrap(), 1);
}

#[test]
fn files_are_their_owners_alone_and_closed_in_what_a_child_becomes() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("new");
    let file = open_plain(&path, OpenOptions::new().write(true).create_new(true)).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(file.metadata().unwrap().mode() & 0o077, 0);
    assert!(rustix::io::fcntl_getfd(&file).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
}

#[test]
fn a_directory_to_be_synced_is_one() {
    let dir = tempdir().unwrap();
    sync_directory(dir.path()).unwrap();
    fifo(&dir.path().join("fifo"));
    let error = sync_directory(&dir.path().join("fifo")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotADirectory, "{error}");
}

#[test]
fn a_child_that_outlives_its_parent_s_lock_does_not_hold_it() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("LOCK");
    let held = RealDisk.lock(&path, "the parent").unwrap();
    let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let inherited: Vec<_> = fs::read_dir(format!("/proc/{}/fd", child.id()))
        .unwrap()
        .filter_map(|fd| fs::read_link(fd.unwrap().path()).ok())
        .filter(|open| open.starts_with(dir.path()))
        .collect();
    let busy = RealDisk.lock(&path, "another").unwrap_err();
    drop(held);
    let again = RealDisk.lock(&path, "another").map(drop);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(inherited, [] as [std::path::PathBuf; 0]);
    assert_eq!((busy.kind(), busy.to_string()), (io::ErrorKind::WouldBlock, "the parent".to_owned()));
    again.unwrap();
}

#[test]
fn too_many_open_files_is_to_be_tried_again_and_stops_nothing() {
    for errno in [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE] {
        let error = crate::Error::io("open", Path::new("a segment"), errno.into());
        assert_eq!(error.kind(), annals_record::Kind::Retry, "{error}");
    }
}
