//! The next segment's file, made and filled by the keeper while others append, and taken by a roll.

use std::sync::Arc;

use super::explore::{Seen, explore};
use super::site::{Fault, Site, apart, join_all};
use crate::options::Options;
use crate::sync::scheduled::draw;

fn append(site: &Arc<Site>, what: u64, len: usize) {
    let site = Arc::clone(site);
    join_all([apart(move || drop(site.plainly(7, what, len)))]);
}

fn make_ahead(fault: Option<(Fault, u64)>, seen: &Seen) {
    let options = Options { segment_bytes: 1 << 20, ..Options::default() };
    let site = Site::new(options, fault, seen);
    append(&site, 0, 600 << 10);
    join_all((0..2).map(|who| {
        let site = Arc::clone(&site);
        apart(move || {
            for what in 0..2 {
                let _ = site.plainly(who, 2 * what, 30 << 10);
            }
            if who == 0 {
                let _ = site.journal.seal();
            }
        })
    }));
    if draw(2) == 0 {
        append(&site, 2, 500 << 10);
    }
    if site.names().iter().any(|name| name.ends_with("next.wal.tmp")) {
        seen.count("made");
    }
    site.end();
}

#[test]
fn the_next_file_is_made_while_others_roll() {
    explore("the next file is made while others roll", 20, &["made", "acknowledged"], |seen| {
        make_ahead(None, seen);
    });
}

#[test]
fn the_next_file_on_a_disk_that_breaks() {
    let all = ["made", "broken"];
    explore("the next file on a disk that breaks", 20, &all, |seen| {
        make_ahead(Some((Fault::Breaks, 25)), seen);
    });
}

#[test]
fn the_next_file_on_a_disk_that_panics() {
    let all = ["made", "panicked"];
    explore("the next file on a disk that panics", 20, &all, |seen| {
        make_ahead(Some((Fault::Panics, 25)), seen);
    });
}
