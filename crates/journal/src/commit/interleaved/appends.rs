//! Threads that append: they share groups, lead for each other, and roll.

use annals_record::Offset;

use super::explore::{Seen, explore};
use super::site::{Site, apart, join_all, options, payload};
use crate::error::Error;
use crate::options::{AppendOptions, SyncPolicy};
use crate::sync::scheduled::draw;
use std::sync::Arc;

fn share_groups(seen: &Seen) {
    let site = Site::new(options(SyncPolicy::Always), None, seen);
    join_all((0..3).map(|who| {
        let site = Arc::clone(&site);
        apart(move || (0..2).for_each(|what| drop(site.plainly(who, what, 20).unwrap())))
    }));
    let groups = site.journal.core.commit.between_groups(|writer| writer.active.summary.groups);
    if groups.unwrap() < 6 {
        seen.count("shared");
    }
    site.end();
}

#[test]
fn threads_that_append_share_groups() {
    explore("threads that append share groups", 1, &["shared", "cut"], share_groups);
}

fn roll(seen: &Seen) {
    let site = Site::new(options(SyncPolicy::Always), None, seen);
    let mut threads: Vec<_> = (0..2)
        .map(|who| {
            let site = Arc::clone(&site);
            apart(move || {
                for what in 0..2 {
                    site.plainly(who, what, 1400).unwrap();
                }
            })
        })
        .collect();
    let sealing = Arc::clone(&site);
    threads.push(apart(move || {
        let seals = draw(2) == 0;
        if draw(2) == 0 {
            let checkpoint = sealing.journal.checkpoint("where to begin", seals).unwrap();
            sealing.assert_durable(checkpoint.next, "P3: a checkpoint");
        } else {
            let begins = sealing.journal.seal().unwrap();
            sealing.assert_durable(begins, "a seal");
        }
    }));
    join_all(threads);
    if site.journal.status().segments.len() > 2 {
        seen.count("rolled twice");
    }
    site.end();
}

#[test]
fn threads_that_append_roll_and_seal() {
    explore("threads that append roll and seal", 2, &["rolled twice", "cut"], roll);
}

fn on_conditions(seen: &Seen) {
    let site = Site::new(options(SyncPolicy::Always), None, seen);
    let mut threads: Vec<_> = (0..2)
        .map(|who| {
            let site = Arc::clone(&site);
            apart(move || {
                let mut next = Offset::ZERO;
                for what in 0.. {
                    let how = AppendOptions { next: Some(next), ..AppendOptions::default() };
                    match site.append(vec![payload(who, what, 0, 20)], &how) {
                        Ok(_) => break,
                        Err(Error::Conflict { next: later, .. }) => {
                            assert!(later > next, "a conflict with nothing new: {later} after {next}");
                            next = later;
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        })
        .collect();
    let other = Arc::clone(&site);
    threads.push(apart(move || drop(other.plainly(9, 0, 20).unwrap())));
    join_all(threads);
    site.end();
}

#[test]
fn threads_that_append_if_nothing_was() {
    let all = ["told of a conflict", "acknowledged"];
    explore("threads that append if nothing was", 1, &all, on_conditions);
}

fn under_one_key(seen: &Seen) {
    let site = Site::new(options(SyncPolicy::Always), None, seen);
    join_all((0..3).map(|who| {
        let site = Arc::clone(&site);
        apart(move || {
            let how = AppendOptions { key: Some(b"key"), durable: who == 0, ..AppendOptions::default() };
            let first = site.append(vec![b"the one".to_vec()], &how).unwrap();
            site.plainly(who, 0, 20).unwrap();
            let again = site.append(vec![b"the one".to_vec()], &how).unwrap();
            assert_eq!(first, again, "P2: one key, two answers");
        })
    }));
    site.end();
}

#[test]
fn threads_that_append_under_one_key() {
    explore("threads that append under one key", 1, &["acknowledged"], under_one_key);
}
