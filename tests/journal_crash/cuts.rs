//! Power cuts: at any call that changes something, with any part of what was not synced lost, again and again.

use std::sync::Arc;

use annals_journal::{Disk, Options};
use annals_testkit::{SimDisk, Survival};
use fastrand::Rng;

use super::history::{self, Ledger, Plan};
use super::{Case, cases};

/// What happened in a run of cases: a run in which nothing happened shows nothing.
#[derive(Debug, Default)]
struct Seen {
    cuts: u64,
    cuts_in_open: u64,
    torn: u64,
    rewritten: u64,
}

/// Lives on `disk`, cut after so many steps, and crashes it. The ledger knows what the image must hold.
fn cut(
    disk: &SimDisk,
    steps: u64,
    rng: &mut Rng,
    plan: Plan,
    ledger: &mut Ledger,
    seen: &mut Seen,
) -> SimDisk {
    disk.cut_power_after(disk.steps() + steps);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let kept = ledger.kept.len();
    let lived = history::live(&shared, rng, plan, ledger);
    assert!(lived.is_ok() || disk.is_off(), "failed before the power did: {lived:?}");
    seen.cuts += u64::from(disk.is_off());
    seen.cuts_in_open += u64::from(lived.is_err() && kept == ledger.kept.len());
    let image = disk.crash(Survival::any(rng), rng);
    let shared: Arc<dyn Disk> = Arc::new(image.crash(Survival::EVERYTHING, rng));
    if let Ok(reader) = history::open_reader(&shared) {
        ledger.look_back(&reader, rng);
    }
    image
}

/// Opens an image for good: all is as promised, appends go on, and a crash that keeps only what was synced loses nothing.
fn recover(image: &SimDisk, rng: &mut Rng, plan: Plan, ledger: &mut Ledger, seen: &mut Seen) {
    let shared: Arc<dyn Disk> = Arc::new(image.clone());
    let journal = history::open(&shared, plan.options).unwrap();
    seen.torn += u64::from(journal.report().torn.is_some());
    seen.rewritten += u64::from(journal.report().rewritten_bytes > 0);
    let known_term = ledger.newest_term();
    ledger.settle(&journal, rng).unwrap();
    let shared: Arc<dyn Disk> = Arc::new(image.crash(Survival::NOTHING, rng));
    if let Some(torn) = &journal.report().torn {
        let quarantined = shared.list(torn.quarantine.parent().unwrap()).unwrap();
        let kept = quarantined.iter().find(|file| torn.quarantine.ends_with(&file.name));
        assert_eq!(kept.map(|file| file.len), Some(torn.bytes), "a torn tail is kept before it is cut");
        assert!(Some(journal.status().term) > known_term, "a cut begins a new term");
    }
    let mut stable = ledger.clone();
    stable.settle(&history::open(&shared, plan.options).unwrap(), rng).unwrap();
    assert_eq!(stable.kept, ledger.kept, "H3: recovery showed what was not durable");
    drop(journal);
    let shared: Arc<dyn Disk> = Arc::new(image.clone());
    history::live(&shared, rng, plan, ledger).unwrap();
    let shared: Arc<dyn Disk> = Arc::new(image.crash(Survival::NOTHING, rng));
    ledger.settle(&history::open(&shared, plan.options).unwrap(), rng).unwrap();
}

#[test]
fn whatever_a_power_cut_leaves_what_was_acknowledged_is_there_and_nothing_is_invented() {
    let mut seen = Seen::default();
    for seed in 0..cases(400) {
        let _case = Case::new(format!("seed {seed}"));
        let rng = &mut Rng::with_seed(seed);
        let (plan, mut ledger) = (Plan::any(rng), Ledger::default());
        let mut disk = history::disk(seed);
        for _ in 0..rng.u32(1..6) {
            let steps = rng.u64(..150);
            disk = cut(&disk, steps, rng, plan, &mut ledger, &mut seen);
        }
        recover(&disk, rng, plan, &mut ledger, &mut seen);
    }
    assert!(seen.cuts > 0 && seen.torn > 0 && seen.rewritten > 0, "{seen:?}");
}

#[test]
fn a_recovery_that_is_cut_again_and_again_loses_nothing() {
    let mut seen = Seen::default();
    for seed in 0..cases(400) {
        let _case = Case::new(format!("seed {seed}"));
        let rng = &mut Rng::with_seed(seed);
        let (plan, mut ledger) = (Plan::any(rng), Ledger::default());
        let steps = rng.u64(20..200);
        let mut disk = cut(&history::disk(seed), steps, rng, plan, &mut ledger, &mut seen);
        for _ in 0..rng.u32(2..8) {
            let steps = rng.u64(..12);
            disk = cut(&disk, steps, rng, plan, &mut ledger, &mut seen);
        }
        recover(&disk, rng, plan, &mut ledger, &mut seen);
    }
    assert!(seen.cuts_in_open > 0 && seen.torn > 0, "{seen:?}");
}

#[test]
fn a_cut_at_every_single_step_of_a_life_loses_nothing() {
    for seed in 0..cases(400).div_ceil(100) {
        let plan = Plan {
            calls: 30,
            options: Options { segment_bytes: 6 << 10, max_batch_bytes: 64 << 10, ..Options::default() },
        };
        let mut seen = Seen::default();
        for steps in 0.. {
            let _case = Case::new(format!("seed {seed}, cut after {steps} steps"));
            let rng = &mut Rng::with_seed(seed);
            let (disk, mut ledger) = (history::disk(seed), Ledger::default());
            let image = cut(&disk, steps, rng, plan, &mut ledger, &mut seen);
            recover(&image, rng, plan, &mut ledger, &mut seen);
            if !disk.is_off() {
                break;
            }
        }
        assert!(seen.cuts > 50 && seen.cuts_in_open > 5, "{seen:?}");
    }
}

#[test]
fn threads_that_share_their_syncs_lose_nothing_to_a_power_cut_either() {
    let mut acknowledged = 0;
    for seed in 0..cases(40) {
        let _case = Case::new(format!("seed {seed} (threads: may need several runs)"));
        let (rng, disk) = (&mut Rng::with_seed(seed), history::disk(seed));
        let plan = Plan::any(rng);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let journal = history::open(&shared, plan.options).unwrap();
        disk.cut_power_after(disk.steps() + rng.u64(..100));
        let appenders = (0..4).map(|thread| {
            let journal = journal.clone();
            std::thread::spawn(move || history::append_until_refused(&journal, thread))
        });
        let appenders: Vec<_> = appenders.collect();
        let kept: Vec<_> = appenders.into_iter().map(|appender| appender.join().unwrap().0).collect();
        let image: Arc<dyn Disk> = Arc::new(disk.crash(Survival::any(rng), rng));
        let recovered = history::open(&image, plan.options).unwrap();
        let (found, _) = history::read_around(&recovered, rng).unwrap();
        for (thread, kept) in kept.iter().enumerate() {
            let name = format!("thread {thread}, ");
            let of_thread: Vec<_> =
                found.iter().filter(|(_, payload)| payload.starts_with(name.as_bytes())).collect();
            assert!(
                of_thread.iter().zip(kept).all(|(found, kept)| *found == kept),
                "H1: other bytes, place or order"
            );
            let more = of_thread.len().checked_sub(kept.len());
            assert!(
                more.is_some_and(|more| more <= 1),
                "{} found, {} acknowledged",
                of_thread.len(),
                kept.len()
            );
            acknowledged += kept.len();
        }
        assert!(
            found.iter().all(|(_, payload)| payload.starts_with(b"thread ")),
            "H2: something was invented"
        );
    }
    assert!(acknowledged > 0);
}

#[test]
fn zeros_that_go_ahead_of_the_log_take_nothing_with_them_in_a_power_cut() {
    let (mut rolls, mut filled, mut taken_up) = (0, 0, 0);
    for seed in 0.. {
        // How far the filling thread comes before the cut is the scheduler's choice: on a busy machine it takes more lives.
        let enough = rolls > 4 && filled > 100 && taken_up > 4;
        if seed >= cases(24) && (enough || seed >= 40 * cases(24)) {
            break;
        }
        let _case = Case::new(format!("seed {seed} (a thread fills: may need several runs)"));
        let (rng, mut disk) = (&mut Rng::with_seed(seed), SimDisk::new().past_cache());
        let options = Options { segment_bytes: 1 << 20, ..Options::default() };
        let mut kept = Vec::new();
        for life in 1..=3 {
            let is_made = |disk: &SimDisk| {
                disk.read_file(format!("{}/next.wal.tmp", history::DIR))
                    .is_ok_and(|file| file.len() == 1 << 20)
            };
            let was_made = is_made(&disk);
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            let journal = history::open(&shared, options).unwrap();
            taken_up += usize::from(was_made && is_made(&disk));
            let segments = journal.status().segments.len();
            let writes = |disk: &SimDisk| {
                disk.made().iter().filter(|made| made.path.ends_with("next.wal.tmp")).count()
            };
            let written = writes(&disk);
            disk.cut_power_after(disk.steps() + rng.u64(100..400));
            let appenders = (0..3).map(|thread| {
                let journal = journal.clone();
                std::thread::spawn(move || history::append_large_until_refused(&journal, thread))
            });
            let appenders: Vec<_> = appenders.collect();
            kept.extend(appenders.into_iter().flat_map(|appender| appender.join().unwrap()));
            rolls += journal.status().segments.len() - segments;
            filled += writes(&disk) - written;
            drop(journal);
            disk = disk.crash(Survival::any(rng), rng);
            let image: Arc<dyn Disk> = Arc::new(disk.copy());
            let recovered = history::open(&image, options).unwrap();
            let (found, damaged) = history::read_around(&recovered, rng).unwrap();
            assert!(damaged.is_empty(), "{damaged:?}");
            for (offset, payload) in &kept {
                assert!(
                    found.contains(&(*offset, payload.clone())),
                    "H1: what was acknowledged at {offset} is gone"
                );
            }
            assert!(found.len() <= kept.len() + 3 * life, "H2: something was invented");
        }
    }
    assert!(
        rolls > 4 && filled > 100 && taken_up > 4,
        "{rolls} rolls, {filled} writes ahead, {taken_up} files made ahead and taken up"
    );
}
