use annals_record::LogId;

use super::*;

fn header() -> SegmentHeader {
    SegmentHeader {
        log: LogId::from_bytes([9; 16]),
        term: Term::new(2),
        term_start: Offset::ZERO,
        base: Offset::new(1000),
        chain: [0; 32],
        records_before: 0,
        created_micros: 0,
        checkpoint: None,
        keys: None,
    }
}

fn seal() -> Seal {
    Seal {
        end: Offset::new(5000),
        records: 3,
        groups: 2,
        payload_bytes: 99,
        first_micros: 10,
        last_micros: 20,
        chain: [8; 32],
        next_term: Term::new(3),
        table: vec![0, 70_000],
    }
}

#[test]
fn a_seal_reads_back_and_is_found_from_the_end() {
    let bytes = seal().encode(&header());
    assert_eq!(Seal::decode(&bytes, &header(), Offset::new(5000)), Ok(seal()));
    assert_eq!(announced(&bytes[bytes.len() - TRAILER..]), Some(bytes.len() as u64));
    assert_eq!(seal().next_base().get(), 5000 + bytes.len() as u64);
}

#[test]
fn a_seal_elsewhere_or_changed_is_none() {
    let bytes = seal().encode(&header());
    assert!(Seal::decode(&bytes, &header(), Offset::new(5008)).is_err());
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert!(Seal::decode(&flipped, &header(), Offset::new(5000)).is_err(), "byte {at}");
    }
}

#[test]
fn a_seal_that_counts_more_than_its_segment_has_bytes_is_none_though_its_checksum_holds() {
    let more = [
        Seal { records: 4001, ..seal() },
        Seal { groups: u64::MAX, ..seal() },
        Seal { payload_bytes: 1 << 63, ..seal() },
    ];
    for seal in more {
        assert!(Seal::decode(&seal.encode(&header()), &header(), Offset::new(5000)).is_err(), "{seal:?}");
    }
}
