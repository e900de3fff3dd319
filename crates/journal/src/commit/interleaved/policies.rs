//! What is accepted and not waited for, and who makes it durable.

use std::sync::Arc;

use super::explore::{Seen, explore};
use super::site::{Fault, Site, apart, join_all, options, payload};
use crate::options::{AppendOptions, Options, SyncPolicy};
use crate::sync::scheduled::draw;

/// A policy under which not every append is waited for.
pub(super) fn lazy() -> SyncPolicy {
    match draw(3) {
        0 => SyncPolicy::Every(3),
        1 => SyncPolicy::Interval(SyncPolicy::LEAST_INTERVAL),
        _ => SyncPolicy::OnDemand,
    }
}

fn mixed(fault: Option<(Fault, u64)>, seen: &Seen) {
    let sync = lazy();
    let site = Site::new(options(sync), fault, seen);
    let mut threads: Vec<_> = (0..2)
        .map(|who| {
            let site = Arc::clone(&site);
            apart(move || {
                let _ = site.plainly(who, 0, 20);
                let how = AppendOptions { durable: true, ..AppendOptions::default() };
                let _ = site.append(vec![payload(who, 1, 0, 20)], &how);
                let _ = site.plainly(who, 2, 1400);
            })
        })
        .collect();
    let other = Arc::clone(&site);
    threads.push(apart(move || {
        let _ = other.plainly(8, 0, 20);
        if other.sync().is_ok() {
            other.seen.count("synced");
        }
        let reach = other.journal.durability();
        assert!(reach.durable <= reach.written && reach.written <= reach.accepted, "{reach:?}");
    }));
    join_all(threads);
    site.end();
}

#[test]
fn what_is_accepted_is_made_durable() {
    explore("what is accepted is made durable", 1, &["synced", "cut"], |seen| mixed(None, seen));
}

#[test]
fn what_is_accepted_on_a_disk_that_breaks() {
    let all = ["broken", "told poisoned", "synced"];
    explore("what is accepted on a disk that breaks", 1, &all, |seen| mixed(Some((Fault::Breaks, 12)), seen));
}

#[test]
fn what_is_accepted_on_a_disk_that_fills_up() {
    let all = ["full", "told poisoned", "told full", "synced"];
    explore("what is accepted on a disk that fills up", 1, &all, |seen| mixed(Some((Fault::Fills, 8)), seen));
}

fn in_time(seen: &Seen) {
    let sync = SyncPolicy::Interval(SyncPolicy::LEAST_INTERVAL);
    let site = Site::new(options(sync), None, seen);
    join_all((0..2).map(|who| {
        let site = Arc::clone(&site);
        apart(move || {
            for what in 0..2 {
                let end = site.plainly(who, what, 20).unwrap().pop().unwrap().next;
                // Nobody asks for it: without the keeper this waits for ever.
                let durable = site
                    .journal
                    .core
                    .watermark
                    .wait(annals_record::Offset::new(end.get() - 1), std::time::Duration::MAX);
                assert!(durable >= end);
            }
        })
    }));
    site.end();
}

#[test]
fn an_interval_makes_all_durable_that_was_accepted() {
    explore("an interval makes all durable that was accepted", 1, &["acknowledged"], in_time);
}

fn much(fault: Option<(Fault, u64)>, seen: &Seen) {
    let options = Options { sync: SyncPolicy::OnDemand, segment_bytes: 2 << 20, ..Options::default() };
    let site = Site::new(options, fault, seen);
    let mut threads: Vec<_> = (0..2)
        .map(|who| {
            let site = Arc::clone(&site);
            apart(move || drop(site.plainly(who, 0, 600 << 10)))
        })
        .collect();
    let other = Arc::clone(&site);
    threads.push(apart(move || {
        let reach = other.journal.durability();
        if reach.durable < reach.written {
            other.seen.count("written and not synced");
        }
        let how = AppendOptions { durable: true, ..AppendOptions::default() };
        let _ = other.append(vec![payload(8, 0, 0, 20)], &how);
        let _ = other.sync();
    }));
    join_all(threads);
    site.end();
}

#[test]
fn much_that_is_accepted_is_written_before_anybody_waits() {
    let all = ["written and not synced", "acknowledged"];
    explore("much that is accepted", 20, &all, |seen| much(None, seen));
}

#[test]
fn much_that_is_accepted_on_a_disk_that_fills_up() {
    let all = ["full", "written and not synced"];
    explore("much that is accepted on a disk that fills up", 20, &all, |seen| {
        much(Some((Fault::Fills, 4)), seen)
    });
}
