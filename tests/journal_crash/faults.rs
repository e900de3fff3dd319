//! Calls that fail: no acknowledged record is lost, none is invented, nothing is retried that must not be, nobody panics.

use std::io::ErrorKind;
use std::sync::Arc;

use annals_journal::{Bucket, Disk, Error, Options, SealPolicy, SyncPolicy};
use annals_record::{Kind, Log};
use annals_testkit::{Call, Fault, FaultDisk, Outcome, SimDisk, Survival};
use fastrand::Rng;

use super::history::{self, Ledger, Plan};
use super::{Case, cases};

const PLAN: Plan = Plan {
    calls: 30,
    options: Options {
        segment_bytes: 6 << 10,
        max_batch_bytes: 64 << 10,
        sync: SyncPolicy::Always,
        seal: SealPolicy { age: None, bucket: Bucket::None },
        remember_keys: 1,
        fill_ahead: true,
        own_thread: true,
        reserve_bytes: 4 << 30,
    },
};

/// Lives, and after a failure reopens, first for a moment after which the power may go, then for a whole life.
fn lives(disk: &FaultDisk<SimDisk>, rng: &mut Rng, ledger: &mut Ledger) {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    if history::live(&shared, rng, PLAN, ledger).is_ok() {
        return;
    }
    for calls in 0..3 {
        history::live(&shared, rng, Plan { calls, ..PLAN }, ledger).unwrap();
        let image: Arc<dyn Disk> = Arc::new(disk.disk().crash(Survival::NOTHING, rng));
        history::live(&image, &mut rng.clone(), PLAN, &mut ledger.clone()).unwrap();
    }
    history::live(&shared, rng, PLAN, ledger).unwrap();
}

/// Lives with a fault, reopens until it is over, cuts the power, and opens what only syncs have kept.
fn survive(disk: &FaultDisk<SimDisk>, seed: u64) {
    let rng = &mut Rng::with_seed(seed);
    let mut ledger = Ledger::default();
    lives(disk, rng, &mut ledger);
    disk.heal();
    for survival in [Survival::EVERYTHING, Survival::NOTHING, Survival::any(rng)] {
        let image: Arc<dyn Disk> = Arc::new(disk.disk().crash(survival, rng));
        history::live(&image, &mut rng.clone(), PLAN, &mut ledger.clone()).unwrap();
    }
}

/// How many calls of a kind one life makes.
fn calls_of_a_life(seed: u64) -> impl Fn(Call) -> u64 {
    let disk = FaultDisk::new(SimDisk::new());
    lives(&disk, &mut Rng::with_seed(seed), &mut Ledger::default());
    move |call| disk.count(call)
}

/// Fails each call of a life in turn, or as many as there are cases for.
fn sweep(calls: &[Call], outcomes: &[Outcome], each: u64) {
    let mut fired = 0;
    for seed in 0..cases(1) {
        let count = calls_of_a_life(seed);
        for call in calls {
            let stride = count(*call).div_ceil(each.max(1)).max(1);
            for nth in (1..=count(*call)).step_by(stride as usize) {
                for outcome in outcomes {
                    let _case = Case::new(format!("seed {seed}, {call:?} {nth}: {outcome:?}"));
                    let disk = FaultDisk::new(SimDisk::new());
                    disk.inject(Fault::of(&[*call], *outcome).nth(nth));
                    survive(&disk, seed);
                    assert_eq!(disk.fired(), 1, "the fault did not happen");
                    fired += 1;
                }
            }
        }
    }
    assert!(fired > 0);
}

#[test]
fn any_call_that_changes_something_may_fail() {
    let calls = Call::ALL.into_iter().filter(|call| call.changes()).collect::<Vec<_>>();
    sweep(&calls, &[Outcome::Error(ErrorKind::Other), Outcome::ErrorAfter(ErrorKind::Other)], 40);
}

#[test]
fn any_call_that_takes_room_may_find_none() {
    let calls =
        [Call::CreateDir, Call::Open, Call::Rename, Call::Lock, Call::Write, Call::Sync, Call::Allocate];
    sweep(&calls, &[Outcome::Error(ErrorKind::StorageFull), Outcome::ErrorAfter(ErrorKind::StorageFull)], 40);
}

#[test]
fn any_call_that_looks_may_fail() {
    sweep(&[Call::Read, Call::List, Call::Len], &[Outcome::Error(ErrorKind::Other)], 60);
}

#[test]
fn any_call_may_be_interrupted() {
    sweep(
        &Call::ALL,
        &[Outcome::Error(ErrorKind::Interrupted), Outcome::ErrorAfter(ErrorKind::Interrupted)],
        12,
    );
}

#[test]
fn a_disk_that_moves_one_byte_at_a_time_and_is_interrupted_is_slow_and_nothing_else() {
    for seed in 0..cases(2) {
        let _case = Case::new(format!("seed {seed}"));
        let disk = FaultDisk::new(SimDisk::new());
        let both = [Call::Read, Call::Write];
        let plan = Plan { calls: 12, ..PLAN };
        disk.inject(Fault::of(&both, Outcome::Error(ErrorKind::Interrupted)).times(1_000));
        disk.inject(Fault::of(&both, Outcome::Short(1)).nth(1_001).times(20_000));
        disk.inject(Fault::of(&both, Outcome::Short(7)).nth(21_001).forever());
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        history::live(&shared, &mut Rng::with_seed(seed), plan, &mut Ledger::default()).unwrap();
        assert!(disk.fired() > 21_001, "{}", disk.fired());
    }
}

#[test]
fn a_write_of_nothing_is_an_error_and_not_an_endless_loop() {
    let disk = FaultDisk::new(SimDisk::new());
    let (rng, mut ledger) = (&mut Rng::with_seed(1), Ledger::default());
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let journal = history::open(&shared, PLAN.options).unwrap();
    disk.inject(Fault::of(&[Call::Write], Outcome::Short(0)).forever());
    ledger.append(&journal, rng).unwrap_err();
    assert!(disk.fired() > 0);
    drop(journal);
    disk.heal();
    history::live(&shared, rng, PLAN, &mut ledger).unwrap();
}

#[test]
fn a_sync_that_fails_and_drops_the_pages_loses_nothing_that_was_acknowledged() {
    let syncs = calls_of_a_life(3)(Call::Sync);
    for nth in 1..=syncs {
        let _case = Case::new(format!("sync {nth}"));
        let (sim, rng) = (SimDisk::new(), &mut Rng::with_seed(3));
        sim.lose_sync(nth);
        let disk = FaultDisk::new(sim.clone());
        let mut ledger = Ledger::default();
        lives(&disk, rng, &mut ledger);
        assert_eq!(sim.fired(), 1, "the fault did not happen");
        for survival in [Survival::EVERYTHING, Survival::NOTHING] {
            let image: Arc<dyn Disk> = Arc::new(sim.crash(survival, rng));
            history::live(&image, &mut rng.clone(), PLAN, &mut ledger.clone()).unwrap();
        }
        sim.drop_caches();
        let shared: Arc<dyn Disk> = Arc::new(sim);
        history::live(&shared, rng, PLAN, &mut ledger).unwrap();
    }
}

#[test]
fn a_failed_sync_reaches_every_waiter_and_nothing_is_acknowledged_until_the_journal_is_reopened() {
    for nth in 1..=cases(10) {
        let disk = FaultDisk::new(SimDisk::new());
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let journal = history::open(&shared, PLAN.options).unwrap();
        disk.inject(Fault::of(&[Call::Sync], Outcome::Error(ErrorKind::Other)).nth(nth));
        // Every thread appends until it is refused; that they all come back is the promise.
        let appenders = (0..6).map(|thread| {
            let journal = journal.clone();
            std::thread::spawn(move || history::append_until_refused(&journal, thread))
        });
        let appenders: Vec<_> = appenders.collect();
        let (mut acknowledged, mut refusals) = (Vec::new(), Vec::new());
        for appender in appenders {
            let (kept, refusal) = appender.join().unwrap();
            acknowledged.extend(kept);
            refusals.push(refusal);
        }
        assert_eq!(disk.fired(), 1);
        assert!(refusals.iter().all(|error| error.kind() == Kind::Stop), "{refusals:?}");
        let syncs = disk.count(Call::Sync);
        assert!(matches!(journal.append("late"), Err(Error::Poisoned { .. })));
        assert_eq!(disk.count(Call::Sync), syncs, "a failed sync is not tried again");
        drop(journal);
        let image: Arc<dyn Disk> = Arc::new(disk.disk().crash(Survival::NOTHING, &mut Rng::with_seed(nth)));
        for disk in [&shared, &image] {
            let journal = history::open(disk, PLAN.options).unwrap();
            let (found, _) = history::read_around(&journal, &mut Rng::with_seed(nth)).unwrap();
            acknowledged.iter().for_each(|kept| assert!(found.contains(kept), "lost {kept:?}"));
            assert!(found.iter().all(|(_, payload)| payload != b"late"), "refused, and there");
            journal.append("again").unwrap();
        }
    }
}

#[test]
fn no_other_process_sees_more_than_the_one_that_writes() {
    for nth in 1..=cases(5) {
        let disk = FaultDisk::new(SimDisk::new());
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let journal = history::open(&shared, PLAN.options).unwrap();
        let reader = history::open_reader(&shared).unwrap();
        // The mark is written, and reported as failed: other processes see it, and the journal writes no more.
        let done = Outcome::ErrorAfter(ErrorKind::Other);
        disk.inject(Fault::of(&[Call::Write], done).on("watermark").nth(nth));
        let (kept, refusal) = history::append_until_refused(&journal, 0);
        assert_eq!((disk.fired(), refusal.kind()), (1, Kind::Stop));
        assert_eq!(kept.len() as u64, nth - 1);
        assert_eq!(reader.durable().unwrap(), journal.durable(), "mark {nth}");
    }
}

#[test]
fn a_full_disk_refuses_whole_groups_and_appends_go_on_when_there_is_room() {
    let mut refused = 0;
    for seed in 0..cases(150) {
        let _case = Case::new(format!("seed {seed}"));
        let (disk, rng, mut ledger) = (SimDisk::new(), &mut Rng::with_seed(seed), Ledger::default());
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let journal = history::open(&shared, PLAN.options).unwrap();
        for _ in 0..rng.usize(1..8) {
            disk.set_capacity(Some(disk.used() + rng.u64(..9_000)));
            while ledger.append(&journal, rng).is_ok() {}
            // Refused without a trace: the same journal serves what it served, and takes more once there is room.
            ledger.settle(&journal, rng).unwrap();
            refused += 1;
            disk.set_capacity(None);
            ledger.append(&journal, rng).unwrap();
        }
        ledger.settle(&journal, rng).unwrap();
        let image: Arc<dyn Disk> = Arc::new(disk.crash(Survival::any(rng), rng));
        history::live(&image, rng, PLAN, &mut ledger).unwrap();
        assert!(disk.fired() > 0, "the disk was never full");
    }
    assert!(refused > 0);
}

#[test]
fn a_group_that_finds_no_room_while_it_is_written_leaves_no_trace_after_a_crash_either() {
    for seed in 0..cases(100) {
        let _case = Case::new(format!("seed {seed}"));
        let (rng, mut ledger) = (&mut Rng::with_seed(seed), Ledger::default());
        let disk = FaultDisk::new(SimDisk::new());
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        history::live(&shared, rng, Plan { calls: 5, ..PLAN }, &mut ledger).unwrap();
        let journal = history::open(&shared, PLAN.options).unwrap();
        let fault = if rng.bool() {
            Fault::of(&[Call::Write], Outcome::ErrorAfter(ErrorKind::StorageFull))
        } else {
            disk.inject(Fault::of(&[Call::Write], Outcome::Short(rng.usize(1..200))));
            Fault::of(&[Call::Write], Outcome::Error(ErrorKind::StorageFull)).nth(2)
        };
        disk.inject(fault);
        while let Ok(()) = ledger.append(&journal, rng) {}
        assert!(disk.fired() > 0);
        let image: Arc<dyn Disk> = Arc::new(disk.disk().crash(Survival::any(rng), rng));
        history::live(&image, &mut rng.clone(), PLAN, &mut ledger.clone()).unwrap();
        drop(journal);
        history::live(&shared, rng, PLAN, &mut ledger).unwrap();
    }
}

#[test]
fn a_full_disk_at_open_cuts_nothing() {
    let mut full = 0;
    for seed in 0..cases(200) {
        let _case = Case::new(format!("seed {seed}"));
        let (disk, rng, mut ledger) = (SimDisk::new(), &mut Rng::with_seed(seed), Ledger::default());
        disk.cut_power_after(rng.u64(20..120));
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let _ = history::live(&shared, rng, PLAN, &mut ledger);
        let image = disk.crash(Survival::any(rng), rng);
        image.set_capacity(Some(image.used() + rng.u64(..9_000)));
        let shared: Arc<dyn Disk> = Arc::new(image.clone());
        for _ in 0..2 {
            match history::open(&shared, PLAN.options) {
                Ok(journal) => ledger.settle(&journal, rng).unwrap(),
                Err(error) => {
                    assert!(matches!(error, Error::Full { .. }), "{error:?}");
                    full += 1;
                }
            }
        }
        image.set_capacity(None);
        history::live(&shared, rng, PLAN, &mut ledger).unwrap();
    }
    assert!(full > 0);
}

#[test]
fn a_place_that_cannot_be_read_is_an_error_and_not_the_end_of_the_log() {
    let mut fired = 0;
    for seed in 0..cases(150) {
        let _case = Case::new(format!("seed {seed}"));
        let (disk, rng, mut ledger) =
            (FaultDisk::new(SimDisk::new()), &mut Rng::with_seed(seed), Ledger::default());
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        history::live(&shared, rng, PLAN, &mut ledger).unwrap();
        let bad = rng.u64(..6_000);
        disk.inject(
            Fault::of(&[Call::Read], Outcome::Error(ErrorKind::Other))
                .on(".wal")
                .at(bad..bad + 512)
                .forever(),
        );
        if let Ok(journal) = history::open(&shared, PLAN.options) {
            let next = journal.bounds().unwrap();
            assert_eq!(journal.status().records, ledger.kept.len() as u64, "{next:?}");
        }
        fired += disk.fired();
        disk.heal();
        let journal = history::open(&shared, PLAN.options).unwrap();
        ledger.settle(&journal, rng).unwrap();
    }
    assert!(fired > 0);
}

#[test]
fn faults_of_all_kinds_one_upon_another_lose_nothing() {
    let (mut fired, mut cut, mut full) = (0, 0, 0);
    for seed in 0..cases(150) {
        let _case = Case::new(format!("seed {seed}"));
        let rng = &mut Rng::with_seed(seed);
        let (plan, mut ledger) = (Plan::any(rng), Ledger::default());
        let mut sim = SimDisk::new();
        for _ in 0..rng.u32(2..10) {
            let disk = FaultDisk::new(sim.clone());
            for _ in 0..rng.u32(..4) {
                disk.inject(any_fault(rng));
            }
            if rng.u32(..3) == 0 {
                sim.lose_sync(rng.u64(1..20));
            }
            if rng.u32(..3) == 0 {
                sim.set_capacity(Some(sim.used() + rng.u64(..20_000)));
            }
            if rng.u32(..3) == 0 {
                sim.cut_power_after(sim.steps() + rng.u64(..150));
            }
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            let _ = history::live(&shared, rng, plan, &mut ledger);
            fired += disk.fired() + sim.fired();
            full += u64::from(sim.fired() > 0);
            if sim.is_off() || rng.u32(..4) == 0 {
                cut += 1;
                sim = sim.crash(Survival::any(rng), rng);
            } else if rng.u32(..4) == 0 {
                sim.drop_caches();
            }
            sim.set_capacity(None);
        }
        let shared: Arc<dyn Disk> = Arc::new(sim.crash(Survival::NOTHING, rng));
        history::live(&shared, rng, plan, &mut ledger).unwrap();
    }
    assert!(fired > 0 && cut > 0 && full > 0, "{fired} {cut} {full}");
}

fn any_fault(rng: &mut Rng) -> Fault {
    let kind = [ErrorKind::Other, ErrorKind::StorageFull, ErrorKind::Interrupted][rng.usize(..3)];
    let outcome = match rng.u32(..3) {
        0 => Outcome::Error(kind),
        1 => Outcome::ErrorAfter(kind),
        _ => Outcome::Short(rng.usize(1..600)),
    };
    let call = Call::ALL[rng.usize(..Call::ALL.len())];
    Fault::of(&[call], outcome).nth(rng.u64(1..30)).times(rng.u64(1..4))
}
