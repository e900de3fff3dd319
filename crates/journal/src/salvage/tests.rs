use std::fs;

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
