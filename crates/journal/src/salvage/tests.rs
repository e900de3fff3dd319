use std::fs;

use annals_record::RecordId;

use super::*;
use crate::disk::{RealDisk, write_full};
use crate::segment::SegmentHeader;
use crate::{Journal, NoRefill};

/// A journal of several small segments, closed, and their files.
fn rolled(dir: &Path) -> Vec<PathBuf> {
    let options = Options { segment_bytes: 8 << 10, ..Options::default() };
    let journal = Journal::open_with(dir, options).unwrap();
    for i in 0..200_u32 {
        journal.append(format!("record {i} {}", "x".repeat(100))).unwrap();
    }
    let files: Vec<PathBuf> = journal.status().segments.into_iter().map(|segment| segment.path).collect();
    assert!(files.len() > 4);
    journal.close().unwrap();
    files
}

fn planned(dir: &Path) -> SalvagePlan {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    plan(&disk, dir, &NoRefill).unwrap()
}

/// Makes nonsense of the seal at the end of a file.
fn break_seal(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let len = bytes.len();
    bytes[len - 100..].fill(0x77);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_seal_is_made_anew_only_if_the_next_header_agrees() {
    let dir = tempfile::tempdir().unwrap();
    let files = rolled(dir.path());
    break_seal(&files[1]);
    let plan = planned(dir.path());
    assert_eq!((plan.lost.len(), plan.mended.len()), (0, 1));
    assert_eq!(plan.mended[0].how, Known::Seal);

    // Somebody's segment of another past of the same log: its header verifies and says another hash.
    let file = RealDisk.open(&files[2], Mode::Write).unwrap();
    let mut header = SegmentHeader::decode(&fs::read(&files[2]).unwrap()[..4096]).unwrap();
    header.chain[7] ^= 1;
    write_full(&*file, &header.encode(), 0).unwrap();
    let plan = planned(dir.path());
    assert!(plan.mended.is_empty() && plan.lost.len() == 2, "{plan:?}");
}

#[test]
fn bytes_behind_a_seal_are_cut_off_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let files = rolled(dir.path());
    let whole = fs::read(&files[1]).unwrap();
    fs::write(&files[1], [&whole[..], &[0x5a; 300]].concat()).unwrap();
    let plan = planned(dir.path());
    assert_eq!((plan.lost.len(), plan.mended.len()), (0, 1), "{plan:?}");
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let clock = Arc::new(crate::SystemClock);
    let report = apply(&disk, clock, dir.path(), Options::default(), &NoRefill, &plan).unwrap();
    assert_eq!(fs::read(&files[1]).unwrap(), whole);
    assert!(fs::read(&report.mended[0].path).unwrap().ends_with(&[0x5a; 300]));
    assert!(planned(dir.path()).is_empty());
}

#[test]
fn a_journal_that_is_whole_or_in_use_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    rolled(dir.path());
    let plan = planned(dir.path());
    assert!(plan.is_empty(), "{plan:?}");
    let journal = Journal::open(dir.path()).unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let clock = Arc::new(crate::SystemClock);
    let refused = apply(&disk, clock, dir.path(), Options::default(), &NoRefill, &plan);
    assert!(matches!(refused, Err(Error::Locked { .. })), "{refused:?}");
    drop(journal);
    let nothing = self::plan(&disk, &dir.path().join("nowhere"), &NoRefill);
    assert!(matches!(nothing, Err(Error::Missing { .. })), "{nothing:?}");
}

#[test]
fn v3_heal_brings_a_thousand_records_back_identical_and_gives_up_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { segment_bytes: 64 << 10, ..Options::default() };
    let journal = Journal::open_with(dir.path(), options).unwrap();
    let payloads: Vec<String> = (0..1300_u32).map(|i| format!("record {i} {}", "x".repeat(100))).collect();
    for some in payloads.chunks(3) {
        journal.append_batch(some).unwrap();
    }
    let segments = journal.status().segments;
    journal.close().unwrap();
    let sealed: Vec<PathBuf> =
        segments.into_iter().filter(|segment| segment.sealed).map(|segment| segment.path).collect();
    let whole: Vec<Vec<u8>> = sealed.iter().map(|path| fs::read(path).unwrap()).collect();
    let mut places = Vec::new();
    for (file, bytes) in whole.iter().enumerate() {
        let starts = bytes.windows(7).enumerate().filter(|(_, window)| window == b"record ");
        places.extend(starts.map(|(at, _)| (file, at)));
    }
    assert!(places.len() > 1000 && sealed.len() > 2);
    // One byte of each of a thousand payloads, every bit of it.
    let mut damaged = whole.clone();
    places.iter().take(1000).for_each(|(file, at)| damaged[*file][at + 20] ^= 0xff);
    // One of them nobody has any more.
    let lost = RecordId::of(payloads[500].as_bytes());
    sealed.iter().zip(&damaged).for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    let refill = |id: &RecordId| {
        let held = payloads.iter().find(|payload| RecordId::of(payload.as_bytes()) == *id)?;
        (*id != lost).then(|| held.clone().into_bytes())
    };
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let planned = plan(&disk, dir.path(), &refill).unwrap();
    // The group of the lost one stays as it is.
    assert_eq!((planned.mended.len(), planned.lost.len()), (997, 1), "{:?}", planned.lost);
    let heal = || heal(&disk, Arc::new(crate::SystemClock), dir.path(), options, &refill).unwrap();
    let report = heal();
    assert_eq!((report.mended.len(), report.lost.len()), (997, 0));
    let healed: Vec<Vec<u8>> = sealed.iter().map(|path| fs::read(path).unwrap()).collect();
    let differ = healed.iter().zip(&whole).map(|(a, b)| a.iter().zip(b).filter(|(a, b)| a != b).count());
    assert_eq!(differ.sum::<usize>(), 3, "three bytes of the one group");
    let journal = Journal::open_with(dir.path(), options).unwrap();
    assert_eq!(journal.verify(&mut |_, _| {}).unwrap().damaged.len(), 1);
    assert!(journal.status().holes.is_empty(), "it is not listed as lost");
    journal.append("it goes on").unwrap();
    journal.close().unwrap();
    assert!(heal().mended.is_empty(), "and again there is nothing to do");
}
