//! Entries of an event store's log.

use super::facts::crc32;
use super::*;
use crate::foreign::fact::{Entry, open};
use crate::ledger::{Ledger, LedgerOptions, ReplayFrom};

fn atom(name: &str) -> Vec<u8> {
    [&[119, name.len() as u8], name.as_bytes()].concat()
}

fn integer(number: u64) -> Vec<u8> {
    match number {
        0..=255 => vec![97, number as u8],
        256..=0x7fff_ffff => [&[98], &(number as u32).to_be_bytes()[..]].concat(),
        _ => {
            let digits: Vec<u8> = number.to_le_bytes().into_iter().collect();
            let len = 8 - number.leading_zeros() as usize / 8;
            [&[110, len as u8, 0], &digits[..len]].concat()
        }
    }
}

fn entry(lsn: u64, data: &[u8], is_checkpoint: bool) -> Vec<u8> {
    let crc = crc32(&[data, &lsn.to_le_bytes()].concat());
    let binary = [&[109], &(data.len() as u32).to_be_bytes()[..], data].concat();
    let term = [
        vec![131, 116, 0, 0, 0, 5],
        [atom("data"), binary].concat(),
        [atom("__struct__"), atom("Elixir.Fact.WriteAheadLog.Entry")].concat(),
        [atom("crc"), integer(crc.into())].concat(),
        [atom("is_checkpoint"), atom(if is_checkpoint { "true" } else { "false" })].concat(),
        [atom("lsn"), integer(lsn)].concat(),
    ];
    let term = term.concat();
    [&(term.len() as u32).to_le_bytes()[..], &term].concat()
}

fn four() -> Vec<u8> {
    let parts = [
        entry(1, b"deposit 10", false),
        entry(300, b"balance 10", true),
        entry(1 << 40, b"", false),
        entry(7, &[0; 70], false),
    ];
    parts.concat()
}

#[test]
fn entries_come_with_their_numbers_and_checkpoints() {
    let store = Store::of("0", four());
    let whole = read(open(store.path()).unwrap());
    assert_eq!(whole.losses, []);
    let expected = [
        (1, &b"deposit 10"[..], false),
        (300, b"balance 10", true),
        (1 << 40, b"", false),
        (7, &[0; 70], false),
    ]
    .map(|(lsn, data, is_checkpoint)| Entry { lsn, data: data.to_vec(), is_checkpoint });
    assert_eq!(whole.items.into_iter().map(|item| item.item).collect::<Vec<_>>(), expected);
    assert_eq!(whole.receipt.noted(Note::NumbersGoBack), 1);
}

#[test]
fn entries_cut_anywhere_lose_what_is_torn_and_say_so() {
    Store::of("0", four()).cut_everywhere(0, |dir| open(dir).unwrap());
}

#[test]
fn a_flipped_byte_costs_one_entry_and_never_makes_another() {
    Store::of("0", four()).flip_everywhere(|dir| open(dir).unwrap(), |_| false, its_frame);
}

#[test]
fn an_entry_within_a_damaged_entry_is_not_taken_for_one() {
    let within = [&[1, 2, 3][..], &entry(9, b"within", false), &[4; 30]].concat();
    for at in [0, 15] {
        let mut damaged = entry(1, &within, false);
        let len = damaged.len() as u64;
        damaged[at] ^= 0x10;
        let store = Store::of("0", [damaged, entry(2, b"two", false)].concat());
        let whole = read(open(store.path()).unwrap());
        assert_eq!(whole.items.iter().map(|item| item.item.lsn).collect::<Vec<_>>(), [2], "byte {at}");
        assert_eq!(whole.losses[0].bytes, len);
    }
}

#[test]
fn files_come_in_the_order_of_their_numbers_older_names_first() {
    let store = Store::of("10", entry(4, b"d", false));
    for (name, lsn) in [("9", 3), ("segment-11", 2), ("segment-2", 1)] {
        fs::write(store.path().join(name), entry(lsn, b"", false)).unwrap();
    }
    fs::write(store.path().join("+7"), b"no number").unwrap();
    let whole = read(open(store.path()).unwrap());
    assert_eq!(whole.items.iter().map(|item| item.item.lsn).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(whole.receipt.noted(Note::OtherFile), 1);
}

#[test]
fn a_ledger_takes_entries_and_checkpoints_in_their_order_once() {
    let log = [
        entry(1, b"a", false),
        entry(2, b"a", false),
        entry(3, b"after a a", true),
        entry(4, b"b", false),
        entry(5, b"after b", true),
        entry(6, b"really", true),
    ];
    let store = Store::of("0", log.concat());
    let target = tempfile::tempdir().unwrap();
    let room = LedgerOptions { max_segments: u64::MAX, ..LedgerOptions::default() };
    let ledger = Ledger::open(target.path(), room).unwrap();
    let before = standing(store.path());
    let part = into_ledger(open(store.path()).unwrap(), &ledger, |_, taken| taken.appended < 2).unwrap();
    assert_eq!(part, taken(2, 0), "it was stopped");
    let rest = into_ledger(open(store.path()).unwrap(), &ledger, |_, _| true).unwrap();
    assert_eq!(rest, taken(4, 2));
    for _ in 0..2 {
        let again = into_ledger(open(store.path()).unwrap(), &ledger, |_, _| true).unwrap();
        assert_eq!(again, taken(0, 6));
    }
    assert_eq!(ledger.latest_checkpoint().unwrap().unwrap().body, b"really");
    // It goes on where it stopped.
    fs::write(store.path().join("1"), [entry(7, b"a", false), entry(8, b"c", false)].concat()).unwrap();
    let more = into_ledger(open(store.path()).unwrap(), &ledger, |_, _| true).unwrap();
    assert_eq!(more, taken(2, 6));
    let mut found = Vec::new();
    for batch in ledger.replay(ReplayFrom::Oldest).unwrap() {
        found.extend(batch.unwrap().iter().map(|entry| entry.payload.to_vec()));
    }
    assert_eq!(found, [b"a", b"a", b"b", b"a", b"c"].map(|data| data.to_vec()));
    let behind: usize =
        ledger.replay(ReplayFrom::Checkpoint).unwrap().map(|batch| batch.unwrap().iter().count()).sum();
    assert_eq!(behind, 2);
    fs::remove_file(store.path().join("1")).unwrap();
    let after = standing(store.path());
    assert_eq!(after.len(), before.len());
    assert_eq!(after, before, "FO1");
}
