use std::path::Path;

use annals_record::{Appended, Log};

use super::*;
use crate::{Consent, Journal, Keep, Options, Reader};
use crate::{NoRefill, salvage};

fn payload(i: usize) -> Vec<u8> {
    format!("record {i} {}", "x".repeat(i * 37 % 300)).into_bytes()
}

/// Records alone and in batches, with control frames between, over several segments.
fn fill(dir: &Path) -> (Journal, Vec<Appended>) {
    let options = Options { segment_bytes: 8 << 10, ..Options::default() };
    let journal = Journal::open_with(dir, options).unwrap();
    let mut receipts = Vec::new();
    while receipts.len() < 120 {
        let next = receipts.len();
        match next % 5 {
            0 | 2 => {
                journal.checkpoint(b"here", false).unwrap();
                receipts.push(journal.append(payload(next)).unwrap());
            }
            3 => {
                let batch: Vec<_> = (next..next + 4).map(payload).collect();
                receipts.extend(journal.append_batch(&batch).unwrap());
            }
            _ => receipts.push(journal.append(payload(next)).unwrap()),
        }
    }
    assert!(journal.status().segments.len() > 3);
    (journal, receipts)
}

/// Records with their offsets.
type Records = Vec<(Offset, Vec<u8>)>;

fn records(batch: &Batch) -> Records {
    batch.iter().map(|entry| (entry.offset, entry.payload.to_vec())).collect()
}

/// What is read backwards, in the log's order again, and the damage that was told.
fn backward(items: impl Iterator<Item = Result<Batch, LogError>>) -> (Records, Vec<(u64, u64)>) {
    let (mut groups, mut damaged) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Ok(batch) => {
                assert!(!batch.is_empty());
                let group: Vec<_> =
                    batch.iter().map(|entry| (entry.offset, entry.payload.to_vec())).collect();
                groups.push(group);
            }
            Err(LogError::Damaged { offset, len, .. }) => damaged.push((offset.get(), len)),
            Err(other) => panic!("{other}"),
        }
    }
    groups.reverse();
    (groups.concat(), damaged)
}

fn expected(receipts: &[Appended]) -> Records {
    receipts.iter().enumerate().map(|(i, receipt)| (receipt.offset, payload(i))).collect()
}

#[test]
fn backwards_is_forwards_from_the_other_end() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, receipts) = fill(dir.path());
    let all = expected(&receipts);
    assert_eq!(backward(journal.backward(journal.durable())), (all.clone(), vec![]));
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(backward(reader.backward(reader.durable().unwrap())), (all.clone(), vec![]));
    // Also from within a group: what stands before it there.
    for (i, receipt) in receipts.iter().enumerate() {
        assert_eq!(backward(journal.backward(receipt.offset)), (all[..i].to_vec(), vec![]), "before {i}");
    }
    let beyond = Offset::new(journal.durable().get() + 8);
    assert!(matches!(journal.backward(beyond).next(), Some(Err(LogError::Beyond { .. }))));
    assert_eq!(journal.backward(Offset::ZERO).count(), 0);
}

#[test]
fn the_latest_are_the_last_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, receipts) = fill(dir.path());
    let all = expected(&receipts);
    for count in [0, 1, 2, 7, 50, all.len(), 1000] {
        let latest = journal.latest(count).unwrap();
        assert_eq!(records(&latest), all[all.len().saturating_sub(count)..]);
        assert_eq!(latest.next(), journal.durable(), "a tail goes on behind it");
        assert!(latest.iter().all(|entry| entry.id == annals_record::RecordId::of(entry.payload)));
    }
    let latest = Reader::open(dir.path()).unwrap().latest(3).unwrap();
    assert_eq!(latest.len(), 3);
}

#[test]
fn damage_is_told_once_with_the_range_a_reader_forwards_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, receipts) = fill(dir.path());
    journal.clone().close().unwrap();
    let segments = journal.status().segments;
    for victim in [0, 8, 30, 61, receipts.len() - 1] {
        // In a payload, and in the frame behind it: another payload, or a commit.
        for place in [receipts[victim].offset.get() + 41, receipts[victim].next.get() + 9] {
            let segment = segments.iter().rfind(|segment| segment.base.get() <= place).unwrap();
            let flip = || {
                let mut bytes = std::fs::read(&segment.path).unwrap();
                bytes[(4096 + place - segment.base.get()) as usize] ^= 1;
                std::fs::write(&segment.path, bytes).unwrap();
            };
            flip();
            let reader = Reader::open(dir.path()).unwrap();
            let (mut tail, mut forward, mut damaged) = (reader.tail(Offset::ZERO), Vec::new(), Vec::new());
            while let Some(batch) = tail.next() {
                match batch {
                    Ok(batch) => forward.extend(records(&batch)),
                    Err(LogError::Damaged { offset, len, .. }) => {
                        damaged.push((offset.get(), len));
                        tail.skip_to(Offset::new(offset.get() + len));
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            assert_eq!(damaged.len(), 1, "record {victim}");
            assert_eq!(backward(reader.backward(reader.durable().unwrap())), (forward, damaged));
            flip();
        }
    }
    std::fs::remove_file(&segments[1].path).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let (found, damaged) = backward(reader.backward(reader.durable().unwrap()));
    assert_eq!(damaged, [(segments[1].base.get(), segments[1].end.get() - segments[1].base.get())]);
    assert!(found.len() < receipts.len());
}

#[test]
fn a_purge_ends_it_at_the_oldest_place_or_with_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, receipts) = fill(dir.path());
    let reader = Reader::open(dir.path()).unwrap();
    let [mut ahead, mut behind] = [0, 0].map(|_| reader.backward(reader.durable().unwrap()));
    let newest = ahead.next().unwrap().unwrap();
    assert_eq!(newest.iter().next_back().unwrap().offset, receipts.last().unwrap().offset);
    // This one has come to where the purge will be.
    let first = journal.status().segments[0].end;
    while behind.next().unwrap().unwrap().iter().next().unwrap().offset > first {}
    let plan = journal.plan(&Keep::Newest).unwrap();
    journal.apply(&plan, Consent::default()).unwrap();
    let oldest = journal.bounds().unwrap().oldest;
    assert!(oldest > first, "{plan:?}");

    let held = receipts.iter().filter(|receipt| receipt.offset >= oldest).count();
    let (rest, damaged) = backward(ahead);
    assert_eq!((rest.len() + newest.len(), damaged), (held, vec![]), "the rest of what is held");
    let left: Vec<_> = behind.collect();
    let (last, before) = left.split_last().unwrap();
    assert!(matches!(last, Err(LogError::Gap { oldest: named, .. }) if *named == oldest), "{last:?}");
    assert!(before.iter().all(Result::is_ok));
    for found in [journal.backward(journal.durable()), reader.backward(journal.durable())] {
        assert_eq!(backward(found).0.len(), held);
    }
    assert_eq!(reader.seek_time(i64::MIN).unwrap(), journal.status().segments[0].base);
}

#[test]
fn holes_are_told_as_such_and_passed() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, receipts) = fill(dir.path());
    journal.close().unwrap();
    let names = || std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> =
        names().filter(|path| path.extension().is_some_and(|ext| ext == "wal")).collect();
    segments.sort();
    // Two frames, of which one can be mended, and a whole segment.
    for (place, file) in [(receipts[1].offset, 0), (receipts[12].next, 0)] {
        let mut bytes = std::fs::read(&segments[file]).unwrap();
        // More than a salvage can mend.
        bytes[4096 + place.get() as usize + 9..][..24].fill(0x5a);
        std::fs::write(&segments[file], bytes).unwrap();
    }
    std::fs::remove_file(&segments[2]).unwrap();
    let disk: Arc<dyn crate::Disk> = Arc::new(crate::RealDisk);
    let plan = salvage::plan(&disk, dir.path(), &NoRefill).unwrap();
    let clock = Arc::new(crate::SystemClock);
    salvage::apply(&disk, clock, dir.path(), Options::default(), &NoRefill, &plan).unwrap();

    let journal = Journal::open(dir.path()).unwrap();
    let (mut forward, mut told) = (Vec::new(), Vec::new());
    let mut tail = journal.tail(Offset::ZERO);
    while let Some(batch) = tail.next() {
        match batch {
            Ok(batch) => forward.extend(records(&batch)),
            Err(LogError::Hole { offset, len }) => {
                told.push((offset, len));
                tail.skip_to(Offset::new(offset.get() + len));
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(told.len() >= 2, "{told:?}");
    let (mut groups, mut found) = (Vec::new(), Vec::new());
    for item in journal.backward(journal.durable()) {
        match item {
            Ok(batch) => groups.push(records(&batch)),
            Err(LogError::Hole { offset, len }) => found.push((offset, len)),
            Err(other) => panic!("{other}"),
        }
    }
    groups.reverse();
    found.reverse();
    assert_eq!(found, told);
    let offsets = |records: &Records| records.iter().map(|(offset, _)| offset.get()).collect::<Vec<_>>();
    assert_eq!(offsets(&groups.concat()), offsets(&forward));
    assert!(groups.concat() == forward, "with the same payloads");
}
