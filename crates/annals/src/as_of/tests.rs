use std::time::Duration;

use annals_journal::{Clock, Consent, Keep, SystemClock};
use annals_record::{Assertion, Epoch, Record, Stance, Value, Vote};

use super::*;
use crate::{RebuildOptions, STORE_CURSOR, rebuild};

const SOON: Duration = Duration::from_secs(60);

fn claim(i: usize) -> Record {
    Record::Assertion(Assertion::new(format!("subject {}", i % 3), "says", Value::Int(i as i64)))
}

/// Until the clock has gone on.
fn wait() {
    let until = SystemClock.now_micros() + 1000;
    while SystemClock.now_micros() < until {
        std::thread::yield_now();
    }
}

/// The answers to every kind of question, in words.
fn answers(as_of: &AsOf) -> String {
    let snapshot = as_of.snapshot().unwrap();
    let mut said = format!("{} {:?}\n", snapshot.as_of(), snapshot.subjects("", None, 99).unwrap());
    for subject in ["subject 0", "subject 1", "subject 2"] {
        for stored in as_of.subject(subject, None, 99).unwrap() {
            let (tally, votes) =
                (as_of.tally(&stored.id).unwrap(), as_of.votes(&stored.id, None, 99).unwrap());
            assert_eq!(as_of.get(&stored.id).unwrap().as_ref(), Some(&stored));
            said += &format!("{stored:?} {tally:?} {votes:?}\n");
        }
    }
    said + &format!("{:?}", as_of.epoch(&EpochId::of("now")).unwrap())
}

/// The lowest time whose place is `end` or behind it: that of the last group before it.
fn time_of(annals: &Annals, end: Offset) -> i64 {
    let (mut low, mut high) = (0, i64::MAX / 2);
    while low < high {
        let middle = low + (high - low) / 2;
        (low, high) =
            if annals.offset_at(middle).unwrap() >= end { (low, middle) } else { (middle + 1, high) };
    }
    low
}

#[test]
fn a1_the_answers_as_of_an_offset_stay_when_votes_change_sides_and_after_a_rebuild() {
    let dir = tempfile::tempdir().unwrap();
    let annals = Annals::open(dir.path()).unwrap();
    let target = claim(1).id().unwrap();
    let vote = |seq: u64, stance| {
        let vote = Vote { seq, ..Vote::new(target, "alice", stance) };
        annals.append(&Record::Vote(vote)).unwrap().next
    };
    let mut remembered = Vec::new();
    for i in 0..20 {
        annals.append(&claim(i)).unwrap();
        let mut next = vote(i as u64, if i % 2 == 0 { Stance::For } else { Stance::Against });
        if i % 7 == 0 {
            let epoch = Epoch { description: Some(format!("version {i}")), ..Epoch::new("now") };
            next = annals.append(&Record::Epoch(epoch)).unwrap().next;
        }
        annals.wait_for(next, SOON).unwrap();
        remembered.push((next, answers(&annals.as_of(next).unwrap())));
    }
    let newest = &remembered.last().unwrap().1;
    assert_eq!(remembered.iter().filter(|(_, said)| said == newest).count(), 1, "they all differ");
    for (offset, said) in &remembered {
        assert_eq!(answers(&annals.as_of(*offset).unwrap()), *said, "{offset}");
    }
    let held = annals.as_of(remembered[9].0).unwrap();
    annals.rebuild(&RebuildOptions::default(), &mut |_| {}).unwrap();
    assert_eq!(answers(&held), remembered[9].1, "also of a store that no longer answers");
    for (offset, said) in &remembered {
        assert_eq!(answers(&annals.as_of(*offset).unwrap()), *said, "{offset}, rebuilt");
    }
    drop(held);
    annals.close().unwrap();
    rebuild(dir.path(), &RebuildOptions::default(), &mut |_| {}).unwrap();
    let annals = Annals::open(dir.path()).unwrap();
    assert_eq!(answers(&annals.as_of(remembered[3].0).unwrap()), remembered[3].1);
}

#[test]
fn an_offset_within_a_record_is_the_one_behind_it_and_zero_is_before_everything() {
    let dir = tempfile::tempdir().unwrap();
    let annals = Annals::open(dir.path()).unwrap();
    let first = annals.append(&claim(0)).unwrap();
    let second = annals.append(&claim(3)).unwrap();
    annals.wait_for(second.next, SOON).unwrap();
    let count = |offset: u64| {
        annals.as_of(Offset::new(offset)).unwrap().subject("subject 0", None, 99).unwrap().len()
    };
    assert_eq!([count(0), count(first.offset.get() + 1), count(second.offset.get())], [0, 1, 1]);
    assert_eq!([count(second.offset.get() + 1), count(second.next.get())], [2, 2]);
    let end = annals.journal().durable();
    annals.wait_for(end, SOON).unwrap();
    assert_eq!(count(end.get()), 2);
    let beyond = Offset::new(end.get() + 1);
    let Err(error) = annals.as_of(beyond) else { panic!("beyond the end") };
    assert_eq!(
        error.to_string(),
        format!("offset {beyond} is beyond the end of the journal, which is {end}")
    );
}

#[test]
fn a2_a_time_is_behind_what_was_committed_at_it_and_before_what_came_later() {
    let dir = tempfile::tempdir().unwrap();
    let annals = Annals::open(dir.path()).unwrap();
    let journal = annals.journal();
    let mut moments = Vec::new();
    for i in 0..5 {
        annals.append(&claim(i)).unwrap();
        // Behind the group, whose time stands in its last frame.
        let end = journal.durable();
        moments.push(end);
        wait();
    }
    let at = |micros| annals.offset_at(micros).unwrap();
    for (i, end) in moments.iter().enumerate() {
        let low = time_of(&annals, *end);
        assert_eq!(at(low), *end, "at the group's own time it is there");
        let before = if i == 0 { Offset::ZERO } else { moments[i - 1] };
        assert_eq!(at(low - 1), before, "a microsecond before, it is not");
        assert_eq!(at(low + 100), *end, "between two groups the earlier one counts");
        assert_eq!(journal.seek_time(low).unwrap(), before, "the group begins where the one before ends");
    }
    assert_eq!((at(i64::MIN), at(0)), (Offset::ZERO, Offset::ZERO));
    assert_eq!((at(i64::MAX), at(i64::MAX - 1)), (journal.durable(), journal.durable()));
}

#[test]
fn a2_what_was_purged_is_dated_by_its_receipts_and_the_store_answers_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let annals = Annals::open(dir.path()).unwrap();
    let journal = annals.journal();
    let mut ends = Vec::new();
    for i in 0..6 {
        annals.append(&claim(i)).unwrap();
        wait();
        if i % 2 == 1 {
            journal.seal().unwrap();
            ends.push(journal.durable());
        }
    }
    annals.catch_up().unwrap();
    // The last time of each segment: the lowest whose place is its end.
    let last_times: Vec<i64> = ends.iter().map(|end| time_of(&annals, *end)).collect();
    journal.remove_cursor(STORE_CURSOR).unwrap();
    let plan = journal.plan(&Keep::Newest).unwrap();
    let receipts = journal.apply(&plan, Consent::default()).unwrap();
    assert_eq!(receipts.len(), 2, "the newest sealed one stays");
    let at = |micros| annals.offset_at(micros);
    assert_eq!(at(last_times[1]).unwrap(), ends[1], "all that was purged");
    assert_eq!(at(last_times[0]).unwrap(), ends[0], "between two purged segments");
    assert!(matches!(at(last_times[1] - 1), Err(Error::TimePurged { .. })), "within the second");
    assert_eq!(at(0).unwrap(), Offset::ZERO);
    assert_eq!(at(i64::MAX).unwrap(), journal.durable());
    let beside = offset_at(&Reader::open(dir.path().join("journal")).unwrap(), last_times[0]).unwrap();
    assert_eq!(beside, ends[0]);
    let subjects = annals.as_of(ends[0]).unwrap().snapshot().unwrap().subjects("", None, 9).unwrap();
    assert_eq!(subjects.len(), 2, "the store has what the journal has no more");
}

#[test]
fn a2_a_time_within_what_was_purged_is_refused_and_at_its_boundaries_known() {
    let segment =
        |base: u64, end: u64, times| Purged { base: Offset::new(base), end: Offset::new(end), times };
    let purged =
        [segment(0, 100, Some((10, 20))), segment(100, 200, None), segment(200, 300, Some((30, 40)))];
    let at = |micros| within_purged(micros, &purged, Offset::new(300));
    assert_eq!(at(45).unwrap(), Offset::new(300));
    assert_eq!(at(40).unwrap(), Offset::new(300));
    assert_eq!(at(25).unwrap(), Offset::new(100), "between them; the segment without a group is none");
    assert_eq!(at(9).unwrap(), Offset::ZERO);
    for (micros, from, to) in [(35, 200, 300), (30, 200, 300), (15, 0, 100)] {
        let error = at(micros).unwrap_err();
        assert!(
            matches!(error, Error::TimePurged { from: a, to: b, .. } if (a.get(), b.get()) == (from, to)),
            "{error}"
        );
    }
    assert!(matches!(within_purged(5, &purged[1..], Offset::new(300)), Err(Error::TimePurged { .. })));
}
