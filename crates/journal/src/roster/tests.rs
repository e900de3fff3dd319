use std::fs;
use std::path::Path;

use super::*;
use crate::options::Options;
use crate::{Error, Journal};

/// Three sealed segments of two records each, and an active one with one.
fn log(dir: &Path) -> Vec<RosterEntry> {
    let journal = Journal::open_with(dir, Options { segment_bytes: 64 << 10, ..Options::default() }).unwrap();
    for i in 0..7_u32 {
        journal.append(i.to_le_bytes()).unwrap();
        if i % 2 == 1 {
            journal.seal().unwrap();
        }
    }
    journal.close().unwrap();
    let roster = Reader::open(dir).unwrap().roster().unwrap();
    let records: Vec<_> = roster.iter().map(|entry| entry.records).collect();
    assert_eq!(records, [Some(2), Some(2), Some(2), Some(1)]);
    roster
}

fn roster(dir: &Path) -> Vec<RosterEntry> {
    Reader::inspect(dir).unwrap().roster().unwrap()
}

#[test]
fn each_segment_is_listed_with_its_range_its_records_and_its_times() {
    let dir = tempfile::tempdir().unwrap();
    let found = log(dir.path());
    assert!(found.windows(2).all(|pair| pair[0].end == pair[1].base));
    assert!(found.windows(2).all(|pair| pair[0].times.unwrap().1 <= pair[1].times.unwrap().0));
    assert_eq!(found.iter().map(|entry| entry.sealed).collect::<Vec<_>>(), [true, true, true, false]);
    for entry in &found {
        assert_eq!(entry.file_bytes, Some(fs::metadata(&entry.path).unwrap().len()));
        assert!(entry.flaw.is_none() && entry.term == Some(Term::FIRST));
    }
}

#[test]
fn a_segment_that_is_missing_cut_or_without_a_header_is_listed_with_its_flaw() {
    let dir = tempfile::tempdir().unwrap();
    let sound = log(dir.path());
    fs::remove_file(&sound[1].path).unwrap();
    let found = roster(dir.path());
    assert_eq!((found[1].base, found[1].end, found[1].file_bytes), (sound[1].base, sound[1].end, None));
    assert!(found[1].flaw.as_ref().unwrap().contains("missing") && found[1].records.is_none());
    let bytes = fs::read(&sound[2].path).unwrap();
    fs::write(&sound[2].path, &bytes[..bytes.len() - 1]).unwrap();
    let found = roster(dir.path());
    assert!(found[2].flaw.as_ref().unwrap().contains("seal") && found[2].records.is_none(), "{found:?}");
    fs::write(&sound[2].path, [&[1; 8], &bytes[8..]].concat()).unwrap();
    let found = roster(dir.path());
    assert!(found[2].flaw.as_ref().unwrap().contains("header") && found[2].term.is_none(), "{found:?}");
    assert_eq!(found[3].records, sound[3].records);
}

#[test]
fn a_log_whose_watermark_is_lost_can_be_looked_into() {
    let dir = tempfile::tempdir().unwrap();
    let sound = log(dir.path());
    assert!(!Reader::inspect(dir.path()).unwrap().presumes());
    let watermark = dir.path().join("watermark");
    let zeroed = vec![1; 8192];
    fs::write(&watermark, zeroed).unwrap();
    for lost in ["does not verify", "is missing"] {
        let refused = Reader::open(dir.path()).and_then(|reader| reader.durable()).unwrap_err();
        assert!(matches!(refused, Error::Damaged(_)), "{lost}: {refused}");
        let reader = Reader::inspect(dir.path()).unwrap();
        assert!(reader.presumes(), "{lost}");
        assert_eq!(reader.roster().unwrap(), sound, "{lost}");
        assert_eq!(reader.verify(&mut |_, _| {}).unwrap().records, 7, "{lost}");
        let _ = fs::remove_file(&watermark);
    }
    // Damage in the newest segment does not end the log: what stands behind it is read.
    let active = &sound[3].path;
    let journal = Journal::open(dir.path()).unwrap();
    journal.append(b"damaged next").unwrap();
    journal.append(b"behind it").unwrap();
    journal.close().unwrap();
    let durable = Reader::open(dir.path()).unwrap().durable().unwrap();
    let mut bytes = fs::read(active).unwrap();
    let at = bytes.windows(12).position(|window| window == b"damaged next").unwrap();
    bytes[at] ^= 1;
    fs::write(active, bytes).unwrap();
    fs::remove_file(&watermark).unwrap();
    let reader = Reader::inspect(dir.path()).unwrap();
    assert_eq!(reader.durable().unwrap(), durable);
    assert_eq!(reader.verify(&mut |_, _| {}).unwrap().damaged.len(), 1);
}
