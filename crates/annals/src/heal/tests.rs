use std::fs;
use std::path::PathBuf;

use annals_record::{Assertion, Epoch, Record, Stance, Value, Vote};

use super::*;
use crate::{Annals, JournalOptions, VerifyParts, verify_at};

const SEGMENT: u64 = 256 << 10;

fn claim(i: usize) -> Record {
    let says = format!("claim number {i:05} of {}", "so many ".repeat(8));
    Record::Assertion(Assertion::new(
        format!("subject {}", i % 97),
        "says",
        Value::Text { text: says, language: None },
    ))
}

/// What a payload of a claim holds once and no other does.
fn needle(i: usize) -> Vec<u8> {
    format!("claim number {i:05} of").into_bytes()
}

/// Claims, a vote on each tenth, some versions of an epoch; closed, and all of it in tables.
fn filled(dir: &Path, claims: usize) {
    let journal = JournalOptions { segment_bytes: SEGMENT, ..JournalOptions::default() };
    let annals = Annals::open_with(dir, Options { journal, ..Options::default() }).unwrap();
    for at in (0..claims).step_by(50) {
        let mut records: Vec<Record> = (at..(at + 50).min(claims)).map(claim).collect();
        let votes =
            records.iter().step_by(10).map(|claim| Vote::new(claim.id().unwrap(), "ann", Stance::For));
        let votes: Vec<Record> = votes.map(Record::Vote).collect();
        records.extend(votes);
        records.push(Record::Epoch(Epoch { description: Some(at.to_string()), ..Epoch::new("now") }));
        annals.append_batch(&records).unwrap();
    }
    annals.journal().seal().unwrap();
    annals.catch_up().unwrap();
    annals.store().fold().unwrap();
    annals.close().unwrap();
}

fn segments(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = fs::read_dir(dir.join("journal")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "wal")).collect();
    paths.sort();
    // The last one is active.
    paths.pop();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Flips a byte within the payload of each of these claims.
fn damage_journal(dir: &Path, claims: &[usize]) {
    for (path, mut bytes) in segments(dir) {
        let places: Vec<usize> = bytes
            .windows(21)
            .enumerate()
            .filter(|(_, window)| window.starts_with(b"claim number "))
            .filter(|(_, window)| claims.iter().any(|i| *window == &needle(*i)[..]))
            .map(|(at, _)| at)
            .collect();
        places.iter().for_each(|at| bytes[at + 30] ^= 0xff);
        fs::write(path, bytes).unwrap();
    }
}

/// Changes or takes away what stands under the keys of these claims and their votes; and all places of votes.
fn damage_store(dir: &Path, claims: &[usize]) -> u64 {
    let generation = fs::read_to_string(dir.join("store/CURRENT")).unwrap();
    let path = dir.join("store").join(generation.trim()).join("content");
    let database = fjall::Database::builder(path).open().unwrap();
    let content = database.keyspace("content", fjall::KeyspaceCreateOptions::default).unwrap();
    let mut damaged = 0;
    for i in claims {
        let id = claim(*i).id().unwrap();
        let key = [b"H:", &id.as_bytes()[..]].concat();
        if i % 2 == 0 {
            content.remove(key).unwrap();
        } else {
            let mut value = content.get(&key).unwrap().unwrap().to_vec();
            let last = value.len() - 5;
            value[last] ^= 1;
            content.insert(key, value).unwrap();
        }
        damaged += 1;
        let votes = content.prefix([b"V:", &id.as_bytes()[..]].concat());
        let votes: Vec<_> = votes.map(|entry| entry.into_inner().unwrap().0).collect();
        for key in votes {
            content.remove([b"I:", &key[35..]].concat()).unwrap();
            content.insert(key, "nonsense").unwrap();
            damaged += 2;
        }
    }
    database.persist(fjall::PersistMode::SyncAll).unwrap();
    damaged
}

fn healed(dir: &Path, apply: bool) -> Healed {
    heal(dir, apply, &mut |_, _, _| {}).unwrap()
}

fn is_sound(dir: &Path) -> bool {
    verify_at(dir, VerifyParts::default(), &mut |_, _, _| {}).unwrap().is_ok()
}

fn digest(dir: &Path) -> annals_storage::Digests {
    open_store(&Directory::existing(dir).unwrap()).unwrap().digests().unwrap()
}

#[test]
fn hl1_a_thousand_damaged_records_on_either_side_come_back_identical() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    filled(dir, 2500);
    let (before, sums) = (segments(dir), digest(dir));
    let nothing = healed(dir, false);
    assert!(nothing.is_empty() && nothing.journal.whole, "{nothing:?}");
    let odd: Vec<usize> = (0..2000).filter(|i| i % 2 == 1).collect();
    let even: Vec<usize> = (0..2000).filter(|i| i % 2 == 0).collect();
    damage_journal(dir, &odd);
    let damaged = damage_store(dir, &even);
    assert!(!is_sound(dir));

    let would = healed(dir, false);
    assert_eq!(would.journal.mended.len(), 1000);
    assert!(would.journal.lost.is_empty() && would.journal.whole && !would.applied);
    assert_ne!(segments(dir), before, "nothing was done");
    let done = healed(dir, true);
    assert_eq!((done.journal.mended.len(), done.store.healing.healed_total), (1000, damaged));
    assert!(done.is_all() && done.applied, "{:?} {:?}", done.store.damaged, done.store.differing);
    assert_eq!(segments(dir), before);
    assert_eq!(digest(dir), sums);
    assert!(is_sound(dir));
    assert!(healed(dir, true).is_empty());
    let annals = Annals::open(dir).unwrap();
    for i in 0..2500 {
        let stored = annals.get(&claim(i).id().unwrap()).unwrap().unwrap();
        assert_eq!(stored.record().unwrap(), claim(i));
    }
}

#[test]
fn hl3_what_is_damaged_on_both_sides_is_named_and_nothing_is_invented() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    filled(dir, 200);
    damage_journal(dir, &[77, 150]);
    damage_store(dir, &[20, 77]);
    let (lost, other) = (claim(77).id().unwrap(), claim(20).id().unwrap());
    let names = |healed: &Healed| {
        let [range] = &healed.journal.lost[..] else { panic!("{:?}", healed.journal.lost) };
        assert!(range.len > 0 && !healed.journal.whole && !healed.is_all());
        assert_eq!(healed.journal.mended.len(), 1, "150 comes back");
        assert!(healed.store.damaged_total > 0);
        let of_lost = healed.store.damaged.iter().all(|damage| damage.id == Some(lost));
        assert!(of_lost, "{:?}", healed.store.damaged);
        assert!(healed.store.healing.ids.contains(&other) && !healed.store.healing.ids.contains(&lost));
    };
    names(&healed(dir, false));
    let before = segments(dir);
    names(&healed(dir, true));
    let changed = segments(dir)
        .iter()
        .zip(&before)
        .flat_map(|((_, a), (_, b))| a.iter().zip(b))
        .filter(|(a, b)| a != b)
        .count();
    assert_eq!(changed, 1, "the one byte of 150");
    let again = healed(dir, true);
    assert!(again.journal.mended.is_empty() && again.store.healing.healed_total == 0);
    assert_eq!((again.journal.lost.len(), again.store.damaged[0].id), (1, Some(lost)));
    let store = open_store(&Directory::existing(dir).unwrap()).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert!(snapshot.get(&lost).is_err() && snapshot.get(&other).unwrap().is_some());
}

#[test]
fn hl4_the_store_of_another_journal_is_refused_and_a_directory_in_use_named() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(one.path(), 60);
    filled(two.path(), 60);
    fs::remove_dir_all(one.path().join("store")).unwrap();
    fs::rename(two.path().join("store"), one.path().join("store")).unwrap();
    damage_journal(one.path(), &[7]);
    let before = segments(one.path());
    let refused = heal(one.path(), true, &mut |_, _, _| {}).unwrap_err();
    assert!(refused.refusal().is_some(), "{refused}");
    assert_eq!(segments(one.path()), before);

    let three = tempfile::tempdir().unwrap();
    let annals = Annals::open(three.path()).unwrap();
    let refused = heal(three.path(), true, &mut |_, _, _| {}).unwrap_err();
    assert!(matches!(refused, Error::Locked { .. }), "{refused}");
    drop(annals);

    // Also where that one has come no further than the lock: it has made no store yet.
    let four = tempfile::tempdir().unwrap();
    Annals::open(four.path()).unwrap().close().unwrap();
    fs::remove_dir_all(four.path().join("store")).unwrap();
    let held = take_lock(&RealDisk, &four.path().join("journal")).unwrap();
    let refused = heal(four.path(), true, &mut |_, _, _| {}).unwrap_err();
    assert!(matches!(refused, Error::Locked { .. }), "{refused}");
    drop(held);
    let healed = heal(four.path(), true, &mut |_, _, _| {}).unwrap();
    assert!(healed.store.absent && healed.store.unusable.is_some());
    assert!(healed.is_all(), "a store that was not made yet is no damage");
}

#[test]
fn a_store_whose_tables_do_not_verify_is_built_anew_from_a_journal_that_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    filled(dir, 200);
    let sums = digest(dir);
    rot(dir);
    let would = healed(dir, false);
    assert!(would.store.unreadable && !would.is_all() && would.journal.whole, "{would:?}");
    let done = healed(dir, true);
    assert!(done.is_all() && done.store.rebuilt.is_some() && !done.is_empty(), "{done:?}");
    assert!(is_sound(dir));
    assert_eq!(digest(dir), sums);
    assert!(healed(dir, true).is_empty());
}

#[test]
fn a_store_whose_tables_do_not_verify_stays_where_the_journal_has_lost_something() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    filled(dir, 2500);
    damage_journal(dir, &(0..2500).step_by(10).collect::<Vec<_>>());
    let generation = rot(dir);
    let done = healed(dir, true);
    assert!(done.store.unreadable && done.store.rebuilt.is_none() && !done.journal.whole, "{done:?}");
    assert!(!done.journal.mended.is_empty() && !done.journal.lost.is_empty(), "what can be read comes back");
    assert_eq!(fs::read_to_string(dir.join("store/CURRENT")).unwrap(), generation);
}

/// Flips a bit in some blocks of each table; the generation it is of.
fn rot(dir: &Path) -> String {
    let generation = fs::read_to_string(dir.join("store/CURRENT")).unwrap();
    let mut rotten = 0;
    for path in files(&dir.join("store").join(generation.trim()).join("content")) {
        let mut bytes = fs::read(&path).unwrap();
        // Behind the first blocks, and before what a table ends with: so it opens.
        for at in (9_000..bytes.len().saturating_sub(20_000)).step_by(40_000) {
            bytes[at] ^= 1;
            rotten += 1;
        }
        fs::write(path, bytes).unwrap();
    }
    assert!(rotten > 0);
    generation
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
