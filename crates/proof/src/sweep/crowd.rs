//! Eight threads, or eight threads with appends of tasks under way, while the group they share fails.
//!
//! I6, I10: whoever waits is told, in time; nothing that was acknowledged is lost; nobody is acknowledged afterwards.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use annals_journal::{Disk, Error, Journal};
use annals_record::{Batch, Kind, Log, Offset, ReadLimit};
use annals_testkit::{Call, FaultDisk, PANIC, SimDisk, Survival};
use fastrand::Rng;

use super::Way;
use super::stand::OPTIONS;
use crate::crash::life::{block_on, open};
use crate::crash::promise::hold;

const THREADS: usize = 8;
/// So long nobody sleeps whose group is over.
const BOUND: Duration = Duration::from_secs(20);
/// More appends than it takes to meet any fault of these.
const MOST: usize = 400;

/// Calls that appends of many make, and how many of them are tried: each comes, however the threads interleave.
pub(super) const CALLS: [(Call, u64); 6] = [
    (Call::Write, 12),
    (Call::Sync, 12),
    (Call::Allocate, 3),
    (Call::Open, 3),
    (Call::Rename, 3),
    (Call::SyncDir, 3),
];

type Placed = (Offset, Vec<u8>);

/// What a thread has to say: what was acknowledged, and what ended it.
struct Told {
    kept: Vec<Placed>,
    refusal: Option<Error>,
    panicked: bool,
}

/// Fails one call under a crowd.
pub(super) fn try_one(tasks: bool, call: Call, nth: u64, way: Way) -> Result<u64, String> {
    let disk = FaultDisk::new(SimDisk::new().past_cache());
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let journal = open(&shared, OPTIONS).map_err(|error| error.to_string())?;
    disk.inject(way.fault(call, nth));
    let (sender, receiver) = channel();
    let together = Arc::new(Barrier::new(THREADS));
    for thread in 0..THREADS {
        let (journal, sender, together, disk) =
            (journal.clone(), sender.clone(), Arc::clone(&together), disk.clone());
        std::thread::spawn(move || {
            together.wait();
            let told = appends(&journal, &disk, thread, tasks);
            // Before it is told: the journal is opened anew then.
            drop(journal);
            // Nobody listens any more only where the trial has failed already.
            let _ = sender.send(told);
        });
    }
    drop(sender);
    let told = all_told(&receiver)?;
    hold!(disk.fired() > 0, "the fault did not fire");
    let fired = disk.fired();
    disk.heal();
    let late = journal.append("late");
    let stopped = told.iter().any(|told| {
        told.panicked || told.refusal.as_ref().is_some_and(|refusal| refusal.kind() == Kind::Stop)
    });
    if let (true, Ok(late)) = (stopped && matches!(call, Call::Write | Call::Sync), &late) {
        return Err(format!("I6: acknowledged at {} after a group of unknown fate", late.offset));
    }
    let late: Vec<Placed> = late.into_iter().map(|late| (late.offset, b"late".to_vec())).collect();
    let sim = disk.disk().clone();
    let mut rng = Rng::with_seed(nth);
    let image = sim.crash(Survival::NOTHING, &mut rng);
    drop(journal);
    for (name, disk) in [("a crash", image), ("a reopen", sim)] {
        let shared: Arc<dyn Disk> = Arc::new(disk);
        let journal = open(&shared, OPTIONS).map_err(|error| format!("after {name}: {error}"))?;
        hold!(journal.report().damage.is_none(), "after {name}: {:?}", journal.report());
        let found = all(&journal)?;
        for (offset, payload) in told.iter().flat_map(|told| &told.kept).chain(&late) {
            let at = found.binary_search_by_key(offset, |found| found.0);
            hold!(
                at.is_ok_and(|at| found[at].1 == *payload),
                "after {name}: {:?}, acknowledged at {offset}, is not there",
                String::from_utf8_lossy(payload)
            );
        }
        for thread in 0..THREADS {
            let name = format!("thread {thread}, ");
            let there = found.iter().filter(|(_, payload)| payload.starts_with(name.as_bytes())).count();
            let kept = told.iter().flat_map(|told| &told.kept);
            let kept = kept.filter(|(_, payload)| payload.starts_with(name.as_bytes())).count();
            let most = if tasks { 4 } else { 1 };
            hold!(there <= kept + most, "H2: {there} of {name}{kept} were acknowledged");
        }
        journal.append("on").map_err(|error| format!("does not go on after {name}: {error}"))?;
    }
    Ok(fired)
}

/// Appends until something ends it, or the fault has fired and a while has passed.
fn appends(journal: &Journal, disk: &FaultDisk<SimDisk>, thread: usize, tasks: bool) -> Told {
    let mut told = Told { kept: Vec::new(), refusal: None, panicked: false };
    let (mut number, mut after) = (0, 0);
    while told.refusal.is_none() && !told.panicked && number < MOST && after < 5 {
        after += usize::from(disk.fired() > 0);
        if tasks {
            let payloads: Vec<Vec<u8>> = (0..4)
                .map(|_| {
                    number += 1;
                    format!("thread {thread}, record {number} {}", "x".repeat(60)).into_bytes()
                })
                .collect();
            let under_way: Vec<_> =
                payloads.iter().map(|payload| journal.append_async(payload.clone())).collect();
            for (appending, payload) in under_way.into_iter().zip(payloads) {
                match block_on(appending) {
                    Ok(appended) => told.kept.push((appended.offset, payload)),
                    Err(error) => refused(&mut told, error),
                }
            }
            continue;
        }
        number += 1;
        let payload = format!("thread {thread}, record {number} {}", "x".repeat(100)).into_bytes();
        let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| journal.append(&payload)));
        match made {
            Ok(Ok(appended)) => told.kept.push((appended.offset, payload)),
            Ok(Err(error)) => refused(&mut told, error),
            Err(panic) => {
                told.panicked = true;
                if panic.downcast_ref::<&str>() != Some(&PANIC) {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
    told
}

/// An error that promises that nothing happened is lived with.
fn refused(told: &mut Told, error: Error) {
    if error.kind() != Kind::Retry {
        told.refusal.get_or_insert(error);
    }
}

fn all_told(receiver: &Receiver<Told>) -> Result<Vec<Told>, String> {
    let until = Instant::now() + BOUND;
    let mut told = Vec::new();
    while told.len() < THREADS {
        match receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(one) => told.push(one),
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!("I10: {} of {THREADS} threads sleep on", THREADS - told.len()));
            }
            Err(RecvTimeoutError::Disconnected) => return Err("a thread panicked".into()),
        }
    }
    Ok(told)
}

fn all(journal: &Journal) -> Result<Vec<Placed>, String> {
    let (mut at, mut found, mut batch) = (Offset::ZERO, Vec::new(), Batch::default());
    while at < journal.durable() {
        journal.read_into(at, ReadLimit::default(), &mut batch).map_err(|error| error.to_string())?;
        found.extend(batch.iter().map(|entry| (entry.offset, entry.payload.to_vec())));
        at = batch.next();
    }
    Ok(found)
}
