//! Power cuts and failing calls at every step of a backup and of a restore.
//!
//! B1: whatever is cut off, the backup is the one before or the new one, whole, and the next one goes on.
//! B6: a restore that is cut off is no journal, or a damaged one, or the whole one in its new term.

use std::path::Path;
use std::sync::Arc;

use annals_journal::backup::{self, BackedUp, BackupOptions, Restored};
use annals_journal::{Clock, Consent, Disk, Error, Journal, Keep, Options, SystemClock};
use annals_record::{Log, Offset};
use annals_testkit::{Call, Fault, FaultDisk, ManualClock, Outcome, SimDisk, Survival};
use fastrand::Rng;

use super::history::{self, Ledger, read_around};
use super::{Case, cases};

const BACKUP: &str = "/backup";
const RESTORED: &str = "/restored";

fn options() -> Options {
    Options { segment_bytes: 6 << 10, max_batch_bytes: 64 << 10, ..Options::default() }
}

fn grow(journal: &Journal, ledger: &mut Ledger, segments: usize, rng: &mut Rng) {
    let all = journal.status().segments.len() + segments;
    while journal.status().segments.len() < all {
        ledger.append(journal, rng).unwrap();
    }
    ledger.append(journal, rng).unwrap();
}

fn back_up(disk: &Arc<dyn Disk>) -> Result<BackedUp, Error> {
    history::open_reader(disk)?.backup(BACKUP, BackupOptions::default(), &mut |_, _| {})
}

fn restore(disk: &Arc<dyn Disk>) -> Result<Restored, Error> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(2_000_000));
    backup::restore_on(disk, &clock, Path::new(BACKUP), Path::new(RESTORED), &mut |_, _| {})
}

/// What a log holds must be what was kept below `end`.
fn compare(log: &impl Log, ledger: &Ledger, end: Offset, rng: &mut Rng) {
    let (found, damaged) = read_around(log, rng).unwrap();
    assert_eq!(damaged, []);
    let kept = ledger.kept.iter().filter(|kept| kept.offset < end);
    let kept: Vec<(Offset, Vec<u8>)> = kept.map(|kept| (kept.offset, kept.payload.clone())).collect();
    assert!(kept == found, "{} records kept, {} found", kept.len(), found.len());
}

/// The backup that is there is one of these, whole, and gives the journal as of its end. True if it is the new one.
fn check(disk: &Arc<dyn Disk>, ledger: &Ledger, ends: (Offset, Offset), rng: &mut Rng) -> bool {
    let checked = backup::check_on(&**disk, Path::new(BACKUP), &mut |_, _| {}).unwrap();
    assert_eq!(checked.damaged, [], "B1");
    let end = checked.manifest.durable;
    assert!([ends.0, ends.1].contains(&end), "B1: it ends at {end}: {ends:?}");
    let restored = restore(disk).unwrap();
    let journal = open_restored(disk).unwrap();
    assert_eq!(journal.terms().last().map(|last| last.term), restored.term);
    compare(&journal, ledger, end, rng);
    assert_eq!(journal.verify(&mut |_, _| {}).unwrap().damaged, []);
    end == ends.1
}

fn open_restored(disk: &Arc<dyn Disk>) -> Result<Journal, Error> {
    Journal::open_on(Arc::clone(disk), Arc::new(SystemClock), Path::new(RESTORED), options())
}

/// A journal with a backup of it, and what was appended since.
fn backed_up(disk: &Arc<dyn Disk>, rng: &mut Rng) -> (Journal, Ledger, (Offset, Offset)) {
    let journal = history::open(disk, options()).unwrap();
    let mut ledger = Ledger::default();
    grow(&journal, &mut ledger, 2, rng);
    let first = back_up(disk).unwrap().manifest.durable;
    let segments = rng.usize(0..3);
    grow(&journal, &mut ledger, segments, rng);
    if rng.bool() {
        // What is not backed up yet stays.
        let plan = journal.plan(&Keep::Segments(segments as u64 + 2)).unwrap();
        journal.apply(&plan, Consent::default()).unwrap();
    }
    let second = journal.durable();
    (journal, ledger, (first, second))
}

#[test]
fn a_backup_that_is_cut_off_at_any_step_leaves_the_one_before_or_is_the_new_one() {
    let (mut before, mut after) = (0, 0);
    for seed in 0..cases(3) {
        for steps in 0.. {
            let _case = Case::new(format!("seed {seed}, cut after {steps} steps"));
            let rng = &mut Rng::with_seed(seed);
            let disk = SimDisk::new();
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            let (journal, ledger, ends) = backed_up(&shared, rng);
            journal.settle().unwrap();
            disk.cut_power_after(disk.steps() + steps);
            let done = back_up(&shared);
            let cut = disk.is_off();
            assert!(done.is_ok() || cut, "{done:?}");
            rng.seed(seed * 1000 + steps);
            let image = disk.crash(Survival::any(rng), rng);
            let shared: Arc<dyn Disk> = Arc::new(image.clone());
            let is_new = check(&shared, &ledger, ends, rng);
            assert!(is_new || done.is_err(), "B1: what was backed up is gone");
            // The next one goes on, and what it says is durable.
            let _journal = history::open(&shared, options()).unwrap();
            back_up(&shared).unwrap();
            let stable = image.crash(Survival::NOTHING, rng);
            for path in stable.files(RESTORED).unwrap() {
                stable.remove(&path).unwrap();
            }
            let end = history::open_reader(&shared).unwrap().durable().unwrap();
            assert!(check(&(Arc::new(stable) as Arc<dyn Disk>), &ledger, (end, end), rng));
            *(if is_new { &mut after } else { &mut before }) += 1;
            if !cut {
                break;
            }
        }
    }
    assert!(before > 20 && after > 6, "{before} before, {after} after");
}

#[test]
fn a_backup_of_which_any_call_fails_leaves_the_one_before_or_is_the_new_one() {
    let (mut failed, mut fired) = (0, 0);
    let outcomes =
        [Outcome::Error(std::io::ErrorKind::Other), Outcome::ErrorAfter(std::io::ErrorKind::StorageFull)];
    for (first, outcome) in (1..).zip(outcomes) {
        // Every third call: there are hundreds of them, and most are reads.
        for nth in (first..).step_by(3) {
            let _case = Case::new(format!("call {nth} gets {outcome:?}"));
            let rng = &mut Rng::with_seed(nth);
            let disk = FaultDisk::new(SimDisk::new());
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            let (_journal, ledger, ends) = backed_up(&shared, rng);
            disk.inject(Fault::of(&Call::ALL, outcome).nth(nth));
            let done = back_up(&shared);
            let hit = disk.fired() > 0;
            fired += disk.fired();
            disk.heal();
            failed += u64::from(done.is_err());
            if let Err(error) = &done {
                assert!(matches!(error, Error::Io { .. } | Error::Full { .. }), "{error}");
            }
            let is_new = check(&shared, &ledger, ends, rng);
            assert!(is_new || done.is_err());
            back_up(&shared).unwrap();
            if !hit {
                break;
            }
        }
    }
    assert!(failed > 20 && fired >= failed, "{failed} failed, {fired} fired");
}

#[test]
fn a_full_disk_refuses_a_backup_and_a_restore_and_leaves_nothing_of_them() {
    let rng = &mut Rng::with_seed(7);
    let disk = SimDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (_journal, ledger, ends) = backed_up(&shared, rng);
    let names = || disk.files(BACKUP).unwrap();
    let before = names();
    disk.set_capacity(Some(0));
    let error = back_up(&shared).unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error}");
    assert_eq!(names(), before);
    assert!(matches!(restore(&shared).unwrap_err(), Error::Full { .. }));
    disk.set_capacity(None);
    for path in disk.files(RESTORED).unwrap() {
        disk.remove(&path).unwrap();
    }
    assert!(!check(&shared, &ledger, ends, rng), "the one before");
    back_up(&shared).unwrap();
}

#[test]
fn a_restore_that_is_cut_off_at_any_step_is_no_journal_or_damage_or_the_whole_one() {
    let (mut nothing, mut damaged, mut whole) = (0, 0, 0);
    for seed in 0..cases(3) {
        for steps in 0.. {
            let _case = Case::new(format!("seed {seed}, cut after {steps} steps"));
            let rng = &mut Rng::with_seed(seed);
            let disk = SimDisk::new();
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            let (_journal, ledger, _) = backed_up(&shared, rng);
            let manifest = back_up(&shared).unwrap().manifest;
            disk.cut_power_after(disk.steps() + steps);
            let done = restore(&shared);
            let cut = disk.is_off();
            assert!(done.is_ok() || cut, "{done:?}");
            rng.seed(seed * 1000 + steps);
            let image = disk.crash(Survival::any(rng), rng);
            let shared: Arc<dyn Disk> = Arc::new(image.clone());
            let clock = Arc::new(ManualClock::at(2_000_000));
            let mut is_whole = false;
            match annals_journal::Reader::open_on(Arc::clone(&shared), clock, Path::new(RESTORED)) {
                Err(error) => {
                    assert!(matches!(error, Error::Missing { .. } | Error::Damaged(_)), "{error}");
                    nothing += 1;
                }
                Ok(_) => {
                    let journal = match open_restored(&shared) {
                        Ok(journal) => journal,
                        Err(error) => {
                            assert!(matches!(error, Error::Damaged(_)), "{error}");
                            assert!(done.is_err(), "B6: what was restored is gone");
                            damaged += 1;
                            continue;
                        }
                    };
                    if journal.report().damage.is_some() {
                        assert!(journal.append("on").is_err(), "B6: a shorter log goes on");
                        damaged += 1;
                    } else {
                        let term = journal.terms().last().unwrap().term;
                        assert!(term > manifest.term, "B6: it goes on in the old term");
                        compare(&journal, &ledger, manifest.durable, rng);
                        assert_eq!(journal.verify(&mut |_, _| {}).unwrap().damaged, []);
                        journal.append("on").unwrap();
                        whole += 1;
                        is_whole = true;
                    }
                }
            }
            assert!(is_whole || done.is_err(), "B6: what was restored is gone");
            if !cut {
                break;
            }
        }
    }
    assert!(nothing > 6 && damaged > 6 && whole > 3, "{nothing} nothing, {damaged} damaged, {whole} whole");
}
