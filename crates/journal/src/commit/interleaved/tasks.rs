//! Tasks that append: polled when they are woken, and dropped when they like; the keeper leads for them.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use annals_record::{Appended, Offset};

use super::book::Asked;
use super::explore::{Seen, explore};
use super::policies::lazy;
use super::site::{Fault, Site, apart, join_all, options, payload};
use crate::error::Error;
use crate::options::SyncPolicy;
use crate::sync::scheduled::draw;
use crate::sync::{Condvar, Mutex};

/// A task's bed: it is polled again when it is woken, and not before.
#[derive(Default)]
struct Bed {
    is_woken: Mutex<bool>,
    woken: Condvar,
}

impl Wake for Bed {
    fn wake(self: Arc<Self>) {
        *crate::commit::lock(&self.is_woken) = true;
        self.woken.notify_all();
    }
}

/// Runs a future to its end, or drops it after a poll.
fn run(
    future: impl Future<Output = Result<Appended, Error>>,
    drops: bool,
) -> Option<Result<Appended, Error>> {
    let bed = Arc::<Bed>::default();
    let waker = Waker::from(Arc::clone(&bed));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(came) => return Some(came),
            Poll::Pending if drops => return None,
            Poll::Pending => {
                let woken = crate::commit::lock(&bed.is_woken);
                *bed.woken.wait_while(woken, |woken| !*woken).unwrap() = false;
            }
        }
    }
}

fn append(site: &Site, who: u64, what: u64, len: usize) {
    let payload = payload(who, what, 0, len);
    let number = site.asks(Asked::new(vec![payload.clone()]));
    let future = site.journal.append_async(payload.clone());
    let drops = draw(6) == 0;
    match run(future, drops) {
        Some(came) => {
            if let Ok(appended) = &came {
                assert_eq!(appended.id, annals_record::RecordId::of(&payload));
            }
            site.answered(number, came.map(|appended| vec![appended]), false);
        }
        None => site.seen.count("dropped"),
    }
}

fn tasks(fault: Option<(Fault, u64)>, seen: &Seen) {
    let sync = if draw(4) == 0 { lazy() } else { SyncPolicy::Always };
    let site = Site::new(options(sync), fault, seen);
    let len = [20, 1400][draw(2) as usize];
    let mut threads: Vec<_> = (0..3)
        .map(|who| {
            let site = Arc::clone(&site);
            apart(move || (0..2).for_each(|what| append(&site, who, what, len)))
        })
        .collect();
    let other = Arc::clone(&site);
    threads.push(apart(move || {
        let _ = other.plainly(8, 0, len);
        if draw(4) == 0 {
            let _ = other.close();
        }
    }));
    join_all(threads);
    site.end();
}

/// Three appends in flight of each of two callers, who wait for the oldest: the first segment has no room for all, the queue has.
fn flights(fault: Option<(Fault, u64)>, seen: &Seen) {
    let sync = if draw(4) == 0 { lazy() } else { SyncPolicy::Always };
    let site = Site::new(options(sync), fault, seen);
    let first = Arc::clone(&site);
    join_all([apart(move || drop(first.plainly(9, 0, 2400)))]);
    let mut threads: Vec<_> = (0..2)
        .map(|who| {
            let site = Arc::clone(&site);
            apart(move || fly(&site, who))
        })
        .collect();
    let other = Arc::clone(&site);
    threads.push(apart(move || match draw(4) {
        0 => drop(other.close()),
        1 => drop(other.plainly(8, 0, 1400)),
        _ => {}
    }));
    join_all(threads);
    site.end();
}

fn fly(site: &Site, who: u64) {
    let flying: Vec<_> = (0..3)
        .map(|what| {
            let payload = payload(who, what, 0, 500);
            let number = site.asks(Asked::new(vec![payload.clone()]));
            let future = site.journal.append_async(payload);
            if site.journal.core.commit.lock().queue.next().is_some() {
                site.seen.count("queued");
            }
            (number, future)
        })
        .collect();
    let mut last = Offset::ZERO;
    for (number, future) in flying {
        let Some(came) = run(future, draw(6) == 0) else {
            site.seen.count("dropped");
            continue;
        };
        if let Ok(appended) = &came {
            assert!(last <= appended.offset, "{} was begun after {last}", appended.offset);
            last = appended.next;
        }
        site.answered(number, came.map(|appended| vec![appended]), false);
    }
}

#[test]
fn flights_that_no_segment_holds_arrive_in_order() {
    let all = ["queued", "dropped", "acknowledged", "told closed"];
    explore("flights that no segment holds", 1, &all, |seen| flights(None, seen));
}

#[test]
fn flights_on_a_disk_that_breaks_are_told() {
    let all = ["queued", "broken", "told poisoned"];
    explore("flights on a disk that breaks", 1, &all, |seen| flights(Some((Fault::Breaks, 20)), seen));
}

#[test]
fn flights_on_a_disk_that_fills_up_are_told() {
    let all = ["queued", "full", "told full"];
    explore("flights on a disk that fills up", 1, &all, |seen| flights(Some((Fault::Fills, 10)), seen));
}

#[test]
fn flights_on_a_disk_that_panics_are_told() {
    let all = ["queued", "panicked", "told poisoned"];
    explore("flights on a disk that panics", 1, &all, |seen| flights(Some((Fault::Panics, 20)), seen));
}

#[test]
fn tasks_that_append_are_woken() {
    let all = ["dropped", "acknowledged", "told closed"];
    explore("tasks that append are woken", 1, &all, |seen| tasks(None, seen));
}

#[test]
fn tasks_on_a_disk_that_breaks_are_told() {
    let all = ["broken", "dropped", "told poisoned"];
    explore("tasks on a disk that breaks", 1, &all, |seen| tasks(Some((Fault::Breaks, 20)), seen));
}

#[test]
fn tasks_on_a_disk_that_fills_up_are_told() {
    let all = ["full", "told full"];
    explore("tasks on a disk that fills up", 1, &all, |seen| tasks(Some((Fault::Fills, 10)), seen));
}

#[test]
fn tasks_on_a_disk_that_panics_are_told() {
    let all = ["panicked", "told poisoned"];
    explore("tasks on a disk that panics", 1, &all, |seen| tasks(Some((Fault::Panics, 20)), seen));
}

/// A waker that holds the journal: the last handle goes where the keeper drops it.
struct Holds(crate::Journal);

impl Wake for Holds {
    fn wake(self: Arc<Self>) {
        assert!(self.0.durable() > Offset::ZERO);
    }
}

fn hold_last(seen: &Seen) {
    let site = Site::new(options(SyncPolicy::Always), None, seen);
    let (journal, disk) = (site.journal.clone(), site.disk());
    drop(Arc::into_inner(site).unwrap());
    let waker = Waker::from(Arc::new(Holds(journal.clone())));
    let mut future = Box::pin(journal.append_async("the last"));
    let pending = future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();
    drop((future, journal, waker));
    if pending {
        seen.count("held by the waker");
    }
    // Whoever has dropped the last handle closes it, and gives the lock back.
    while disk.is_locked() {
        crate::sync::thread::yield_now();
    }
    let again = super::site::open(disk.image(|| false), options(SyncPolicy::Always));
    assert_eq!(super::site::records(&again).len(), 1);
    again.close().unwrap();
}

#[test]
fn the_last_handle_in_a_waker_closes_in_order() {
    explore("the last handle in a waker closes in order", 1, &["held by the waker"], hold_last);
}
