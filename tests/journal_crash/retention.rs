//! Power cuts and failing calls at every step of a purge.
//!
//! R1: whatever is cut off, a purge is undone or finished: what is kept is served once and in order, what is not is a
//! gap, and nothing is damage. What `apply` returned stays purged.

use std::path::Path;
use std::sync::Arc;

use annals_journal::{Consent, Disk, Journal, Keep, Options, Plan, ReceiptQuery};
use annals_record::{Log, LogError, Offset, ReadLimit};
use annals_testkit::{Call, Fault, FaultDisk, ManualClock, Outcome, SimDisk, Survival};
use fastrand::Rng;

use super::history::{self, DIR, Ledger, read_around};
use super::{Case, cases};

fn options() -> Options {
    Options { segment_bytes: 6 << 10, max_batch_bytes: 64 << 10, ..Options::default() }
}

/// A journal of several segments, some of them purged before, and what it must hold.
fn grow(disk: &Arc<dyn Disk>, rng: &mut Rng) -> (Journal, Ledger) {
    let journal = history::open(disk, options()).unwrap();
    let mut ledger = Ledger::default();
    while journal.status().segments.len() < 8 {
        ledger.append(&journal, rng).unwrap();
    }
    if rng.bool() {
        let plan = journal.plan(&Keep::Segments(6)).unwrap();
        journal.apply(&plan, Consent::default()).unwrap();
    }
    (journal, ledger)
}

fn plan(journal: &Journal, rng: &mut Rng) -> Plan {
    let plan = journal.plan(&Keep::Segments(rng.u64(1..5))).unwrap();
    assert!(!plan.purge.is_empty() && plan.blocked.is_empty());
    plan
}

/// The log begins before the plan or behind it, and is whole from there on. True if it begins behind it.
fn check(log: &impl Log, ledger: &Ledger, plan: &Plan, rng: &mut Rng) -> bool {
    let oldest = log.bounds().unwrap().oldest;
    assert!([plan.oldest, plan.oldest_after].contains(&oldest), "it begins at {oldest}: {plan:?}");
    let (found, damaged) = read_around(log, rng).unwrap();
    assert_eq!(damaged, []);
    let kept = ledger.kept.iter().filter(|kept| kept.offset >= oldest);
    // Before the next writer's open the watermark may lag.
    let durable = log.bounds().unwrap().durable;
    let kept = kept.filter(|kept| kept.offset < durable);
    let kept: Vec<(Offset, Vec<u8>)> = kept.map(|kept| (kept.offset, kept.payload.clone())).collect();
    assert!(kept == found, "{} records kept, {} found", kept.len(), found.len());
    for gone in ledger.kept.iter().filter(|kept| kept.offset < oldest) {
        let gap = log.read(gone.offset, ReadLimit::default()).unwrap_err();
        assert!(matches!(gap, LogError::Gap { oldest: at, .. } if at == oldest), "{gap}");
    }
    oldest == plan.oldest_after
}

/// Opens a journal whose purge was cut off. True if it was finished.
fn reopen(image: &SimDisk, ledger: &Ledger, planned: &Plan, rng: &mut Rng) -> bool {
    let shared: Arc<dyn Disk> = Arc::new(image.clone());
    let seen = check(&history::open_reader(&shared).unwrap(), ledger, planned, rng);
    let journal = history::open(&shared, options()).unwrap();
    assert_eq!((&journal.report().damage, &journal.report().torn), (&None, &None));
    assert!(ledger.kept.iter().all(|kept| kept.offset < journal.durable()));
    let finished = check(&journal, ledger, planned, rng);
    assert_eq!(finished, seen, "a reader saw what did not stay");
    let verified = journal.verify(&mut |_, _| {}).unwrap();
    assert_eq!(verified.damaged, []);
    let first = journal.status().segments[0].base;
    let names = image.files(DIR).unwrap();
    let name = format!("{:016x}.wal", first.get());
    let lowest =
        names.iter().filter_map(|path| path.file_name()?.to_str()).find(|name| name.ends_with(".wal"));
    assert_eq!(lowest, Some(&*name), "what was purged is removed by the open");
    assert!(names.iter().all(|path| path.extension().is_none_or(|extension| extension != "tmp")));
    // What the open finished is durable.
    let stable: Arc<dyn Disk> = Arc::new(image.crash(Survival::NOTHING, rng));
    assert_eq!(check(&history::open_reader(&stable).unwrap(), ledger, planned, rng), finished);
    // And a purge goes on from here: each segment has one receipt.
    let plan = journal.plan(&Keep::Segments(1)).unwrap();
    journal.apply(&plan, Consent::default()).unwrap();
    let receipts = journal.receipts(&ReceiptQuery::default()).unwrap();
    assert_eq!(receipts.unreadable, []);
    assert_eq!(receipts.purged.last().map(|receipt| receipt.base), Some(Offset::ZERO));
    assert!(receipts.purged.windows(2).all(|two| two[0].base == two[1].end));
    finished
}

#[test]
fn a_purge_that_is_cut_off_at_any_step_is_undone_or_finished() {
    let (mut undone, mut finished, mut between) = (0, 0, 0);
    for seed in 0..cases(60) {
        for steps in 0.. {
            let _case = Case::new(format!("seed {seed}, cut after {steps} steps"));
            let rng = &mut Rng::with_seed(seed);
            let disk = SimDisk::new();
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            let (journal, ledger) = grow(&shared, rng);
            let plan = plan(&journal, rng);
            disk.cut_power_after(disk.steps() + steps);
            let applied = journal.apply(&plan, Consent::default());
            let cut = disk.is_off();
            assert!(applied.is_ok() || cut, "{applied:?}");
            rng.seed(seed * 1000 + steps);
            let image = disk.crash(Survival::any(rng), rng);
            let is_finished = reopen(&image, &ledger, &plan, rng);
            assert!(is_finished || applied.is_err(), "what was purged is back");
            match (is_finished, applied.is_ok()) {
                (false, _) => undone += 1,
                (true, false) => between += 1,
                (true, true) => finished += 1,
            }
            if !cut {
                break;
            }
        }
    }
    assert!(undone > 20 && between > 20 && finished > 0, "{undone} undone, {between} cut off and finished");
}

#[test]
fn a_purge_of_which_any_call_fails_is_undone_or_finished_by_the_next_one() {
    let (mut failed, mut fired) = (0, 0);
    for outcome in
        [Outcome::Error(std::io::ErrorKind::Other), Outcome::ErrorAfter(std::io::ErrorKind::StorageFull)]
    {
        for nth in 1.. {
            let _case = Case::new(format!("call {nth} gets {outcome:?}"));
            let rng = &mut Rng::with_seed(nth);
            let disk = FaultDisk::new(SimDisk::new());
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            let (journal, ledger) = grow(&shared, rng);
            let plan = plan(&journal, rng);
            disk.inject(Fault::of(&Call::ALL, outcome).nth(nth));
            let applied = journal.apply(&plan, Consent::default());
            let hit = disk.fired() > 0;
            fired += disk.fired();
            disk.heal();
            failed += u64::from(applied.is_err());
            let went = check(&journal, &ledger, &plan, rng);
            assert!(went || applied.is_err());
            let poisoned = journal.append("on").is_err();
            if !went && !poisoned {
                journal.apply(&plan, Consent::default()).unwrap();
            }
            drop(journal);
            let journal = history::open(&shared, options()).unwrap();
            if !went && poisoned {
                journal.apply(&plan, Consent::default()).unwrap();
            }
            assert_eq!(journal.bounds().unwrap().oldest, plan.oldest_after);
            assert_eq!(journal.verify(&mut |_, _| {}).unwrap().damaged, []);
            let record = disk.disk().read_file(format!("{DIR}/.purged.json")).unwrap();
            let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
            let receipts = record["receipts"].as_array().unwrap();
            assert!(receipts.windows(2).all(|two| two[0]["end"] == two[1]["base"]), "one receipt each");
            if !hit {
                break;
            }
        }
    }
    assert!(failed > 20 && fired >= failed, "{failed} failed, {fired} fired");
}

#[test]
fn a_reader_of_another_process_follows_a_purge_that_is_cut_off() {
    for seed in 0..cases(60) {
        let _case = Case::new(format!("seed {seed}"));
        let rng = &mut Rng::with_seed(seed);
        let disk = SimDisk::new();
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let (journal, ledger) = grow(&shared, rng);
        let clock = Arc::new(ManualClock::at(1_000_000));
        let reader = annals_journal::Reader::open_on(Arc::clone(&shared), clock, Path::new(DIR)).unwrap();
        let plan = plan(&journal, rng);
        let mut tail = reader.tail(plan.oldest).with_limit(ReadLimit { records: 1, bytes: 1 });
        let mut seen = Vec::new();
        for _ in 0..rng.usize(..5) {
            let batch = tail.next().unwrap().unwrap();
            seen.extend(batch.iter().map(|entry| entry.offset));
        }
        journal.apply(&plan, Consent::default()).unwrap();
        let mut gap = None;
        while let Some(batch) = tail.next() {
            match batch {
                Ok(batch) => seen.extend(batch.iter().map(|entry| entry.offset)),
                Err(LogError::Gap { wanted, oldest }) => {
                    assert_eq!((gap, oldest), (None, plan.oldest_after), "one gap");
                    gap = Some(wanted);
                    tail.skip_to(oldest);
                }
                Err(error) => panic!("{error}"),
            }
        }
        let missed = |offset: Offset| gap.is_some_and(|gap| gap <= offset && offset < plan.oldest_after);
        let offsets = ledger.kept.iter().map(|kept| kept.offset).filter(|offset| *offset >= plan.oldest);
        assert_eq!(seen, offsets.filter(|offset| !missed(*offset)).collect::<Vec<_>>());
    }
}
