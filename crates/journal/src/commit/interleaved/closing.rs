//! The end of a journal while others still use it.

use std::sync::Arc;

use super::explore::{Seen, explore};
use super::policies::lazy;
use super::site::{Site, apart, join_all, options, payload, records};
use crate::options::SyncPolicy;
use crate::sync::scheduled::draw;

fn close_meanwhile(seen: &Seen) {
    let sync = if draw(2) == 0 { SyncPolicy::Always } else { lazy() };
    let site = Site::new(options(sync), None, seen);
    let mut threads: Vec<_> = (0..2)
        .map(|who| {
            let site = Arc::clone(&site);
            apart(move || {
                for what in 0..2 {
                    let _ = site.plainly(who, what, 700);
                }
                let _ = site.journal.seal();
            })
        })
        .collect();
    let other = Arc::clone(&site);
    threads.push(apart(move || {
        other.close().unwrap();
        // All that was accepted before is durable.
        let reach = other.journal.durability();
        assert!(reach.durable == reach.accepted, "{reach:?}");
    }));
    join_all(threads);
    site.end();
}

#[test]
fn a_close_while_others_append() {
    let all = ["told closed", "acknowledged"];
    explore("a close while others append", 1, &all, close_meanwhile);
}

fn drop_last(seen: &Seen) {
    let site = Site::new(options(lazy()), None, seen);
    let (journals, image) = (vec![site.journal.clone(), site.journal.clone()], site.disk());
    // The site's own handle goes too.
    drop(Arc::into_inner(site).unwrap());
    join_all(journals.into_iter().enumerate().map(|(who, journal)| {
        apart(move || {
            journal.append(payload(who as u64, 0, 0, 20)).unwrap();
            drop(journal);
        })
    }));
    let again = super::site::open(image.image(|| false), options(SyncPolicy::Always));
    assert!(again.report().torn.is_none(), "it was closed in order: {:?}", again.report());
    assert_eq!(records(&again).len(), 2);
    again.close().unwrap();
    seen.count("closed");
}

#[test]
fn the_last_handle_that_goes_closes_in_order() {
    explore("the last handle that goes closes in order", 1, &["closed"], drop_last);
}
