use std::fs;

use super::*;
use crate::disk::RealDisk;

fn place(next: u64, last: bool) -> Place {
    let last = last.then_some(Applied { offset: Offset::new(next - 8), id: RecordId::of(b"x") });
    let (log, term) = (LogId::from_bytes([7; 16]), Term::new(3));
    Place { cursor: Cursor { log, term, next: Offset::new(next), last }, moved_at_micros: -5 }
}

#[test]
fn a_place_survives_its_slot_and_no_changed_bit_does() {
    for place in [place(u64::MAX, true), place(8, false)] {
        let slot = encode(&place, 9);
        assert_eq!(decode(&slot), Some((place, 9)));
        for at in 0..SLOT * 8 {
            let mut changed = slot;
            changed[at / 8] ^= 1 << (at % 8);
            assert_eq!(decode(&changed), None, "bit {at}");
        }
        assert_eq!(decode(&slot[..SLOT - 1]), None);
    }
    assert_eq!(decode(&encode(&place(8, false), 0)), None, "sequences begin with 1");
    assert_eq!(decode(&encode(&place(8, false), u64::MAX)), None);
}

#[test]
fn one_slot_that_does_not_verify_leaves_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.cursor");
    let mut slots = Slots::create(&RealDisk, &path, &place(8, false)).unwrap();
    assert_eq!(Slots::read(&RealDisk, &path).unwrap(), place(8, false));
    for next in [16, 24, 32] {
        slots.write(&place(next, true)).unwrap();
        assert_eq!(Slots::read(&RealDisk, &path).unwrap(), place(next, true));
        // Whichever of the two was written last.
        let good = fs::read(&path).unwrap();
        let newest = if (next / 8) % 2 == 0 { 4096 } else { 0 };
        let mut torn = good.clone();
        torn[newest + 60] ^= 0xFF;
        fs::write(&path, &torn).unwrap();
        assert_eq!(Slots::read(&RealDisk, &path).unwrap().cursor.next, Offset::new(next - 8));
        torn[(4096 - newest) + 60] ^= 0xFF;
        fs::write(&path, &torn).unwrap();
        assert!(matches!(Slots::read(&RealDisk, &path), Err(Error::Sidecar { .. })));
        fs::write(&path, &good).unwrap();
    }
    let (mut slots, found) = Slots::open(&RealDisk, &path).unwrap();
    assert_eq!(found, place(32, true));
    slots.write(&place(40, true)).unwrap();
    assert_eq!(Slots::read(&RealDisk, &path).unwrap(), place(40, true));
    for len in [0, 100, SLOT - 1] {
        fs::write(&path, &fs::read(&path).unwrap()[..len]).unwrap();
        assert!(matches!(Slots::read(&RealDisk, &path), Err(Error::Sidecar { .. })), "cut to {len}");
        fs::write(&path, encode(&place(8, false), 1)).unwrap();
    }
}
