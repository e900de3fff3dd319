//! Appends of tasks, hashed by whoever leads their group: the power fails, or the disk is full, while some are on their way.
//!
//! Every receipt names the record that stands at its place, whatever became of the groups around it.

use std::io::ErrorKind;
use std::pin::pin;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use annals_journal::{Disk, Error, Journal, Options};
use annals_record::{Appended, Kind, Offset, RecordId};
use annals_testkit::{Call, Fault, FaultDisk, Outcome, SimDisk, Survival};
use fastrand::Rng;

use super::history::{self, Plan};
use super::{Case, cases};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}

type Placed = (Offset, Vec<u8>);

/// Has a number of appends under way at once, each of a record that begins with `name`; one in eight is dropped.
/// Returns what was acknowledged, in order, how many were started, and the first refusal.
fn fly(journal: &Journal, name: &str, count: usize, rng: &mut Rng) -> (Vec<Placed>, Option<Error>) {
    let start = |_| {
        let rest = [rng.usize(..70), rng.usize(..1_100)][rng.usize(..2)];
        let payload: Vec<u8> = name.bytes().chain((0..rest).map(|_| rng.u8(..))).collect();
        (rng.u32(..8) > 0).then_some((payload.clone(), journal.append_async(payload)))
    };
    let under_way: Vec<_> = (0..count).map(start).collect();
    let (mut kept, mut refusal) = (Vec::new(), None);
    for (payload, appending) in under_way.into_iter().flatten() {
        match wait(appending) {
            Ok(Appended { offset, id, .. }) => {
                assert_eq!(id, RecordId::of(&payload), "the receipt is of another record");
                kept.push((offset, payload));
            }
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    (kept, refusal)
}

/// What stands in the journal, ids checked against payloads.
fn all(journal: &Journal, rng: &mut Rng) -> Vec<Placed> {
    let verified = journal.verify(&mut |_, _| {}).unwrap();
    assert!(verified.is_ok(), "{verified:?}");
    let (found, damaged) = history::read_around(journal, rng).unwrap();
    assert!(damaged.is_empty(), "damage where there is none: {damaged:?}");
    found
}

fn assert_kept(found: &[Placed], kept: &[Placed]) {
    for placed in kept {
        assert!(found.binary_search_by_key(&placed.0, |found| found.0).is_ok_and(|at| found[at] == *placed));
    }
}

#[test]
fn tasks_and_threads_that_share_their_groups_lose_nothing_to_a_power_cut() {
    let (mut acknowledged, mut of_tasks) = (0, 0);
    for seed in 0..cases(60) {
        let _case = Case::new(format!("seed {seed} (threads: may need several runs)"));
        let (rng, disk) = (&mut Rng::with_seed(seed), SimDisk::new());
        let plan = Plan::any(rng);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let journal = history::open(&shared, plan.options).unwrap();
        // The tasks are under way before the power is about to go: on a busy machine they would come too late.
        let under_way = Arc::new(Barrier::new(3));
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let (journal, mut rng) = (journal.clone(), rng.fork());
                let under_way = Arc::clone(&under_way);
                thread::spawn(move || {
                    let mut kept = fly(&journal, "task ", 8, &mut rng).0;
                    under_way.wait();
                    loop {
                        let count = rng.usize(1..40);
                        let (more, refusal) = fly(&journal, "task ", count, &mut rng);
                        kept.extend(more);
                        if refusal.is_some() {
                            return kept;
                        }
                    }
                })
            })
            .collect();
        under_way.wait();
        disk.cut_power_after(disk.steps() + rng.u64(..150));
        let by_threads = history::append_until_refused(&journal, 0).0;
        let by_tasks: Vec<_> = tasks.into_iter().map(|task| task.join().unwrap()).collect();
        let image: Arc<dyn Disk> = Arc::new(disk.crash(Survival::any(rng), rng));
        let recovered = history::open(&image, plan.options).unwrap();
        let found = all(&recovered, rng);
        assert_kept(&found, &by_threads);
        acknowledged += by_threads.len();
        for kept in by_tasks {
            assert_kept(&found, &kept);
            of_tasks += kept.len();
        }
        let drawn = |payload: &[u8]| payload.starts_with(b"task ") || payload.starts_with(b"thread ");
        assert!(found.iter().all(|(_, payload)| drawn(payload)), "H2: something was invented");
    }
    assert!(acknowledged > 0 && of_tasks > 0, "{acknowledged} of threads, {of_tasks} of tasks");
}

#[test]
fn tasks_that_find_the_disk_full_leave_no_trace_and_go_on_when_there_is_room() {
    let (mut refused, mut kept_after) = ([0, 0], 0);
    for seed in 0..cases(150) {
        let _case = Case::new(format!("seed {seed} (threads: may need several runs)"));
        let (rng, disk) = (&mut Rng::with_seed(seed), FaultDisk::new(SimDisk::new()));
        // Found by the reservation of a segment that is small, or by a write into one that is large.
        let by_writes = rng.bool();
        let small = Plan::any(rng).options;
        let options = if by_writes { Options { segment_bytes: 8 << 20, ..small } } else { small };
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let journal = history::open(&shared, options).unwrap();
        let mut kept: Vec<Placed> = Vec::new();
        for _ in 0..rng.usize(1..6) {
            let count = rng.usize(1..30);
            let (more, refusal) = fly(&journal, "before ", count, rng);
            assert!(refusal.is_none(), "{refusal:?}");
            kept.extend(more);
            if by_writes {
                let fault = Fault::of(&[Call::Write], Outcome::ErrorAfter(ErrorKind::StorageFull));
                disk.inject(fault.on(".wal").nth(rng.u64(1..3)));
            } else {
                disk.disk().set_capacity(Some(disk.disk().used() + rng.u64(..9_000)));
            }
            // A write that fails once may be of nothing but dropped appends.
            let fired = disk.fired();
            let mut refusal = None;
            while refusal.is_none() && disk.fired() == fired {
                let count = rng.usize(1..30);
                let (more, error) = fly(&journal, "while ", count, rng);
                kept.extend(more);
                refusal = error;
            }
            if let Some(error) = refusal {
                assert_eq!(error.kind(), Kind::Retry, "{error}");
                refused[usize::from(by_writes)] += 1;
            }
            disk.disk().set_capacity(None);
            let count = rng.usize(1..30);
            let (more, refusal) = fly(&journal, "after ", count, rng);
            assert!(refusal.is_none(), "{refusal:?}");
            kept_after += more.len();
            kept.extend(more);
        }
        let found = all(&journal, rng);
        assert_kept(&found, &kept);
        drop(journal);
        let image: Arc<dyn Disk> = Arc::new(disk.disk().crash(Survival::any(rng), rng));
        assert_eq!(all(&history::open(&image, options).unwrap(), rng), found);
    }
    assert!(
        refused.iter().all(|refused| *refused > 50) && kept_after > 500,
        "{refused:?}, {kept_after} kept after"
    );
}
