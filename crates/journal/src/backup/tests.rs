use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_record::{Log, ReadLimit, RecordId};

use super::*;
use crate::holes::Holes;
use crate::{AppendOptions, Consent, Journal, Keep, NoRefill, Options, ReceiptQuery, SystemClock, salvage};

/// A journal and a backup, and room for what is restored.
struct Scene {
    room: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { room: tempfile::tempdir().unwrap() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    fn open(&self, name: &str) -> Journal {
        let options = Options { segment_bytes: 64 << 10, max_batch_bytes: 32 << 10, ..Options::default() };
        Journal::open_with(self.at(name), options).unwrap()
    }

    /// The journal with so many records, in segments of a few.
    fn grown(&self, records: std::ops::Range<u32>) -> Journal {
        let journal = self.open("journal");
        for i in records {
            journal.append(format!("record {i}").repeat(10)).unwrap();
            if i % 10 == 9 {
                journal.seal().unwrap();
            }
        }
        journal
    }

    fn try_backup(&self, from: &str, options: BackupOptions) -> Result<BackedUp, Error> {
        Reader::open(self.at(from))?.backup(self.at("backup"), options, &mut |_, _| {})
    }

    fn backup(&self) -> BackedUp {
        self.try_backup("journal", BackupOptions::default()).unwrap()
    }

    fn restore(&self, to: &str) -> Restored {
        restore(self.at("backup"), self.at(to), &mut |_, _| {}).unwrap()
    }

    fn check(&self) -> Checked {
        check(self.at("backup"), &mut |_, _| {}).unwrap()
    }

    fn names(&self, within: &str) -> Vec<String> {
        let entries = fs::read_dir(self.at("backup").join(within)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// The ids of all records from the first that is held, and their offsets.
fn records(log: &impl Log) -> Vec<(Offset, RecordId)> {
    let bounds = log.bounds().unwrap();
    let (mut at, mut found) = (bounds.oldest, Vec::new());
    while at < bounds.durable {
        let batch = log.read(at, ReadLimit::default()).unwrap();
        found.extend(batch.iter().map(|entry| (entry.offset, entry.id)));
        at = batch.next();
    }
    found
}

#[test]
fn what_was_durable_is_restored_and_goes_on_in_a_term_of_its_own() {
    let scene = Scene::new();
    let journal = scene.grown(0..35);
    let backup = scene.backup();
    assert_eq!((backup.manifest.durable, backup.manifest.records), (journal.durable(), 35));
    assert_eq!((backup.copied_segments, backup.kept_segments, backup.former), (4, 0, None));
    assert!(scene.check().is_ok());
    let restored = scene.restore("restored");
    assert!(restored.term.is_some_and(|term| term > backup.manifest.term));
    let copy = scene.open("restored");
    assert_eq!(copy.report().rewritten_bytes, 0, "it was closed in order");
    assert_eq!(records(&copy), records(&journal));
    assert_eq!(copy.identity(), journal.identity());
    assert!(copy.verify(&mut |_, _| {}).unwrap().is_ok());
    assert_eq!(
        copy.terms().last().map(|last| (Some(last.term), last.start)),
        Some((restored.term, restored.next))
    );
    copy.append("another future").unwrap();
}

#[test]
fn a_finished_segment_is_copied_once() {
    let scene = Scene::new();
    let journal = scene.grown(0..35);
    scene.backup();
    drop(journal);
    let journal = scene.grown(35..58);
    let backup = scene.backup();
    // The one that was written to is finished by now; two more came, and one is written to.
    assert_eq!((backup.kept_segments, backup.copied_segments), (3, 3));
    assert_eq!(scene.names(SEGMENTS).len(), 6, "what no manifest names is gone");
    assert_eq!(backup.manifest.sequence, 2);
    let same = scene.backup();
    assert_eq!((same.kept_segments, same.copied_segments, same.copied_bytes), (6, 0, 0));
    assert!(scene.check().is_ok());
    scene.restore("restored");
    assert_eq!(records(&scene.open("restored")), records(&journal));
}

#[test]
fn a_backup_holds_what_was_purged_since() {
    let scene = Scene::new();
    let journal = scene.grown(0..35);
    let all = records(&journal);
    scene.backup();
    let plan = journal.plan(&Keep::Segments(2)).unwrap();
    assert_eq!(journal.apply(&plan, Consent::default()).unwrap().len(), 2);
    journal.append("later").unwrap();
    let backup = scene.backup();
    assert_eq!(backup.manifest.oldest, Offset::ZERO);
    scene.restore("restored");
    let copy = scene.open("restored");
    assert_eq!(records(&copy)[..35], all[..]);
    assert!(copy.verify(&mut |_, _| {}).unwrap().is_ok());
}

#[test]
fn a_backup_begins_where_a_purged_journal_does() {
    let scene = Scene::new();
    let journal = scene.grown(0..45);
    let plan = journal.plan(&Keep::Segments(3)).unwrap();
    journal.apply(&plan, Consent::default()).unwrap();
    let backup = scene.backup();
    assert_eq!(backup.manifest.oldest, journal.bounds().unwrap().oldest);
    scene.restore("restored");
    let copy = scene.open("restored");
    assert_eq!(records(&copy), records(&journal));
    assert_eq!(copy.bounds().unwrap().oldest, journal.bounds().unwrap().oldest);
    assert_eq!(
        copy.receipts(&ReceiptQuery::default()).unwrap().purged,
        journal.receipts(&ReceiptQuery::default()).unwrap().purged
    );
    assert!(copy.verify(&mut |_, _| {}).unwrap().is_ok());
}

/// Purges all but the newest segments once something has been copied.
fn purge_in_between(scene: &Scene, journal: &Journal) -> Result<BackedUp, Error> {
    let mut purged = false;
    Reader::open(scene.at("journal")).unwrap().backup(
        scene.at("backup"),
        BackupOptions::default(),
        &mut |_, _| {
            if !std::mem::replace(&mut purged, true) {
                let plan = journal.plan(&Keep::Segments(2)).unwrap();
                assert!(journal.apply(&plan, Consent::default()).unwrap().len() > 1);
            }
        },
    )
}

#[test]
fn a_purge_in_between_is_begun_anew_from_or_is_a_gap() {
    let scene = Scene::new();
    let journal = scene.grown(0..45);
    // The first backup begins where the journal does by now.
    let backup = purge_in_between(&scene, &journal).unwrap();
    assert_eq!(backup.manifest.oldest, journal.bounds().unwrap().oldest);
    assert!(scene.check().is_ok());
    assert_eq!(scene.names(SEGMENTS).len(), backup.manifest.segments.len());
    scene.restore("restored");
    assert_eq!(records(&scene.open("restored")), records(&journal));
    // A later one has a part of what is gone, and not the rest.
    drop(journal);
    let journal = scene.grown(45..85);
    let error = purge_in_between(&scene, &journal).unwrap_err();
    assert!(matches!(error, Error::BackupGap { .. }), "{error}");
    assert_eq!(scene.check(), Checked { manifest: backup.manifest, damaged: Vec::new() });
}

#[test]
fn a_plan_knows_which_backup_holds_what_would_go() {
    let scene = Scene::new();
    let journal = scene.grown(0..35);
    let plan = |journal: &Journal| journal.plan(&Keep::Segments(1)).unwrap();
    assert_eq!(plan(&journal).covering().count(), 0);
    let manifest = scene.backup().manifest;
    let planned = plan(&journal);
    let known = planned.covering().next().unwrap();
    assert_eq!(
        (known.durable, known.manifest, &known.dir),
        (manifest.durable, manifest.id(), &scene.at("backup"))
    );
    drop(journal);
    let journal = scene.grown(35..55);
    assert_eq!((plan(&journal).backups.len(), plan(&journal).covering().count()), (1, 0), "it ends before");
    scene.backup();
    assert_eq!((plan(&journal).backups.len(), plan(&journal).covering().count()), (1, 1));
    // A restored journal knows of none, and one whose future was forked forgets those of the other.
    scene.restore("restored");
    assert_eq!(plan(&scene.open("restored")).backups, []);
    fs::copy(scene.at("journal/.backups.json"), scene.at("restored/.backups.json")).unwrap();
    assert_eq!(plan(&scene.open("restored")).backups.len(), 1);
}

#[test]
fn a_gap_is_refused_and_the_backup_stays() {
    let scene = Scene::new();
    let journal = scene.grown(0..15);
    let before = scene.backup().manifest;
    drop(journal);
    let journal = scene.grown(15..45);
    let plan = journal.plan(&Keep::Segments(1)).unwrap();
    journal.apply(&plan, Consent::default()).unwrap();
    let error = scene.try_backup("journal", BackupOptions::default()).unwrap_err();
    assert!(matches!(error, Error::BackupGap { .. }), "{error}");
    assert_eq!(scene.check(), Checked { manifest: before, damaged: Vec::new() });
}

#[test]
fn another_log_and_another_past_are_refused() {
    let scene = Scene::new();
    let journal = scene.grown(0..15);
    scene.backup();
    scene.restore("fork");
    let fork = scene.open("fork");
    fork.append("another future").unwrap();
    journal.append("the future").unwrap();
    let before = scene.backup().manifest;
    let error = scene.try_backup("fork", BackupOptions::default()).unwrap_err();
    assert!(matches!(error, Error::OtherBackup { .. }), "{error}");
    for i in 0..20 {
        fork.append(format!("longer than the other {i}")).unwrap();
    }
    let error = scene.try_backup("fork", BackupOptions::default()).unwrap_err();
    assert!(matches!(error, Error::OtherBackup { .. }), "{error}");
    scene.open("foreign").append("foreign").unwrap();
    let error = scene.try_backup("foreign", BackupOptions::default()).unwrap_err();
    assert!(matches!(error, Error::OtherBackup { .. }), "{error}");
    assert_eq!(scene.check(), Checked { manifest: before, damaged: Vec::new() });
}

#[test]
fn a_restored_journal_goes_on_in_the_backup_it_came_from() {
    let scene = Scene::new();
    drop(scene.grown(0..15));
    scene.backup();
    scene.restore("fork");
    let fork = scene.open("fork");
    fork.append("the only future").unwrap();
    let backup = scene.try_backup("fork", BackupOptions::default()).unwrap();
    assert_eq!(backup.manifest.records, 16);
    scene.restore("again");
    assert_eq!(records(&scene.open("again")), records(&fork));
}

#[test]
fn cursors_checkpoints_and_keys_come_along() {
    let scene = Scene::new();
    let journal = scene.grown(0..15);
    let key = AppendOptions { key: Some(b"once"), ..AppendOptions::default() };
    let once = journal.append_with(&["once"], &key).unwrap();
    journal.checkpoint(b"here", false).unwrap();
    let mut cursor = journal.cursor_at("mailer", Offset::ZERO).unwrap();
    cursor.advance(once[0].offset, None).unwrap();
    journal.seal().unwrap();
    scene.backup();
    scene.restore("restored");
    let copy = scene.open("restored");
    assert_eq!(copy.cursor("mailer").unwrap().position(), once[0].offset);
    assert_eq!(copy.latest_checkpoint().unwrap().unwrap().body, b"here");
    assert_eq!(copy.append_with(&["once"], &key).unwrap()[0].offset, once[0].offset);
    assert_eq!(copy.cursors().unwrap()[0].problem, None);
}

/// Flips a bit of a file.
fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn damage_is_refused_or_written_down() {
    let scene = Scene::new();
    let journal = scene.grown(0..35);
    flip(&journal.status().segments[1].path, 5000);
    let error = scene.try_backup("journal", BackupOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Damaged(_)), "{error}");
    assert!(matches!(describe(scene.at("backup")).unwrap_err(), Error::NoBackup { .. }));
    let backup = scene.try_backup("journal", BackupOptions { accept_damage: true }).unwrap();
    assert_eq!(backup.manifest.damaged.len(), 1);
    assert_eq!(describe(scene.at("backup")).unwrap().damaged, backup.manifest.damaged);
    scene.restore("restored");
    let verified = scene.open("restored").verify(&mut |_, _| {}).unwrap();
    assert_eq!(verified.damaged.len(), 1);
}

#[test]
fn damage_at_the_end_is_restored_as_damage() {
    let scene = Scene::new();
    let journal = scene.grown(0..35);
    journal.append("and one more".repeat(20)).unwrap();
    let path = journal.status().segments.last().unwrap().path.clone();
    journal.close().unwrap();
    let len = fs::metadata(&path).unwrap().len() as usize;
    flip(&path, len - 100);
    let backup = scene.try_backup("journal", BackupOptions { accept_damage: true }).unwrap();
    assert!(!backup.manifest.damaged.is_empty());
    let restored = scene.restore("restored");
    assert!(restored.term.is_none() && restored.damage.is_some());
    assert!(scene.open("restored").report().damage.is_some());
}

#[test]
fn one_bit_of_a_backup_is_found() {
    let scene = Scene::new();
    let journal = scene.grown(0..15);
    drop(journal.cursor_at("mailer", Offset::ZERO).unwrap());
    scene.backup();
    let mut files = Vec::new();
    for dir in [SEGMENTS, DOCUMENTS] {
        files.extend(scene.names(dir).into_iter().map(|name| scene.at("backup").join(dir).join(name)));
    }
    assert!(files.len() >= 3);
    for path in files {
        let at = fs::metadata(&path).unwrap().len() as usize / 2;
        flip(&path, at);
        let damaged = scene.check().damaged;
        assert!(matches!(&damaged[..], [(found, _)] if *found == path), "{damaged:?}");
        let error = restore(scene.at("backup"), scene.at("restored"), &mut |_, _| {}).unwrap_err();
        assert!(matches!(&error, Error::DamagedBackup { path: found, .. } if *found == path), "{error}");
        let left = Journal::open(scene.at("restored"));
        assert!(left.is_err() || left.unwrap().report().damage.is_some(), "what is left passes for whole");
        fs::remove_dir_all(scene.at("restored")).unwrap();
        flip(&path, at);
    }
    flip(&scene.at("backup").join("manifest.json"), 40);
    assert!(matches!(describe(scene.at("backup")).unwrap_err(), Error::DamagedBackup { .. }));
}

#[test]
fn a_file_that_is_gone_from_the_backup_is_copied_again() {
    let scene = Scene::new();
    let journal = scene.grown(0..25);
    scene.backup();
    let first = scene.at("backup").join(SEGMENTS).join("0000000000000000.wal");
    fs::remove_file(&first).unwrap();
    assert_eq!(scene.check().damaged.len(), 1);
    assert_eq!(scene.backup().copied_segments, 1);
    assert!(scene.check().is_ok());
    // Cut, and not to be had any more: refused.
    fs::write(&first, "short").unwrap();
    let plan = journal.plan(&Keep::Segments(2)).unwrap();
    journal.apply(&plan, Consent::default()).unwrap();
    let error = scene.try_backup("journal", BackupOptions::default()).unwrap_err();
    assert!(matches!(error, Error::DamagedBackup { .. }), "{error}");
}

#[test]
fn what_is_no_backup_is_left_alone() {
    let scene = Scene::new();
    let journal = scene.grown(0..5);
    fs::create_dir(scene.at("backup")).unwrap();
    fs::write(scene.at("backup").join("letter.txt"), "dear").unwrap();
    for error in [
        scene.try_backup("journal", BackupOptions::default()).unwrap_err(),
        describe(scene.at("backup")).unwrap_err(),
    ] {
        assert!(matches!(error, Error::NoBackup { .. }), "{error}");
    }
    assert_eq!(fs::read_dir(scene.at("backup")).unwrap().count(), 1);
    let error = Reader::open(scene.at("journal"))
        .unwrap()
        .backup(scene.at("journal"), BackupOptions::default(), &mut |_, _| {})
        .unwrap_err();
    assert!(matches!(error, Error::NoBackup { .. }), "{error}");
    assert!(matches!(describe(scene.at("nowhere")).unwrap_err(), Error::NoBackup { .. }));
    assert!(!scene.at("nowhere").exists());
    drop(journal);
    fs::remove_file(scene.at("backup").join("letter.txt")).unwrap();
    scene.backup();
    let error = restore(scene.at("backup"), scene.at("journal"), &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, Error::NotEmpty { .. }), "{error}");
}

#[test]
fn one_process_works_in_a_backup_at_a_time() {
    let scene = Scene::new();
    drop(scene.grown(0..5));
    scene.backup();
    let disk = RealDisk;
    let _held = disk.lock(&scene.at("backup").join("LOCK"), "somebody else").unwrap();
    let error = scene.try_backup("journal", BackupOptions::default()).unwrap_err();
    assert!(matches!(&error, Error::BackupInUse { holder, .. } if holder == "somebody else"), "{error}");
}

#[test]
fn an_empty_journal_and_one_that_was_just_rolled_are_backed_up() {
    let scene = Scene::new();
    let journal = scene.open("journal");
    scene.backup();
    scene.restore("empty");
    assert_eq!(records(&scene.open("empty")), []);
    journal.append("one").unwrap();
    journal.seal().unwrap();
    journal.settle().unwrap();
    let backup = scene.backup();
    assert_eq!(backup.manifest.segments.len(), 2);
    scene.restore("rolled");
    assert_eq!(records(&scene.open("rolled")), records(&journal));
    assert!(scene.open("empty").verify(&mut |_, _| {}).unwrap().is_ok());
}

#[test]
fn holes_come_along() {
    let scene = Scene::new();
    let journal = scene.grown(0..35);
    let path = journal.status().segments[1].path.clone();
    journal.close().unwrap();
    // More than one bit, so that it cannot be made whole.
    let mut bytes = fs::read(&path).unwrap();
    bytes[5000..5040].fill(0x77);
    fs::write(&path, bytes).unwrap();
    let reader = || Reader::open(scene.at("journal")).unwrap();
    let (disk, dir): (Arc<dyn Disk>, _) = (Arc::new(RealDisk), scene.at("journal"));
    let plan = salvage::plan(&disk, &dir, &NoRefill).unwrap();
    salvage::apply(&disk, Arc::new(SystemClock), &dir, Options::default(), &NoRefill, &plan).unwrap();
    let holes = Holes::load(&RealDisk, &scene.at("journal"), reader().identity()).unwrap();
    assert_eq!(holes.list().len(), 1);
    let backup = scene.backup();
    assert_eq!(backup.manifest.holes.len(), 1);
    assert!(backup.manifest.documents.iter().any(|document| document.place.starts_with("quarantine/")));
    scene.restore("restored");
    let copy = scene.open("restored");
    assert!(copy.verify(&mut |_, _| {}).unwrap().is_ok());
    assert_eq!(copy.status().holes, reader().status().unwrap().holes);
}
