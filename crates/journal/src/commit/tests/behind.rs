//! What is asked for while something else is on its way, or has left something to do.

use annals_record::{Batch, Log as _, ReadLimit};

use super::*;

const DURABLE: AppendOptions<'_> = AppendOptions { durable: true, next: None, key: None };

#[test]
fn every_so_many_records_are_durable_also_those_behind_a_group_on_its_way() {
    let (_dir, gate, journal) = open(Options { sync: SyncPolicy::Every(3), ..Options::default() });
    journal.append("a").unwrap();
    assert!(journal.durable() < journal.append("b").unwrap().next);
    let third = journal.append("c").unwrap();
    assert!(journal.durable() >= third.next);
    gate.arm();
    let one = journal.clone();
    let appended = apart(move || one.append_with(&["d"], &DURABLE).map(drop));
    gate.wait_until_reached();
    journal.append("e").unwrap();
    gate.let_go();
    in_time(&appended).unwrap();
    spin_until(|| journal.core.commit.lock().lead == Lead::Idle);
    assert!(journal.durable() < journal.append("f").unwrap().next);
    let third = journal.append("g").unwrap();
    assert!(journal.durable() >= third.next, "the one behind was not counted");
}

#[test]
fn a_sync_that_comes_while_a_segment_is_sealed_is_answered() {
    let (_dir, gate, journal) = open(Options::default());
    journal.append("a").unwrap();
    gate.arm();
    let (one, other) = (journal.clone(), journal.clone());
    let sealed = apart(move || one.seal().map(drop));
    gate.wait_until_reached();
    let synced = apart(move || other.sync().map(drop));
    spin_until(|| journal.core.commit.lock().load.waiting == 1);
    gate.let_go();
    in_time(&sealed).unwrap();
    in_time(&synced).unwrap();
}

#[test]
fn an_end_that_is_not_there_yet_is_a_conflict() {
    let (_dir, _gate, journal) = open(Options::default());
    let next = journal.append("a").unwrap().next;
    let beyond = Offset::new(journal.durability().accepted.get() + 8);
    assert!(matches!(journal.append_if(beyond, &["b"]), Err(Error::Conflict { .. })));
    journal.append_if(next, &["b"]).unwrap();
}

#[test]
fn what_gathers_unsynced_is_synced_long_before_the_segment_is_full() {
    let (_dir, _gate, journal) = open(Options { sync: SyncPolicy::OnDemand, ..Options::default() });
    let write = || {
        let accepted = journal.append(vec![7; WRITE_AT]).unwrap();
        spin_until(|| journal.durability().written >= accepted.next);
        spin_until(|| journal.core.commit.lock().lead == Lead::Idle);
        accepted.next
    };
    for round in 0..2 {
        for _ in 0..7 {
            let written = write();
            assert!(journal.durable() < written, "round {round}: a little is not synced");
        }
        let written = write();
        assert!(journal.durable() >= written, "round {round}: it is left to the roll");
        assert_eq!(journal.unsynced_records(), 0);
    }
    assert_eq!(journal.status().segments.len(), 1);
}

#[test]
fn a_close_makes_durable_what_was_written() {
    let (_dir, _gate, journal) = open(Options { sync: SyncPolicy::OnDemand, ..Options::default() });
    let accepted = journal.append(vec![7; WRITE_AT]).unwrap();
    spin_until(|| journal.durability().written >= accepted.next);
    let other = journal.clone();
    journal.close().unwrap();
    assert!(other.durable() >= accepted.next);
}

#[test]
fn a_key_that_was_told_accepted_is_not_taken_back() {
    let (full, journal) = failing::on_full_disk(Options { sync: SyncPolicy::OnDemand, ..Options::default() });
    let commit = Arc::clone(&journal.core.commit);
    // Somebody leads, so that what comes fills a group.
    commit.lock().lead = Lead::Writing;
    let one = journal.clone();
    let appended = apart(move || {
        let keyed = AppendOptions { durable: true, key: Some(b"k"), next: None };
        one.append_with(&["a"], &keyed).map(drop)
    });
    spin_until(|| commit.lock().load.waiting == 1);
    let keyed = AppendOptions { key: Some(b"k"), ..AppendOptions::default() };
    journal.append_with(&["a"], &keyed).unwrap();
    full.store(true, Ordering::SeqCst);
    commit.lead(Leader::Thread);
    assert!(matches!(in_time(&appended), Err(Error::Poisoned { .. })));
}

/// The blocks of a group are written whole, and the next group begins in the last of them.
#[test]
fn k1_a_group_that_is_kept_settles_no_key_of_the_next_one() {
    let (_dir, gate, journal) = open(Options { remember_keys: 1, ..Options::default() });
    let keyed = |key: &'static [u8]| {
        let journal = journal.clone();
        let how = AppendOptions { key: Some(key), ..AppendOptions::default() };
        apart(move || journal.append_with(&[key], &how))
    };
    gate.arm();
    let first = keyed(b"first");
    gate.wait_until_reached();
    let second = keyed(b"second");
    spin_until(|| journal.core.commit.lock().load.waiting == 1);
    gate.let_one_go();
    let stands = in_time(&first).unwrap();
    gate.wait_until_reached();
    // The second may still fail: then the first is the newest key, and tried again it answers for itself.
    let again = in_time(&keyed(b"first")).unwrap();
    assert_eq!(again, stands, "appended a second time");
    gate.let_go();
    in_time(&second).unwrap();
    let later = in_time(&keyed(b"first")).unwrap();
    assert!(later[0].offset > stands[0].offset, "one key is remembered, and it was not the newest");
}

#[test]
fn i5_what_is_written_and_not_synced_is_read_by_nobody() {
    let (_dir, _gate, journal) = open(Options { sync: SyncPolicy::OnDemand, ..Options::default() });
    let accepted = journal.append(vec![7; WRITE_AT]).unwrap();
    spin_until(|| journal.durability().written >= accepted.next);
    let mut batch = Batch::default();
    journal.read_into(Offset::ZERO, ReadLimit::default(), &mut batch).unwrap();
    assert!(batch.is_empty() && journal.durable() == Offset::ZERO);
    journal.sync().unwrap();
    journal.read_into(Offset::ZERO, ReadLimit::default(), &mut batch).unwrap();
    assert_eq!(batch.len(), 1);
}
