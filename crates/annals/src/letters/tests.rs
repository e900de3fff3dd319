use std::fs;
use std::time::Duration;

use annals_record::{Applied, Assertion, Cursor, Kind, Record, Value};
use annals_storage::{Change, Effect, Redriven};

use super::*;
use crate::{Index, RebuildOptions, VerifyParts, rebuild, verify_at};

/// Thirty claims of three subjects, the last three of which are the first three again, and one record that nobody reads.
fn filled(dir: &Path) -> Annals {
    let annals = Annals::open(dir).unwrap();
    for i in 0..30 {
        let i = i % 27;
        let claim = Assertion::new(format!("subject {}", i % 3), "says", Value::Int(i));
        annals.append(&Record::Assertion(claim)).unwrap();
    }
    annals.journal().append([9; 40]).unwrap();
    annals.catch_up().unwrap();
    annals
}

/// Puts a store in its place of which an older version could apply only every third record; says how many it parked.
fn older(dir: &Path) -> u64 {
    let annals = filled(dir);
    let batch = annals.journal().read(Offset::ZERO, ReadLimit::default()).unwrap();
    let cursor = annals.store().cursor().unwrap().unwrap();
    annals.close().unwrap();
    let generation = dir.join("store/gen-000001");
    fs::remove_dir_all(&generation).unwrap();
    let store = HybridStore::open(&generation).unwrap();
    let mut parked = 0;
    for (n, entry) in batch.iter().enumerate() {
        let mut change = annals_ingest::change(entry).unwrap();
        if n % 3 > 0 {
            parked += 1;
            change.effect = Effect::DeadLetter { reason: "of a later version".to_owned() };
        }
        let last = Some(Applied { offset: entry.offset, id: entry.id });
        let next = batch.iter().nth(n + 1).map_or(cursor.next, |entry| entry.offset);
        let changes: [Change<'_>; 1] = [change];
        store.apply(&changes, &Cursor { next, last, ..cursor }).unwrap();
    }
    parked + u64::from(batch.len() % 3 == 1)
}

#[test]
fn letters_of_an_older_version_are_read_again_to_the_store_that_is_rebuilt() {
    let dir = tempfile::tempdir().unwrap();
    let parked = older(dir.path());
    let annals = Annals::open_existing(dir.path()).unwrap();
    assert_eq!(annals.dead_letters(None, 100).unwrap().len() as u64, parked);
    let verified = annals.verify(&mut |_, _, _| {}).unwrap();
    assert!(!verified.is_ok(), "what can be applied by now is missed");
    let first = annals.dead_letters(None, 1).unwrap()[0].offset;
    let one = annals.redrive(Which::At(&[first]), true, &mut |_| true).unwrap();
    assert_eq!(one.redriven, Redriven { applied: 1, ..Redriven::default() });
    let rest = annals.redrive(Which::All, true, &mut |_| true).unwrap().redriven;
    assert_eq!((rest.parked, rest.duplicates), (1, 2));
    assert!(annals.verify(&mut |_, _, _| {}).unwrap().is_ok());
    let rebuilt = annals.rebuild(&RebuildOptions::default(), &mut |_| {}).unwrap();
    assert_eq!((rebuilt.same, rebuilt.counts.assertions), (Some(true), 27));
    annals.close().unwrap();
}

#[test]
fn a_rebuild_of_a_store_with_letters_that_can_be_applied_says_what_they_are() {
    let dir = tempfile::tempdir().unwrap();
    older(dir.path());
    let rebuilt = rebuild(dir.path(), &RebuildOptions::default(), &mut |_| {}).unwrap();
    let difference = rebuilt.difference.unwrap();
    assert!(!rebuilt.switched && difference.contains("20 dead letters"), "{difference}");
}

#[test]
fn a_letter_is_shown_with_its_record_its_time_and_what_is_known_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path());
    let letter = annals.dead_letters(None, 9).unwrap().remove(0);
    let shown = annals.dead_letter(letter.offset).unwrap().unwrap();
    assert_eq!((&shown.letter, shown.given_up, shown.payload), (&letter, false, Ok(vec![9; 40])));
    assert!(shown.time_micros.is_some_and(|micros| micros > 1_600_000_000_000_000));
    assert_eq!(annals.dead_letters_of(|id| *id == letter.id).unwrap(), [(letter.clone(), false)]);
    assert_eq!(annals.dead_letter(Offset::ZERO).unwrap(), None);
    annals.close().unwrap();
}

#[test]
fn what_was_given_up_is_missed_by_no_check_and_taken_over_by_a_rebuild() {
    let dir = tempfile::tempdir().unwrap();
    let annals = filled(dir.path());
    let at = annals.dead_letters(None, 9).unwrap()[0].offset;
    assert_eq!(annals.discard(&[at]).unwrap().len(), 1);
    let told = |annals: &Annals| {
        let store = annals.status().unwrap().store.unwrap();
        (store.counts.dead_letters, store.discarded)
    };
    assert_eq!(told(&annals), (0, 1));
    assert!(annals.verify(&mut |_, _, _| {}).unwrap().is_ok());
    let rebuilt = annals.rebuild(&RebuildOptions::default(), &mut |_| {}).unwrap();
    assert_eq!((rebuilt.same, told(&annals)), (Some(true), (0, 1)));
    assert!(annals.dead_letters_of(|_| true).unwrap()[0].1);
    annals.close().unwrap();

    // The note is the store's: without that, somebody has to decide again.
    fs::remove_dir_all(dir.path().join("store")).unwrap();
    let annals = Annals::open_existing(dir.path()).unwrap();
    annals.catch_up().unwrap();
    assert_eq!(told(&annals), (1, 0));
    annals.close().unwrap();
}

#[test]
fn damage_stops_the_worker_until_it_is_passed_and_is_named_from_then_on() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).close().unwrap();
    fs::remove_dir_all(dir.path().join("store")).unwrap();
    let segment = fs::read_dir(dir.path().join("journal")).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.into_iter().find(|path| path.extension().is_some_and(|end| end == "wal")).unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(9).position(|window| window == b"subject 1").unwrap();
    bytes[at + 8] ^= 4;
    fs::write(&segment, bytes).unwrap();

    let annals = Annals::open_existing(dir.path()).unwrap();
    let end = annals.journal().durable();
    let stopped = annals.wait_for(end, Duration::from_secs(60)).unwrap_err();
    assert_eq!(stopped.kind(), Kind::Stop);
    let text = stopped.to_string();
    assert!(["damaged at offset", "segment", "pass-damage"].iter().all(|word| text.contains(word)), "{text}");
    assert!(annals.status().unwrap().store.unwrap().worker_error.is_some());
    drop(annals);

    let looked = pass_damage(dir.path(), false).unwrap();
    assert_eq!((looked.passed.len(), looked.done), (1, false));
    assert!(looked.cursor < end);
    let done = pass_damage(dir.path(), true).unwrap();
    assert_eq!((&done.passed, done.done, done.cursor), (&looked.passed, true, end));
    assert_eq!(pass_damage(dir.path(), false).unwrap().passed, []);

    // The next open goes on behind it, says so, and finds what was appended before and behind the damage.
    let annals = Annals::open_existing(dir.path()).unwrap();
    annals.catch_up().unwrap();
    let store = annals.status().unwrap().store.unwrap();
    assert_eq!((store.passed, store.counts.assertions), (done.passed, 27));
    annals.close().unwrap_or_default();
    let verified =
        verify_at(dir.path(), VerifyParts { journal: false, index: true }, &mut |_, _, _| {}).unwrap();
    let Some(Index::Checked { compared: Ok(compared), .. }) = &verified.index else { panic!("{verified:?}") };
    assert_eq!((compared.passed.len(), compared.is_same(), verified.is_ok()), (1, true, false));
}
