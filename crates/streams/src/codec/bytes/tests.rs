use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn numbers_come_again(number: u64, signed: i64) {
        let mut out = Vec::new();
        put_varint(&mut out, number);
        let mut bytes = Bytes::new(&out);
        prop_assert_eq!(bytes.varint(), Ok(number));
        prop_assert!(bytes.end().is_ok());
        prop_assert_eq!(unzigzag(zigzag(signed)), signed);
        // Cut anywhere, it is none.
        for len in 0..out.len() {
            prop_assert!(Bytes::new(&out[..len]).varint().is_err());
        }
    }
}

#[test]
fn a_number_of_more_than_sixty_four_bits_and_a_size_beyond_its_bound_are_none() {
    assert_eq!(Bytes::new(&[0xff; 9]).varint(), Err("more bytes than there are"));
    let mut largest = [0xff; 10];
    largest[9] = 1;
    assert_eq!(Bytes::new(&largest).varint(), Ok(u64::MAX));
    largest[9] = 2;
    assert_eq!(Bytes::new(&largest).varint(), Err("a number of more than 64 bits"));
    assert_eq!(Bytes::new(&[100]).size(100), Ok(100));
    assert_eq!(Bytes::new(&[100]).size(99), Err("a size beyond its bound"));
}

#[test]
fn small_numbers_of_either_sign_take_one_byte() {
    for number in -64..64 {
        assert!(zigzag(number) < 128);
    }
    assert_eq!((zigzag(0), zigzag(-1), zigzag(1), zigzag(i64::MIN)), (0, 1, 2, u64::MAX));
}
