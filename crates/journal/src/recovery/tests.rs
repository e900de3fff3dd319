use std::collections::BTreeSet;

use super::*;
use crate::commit::memory::Memory;
use crate::{RealDisk, SystemClock};

#[test]
fn an_identity_is_a_random_uuid() {
    let ids: Vec<[u8; 16]> = (0..200).map(|_| *new_log_id(Path::new("/log")).unwrap().as_bytes()).collect();
    assert!(ids.iter().all(|id| id[6] >> 4 == 4 && id[8] >> 6 == 2), "version 4, variant 1");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 200);
    // Every other bit is drawn.
    let drawn = |at: usize| ids.iter().fold((0, 0xff), |(any, all), id| (any | id[at], all & id[at]));
    for at in 0..16 {
        let fixed = match at {
            6 => 0xf0,
            8 => 0xc0,
            _ => 0,
        };
        let (any, all) = drawn(at);
        assert_eq!((any | fixed, all & !fixed), (0xff, 0), "byte {at}");
    }
}

#[test]
fn a_directory_that_is_none_is_not_a_missing_one() {
    let dir = tempfile::tempdir().unwrap();
    let none = Survey::of(&RealDisk, &dir.path().join("none"), 0).err().unwrap();
    assert!(matches!(&none, Error::Missing { path } if path.ends_with("none")), "{none}");
    std::fs::write(dir.path().join("file"), b"x").unwrap();
    let file = Survey::of(&RealDisk, &dir.path().join("file"), 0).err().unwrap();
    assert!(matches!(&file, Error::Io { .. }), "{file}");
}

#[test]
fn a_journal_is_made_where_none_was_and_not_where_one_is_lost() {
    for (durable, is_lost) in [(0, false), (8, true)] {
        let (disk, dir) = (Memory::new(), Path::new("/log"));
        let log = LogId::from_bytes([1; 16]);
        let (mut slots, _) = Slots::open(&disk, dir, log).unwrap();
        let mark = Mark { log, term: Term::FIRST, durable: Offset::new(durable), clean: false };
        slots.publish_durably(&mark).unwrap();
        let made = create(&disk, &SystemClock, dir);
        assert_eq!(matches!(&made, Err(Error::Damaged(_))), is_lost, "{made:?}");
        assert_eq!(made.is_ok(), !is_lost, "{made:?}");
    }
}
