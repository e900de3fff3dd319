use super::*;

#[test]
fn a_head_comes_again_and_no_flipped_bit_is_believed() {
    let head = Head {
        codec: Codec::Zstd,
        home: Home { log: LogId::from_bytes([7; 16]), term: Term::new(3), base: Offset::new(4096) },
        plain_len: 1 << 20,
    };
    let bytes = head.encode();
    assert_eq!(Head::decode(&bytes).ok(), Some(head));
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes;
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(Head::decode(&damaged), Err(HeadError::Damaged)), "bit {bit}");
    }
}

#[test]
fn a_byte_lies_in_its_block_or_in_the_gap_around_it() {
    let block = |plain_pos, plain_len| Entry {
        plain_pos,
        file_pos: 0,
        first: Offset::ZERO,
        plain_len,
        body_len: 0,
        records: 0,
        form: Form::Rows,
        times: (0, 0),
    };
    let home = Home { log: LogId::from_bytes([7; 16]), term: Term::FIRST, base: Offset::ZERO };
    let head = Head { codec: Codec::Zstd, home, plain_len: 10_000 };
    let container = Container { head, blocks: vec![block(0, 4096), block(5000, 1000)], flaw: None };
    assert_eq!(container.find(0), Ok(0));
    assert_eq!(container.find(4095), Ok(0));
    assert_eq!(container.find(4096), Err(4096..5000));
    assert_eq!(container.find(5000), Ok(1));
    assert_eq!(container.find(6000), Err(6000..10_000));
}
