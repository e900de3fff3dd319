use super::*;

const HEAD_OF_ONE: Head = Head { run: 7, lane: 3, nth: 1, of: 2, seq: 9, micros: -5 };

#[test]
fn a_record_says_what_it_was_made_of() {
    let record = HEAD_OF_ONE.with_filler(100, &mut fastrand::Rng::with_seed(1));
    assert_eq!(record.len(), HEAD + 100);
    assert_eq!(Head::read(&record, 7).unwrap(), HEAD_OF_ONE);
}

#[test]
fn any_bit_that_is_another_is_found() {
    let record = HEAD_OF_ONE.with_filler(20, &mut fastrand::Rng::with_seed(1));
    for bit in 0..record.len() * 8 {
        let mut other = record.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(Head::read(&other, 7).is_err(), "bit {bit}");
    }
    assert!(Head::read(&record[..HEAD - 1], 7).is_err(), "cut");
    assert!(Head::read(&record, 8).is_err(), "of another run");
}
