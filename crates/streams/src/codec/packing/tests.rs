use proptest::prelude::*;

use super::*;

fn unpacked(packed: &[u8], most: usize) -> Result<Vec<u8>, Flaw> {
    let mut bytes = Bytes::new(packed);
    let mut unpacker = Unpacker::new().unwrap();
    unpacker.allow(usize::MAX);
    let raw = unpacker.unpack(&mut bytes, most)?;
    bytes.end().map(|()| raw)
}

proptest! {
    #[test]
    fn any_stretch_comes_again(raw: Vec<u8>, times in 1..40_usize) {
        let raw = raw.repeat(times);
        let packed = Packer::new(LEVEL).unwrap().packed(&raw).unwrap();
        prop_assert!(packed.len() <= raw.len() + 6);
        prop_assert_eq!(unpacked(&packed, raw.len()), Ok(raw));
    }

    #[test]
    fn any_bytes_are_a_stretch_or_none(bytes: Vec<u8>) {
        if let Ok(raw) = unpacked(&bytes, 1000) {
            prop_assert!(raw.len() <= 1000);
        }
    }
}

#[test]
fn the_three_ways_are_taken_where_they_are_the_shortest() {
    let how = |raw: &[u8]| Packer::new(LEVEL).unwrap().packed(raw).unwrap()[0];
    assert_eq!(how(b""), STORED);
    assert_eq!(how(b"abc"), STORED);
    assert_eq!(how(&[7; 100_000]), SAME);
    assert_eq!(how(&b"abcdefgh".repeat(100)), ZSTD);
}

#[test]
fn a_stretch_that_claims_more_than_its_bytes_can_hold_takes_no_memory() {
    let packed = Packer::new(LEVEL).unwrap().packed(&b"abcdefgh".repeat(100)).unwrap();
    // [zstd][800 as a varint] becomes [zstd][2^40].
    let mut forged = vec![ZSTD];
    put_varint(&mut forged, 1 << 40);
    forged.extend_from_slice(&packed[3..]);
    assert_eq!(unpacked(&forged, usize::MAX), Err("a stretch that claims to be longer than it can be"));
    assert_eq!(unpacked(&packed, 799), Err("a size beyond its bound"));
    let mut shorter = vec![ZSTD];
    put_varint(&mut shorter, 799);
    shorter.extend_from_slice(&packed[3..]);
    assert!(unpacked(&shorter, 800).is_err());
}

#[test]
fn all_that_comes_of_a_block_is_bounded_by_what_it_shows() {
    let packed = Packer::new(LEVEL).unwrap().packed(&[7; 100_000]).unwrap();
    let mut unpacker = Unpacker::new().unwrap();
    unpacker.allow(0);
    let mut once = || unpacker.unpack(&mut Bytes::new(&packed), 100_000).is_ok();
    assert_eq!((0..100).filter(|_| once()).count(), MOST_BESIDE / 100_000);
    unpacker.allow(100_000);
    assert!(unpacker.unpack(&mut Bytes::new(&packed), 100_000).is_ok());
}
