//! Power cuts and failing calls at every step of a named cursor's life.
//!
//! C1: the cursor is never ahead of what it was told, and never behind what was acknowledged.

use std::io::ErrorKind;
use std::sync::Arc;

use annals_journal::{Applied, Disk, Error, Journal, Options};
use annals_record::Offset;
use annals_testkit::{Call, Fault, FaultDisk, Outcome, SimDisk, Survival};
use fastrand::Rng;

use super::history;
use super::{Case, cases};

fn options() -> Options {
    Options { segment_bytes: 6 << 10, max_batch_bytes: 64 << 10, ..Options::default() }
}

/// A journal of some records: where each begins, and the place behind it.
fn grow(disk: &Arc<dyn Disk>) -> (Journal, Vec<(Applied, Offset)>) {
    let journal = history::open(disk, options()).unwrap();
    let places = (0..12).map(|i| {
        let appended = journal.append([i; 700]).unwrap();
        (Applied { offset: appended.offset, id: appended.id }, appended.next)
    });
    let places = places.collect();
    (journal, places)
}

/// Makes a cursor and moves it along, now and then back: where it was told to stand, and where it stood for certain.
fn live(journal: &Journal, places: &[(Applied, Offset)]) -> (Vec<Offset>, Option<Offset>, Result<(), Error>) {
    let (mut told, mut certain) = (vec![Offset::ZERO], None);
    let mut lived = || {
        let mut cursor = journal.cursor_at("worker", Offset::ZERO)?;
        certain = Some(Offset::ZERO);
        for (i, (applied, next)) in places.iter().enumerate() {
            if i % 5 == 4 {
                drop(cursor);
                cursor = journal.cursor("worker")?;
            }
            told.push(*next);
            cursor.advance(*next, Some(*applied))?;
            (told, certain) = (vec![*next], Some(*next));
            if i % 7 == 3 {
                told.push(places[1].1);
                cursor.rewind(places[1].1)?;
                (told, certain) = (vec![places[1].1], Some(places[1].1));
            }
        }
        Ok(())
    };
    let lived = lived();
    (told, certain, lived)
}

/// The cursor is where it stood for certain, or where it was told to go since.
fn check(journal: &Journal, told: &[Offset], certain: Option<Offset>) {
    match (journal.cursor("worker"), certain) {
        (Ok(cursor), _) => {
            let at = cursor.position();
            assert!(told.contains(&at) || certain == Some(at), "at {at}, told {told:?}, certain {certain:?}");
        }
        (Err(Error::NoCursor { .. }), None) => {}
        (Err(error), _) => panic!("{error}; told {told:?}, certain {certain:?}"),
    }
}

#[test]
fn a_cursor_that_is_cut_off_at_any_step_stands_before_or_behind_it() {
    let mut cuts = 0;
    for steps in 0.. {
        let mut cut = false;
        for seed in 0..cases(6) {
            let _case = Case::new(format!("seed {seed}, cut after {steps} steps"));
            let rng = &mut Rng::with_seed(seed);
            let disk = SimDisk::new();
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            let (journal, places) = grow(&shared);
            disk.cut_power_after(disk.steps() + steps);
            let (told, certain, lived) = live(&journal, &places);
            cut = disk.is_off();
            assert!(lived.is_ok() || cut, "{lived:?}");
            cuts += u64::from(cut);
            // Cut again while it is opened.
            let image = disk.crash(Survival::any(rng), rng);
            let shared: Arc<dyn Disk> = Arc::new(image.clone());
            let journal = history::open(&shared, options()).unwrap();
            image.cut_power_after(image.steps() + rng.u64(..8));
            drop(journal.cursor("worker"));
            let image = image.crash(Survival::any(rng), rng);
            let shared: Arc<dyn Disk> = Arc::new(image);
            check(&history::open(&shared, options()).unwrap(), &told, certain);
        }
        if !cut {
            break;
        }
    }
    assert!(cuts > 100, "{cuts} cuts");
}

#[test]
fn a_cursor_of_which_any_call_fails_stands_before_or_behind_it() {
    let mut fired = 0;
    for outcome in [Outcome::Error(ErrorKind::Other), Outcome::ErrorAfter(ErrorKind::StorageFull)] {
        for nth in 1.. {
            let _case = Case::new(format!("call {nth} gets {outcome:?}"));
            let disk = FaultDisk::new(SimDisk::new());
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            let (journal, places) = grow(&shared);
            disk.inject(Fault::of(&Call::ALL, outcome).nth(nth));
            let (told, certain, lived) = live(&journal, &places);
            fired += disk.fired();
            if disk.fired() == 0 {
                lived.unwrap();
                break;
            }
            disk.heal();
            check(&journal, &told, certain);
        }
    }
    assert!(fired > 100, "{fired} fired");
}

#[test]
fn a_cursor_whose_name_was_not_synced_when_it_was_made_is_durable_once_it_is_opened() {
    let mut fired = 0;
    for outcome in [Outcome::Error(ErrorKind::Other), Outcome::ErrorAfter(ErrorKind::Other)] {
        for nth in 1..=3 {
            let _case = Case::new(format!("sync of a directory {nth} gets {outcome:?}"));
            let rng = &mut Rng::with_seed(nth);
            let disk = FaultDisk::new(SimDisk::new());
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            let (journal, _) = grow(&shared);
            disk.inject(Fault::of(&[Call::SyncDir], outcome).nth(nth));
            let made = journal.cursor_at("worker", Offset::ZERO);
            assert!(made.is_err() || disk.fired() == 0, "{made:?}");
            drop(made);
            fired += disk.fired();
            disk.heal();
            let at = journal.cursor_at("worker", Offset::ZERO).unwrap().position();
            let image: Arc<dyn Disk> = Arc::new(disk.disk().crash(Survival::NOTHING, rng));
            let journal = history::open(&image, options()).unwrap();
            assert_eq!(journal.cursor("worker").unwrap().position(), at);
        }
    }
    assert!(fired > 2, "{fired}");
}

#[test]
fn a_sync_that_drops_its_bytes_is_not_believed_twice() {
    let rng = &mut Rng::with_seed(1);
    let disk = SimDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (journal, places) = grow(&shared);
    let mut cursor = journal.cursor_at("worker", Offset::ZERO).unwrap();
    cursor.advance(places[0].1, None).unwrap();
    disk.lose_sync(1);
    assert!(matches!(cursor.advance(places[1].1, None), Err(Error::Io { .. })));
    assert_eq!(disk.fired(), 1);
    assert!(matches!(cursor.advance(places[2].1, None), Err(Error::Poisoned { .. })));
    drop(cursor);
    // The page cache shows the place that the medium never got; from the open on it is durable.
    let position = journal.cursor("worker").unwrap().position();
    let shared: Arc<dyn Disk> = Arc::new(disk.crash(Survival::NOTHING, rng));
    let journal = history::open(&shared, options()).unwrap();
    assert_eq!(journal.cursor("worker").unwrap().position(), position);
    assert_eq!(position, places[1].1);
}
