use std::fs;
use std::path::Path;

use super::*;
use crate::disk::{self, Disk, RealDisk};
use crate::seal::Seal;
use crate::{Options, catalog};

/// A journal of several small segments.
fn rolled(dir: &Path) -> Journal {
    let options = Options { segment_bytes: 8 << 10, ..Options::default() };
    let journal = Journal::open_with(dir, options).unwrap();
    for i in 0..200_u32 {
        journal.append(format!("record {i} {}", "x".repeat(100))).unwrap();
    }
    assert!(journal.status().segments.len() > 3);
    journal
}

fn pass(journal: &Journal, budget: u64) -> u32 {
    let mut steps = 1;
    while !journal.scrub_step(budget).unwrap() {
        steps += 1;
    }
    steps
}

fn flip(journal: &Journal, segment: usize, at: u64) {
    let path = &journal.status().segments[segment].path;
    let mut bytes = fs::read(path).unwrap();
    bytes[at as usize] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_pass_reads_every_finished_segment_once_whatever_the_steps() {
    let dir = tempfile::tempdir().unwrap();
    let journal = rolled(dir.path());
    let segments = journal.status().segments;
    let sealed = segments[segments.len() - 1].base.get();
    for (passes, budget) in [(1, 1), (2, 1000), (3, u64::MAX)] {
        let steps = pass(&journal, budget);
        assert_eq!(steps == 1, budget == u64::MAX);
        let status = journal.scrub_status();
        assert_eq!((status.passes, status.bytes), (passes, passes * sealed));
        assert_eq!((status.damaged.len(), status.position), (0, Offset::ZERO));
        assert!(status.last_pass_at.is_some());
    }
}

#[test]
fn rot_is_found_wherever_it_is_and_told_once_until_it_is_mended() {
    let dir = tempfile::tempdir().unwrap();
    let journal = rolled(dir.path());
    let second = journal.status().segments[1].clone();
    let len = second.file_bytes;
    // A payload; a group in the middle; the seal's sums.
    for (at, budget) in [(4096 + 45, 300), (6000, u64::MAX), (len - 60, 1)] {
        flip(&journal, 1, at);
        for _ in 0..2 {
            pass(&journal, budget);
            let damaged = journal.scrub_status().damaged;
            let [damage] = &damaged[..] else { panic!("byte {at}: {damaged:?}") };
            let hit = second.base.get() + at - 4096;
            assert!(
                (damage.offset.get()..damage.offset.get() + damage.len).contains(&hit),
                "{at}: {damage:?}"
            );
        }
        flip(&journal, 1, at);
        pass(&journal, budget);
        assert_eq!(journal.scrub_status().damaged, []);
    }
}

#[test]
fn a_seal_that_verifies_and_says_something_else_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let journal = rolled(dir.path());
    let segment = journal.core.source.segments()[1].clone();
    let file = RealDisk.open(&segment.path, Mode::Write).unwrap();
    let header = segment.header.as_ref().unwrap();
    let seal = catalog::read_seal(&*file, header).unwrap().unwrap();
    let other = Seal { records: seal.records + 1, ..seal.clone() };
    disk::write_full(&*file, &other.encode(header), header.file_pos(seal.end).0).unwrap();
    pass(&journal, 1000);
    let damaged = journal.scrub_status().damaged;
    assert!(matches!(&damaged[..], [damage] if damage.offset == seal.end), "{damaged:?}");
}

#[test]
fn a_segment_that_is_gone_is_passed() {
    let dir = tempfile::tempdir().unwrap();
    let journal = rolled(dir.path());
    assert!(!journal.scrub_step(1).unwrap());
    fs::remove_file(&journal.status().segments[0].path).unwrap();
    pass(&journal, 1000);
    assert_eq!(journal.scrub_status().damaged, []);
}

#[test]
fn in_the_background_it_finds_rot_and_stops_when_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let journal = rolled(dir.path());
    flip(&journal, 0, 5000);
    let scrub = Scrub { bytes_per_second: NonZeroU64::MAX, pause_between_passes: Duration::ZERO };
    let handle = journal.start_scrub(scrub).unwrap();
    while journal.scrub_status().passes < 3 {
        std::thread::yield_now();
    }
    drop(handle);
    let status = journal.scrub_status();
    assert_eq!(status.damaged.len(), 1);
    assert_eq!(journal.scrub_status(), status, "it goes on though it was dropped");

    // One that rests for a day stops at once, and does not keep the journal open.
    let handle =
        journal.start_scrub(Scrub { bytes_per_second: NonZeroU64::MIN, ..Scrub::default() }).unwrap();
    drop(journal);
    Journal::open(dir.path()).unwrap();
    drop(handle);
}
