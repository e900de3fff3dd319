//! Readers that wait for the watermark with no time limit: whoever is not told waits for ever.

use std::sync::Arc;
use std::time::Duration;

use annals_record::{Batch, Log, LogError, Offset};

use super::explore::{Seen, explore};
use super::site::{Fault, Site, apart, join_all, options};
use crate::error::Error;
use crate::options::SyncPolicy;
use crate::sync::scheduled::draw;
use crate::sync::thread::JoinHandle;

fn is_closed(error: &LogError) -> bool {
    matches!(error, LogError::Failed(source, _) if matches!(source.downcast_ref(), Some(Error::Closed)))
}

/// Follows the journal to its close. What it reads is durable, whole, and in order.
fn follow(site: &Arc<Site>) -> JoinHandle<()> {
    let site = Arc::clone(site);
    apart(move || {
        let (mut tail, mut batch) = (site.journal.tail(Offset::ZERO), Batch::default());
        let mut last = None;
        loop {
            match tail.next_into(&mut batch, Duration::MAX) {
                Ok(true) => {
                    site.assert_durable(batch.next(), "I5: a reader");
                    for record in batch.iter() {
                        assert!(last.replace(record.offset) < Some(record.offset), "out of order");
                        site.seen.count("read");
                    }
                }
                Ok(false) => break,
                Err(error) => {
                    assert!(is_closed(&error), "{error}");
                    break;
                }
            }
        }
        // A closed journal still reads: nothing was missed.
        let bounds = site.journal.bounds().unwrap();
        assert!(site.journal.core.commit.stopped().is_some());
        let rest = site.journal.tail(tail.position()).count();
        assert!(rest == 0 || tail.position() < bounds.durable);
    })
}

fn read_along(fault: Option<(Fault, u64)>, seen: &Seen) {
    let site = Site::new(options(SyncPolicy::Always), fault, seen);
    let readers = [follow(&site), follow(&site)];
    let len = [20, 1400][draw(2) as usize];
    join_all((0..2).map(|who| {
        let site = Arc::clone(&site);
        apart(move || {
            for what in 0..2 {
                let _ = site.plainly(who, what, len);
            }
        })
    }));
    let _ = site.close();
    join_all(readers);
    site.end();
}

#[test]
fn readers_that_wait_are_told() {
    explore("readers that wait are told", 1, &["read", "acknowledged"], |seen| read_along(None, seen));
}

#[test]
fn readers_of_a_journal_that_breaks_are_told() {
    let all = ["read", "broken"];
    explore("readers of a journal that breaks", 2, &all, |seen| read_along(Some((Fault::Breaks, 12)), seen));
}

fn count_along(seen: &Seen) {
    let site = Site::new(options(SyncPolicy::Always), None, seen);
    let counting = Arc::clone(&site);
    // Whoever waits for one record at a time is told of each, however groups fall.
    let counting = apart(move || {
        let mut known = Offset::ZERO;
        let mut records = 0;
        while records < 4 {
            known = counting.journal.wait(known, Duration::MAX).unwrap().durable;
            counting.assert_durable(known, "I3: who waits");
            records = counting.journal.records();
        }
        assert_eq!(records, 4);
    });
    join_all((0..2).map(|who| {
        let site = Arc::clone(&site);
        apart(move || (0..2).for_each(|what| drop(site.plainly(who, 2 * what, 20).unwrap())))
    }));
    join_all([counting]);
    site.end();
}

#[test]
fn who_waits_for_the_watermark_sees_all_of_it() {
    explore("who waits for the watermark sees all of it", 1, &["acknowledged"], count_along);
}
