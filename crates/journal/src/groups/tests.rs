use annals_record::{LogId, RecordId, Term};

use super::*;
use crate::disk::{Disk, Mode, RealDisk};
use crate::segment::FilePos;

/// A segment of groups of payloads of these lengths; its file, and where the groups end.
fn segment(dir: &tempfile::TempDir, groups: &[&[usize]]) -> (SegmentHeader, Box<dyn DiskFile>, Vec<Offset>) {
    let header = SegmentHeader {
        log: LogId::from_bytes([1; 16]),
        term: Term::FIRST,
        term_start: Offset::ZERO,
        base: Offset::ZERO,
        chain: [0; 32],
        records_before: 0,
        created_micros: 0,
        checkpoint: None,
        keys: None,
    };
    let mut bytes = header.encode();
    let mut ends = Vec::new();
    for lens in groups {
        let start = header.offset(FilePos(bytes.len() as u64));
        for len in *lens {
            let payload = vec![*len as u8 | 1; *len];
            put(&header, &mut bytes, payload.len() as u32, RecordId::of(&payload).as_bytes(), &payload);
        }
        let commit =
            Commit { batch_start: start, durable_upto: start, time_micros: 1, records: lens.len() as u32 };
        put(&header, &mut bytes, frame::COMMIT_WORD, &commit.words(), &[]);
        ends.push(header.offset(FilePos(bytes.len() as u64)));
    }
    let file = RealDisk.open(&dir.path().join("segment"), Mode::CreateNew).unwrap();
    disk::write_full(&*file, &bytes, 0).unwrap();
    (header, file, ends)
}

fn put(header: &SegmentHeader, bytes: &mut Vec<u8>, word: u32, words: &[u8; 32], body: &[u8]) {
    let offset = header.offset(FilePos(bytes.len() as u64));
    bytes.extend_from_slice(&frame::encode(word, words, body, &header.place(offset)));
}

/// Every payload that lies in `places` is the one of its length.
fn lens(bytes: &[u8], places: &[Place]) -> Vec<usize> {
    let payloads = places.iter().map(|place| &bytes[place.start as usize..][..place.len as usize]);
    payloads
        .inspect(|payload| assert!(payload.iter().all(|byte| *byte == payload.len() as u8 | 1)))
        .map(<[u8]>::len)
        .collect()
}

#[test]
fn groups_longer_than_a_piece_come_whole_and_stop_at_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let large = [PIECE / 3; 7];
    let (header, file, ends) = segment(&dir, &[&[1, 2], &large, &[3 * PIECE + 5], &[], &[9]]);
    let (mut bytes, mut places) = (Vec::new(), Vec::new());
    let mut read = |from, limit, places: &mut Vec<Place>| {
        places.clear();
        let groups = Groups { file: &*file, header: &header, end: ends[4], limit };
        let mut seen = from;
        let look = groups.look(from, &mut bytes, places, |group| {
            assert_eq!(group.start, seen);
            seen = group.end;
        });
        let look = look.unwrap();
        assert_eq!(seen, look.next, "every group is told");
        assert!(look.bad.is_none() && !look.sealed);
        (look.next, lens(&bytes, places))
    };
    let one = ReadLimit { records: 1, bytes: usize::MAX };
    assert_eq!(read(Offset::ZERO, one, &mut places), (ends[0], vec![1, 2]));
    assert_eq!(read(ends[0], one, &mut places), (ends[1], large.to_vec()));
    assert_eq!(read(ends[1], one, &mut places), (ends[2], vec![3 * PIECE + 5]));
    assert_eq!(read(ends[2], one, &mut places), (ends[4], vec![9]), "a group without records is passed over");
    let bytes_limit = ReadLimit { records: usize::MAX, bytes: PIECE };
    assert_eq!(read(Offset::ZERO, bytes_limit, &mut places).0, ends[1]);
    let all: Vec<usize> = [1, 2].into_iter().chain(large).chain([3 * PIECE + 5, 9]).collect();
    let unlimited = ReadLimit { records: usize::MAX, bytes: usize::MAX };
    assert_eq!(read(Offset::ZERO, unlimited, &mut places), (ends[4], all));
}

#[test]
fn memory_grows_and_is_not_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let (header, file, ends) = segment(&dir, &[&[PIECE], &[1]]);
    let (mut bytes, mut places) = (Vec::new(), Vec::new());
    let groups = Groups { file: &*file, header: &header, end: ends[1], limit: ReadLimit::default() };
    groups.look(Offset::ZERO, &mut bytes, &mut places, |_| {}).unwrap();
    let memory = (bytes.as_ptr(), bytes.len());
    places.clear();
    groups.look(ends[0], &mut bytes, &mut places, |_| {}).unwrap();
    assert_eq!((lens(&bytes, &places), memory), (vec![1], (bytes.as_ptr(), bytes.len())));
}

#[test]
fn a_file_that_ends_below_the_watermark_is_bad_where_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let (header, file, ends) = segment(&dir, &[&[10], &[PIECE]]);
    let groups = Groups { file: &*file, header: &header, end: ends[1], limit: ReadLimit::default() };
    let (mut bytes, mut places) = (Vec::new(), Vec::new());
    groups.look(Offset::ZERO, &mut bytes, &mut places, |_| {}).unwrap();
    assert_eq!(places.len(), 2);
    for cut in [ends[1].get() - 8, ends[0].get() + 100, ends[0].get()] {
        file.set_len(header.file_pos(Offset::new(cut)).0).unwrap();
        // What an earlier read left in the buffer, and would verify, must not stand in for what the file lacks.
        places.clear();
        let look = groups.look(Offset::ZERO, &mut bytes, &mut places, |_| {}).unwrap();
        assert_eq!((look.next, lens(&bytes, &places)), (ends[0], vec![10]));
        assert!(look.bad.is_some_and(|bad| bad.contains("segment 0000000000000000, byte")));
    }
}
