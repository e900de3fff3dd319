use super::{Goal, verdicts};
use crate::contender::Promise;
use crate::row::Row;
use crate::work::Work;

fn row(work: Work, who: &'static str, median: f64, promise: Promise) -> Row {
    let (min, max) = (median, median);
    Row { work, size: 128, threads: 64, who, promise, median, min, max, p50_us: None, p99_us: Some(median) }
}

const FULL: Promise = Promise { durable: true, checksums: true, hashes: false };

#[test]
fn a_peer_that_promises_less_is_not_the_best() {
    let rows = [
        row(Work::Durable, "annals", 200.0, FULL),
        row(Work::Durable, "okaywal", 100.0, FULL),
        row(Work::Durable, "never-syncs", 900.0, Promise { durable: false, ..FULL }),
        row(Work::Durable, "never-checks", 900.0, Promise { checksums: false, ..FULL }),
        row(Work::Durable, "raw-group", 900.0, FULL),
    ];
    let verdicts = verdicts(&rows);
    let found = verdicts.iter().find(|verdict| verdict.what == "durable 128 B x 64: rate / okaywal").unwrap();
    assert_eq!((found.reached, found.goal), (Some(2.0), Goal::AtLeast(1.6)));
    let slower = verdicts.iter().find(|verdict| verdict.what == "durable 128 B x 64: p99 / okaywal").unwrap();
    assert_eq!(slower.reached.map(|value| slower.goal.is_met(value)), Some(false), "{slower:?}");
}

#[test]
fn what_was_not_measured_is_neither_reached_nor_missed() {
    let verdicts = verdicts(&[row(Work::Durable, "annals", 200.0, FULL)]);
    assert!(!verdicts.is_empty());
    let bad: Vec<_> = verdicts.iter().filter(|verdict| verdict.reached.is_some()).collect();
    assert!(bad.is_empty(), "{bad:?}");
}
