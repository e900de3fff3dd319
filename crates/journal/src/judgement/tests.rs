use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use annals_record::{LogId, Term};

use super::*;
use crate::disk::{self, Disk, Mode, RealDisk};
use crate::frame::{self, Commit};
use crate::holes::Hole;
use crate::segment::HEADER_LEN;
use crate::{Journal, Options};

/// A file that a writer goes on with as soon as somebody has looked behind its end.
#[derive(Debug)]
struct Growing {
    file: Box<dyn DiskFile>,
    whole: Vec<u8>,
    from: u64,
    has_grown: AtomicBool,
}

impl DiskFile for Growing {
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize> {
        let read = self.file.read_at(buf, pos)?;
        if pos + read as u64 > self.from && !self.has_grown.swap(true, Ordering::SeqCst) {
            disk::write_full(&*self.file, &self.whole[self.from as usize..], self.from)?;
        }
        Ok(read)
    }

    fn write_at(&self, buf: &[u8], pos: u64) -> io::Result<usize> {
        self.file.write_at(buf, pos)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.file.allocate(len)
    }
}

#[test]
fn beside_a_writer_that_goes_on_nothing_is_called_damage() {
    let dir = tempfile::tempdir().unwrap();
    let journal =
        Journal::open_with(dir.path(), Options { reserve_bytes: 64 << 10, ..Options::default() }).unwrap();
    for _ in 0..30 {
        journal.append("before").unwrap();
    }
    let seen = journal.durable();
    for _ in 0..10 {
        journal.append("behind").unwrap();
    }
    let end = journal.durable();
    std::mem::forget(journal);
    let path = dir.path().join("0000000000000000.wal");
    let whole = std::fs::read(&path).unwrap();
    let header = SegmentHeader::decode(&whole[..HEADER_LEN as usize]).unwrap();
    let from = header.file_pos(seen).0;
    let file = RealDisk.open(&path, Mode::Write).unwrap();
    disk::write_full(&*file, &vec![0; whole.len() - from as usize], from).unwrap();
    let growing = Growing { file, whole, from, has_grown: AtomicBool::default() };
    let found = judge(&header, &growing, None, &Holes::default(), None).unwrap();
    assert!(growing.has_grown.load(Ordering::SeqCst));
    assert!(matches!(found.ending, Ending::Clean), "{:?}", found.ending);
    assert_eq!((found.summary.end, found.summary.records), (end, 40));
    assert!(seen < found.durable_upto && found.durable_upto < end);
    // Nobody vouches for anything without a watermark.
    assert_eq!(found.vouched(None, header.base), header.base);
    let mark = |durable| Mark { log: header.log, term: header.term, durable, clean: false };
    assert_eq!(found.vouched(Some(mark(seen)), header.base), found.durable_upto);
    assert_eq!(found.vouched(Some(mark(end)), header.base), end);
}

#[test]
fn no_group_vouches_for_itself() {
    let dir = tempfile::tempdir().unwrap();
    let journal =
        Journal::open_with(dir.path(), Options { reserve_bytes: 4096, ..Options::default() }).unwrap();
    journal.append("as it should be").unwrap();
    let start = journal.durable();
    std::mem::forget(journal);
    let path = dir.path().join("0000000000000000.wal");
    let header = SegmentHeader::decode(&std::fs::read(&path).unwrap()[..HEADER_LEN as usize]).unwrap();
    let claims = Offset::new(start.get() + 1000);
    let commit = Commit { batch_start: start, durable_upto: claims, time_micros: 1, records: 0 };
    let claim = frame::encode(frame::COMMIT_WORD, &commit.words(), &[], &header.place(start));
    let file = RealDisk.open(&path, Mode::Write).unwrap();
    disk::write_full(&*file, &claim, header.file_pos(start).0).unwrap();
    let found = judge(&header, &*file, None, &Holes::default(), None).unwrap();
    assert_eq!(found.summary.end.get(), start.get() + claim.len() as u64);
    assert_eq!(found.durable_upto, start);
}

#[test]
fn what_was_closed_in_order_at_its_end_is_clean_and_nothing_else_is() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open_with(dir.path(), Options::default()).unwrap();
    journal.append("one").unwrap();
    let end = journal.durable();
    journal.close().unwrap();
    let path = dir.path().join("0000000000000000.wal");
    let header = SegmentHeader::decode(&std::fs::read(&path).unwrap()[..HEADER_LEN as usize]).unwrap();
    let file = RealDisk.open(&path, Mode::Read).unwrap();
    let found = judge(&header, &*file, None, &Holes::default(), None).unwrap();
    let mark = |durable, clean| Some(Mark { log: header.log, term: header.term, durable, clean });
    assert!(!found.is_unclean(mark(end, true)));
    assert!(found.is_unclean(mark(end, false)) && found.is_unclean(mark(Offset::new(8), true)));
    assert!(found.is_unclean(None));
}

/// A segment with a good group, then one that is broken and one behind it that says that all below a place was durable, if one is
/// given by its distance from the good end; and that end.
fn with_behind(dir: &Path, says: Option<u64>) -> (SegmentHeader, Box<dyn DiskFile>, Offset) {
    let header = SegmentHeader {
        log: LogId::from_bytes([1; 16]),
        term: Term::new(5),
        term_start: Offset::ZERO,
        base: Offset::new(800),
        chain: [0; 32],
        records_before: 0,
        created_micros: 0,
        checkpoint: None,
        keys: None,
    };
    let mut bytes = header.encode();
    let group = |bytes: &mut Vec<u8>, durable_upto: Option<Offset>| {
        let start = header.offset(FilePos(bytes.len() as u64));
        let durable_upto = durable_upto.unwrap_or(start);
        let commit = Commit { batch_start: start, durable_upto, time_micros: 1, records: 0 };
        bytes.extend_from_slice(&frame::encode(
            frame::COMMIT_WORD,
            &commit.words(),
            &[],
            &header.place(start),
        ));
        header.offset(FilePos(bytes.len() as u64))
    };
    let end = group(&mut bytes, None);
    if let Some(distance) = says {
        group(&mut bytes, None);
        let broken = header.file_pos(end).0 as usize;
        bytes[broken + 9] ^= 1;
        group(&mut bytes, Some(Offset::new(end.get() + distance)));
    }
    bytes.resize(bytes.len() + 4096, 0);
    let file = RealDisk.open(&dir.join("segment"), Mode::CreateNew).unwrap();
    disk::write_full(&*file, &bytes, 0).unwrap();
    (header, file, end)
}

#[test]
fn torn_is_only_what_nothing_vouches_for() {
    let hole = |term| Hole {
        offset: Offset::ZERO,
        len: 8,
        reason: String::new(),
        kept: None,
        at_micros: 0,
        term: Term::new(term),
        sealed: false,
    };
    // What the group behind says, the mark's term and distance from the good end, the term of a hole; and the verdict.
    let cases = [
        (None, None, None, "clean"),
        (None, Some((5, 0)), None, "clean"),
        (None, Some((5, 8)), None, "damaged"),
        (None, Some((6, 0)), None, "damaged"),
        (None, Some((6, 0)), Some(6), "damaged"),
        (None, Some((6, 0)), Some(7), "clean"),
        (None, Some((4, 0)), None, "clean"),
        (Some(0), None, None, "torn"),
        (Some(0), Some((5, 0)), None, "torn"),
        (Some(0), Some((5, 8)), None, "damaged"),
        (Some(8), None, None, "damaged"),
        (Some(8), Some((5, 0)), None, "damaged"),
    ];
    for (case, (says, marked, listed, verdict)) in cases.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let (header, file, end) = with_behind(dir.path(), says);
        let mark = marked.map(|(term, distance)| {
            let (log, term, durable) = (header.log, Term::new(term), Offset::new(end.get() + distance));
            Mark { log, term, durable, clean: false }
        });
        let holes = Holes::new(listed.map(hole).into_iter().collect());
        let found = judge(&header, &*file, mark, &holes, None).unwrap();
        assert_eq!(found.summary.end, end);
        let is = match &found.ending {
            Ending::Clean => "clean",
            Ending::Torn { .. } => "torn",
            Ending::Damaged { damage, durable } => {
                assert!(damage.offset == end && *durable >= end);
                "damaged"
            }
            Ending::Sealed(_) => "sealed",
        };
        assert_eq!(is, verdict, "case {case}");
    }
}
