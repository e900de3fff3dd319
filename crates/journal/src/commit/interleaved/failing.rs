//! A disk that breaks, fills up or panics under whoever leads, at any of its calls: all who wait are told, and rightly.

use std::sync::Arc;

use super::explore::{Seen, explore};
use super::site::{Fault, Site, apart, join_all, options};
use crate::error::Error;
use crate::options::SyncPolicy;
use crate::sync::scheduled::draw;

/// Threads append, large records and small; one asks for a seal. Whoever is told that nothing was kept tries again.
fn append_on(fault: Fault, calls: u64, seen: &Seen) {
    let site = Site::new(options(SyncPolicy::Always), Some((fault, calls)), seen);
    let len = [20, 1400][draw(2) as usize];
    let mut threads: Vec<_> = (0..3)
        .map(|who| {
            let site = Arc::clone(&site);
            apart(move || {
                for what in 0..2 {
                    if let Err(Error::Full { .. }) = site.plainly(who, what, len) {
                        site.plainly(who, what + 10, len).unwrap();
                    }
                }
            })
        })
        .collect();
    let other = Arc::clone(&site);
    threads.push(apart(move || {
        let asked = if draw(2) == 0 { other.journal.seal() } else { other.journal.sync() };
        if let Ok(durable) = asked {
            other.assert_durable(durable, "a seal or a sync");
        }
    }));
    join_all(threads);
    site.end();
}

#[test]
fn a_disk_that_breaks_is_told_to_all() {
    let all = ["broken", "told poisoned", "acknowledged"];
    explore("a disk that breaks is told to all", 1, &all, |seen| append_on(Fault::Breaks, 30, seen));
}

#[test]
fn a_disk_that_fills_up_is_told_to_all_and_tried_again() {
    let all = ["full", "told full", "acknowledged"];
    explore("a disk that fills up is told to all", 1, &all, |seen| append_on(Fault::Fills, 15, seen));
}

#[test]
fn a_disk_that_panics_under_a_leader_is_told_to_all() {
    let all = ["panicked", "told poisoned", "acknowledged"];
    explore("a disk that panics is told to all", 1, &all, |seen| append_on(Fault::Panics, 30, seen));
}
