use std::fs;
use std::process::Command;

use super::*;

/// The number of a process that is gone.
fn gone() -> u32 {
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    child.id()
}

/// Takes the lock as another process does that is cut off before it has written its words: whatever stood there stays.
fn taken(path: &Path, words: &str) -> File {
    fs::write(path, words).unwrap();
    let file = File::open(path).unwrap();
    file.lock().unwrap();
    file
}

fn refused(path: &Path) -> String {
    let error = take(path, "somebody else").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    error.to_string()
}

#[test]
fn a_lock_that_is_taken_names_who_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("LOCK");
    let held = take(&path, "process 1 (annals)").unwrap();
    assert_eq!(refused(&path), "process 1 (annals)");
    drop(held);
    let held = take(&path, "somebody").unwrap();
    assert_eq!(refused(&path), "somebody");
    drop(held);
}

#[test]
fn who_has_taken_a_lock_and_not_said_so_yet_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("LOCK");
    for before in [String::new(), format!("process {} (annals)", gone())] {
        let _held = taken(&path, &before);
        std::thread::scope(|scope| {
            let asks = scope.spawn(|| refused(&path));
            std::thread::park_timeout(BETWEEN * 10);
            fs::write(&path, "process 1 (annals)").unwrap();
            assert_eq!(asks.join().unwrap(), "process 1 (annals)");
        });
    }
}

#[test]
fn a_lock_that_becomes_free_meanwhile_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("LOCK");
    let held = taken(&path, "");
    std::thread::scope(|scope| {
        let takes = scope.spawn(|| take(&path, "the next").is_ok());
        std::thread::park_timeout(BETWEEN * 10);
        drop(held);
        assert!(takes.join().unwrap());
    });
    assert_eq!(fs::read_to_string(&path).unwrap(), "the next");
}

#[test]
fn a_holder_that_never_says_who_it_is_is_another_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("LOCK");
    let _held = taken(&path, "");
    assert_eq!(refused(&path), "another process");
}
