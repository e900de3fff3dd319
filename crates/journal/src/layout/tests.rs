use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::{AppendOptions, Journal, Options};

/// A sealed segment with groups of several records, a key, a checkpoint, an empty payload and a large one.
fn sealed() -> (TempDir, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let journal = Journal::open_with(&path, Options { fill_ahead: false, ..Options::default() }).unwrap();
    journal.append("one").unwrap();
    journal.append_batch(&[&b""[..], &[7; 100], &[9; 5000]]).unwrap();
    journal.append_with(&["keyed"], &AppendOptions { key: Some(b"k"), ..Default::default() }).unwrap();
    journal.checkpoint("here", false).unwrap();
    journal.append_batch(&(0..40).map(|i| vec![i; i as usize * 3]).collect::<Vec<_>>()).unwrap();
    journal.seal().unwrap();
    journal.close().unwrap();
    let bytes = std::fs::read(first(&path)).unwrap();
    (dir, bytes)
}

fn first(dir: &Path) -> std::path::PathBuf {
    dir.join(format!("{:016x}.wal", 0))
}

/// Takes all frames of a segment apart: the pieces, and where the seal begins.
fn apart<'a>(home: &Home, bytes: &'a [u8]) -> (Vec<Piece<'a>>, usize) {
    let (mut pieces, mut pos) = (Vec::new(), SEGMENT_HEADER as usize);
    loop {
        let at = Offset::new(home.base.get() + pos as u64 - SEGMENT_HEADER);
        match home.take(at, &bytes[pos..]) {
            Found::Piece(piece, whole) => {
                assert_eq!(piece.len(), whole);
                pieces.push(piece);
                pos += whole;
            }
            Found::Seal(whole) => {
                assert_eq!(pos + whole, bytes.len(), "the seal ends the file");
                return (pieces, pos);
            }
            found => panic!("{found:?} at {pos}"),
        }
    }
}

#[test]
fn a_segment_taken_apart_comes_again_byte_for_byte() {
    let (_dir, bytes) = sealed();
    let home = Home::read(&bytes[..SEGMENT_HEADER as usize]).unwrap();
    let (pieces, seal) = apart(&home, &bytes);
    let kinds = |want: fn(&Piece<'_>) -> bool| pieces.iter().filter(|piece| want(piece)).count();
    assert_eq!(kinds(|piece| matches!(piece, Piece::Record(_))), 45);
    assert_eq!(kinds(|piece| matches!(piece, Piece::Control { kind: 1, body: b"here" })), 1);
    assert_eq!(kinds(|piece| matches!(piece, Piece::Control { kind: 5, .. })), 1);
    assert!(kinds(|piece| matches!(piece, Piece::Commit { .. })) >= 4);
    let mut again = bytes[..SEGMENT_HEADER as usize].to_vec();
    home.lay(home.base, &pieces, &mut again);
    assert_eq!(again, bytes[..seal]);
    // One by one too.
    let mut again = bytes[..SEGMENT_HEADER as usize].to_vec();
    for piece in &pieces {
        let at = Offset::new(home.base.get() + again.len() as u64 - SEGMENT_HEADER);
        home.lay(at, &[*piece], &mut again);
    }
    assert_eq!(again, bytes[..seal]);
}

#[test]
fn whatever_bit_is_flipped_no_frame_is_taken_apart_that_does_not_come_again() {
    let (_dir, bytes) = sealed();
    let home = Home::read(&bytes[..SEGMENT_HEADER as usize]).unwrap();
    let start = SEGMENT_HEADER as usize;
    // The first three frames: a record, its commit, an empty record.
    for bit in 0..(48 + 40 + 40) * 8 {
        let mut damaged = bytes.clone();
        damaged[start + bit / 8] ^= 1 << (bit % 8);
        let mut pos = start;
        let mut taken = 0;
        while pos < start + 128 {
            match home.take(Offset::new((pos - start) as u64), &damaged[pos..]) {
                Found::Piece(_, whole) => (pos, taken) = (pos + whole, taken + 1),
                _ => break,
            }
        }
        assert!(taken < 3, "bit {bit} was not noticed");
    }
}

#[test]
fn a_frame_at_another_place_is_none() {
    let (_dir, bytes) = sealed();
    let home = Home::read(&bytes[..SEGMENT_HEADER as usize]).unwrap();
    let frame = &bytes[SEGMENT_HEADER as usize..];
    assert!(matches!(home.take(Offset::ZERO, frame), Found::Piece(Piece::Record(b"one"), 48)));
    assert_eq!(home.take(Offset::new(8), frame), Found::Other);
    assert_eq!(home.take(Offset::ZERO, &frame[..47]), Found::Needs(48));
    assert_eq!(home.take(Offset::ZERO, &frame[..7]), Found::Needs(40));
    assert_eq!(home.take(Offset::ZERO, &[0; 64]), Found::Other);
    assert_eq!(Home::read(&bytes[..100]), None);
}

#[test]
fn a_frame_whose_words_do_not_follow_from_its_body_is_kept_as_it_is() {
    let home = Home { log: LogId::from_bytes([3; 16]), term: Term::FIRST, base: Offset::ZERO };
    let place = frame::Place { log: home.log, term: home.term, offset: Offset::ZERO };
    let body = b"a body";
    let id = *RecordId::of(body).as_bytes();
    let found = |word: u32, words: &[u8; 32], body: &[u8]| {
        let bytes = frame::encode(word, words, body, &place);
        match home.take(Offset::ZERO, &bytes) {
            Found::Piece(piece, whole) => {
                let mut again = Vec::new();
                home.lay(Offset::ZERO, &[piece], &mut again);
                assert_eq!((&again, whole), (&bytes, bytes.len()));
                true
            }
            Found::Other => false,
            found => panic!("{found:?}"),
        }
    };
    assert!(found(body.len() as u32, &id, body));
    assert!(!found(body.len() as u32, &[0; 32], body), "another hash under a checksum that holds");
    let commit = Commit { batch_start: Offset::ZERO, durable_upto: Offset::ZERO, time_micros: 7, records: 0 };
    assert!(found(frame::COMMIT_WORD, &commit.words(), b""));
    let mut words = commit.words();
    words[31] = 1;
    assert!(!found(frame::COMMIT_WORD, &words, b""), "four bytes that are zeros in every version so far");
    for kind in [1, 3, 4, 5, 6] {
        let word = 1 << 31 | kind << 28 | body.len() as u32;
        assert!(found(word, &id, body), "kind {kind}");
        assert!(!found(word, &[0; 32], body), "kind {kind}");
    }
    assert!(!found(1 << 31 | 7 << 28 | body.len() as u32, &id, body), "only a newer version can read it");
}
