use std::fs;

use super::*;

fn notes() -> (tempfile::TempDir, Notes) {
    let dir = tempfile::tempdir().unwrap();
    let directory = Directory::existing_or_new(dir.path()).unwrap();
    (dir, Notes::of(&directory))
}

#[test]
fn a_pause_is_one_file_that_names_whoever_asked_first() {
    let (dir, notes) = notes();
    assert_eq!(notes.paused("mailer").unwrap(), None);
    assert!(!notes.resume("mailer").unwrap());
    let pause = notes.pause("mailer").unwrap();
    assert_eq!(notes.pause("mailer").unwrap(), pause);
    assert_eq!(notes.paused("mailer").unwrap(), Some(pause));
    assert_eq!(fs::read_dir(dir.path().join("paused")).unwrap().count(), 1);
    assert!(notes.resume("mailer").unwrap());
    assert_eq!(notes.paused("mailer").unwrap(), None);
}

#[test]
fn a_note_that_cannot_be_understood_has_a_worker_rest_and_moves_none() {
    let (dir, notes) = notes();
    notes.pause("mailer").unwrap();
    notes.ask_to_seek("mailer", Offset::new(8)).unwrap();
    for dir in [dir.path().join("paused"), dir.path().join("seeks")] {
        fs::write(dir.join("mailer"), "{").unwrap();
    }
    assert!(notes.paused("mailer").unwrap().is_some());
    assert_eq!(notes.seek("mailer").unwrap(), None);
}

#[test]
fn a_name_leads_to_no_other_directory() {
    let (_dir, notes) = notes();
    for name in ["", "..", "../journal", "a/b", "/etc", ".aside"] {
        assert!(matches!(notes.pause(name), Err(Error::ConsumerName { .. })), "{name}");
        assert!(matches!(notes.forget(name), Err(Error::ConsumerName { .. })), "{name}");
    }
}

#[test]
fn what_is_forgotten_leaves_nothing() {
    let (_dir, notes) = notes();
    notes.register("mailer", ConsumerKind::Consumer).unwrap();
    notes.pause("mailer").unwrap();
    notes.ask_to_seek("mailer", Offset::ZERO).unwrap();
    assert!(notes.is_registered("mailer").unwrap());
    assert_eq!(notes.registered().unwrap(), [("mailer".to_owned(), ConsumerKind::Consumer)]);
    assert!(notes.forget("mailer").unwrap());
    assert!(!notes.forget("mailer").unwrap());
    assert!(!notes.is_registered("mailer").unwrap());
}
