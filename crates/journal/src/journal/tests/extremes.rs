//! Places and counts at the ends of their types, in files whose checksums hold: from a backup that somebody else has made.

use super::*;
use crate::repair::diagnose;
use crate::segment::SegmentHeader;

/// The places that arithmetic minds: of 32 bits, of what a file may have, of 64 bits.
const ENDS: [u64; 12] = [
    u32::MAX as u64 - 8,
    u32::MAX as u64 + 1,
    i64::MAX as u64 - 8192,
    i64::MAX as u64 - 1,
    i64::MAX as u64,
    i64::MAX as u64 + 1,
    u64::MAX - 8192,
    u64::MAX - 4096,
    u64::MAX - 64,
    u64::MAX - 8,
    u64::MAX - 1,
    u64::MAX,
];

/// Asks everything of a directory. Whatever it holds, nothing panics, and what is refused is an error.
fn ask_everything(dir: &Path) {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let _ = diagnose(&disk, dir);
    if let Ok(reader) = Reader::inspect(dir) {
        let _ = reader.status();
        let _ = reader.verify(&mut |_, _| {});
        let _ = reader.roster();
        let _ = reader.lag(Offset::new(u64::MAX));
        for from in ENDS {
            let _ = Tail::new(reader.clone(), Offset::new(from)).next();
        }
    }
    let _ = crate::salvage::plan(&disk, dir, &crate::NoRefill);
    if let Ok(journal) = Journal::open_with(dir, SMALL) {
        let _ = journal.append("more");
        let _ = journal.append(vec![7; 9000]);
        let _ = journal.seal();
        let _ = journal.append("still more");
        let _ = journal.close();
    }
}

/// A journal that was closed, the bytes of its only segment, and its name.
fn closed() -> (tempfile::TempDir, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    fill(&journal, 0..3);
    journal.close().unwrap();
    let bytes = fs::read(dir.path().join(segment::file_name(Offset::ZERO))).unwrap();
    (dir, bytes)
}

#[test]
fn a_segment_that_says_it_stands_at_the_end_of_all_places_is_refused_or_read_and_never_a_panic() {
    for base in ENDS {
        for beside in [true, false] {
            let (dir, mut bytes) = closed();
            let known = SegmentHeader::decode(&bytes).unwrap();
            let header = SegmentHeader { base: Offset::new(base), ..known };
            bytes[..4096].copy_from_slice(&header.encode());
            if !beside {
                fs::remove_file(dir.path().join(segment::file_name(Offset::ZERO))).unwrap();
                fs::remove_file(dir.path().join("watermark")).unwrap();
            }
            fs::write(dir.path().join(segment::file_name(Offset::new(base))), &bytes).unwrap();
            ask_everything(dir.path());
        }
    }
}

#[test]
fn counts_and_terms_at_the_ends_of_their_types_are_no_panic() {
    for end in ENDS {
        for field in 0..5 {
            let (dir, mut bytes) = closed();
            let mut header = SegmentHeader::decode(&bytes).unwrap();
            match field {
                0 => header.term = Term::new(end),
                1 => header.term_start = Offset::new(end),
                2 => header.records_before = end,
                3 => header.checkpoint = Some(Offset::new(end.min(u64::MAX - 1))),
                _ => header.keys = Some(Offset::new(end.min(u64::MAX - 1))),
            }
            bytes[..4096].copy_from_slice(&header.encode());
            fs::write(dir.path().join(segment::file_name(Offset::ZERO)), &bytes).unwrap();
            ask_everything(dir.path());
        }
    }
}

#[test]
fn a_watermark_at_the_end_of_all_places_is_damage_and_no_panic() {
    for end in ENDS {
        let (dir, _) = closed();
        let path = dir.path().join("watermark");
        let mut bytes = fs::read(&path).unwrap();
        for slot in [0, 4096] {
            if bytes.len() >= slot + 64 && bytes[slot..].starts_with(b"annalsWM") {
                bytes[slot + 32..slot + 40].copy_from_slice(&end.to_le_bytes());
                let crc = crc32c::crc32c(&bytes[slot..slot + 60]);
                bytes[slot + 60..slot + 64].copy_from_slice(&crc.to_le_bytes());
            }
        }
        fs::write(&path, bytes).unwrap();
        assert!(open(dir.path()).report().damage.is_some(), "{end}");
        ask_everything(dir.path());
    }
}

#[test]
fn names_of_files_are_no_places_to_trust() {
    for end in ENDS {
        for content in [&b""[..], b"annalsWL", &[0; 8192]] {
            let (dir, _) = closed();
            fs::write(dir.path().join(segment::file_name(Offset::new(end))), content).unwrap();
            ask_everything(dir.path());
        }
    }
}
