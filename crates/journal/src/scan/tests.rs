use annals_record::{LogId, RecordId, Term};

use super::*;
use crate::disk::{Disk, Mode, RealDisk};

/// A segment of `groups`, each a list of payloads; its file and the offset at which each group begins, and the end.
fn segment(dir: &tempfile::TempDir, groups: &[&[&[u8]]]) -> (SegmentHeader, Box<dyn DiskFile>, Vec<Offset>) {
    let header = SegmentHeader {
        log: LogId::from_bytes([1; 16]),
        term: Term::FIRST,
        term_start: Offset::ZERO,
        base: Offset::new(800),
        chain: [0; 32],
        records_before: 0,
        created_micros: 0,
        checkpoint: None,
        keys: None,
    };
    let mut bytes = header.encode();
    let mut starts = Vec::new();
    for payloads in groups {
        let start = header.offset(FilePos(bytes.len() as u64));
        starts.push(start);
        for payload in *payloads {
            put(&header, &mut bytes, payload.len() as u32, RecordId::of(payload).as_bytes(), payload);
        }
        let commit = Commit {
            batch_start: start,
            durable_upto: start,
            time_micros: 1,
            records: payloads.len() as u32,
        };
        put(&header, &mut bytes, frame::COMMIT_WORD, &commit.words(), &[]);
    }
    starts.push(header.offset(FilePos(bytes.len() as u64)));
    bytes.resize(bytes.len() + 5000, 0);
    let file = RealDisk.open(&dir.path().join("segment"), Mode::CreateNew).unwrap();
    disk::write_full(&*file, &bytes, 0).unwrap();
    (header, file, starts)
}

fn put(header: &SegmentHeader, bytes: &mut Vec<u8>, word: u32, words: &[u8; 32], body: &[u8]) {
    let offset = header.offset(FilePos(bytes.len() as u64));
    bytes.extend_from_slice(&frame::encode(word, words, body, &header.place(offset)));
}

#[test]
fn groups_come_in_order_and_zeros_end_them() {
    let dir = tempfile::tempdir().unwrap();
    let large = vec![7; WINDOW + 100];
    let (header, file, starts) = segment(&dir, &[&[b"a", b"b"], &[&large], &[]]);
    let mut scan = Scan::new(&header, Window::new(&*file, u64::MAX).unwrap(), starts[0]).with_ids();
    for (i, records) in [2, 1, 0].into_iter().enumerate() {
        let Step::Group(group) = scan.step().unwrap() else { panic!("group {i}") };
        assert_eq!((group.start, group.end, group.commit.records), (starts[i], starts[i + 1], records));
        assert_eq!(std::mem::take(&mut scan.ids).len(), 32 * records as usize);
    }
    assert!(matches!(scan.step().unwrap(), Step::End));
}

#[test]
fn a_bad_group_is_left_by_the_next_landmark() {
    let dir = tempfile::tempdir().unwrap();
    let (header, file, starts) = segment(&dir, &[&[b"first"], &[b"second", b"more"], &[b"third"]]);
    file.write_at(b"X", header.file_pos(starts[1]).0 + 41).unwrap();
    let mut scan = Scan::new(&header, Window::new(&*file, u64::MAX).unwrap(), starts[0]);
    assert!(matches!(scan.step().unwrap(), Step::Group(_)));
    let Step::Bad(reason) = scan.step().unwrap() else { panic!("the second group is bad") };
    assert_eq!(scan.position(), starts[1]);
    assert!(reason.contains("segment 0000000000000320, byte 4"), "{reason}");
    let behind = Offset::new(starts[1].get() + 8);
    let mut window = scan.into_window();
    let landmark = next_landmark(&header, &mut window, behind).unwrap().unwrap();
    assert_eq!(landmark.resume, starts[2]);
    let mut scan = Scan::new(&header, window, landmark.resume);
    assert!(matches!(scan.step().unwrap(), Step::Group(g) if g.end == starts[3]));
    assert!(next_landmark(&header, &mut scan.into_window(), starts[3]).unwrap().is_none());
}

#[test]
fn the_end_of_bytes_is_behind_the_last_that_is_not_zero() {
    let dir = tempfile::tempdir().unwrap();
    let (header, file, starts) = segment(&dir, &[&[b"first"]]);
    let mut window = Window::new(&*file, u64::MAX).unwrap();
    let end = header.file_pos(starts[1]);
    assert_eq!(end_of_bytes(&mut window, FilePos(end.0 + 1)).unwrap(), FilePos(end.0 + 1));
    // The last word of a commit frame is reserved: its bytes are zero.
    let last = end_of_bytes(&mut window, header.file_pos(starts[0])).unwrap();
    assert!(last < end && last.0 > end.0 - 16, "{last:?}");
}

#[test]
fn a_landmark_is_found_among_zeros_and_among_words_that_look_like_one() {
    // The commit of the second group falls into a chunk of either parity.
    for extra in [0, CHUNK] {
        let dir = tempfile::tempdir().unwrap();
        let large = vec![0; 3 * WINDOW + extra];
        let (header, file, starts) = segment(&dir, &[&[b"first"], &[&large], &[b"third"]]);
        let at = |offset: Offset, more: u64| header.file_pos(offset).0 + more;
        // The second group's frame is damaged; its body holds words of commits and seals that verify nowhere.
        file.write_at(&[9], at(starts[1], 9)).unwrap();
        for i in 1..20 {
            file.write_at(&frame::COMMIT_WORD.to_le_bytes(), at(starts[1], 64 * 1024 * i)).unwrap();
            file.write_at(&0xA01F_FFFF_u32.to_le_bytes(), at(starts[1], 64 * 1024 * i + 8)).unwrap();
        }
        let mut window = Window::new(&*file, u64::MAX).unwrap();
        let behind = Offset::new(starts[1].get() + 8);
        let landmark = next_landmark(&header, &mut window, behind).unwrap().unwrap();
        // The commit of the second group verifies; its group began before the damage was left.
        assert_eq!((landmark.resume, landmark.end), (starts[2], starts[2]));
        let landmark = next_landmark(&header, &mut window, landmark.end).unwrap().unwrap();
        assert_eq!((landmark.resume, landmark.end), (starts[2], starts[3]));
        assert!(next_landmark(&header, &mut window, starts[3]).unwrap().is_none());
        let mut window = Window::new(&*file, u64::MAX).unwrap();
        window.shorten(header.file_pos(Offset::new(starts[3].get() - 30)));
        let landmark = next_landmark(&header, &mut window, starts[2]).unwrap().unwrap();
        assert_eq!(landmark.end, starts[3], "a frame that ends in zeros is still seen whole");
    }
}

#[test]
fn a_seal_is_a_landmark() {
    let dir = tempfile::tempdir().unwrap();
    let (header, file, starts) = segment(&dir, &[&[b"first"]]);
    let seal = Seal {
        end: starts[1],
        records: 1,
        groups: 1,
        payload_bytes: 5,
        first_micros: 1,
        last_micros: 1,
        chain: [1; 32],
        next_term: Term::FIRST,
        table: vec![0],
    };
    disk::write_full(&*file, &seal.encode(&header), header.file_pos(starts[1]).0).unwrap();
    file.write_at(&[9], header.file_pos(starts[0]).0 + 60).unwrap();
    let mut window = Window::new(&*file, u64::MAX).unwrap();
    let landmark = next_landmark(&header, &mut window, Offset::new(starts[1].get() - 8)).unwrap().unwrap();
    assert_eq!((landmark.resume, landmark.end), (starts[1], seal.next_base()));
}
