use super::*;

fn header() -> SegmentHeader {
    SegmentHeader {
        log: LogId::from_bytes([9; 16]),
        term: Term::new(2),
        term_start: Offset::new(64),
        base: Offset::new(4096),
        chain: [5; 32],
        records_before: 17,
        created_micros: 1_700_000_000_000_000,
        checkpoint: Some(Offset::new(4000)),
        keys: None,
    }
}

#[test]
fn a_header_reads_back() {
    let block = header().encode();
    assert_eq!(block.len() as u64, HEADER_LEN);
    assert_eq!(SegmentHeader::decode(&block), Ok(header()));
}

#[test]
fn each_wrong_header_is_told_apart() {
    let block = header().encode();
    for at in [20, 60, 100, 3000, 4095] {
        let mut flipped = block.clone();
        flipped[at] ^= 4;
        assert!(matches!(SegmentHeader::decode(&flipped), Err(HeaderError::Damaged(_))), "byte {at}");
    }
    let mut newer = block.clone();
    newer[8] = 3;
    assert!(
        matches!(SegmentHeader::decode(&newer), Err(HeaderError::Damaged(_))),
        "a flipped bit is no newer format"
    );
    let crc = crc32c::crc32c(&newer[..CRC_AT]).to_le_bytes();
    newer[CRC_AT..].copy_from_slice(&crc);
    assert_eq!(SegmentHeader::decode(&newer), Err(HeaderError::Newer(3)));
    assert!(matches!(SegmentHeader::decode(b"STEMWAL\x02rest"), Err(HeaderError::Foreign(_))));
    assert!(matches!(SegmentHeader::decode(&[0; 4096]), Err(HeaderError::Damaged(_))));
    assert!(matches!(SegmentHeader::decode(&block[..100]), Err(HeaderError::Damaged(_))));
    assert!(matches!(SegmentHeader::decode(b""), Err(HeaderError::Damaged(_))));
}

#[test]
fn a_name_is_a_base_and_nothing_else_is() {
    assert_eq!(file_name(Offset::new(0x1a2b)), "0000000000001a2b.wal");
    assert_eq!(base_of("0000000000001a2b.wal"), Some(Offset::new(0x1a2b)));
    for name in
        ["1a2b.wal", "0000000000001A2B.wal", "0000000000001a2b.tmp", "+000000000001a2b.wal", "watermark"]
    {
        assert_eq!(base_of(name), None, "{name}");
    }
}

#[test]
fn a_header_at_a_place_that_no_log_gets_to_is_damage_though_its_checksum_holds() {
    let at = |base: u64, records_before| {
        let header = SegmentHeader { base: Offset::new(base), records_before, ..header() };
        SegmentHeader::decode(&header.encode()).map(|header| header.base.get())
    };
    let last = (1 << 62) - 8;
    assert_eq!(at(last, last), Ok(last));
    for (base, records_before) in [(1 << 62, 0), (u64::MAX - 7, 0), (4096, 4097), (4096, u64::MAX)] {
        assert!(matches!(at(base, records_before), Err(HeaderError::Damaged(_))), "{base} {records_before}");
    }
}
