use annals_record::RecordId;
use proptest::prelude::*;

use super::*;

const HERE: Place = Place { log: LogId::from_bytes([3; 16]), term: Term::new(4), offset: Offset::new(5 * 8) };

fn frame(payload: &[u8]) -> Vec<u8> {
    encode(payload.len() as u32, RecordId::of(payload).as_bytes(), payload, &HERE)
}

fn verifies(bytes: &[u8], at: &Place) -> bool {
    matches!(parse(bytes, at), Parsed::Frame(..))
}

#[test]
fn a_record_lies_as_drawn() {
    let bytes = frame(b"abc");
    assert_eq!(bytes.len(), 48);
    assert_eq!(bytes[..4], [3, 0, 0, 0]);
    assert_eq!(&bytes[8..40], RecordId::of(b"abc").as_bytes());
    assert_eq!(&bytes[40..48], b"abc\0\0\0\0\0");
    let mut covered =
        [&bytes[..4], &bytes[8..43], &[3; 16], &4u64.to_le_bytes(), &40u64.to_le_bytes()].concat();
    assert_eq!(word(&bytes, 4), crc32c::crc32c(&covered));
    covered[0] ^= 1;
    assert_ne!(word(&bytes, 4), crc32c::crc32c(&covered));
}

#[test]
fn a_commit_frame_is_forty_bytes_and_reads_back() {
    let commit =
        Commit { batch_start: Offset::new(16), durable_upto: Offset::new(8), time_micros: -5, records: 7 };
    let bytes = encode(COMMIT_WORD, &commit.words(), &[], &HERE);
    assert_eq!(bytes.len(), COMMIT);
    assert_eq!(word(&bytes, 0), COMMIT_WORD);
    assert!(matches!(parse(&bytes, &HERE), Parsed::Frame(Frame::Commit(c), COMMIT) if c == commit));
}

#[test]
fn a_frame_verifies_at_its_own_place_only() {
    let bytes = frame(b"payload");
    assert!(verifies(&bytes, &HERE));
    assert!(!verifies(&bytes, &Place { offset: Offset::new(48), ..HERE }));
    assert!(!verifies(&bytes, &Place { term: Term::new(5), ..HERE }));
    assert!(!verifies(&bytes, &Place { log: LogId::from_bytes([4; 16]), ..HERE }));
}

#[test]
fn a_kind_that_is_not_known_is_skipped_only_where_the_format_says_so() {
    for (kind, skipped) in [(1, true), (3, true), (4, true), (5, true), (6, true), (7, false)] {
        let bytes = encode(CONTROL | kind << KIND_SHIFT | 3, &[0; 32], b"abc", &HERE);
        assert_eq!(verifies(&bytes, &HERE), skipped, "kind {kind}");
    }
}

#[test]
fn length_words_are_what_the_format_says() {
    use ControlKind as K;
    let kinds = [K::Commit, K::Checkpoint, K::Seal, K::Audit, K::Pad, K::Key];
    for (kind, number) in kinds.into_iter().zip(0..) {
        let word = control_word(kind, 5);
        assert_eq!(word, 0x8000_0005 + number * 0x1000_0000, "{kind:?}");
        assert_eq!(is_seal_word(word), kind == ControlKind::Seal, "{kind:?}");
    }
    assert!(!is_seal_word(5) && !is_seal_word(0x2000_0005));
    assert_eq!(body_len(u32::MAX), MAX_PAYLOAD);
}

#[test]
fn a_commit_frame_has_no_body() {
    let commit = Commit { batch_start: HERE.offset, durable_upto: Offset::ZERO, time_micros: 1, records: 1 };
    assert!(verifies(&encode(COMMIT_WORD, &commit.words(), b"", &HERE), &HERE));
    assert!(!verifies(&encode(COMMIT_WORD | 3, &commit.words(), b"abc", &HERE), &HERE));
}

#[test]
fn zeros_are_an_end_and_a_part_of_a_frame_asks_for_the_rest() {
    assert!(matches!(parse(&[0; 64], &HERE), Parsed::Zeros));
    assert!(matches!(parse(&[0; 7], &HERE), Parsed::Zeros));
    let bytes = frame(&[1; 100]);
    assert!(matches!(parse(&bytes[..39], &HERE), Parsed::Short(HEADER)));
    assert!(matches!(parse(&bytes[..41], &HERE), Parsed::Short(whole) if whole == bytes.len()));
}

proptest! {
    #[test]
    fn a_flipped_bit_is_always_noticed(payload in prop::collection::vec(any::<u8>(), 1..200), bit in any::<prop::sample::Index>()) {
        let mut bytes = frame(&payload);
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!verifies(&bytes, &HERE));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes, &HERE);
    }
}
