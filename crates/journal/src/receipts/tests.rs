use std::fs;

use super::*;
use crate::disk::{Mode, RealDisk};
use crate::quarantine::{Quarantined, Take};

fn receipt(i: u64) -> Receipt {
    Receipt {
        base: Offset::new(i * 8000),
        end: Offset::new((i + 1) * 8000),
        records: i,
        bytes: 12_096,
        times: (!i.is_multiple_of(3)).then_some((i as i64, i as i64 + 1)),
        chain: [i as u8; 32],
        purged_at_micros: 1_000_000 * (i as i64 / 10),
        reason: "max 3 segments".to_owned(),
    }
}

/// A journal of which so many segments were purged.
fn purged(count: u64) -> (tempfile::TempDir, Journal) {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    record(&journal, dir.path(), (0..count).map(receipt).collect(), count);
    (dir, journal)
}

fn record(journal: &Journal, dir: &Path, mut receipts: Vec<Receipt>, count: u64) {
    archive(&RealDisk, dir, journal.core.log, &mut receipts).unwrap();
    let purged = Purged {
        log: journal.core.log,
        oldest: receipt(count).base,
        records_end: receipt(count).base,
        records_before: 7,
        chain: [3; 32],
        receipts,
    };
    purged.write(&RealDisk, dir).unwrap();
    assert_eq!(Purged::read(&RealDisk, dir).unwrap(), Some(purged));
}

fn bases(receipts: &Receipts) -> Vec<u64> {
    receipts.purged.iter().map(|receipt| receipt.base.get() / 8000).collect()
}

#[test]
fn many_receipts_are_kept_in_archives_and_come_newest_first() {
    for count in [1, 512, 513, 1500, 2500] {
        let (dir, journal) = purged(count);
        let found = journal.receipts(&ReceiptQuery::default()).unwrap();
        assert_eq!(found.purged, (0..count).rev().map(receipt).collect::<Vec<_>>());
        let document = fs::metadata(dir.path().join(purged::FILE_NAME)).unwrap().len();
        assert!(document < MAX_LEN / 4, "{document} bytes");
        let limit = ReceiptQuery { limit: Some(3), ..ReceiptQuery::default() };
        assert_eq!(bases(&journal.receipts(&limit).unwrap()), (0..count).rev().take(3).collect::<Vec<_>>());
    }
}

#[test]
fn a_query_takes_both_bounds_in() {
    let (_dir, journal) = purged(2000);
    let query = ReceiptQuery { since_micros: Some(30_000_000), until_micros: Some(31_000_000), limit: None };
    assert_eq!(bases(&journal.receipts(&query).unwrap()), (300..320).rev().collect::<Vec<_>>());
    let query = ReceiptQuery { limit: Some(4), ..query };
    assert_eq!(bases(&journal.receipts(&query).unwrap()), [319, 318, 317, 316]);
    let none = ReceiptQuery { since_micros: Some(31_000_001), ..query };
    assert_eq!(bases(&journal.receipts(&none).unwrap()), [0; 0]);
}

#[test]
fn an_archive_of_a_purge_that_never_came_to_be_is_not_believed() {
    let (dir, journal) = purged(600);
    let mut never: Vec<Receipt> = (344..1200).map(receipt).collect();
    archive(&RealDisk, dir.path(), journal.core.log, &mut never).unwrap();
    let found = journal.receipts(&ReceiptQuery::default()).unwrap();
    assert_eq!(bases(&found), (0..600).rev().collect::<Vec<_>>(), "and each is listed once");
}

#[test]
fn an_archive_that_does_not_verify_is_named_and_hides_no_other() {
    let (dir, journal) = purged(1500);
    let archives = dir.path().join(ARCHIVES);
    let names = names(&RealDisk, &archives, ".json").unwrap();
    let path = archives.join(&names[1]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, bytes).unwrap();
    let found = journal.receipts(&ReceiptQuery::default()).unwrap();
    assert_eq!(found.unreadable.len(), 1);
    assert_eq!(found.unreadable[0].0, path);
    assert_eq!(found.purged.len(), 1500 - ARCHIVED);
    let other = Journal::open(dir.path().join("other")).unwrap();
    fs::create_dir(dir.path().join("other").join(ARCHIVES)).unwrap();
    fs::copy(archives.join(&names[0]), dir.path().join("other").join(ARCHIVES).join(&names[0])).unwrap();
    let found = other.receipts(&ReceiptQuery::default()).unwrap();
    assert_eq!((found.unreadable.len(), found.purged), (1, vec![]), "another log's");
}

#[test]
fn what_was_cut_and_kept_is_listed_too() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let term = annals_record::Term::new(2);
    fs::write(dir.path().join("watermark.tmp"), "older and newer").unwrap();
    let file = RealDisk.open(&dir.path().join("watermark.tmp"), Mode::Read).unwrap();
    let keep = |offset, now_micros, pos, len| {
        let (kind, offset) = (Quarantined::Torn, Offset::new(offset));
        let take = Take { kind, offset, term, now_micros, file: &*file, pos, len };
        quarantine::keep(&RealDisk, dir.path(), &take).unwrap()
    };
    let (old, new) = (keep(800, 5, 0, 3), keep(80, 7, 10, 5));
    assert_eq!((old.bytes, new.bytes, new.blake3), (3, 5, RecordId::of(b"newer")));
    let found = journal.receipts(&ReceiptQuery::default()).unwrap();
    assert_eq!(found.quarantined, [new, old.clone()]);
    let query = ReceiptQuery { until_micros: Some(6), ..ReceiptQuery::default() };
    assert_eq!(journal.receipts(&query).unwrap().quarantined, [old]);
    fs::write(dir.path().join("quarantine/x.quarantine.json"), "{").unwrap();
    fs::write(dir.path().join("quarantine/y.quarantine.json"), "{\"offset\":-1}").unwrap();
    let query = ReceiptQuery { limit: Some(1), ..ReceiptQuery::default() };
    let found = journal.receipts(&query).unwrap();
    assert_eq!((found.quarantined.len(), found.unreadable.len()), (1, 2));
}
