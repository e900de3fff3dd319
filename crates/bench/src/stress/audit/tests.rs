use super::*;
use crate::stress::passage::{Sought, Stretch, Sum};

/// Two lanes, ten records each, a hundred bytes apart: lane 0 at 0, 200, ..., lane 1 at 100, 300, ...
fn ledger() -> Ledger {
    let ledger = Ledger::new(2);
    for seq in 0..10 {
        ledger.note(0, Offset::new(seq * 200)).unwrap();
        ledger.note(1, Offset::new(seq * 200 + 100)).unwrap();
    }
    ledger
}

fn kept() -> Kept {
    let oldest = BTreeSet::from([Offset::new(500)]);
    Kept { oldest, purged_records: 5, durable: vec![(10, Offset::new(300)), (20, Offset::new(900))] }
}

/// A stretch in which all is seen, but for the offset that is left out.
fn stretch(from: u64, to: u64, without: Option<u64>) -> Stretch {
    let mut sum = Sum::default();
    for offset in (from..to).step_by(100).filter(|offset| Some(*offset) != without) {
        sum.add(((offset / 100) % 2) as u32, offset / 200, Offset::new(offset));
    }
    Stretch { from: Offset::new(from), to: Offset::new(to), sum }
}

fn check(stretches: Vec<Stretch>, sought: Option<(i64, i64, u64)>, complaint: Option<&str>) {
    let sought = sought.map(|(micros, asked, found)| Sought { micros, asked, found: Offset::new(found) });
    let found = passage(&Passage { reader: 3, stretches, sought }, &ledger(), &kept());
    let found = found.err().map(|error| error.to_string());
    match complaint {
        None => assert_eq!(found, None),
        Some(words) => {
            assert!(found.as_ref().is_some_and(|found| found.contains(words)), "{words}: {found:?}");
        }
    }
}

#[test]
fn every_record_once_or_a_named_gap() {
    check(vec![stretch(0, 2000, None)], None, None);
    check(vec![stretch(0, 200, None), stretch(500, 2000, None)], None, None);
    check(vec![stretch(0, 200, None), stretch(600, 2000, None)], None, Some("where no purge has ended"));
    check(vec![stretch(0, 700, None), stretch(500, 2000, None)], None, Some("a gap from 700 to 500"));
}

#[test]
fn a_missing_a_doubled_and_a_changed_record_are_found() {
    check(vec![stretch(0, 2000, Some(700))], None, Some("saw 19 records, acknowledged are 20"));
    let mut doubled = stretch(0, 2000, None);
    doubled.sum.add(0, 3, Offset::new(600));
    check(vec![doubled], None, Some("saw 21 records"));
    let mut moved = stretch(0, 2000, Some(600));
    moved.sum.add(0, 3, Offset::new(608));
    check(vec![moved], None, Some("not the same ones"));
}

#[test]
fn a_time_is_not_found_before_what_was_durable_earlier() {
    check(vec![stretch(300, 2000, None)], Some((15, 30, 300)), None);
    check(vec![stretch(300, 2000, None)], Some((21, 30, 300)), Some("time 21 was found at 300"));
    check(vec![stretch(0, 2000, None)], Some((10, 30, 0)), None);
    check(vec![stretch(300, 2000, None)], Some((21, 15, 300)), None);
}

#[test]
fn whoever_stops_early_is_named() {
    let passages = [Passage { reader: 0, stretches: vec![stretch(0, 1900, None)], sought: None }];
    assert!(ends(&passages, [0], Offset::new(1900)).is_ok());
    assert!(ends(&passages, [0], Offset::new(2000)).is_err());
    assert!(ends(&passages, [1], Offset::new(1900)).is_err());
}

#[test]
fn receipts_and_the_count_of_records_add_up() {
    assert!(counts(&ledger(), &kept(), Offset::new(500), 20).is_ok());
    assert!(counts(&ledger(), &kept(), Offset::new(600), 20).is_err());
    assert!(counts(&ledger(), &kept(), Offset::new(500), 21).is_err());
}

#[test]
fn acknowledgements_of_a_lane_rise() {
    let ledger = Ledger::new(1);
    ledger.note(0, Offset::new(8)).unwrap();
    assert!(ledger.note(0, Offset::new(8)).is_err());
}

#[test]
fn a_passage_travels() {
    for sought in [None, Some(Sought { micros: -3, asked: 5, found: Offset::new(9) })] {
        let stretches = vec![stretch(0, 200, None), stretch(500, 2000, None)];
        let passage = Passage { reader: 4, stretches, sought };
        assert_eq!(Passage::from_json(&passage.to_json()), Some(passage));
    }
}
