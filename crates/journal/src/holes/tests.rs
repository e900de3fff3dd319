use super::*;
use crate::disk::{Mode, RealDisk, read_full, write_full};

const LOG: LogId = LogId::from_bytes([7; 16]);

fn hole(offset: u64, len: u64, term: u64) -> Hole {
    Hole {
        offset: Offset::new(offset),
        len,
        reason: "tests \"say\" so".to_owned(),
        kept: (len > 8).then(|| ("a file".to_owned(), RecordId::of(b"bytes"))),
        at_micros: -5,
        term: Term::new(term),
        sealed: len > 8,
    }
}

#[test]
fn places_are_found_in_before_and_behind_holes() {
    let holes = Holes::new(vec![hole(16, 8, 2), hole(24, 16, 3), hole(80, 0, 4), hole(96, 8, 2)]);
    let at = |offset| holes.at(Offset::new(offset)).map(|hole| hole.offset.get());
    assert_eq!([8, 16, 23, 24, 39, 40, 80, 96, 103, 104].map(at), {
        let (first, second, last) = (Some(16), Some(24), Some(96));
        [None, first, first, second, second, None, None, last, last, None]
    });
    let next = |offset| holes.next(Offset::new(offset)).get();
    assert_eq!([0, 16, 24, 80, 96].map(next), [16, 24, 96, 96, u64::MAX]);
    assert_eq!([0, 17, 80, 96].map(|offset| holes.bridge(Offset::new(offset)).get()), [0, 40, 80, 104]);
    assert_eq!(holes.term(), Some(Term::new(4)));
    assert_eq!(holes.beginning(Offset::new(80)).map(|hole| hole.len), Some(0));
    assert_eq!(holes.within(Offset::new(24), Offset::new(96)).len(), 2);
}

#[test]
fn a_list_comes_back_as_it_was_written_and_a_flipped_bit_makes_it_no_list() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!Holes::exist(&RealDisk, dir.path()).unwrap());
    assert_eq!(Holes::load(&RealDisk, dir.path(), LOG).unwrap(), Holes::default());
    let holes = Holes::new(vec![hole(16, 8, 2)]).with(vec![hole(64, 16, 3), hole(0, 8, 3)]);
    holes.replace(&RealDisk, dir.path(), LOG).unwrap();
    assert_eq!(Holes::load(&RealDisk, dir.path(), LOG).unwrap(), holes);
    assert_eq!(holes.list().iter().map(|hole| hole.offset.get()).collect::<Vec<_>>(), [0, 16, 64]);
    assert!(Holes::load(&RealDisk, dir.path(), LogId::from_bytes([8; 16])).unwrap().flaw.is_some());
    assert!(Holes::exist(&RealDisk, dir.path()).unwrap());

    let file = RealDisk.open(&dir.path().join(FILE_NAME), Mode::Write).unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    read_full(&*file, &mut bytes, 0).unwrap();
    for at in 0..bytes.len() {
        bytes[at] ^= 4;
        write_full(&*file, &bytes, 0).unwrap();
        let flawed = Holes::load(&RealDisk, dir.path(), LOG).unwrap();
        assert!(flawed.flaw.is_some() && flawed.list().is_empty() && flawed.damage().is_some(), "byte {at}");
        bytes[at] ^= 4;
    }
}

#[test]
fn what_is_no_list_is_refused_though_its_checksum_holds() {
    let valid = || encode(&hole(8, 16, 2));
    let list = |holes: Vec<Value>| decode(&json!({"schema": 1, "log": LOG.to_string(), "holes": holes}), LOG);
    assert_eq!(list(vec![valid()]).map(|list| list.len()), Ok(1));
    assert!(list(vec![valid(), valid()]).is_err(), "they overlap");
    for (key, value) in
        [("offset", json!(9)), ("len", json!(u64::MAX - 7)), ("len", json!(3)), ("term", json!(-1))]
    {
        let mut broken = valid();
        broken[key] = value;
        assert!(list(vec![broken]).is_err(), "{key}");
    }
    assert!(decode(&json!({"schema": 2, "log": LOG.to_string(), "holes": []}), LOG).is_err());
}
