use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::MetadataExt;

use super::*;
use crate::commit::memory::{Call, Memory};
use crate::frame;
use crate::segment::{APPENDS_END, HEADER_LEN};
use crate::{AppendOptions, Journal, NoRefill, RealDisk, SegmentStatus, SystemClock, salvage};

#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now_micros(&self) -> i64 {
        43_200_000_000
    }
}

#[test]
fn an_identity_is_a_random_uuid() {
    let ids: Vec<[u8; 16]> = (0..200).map(|_| *new_log_id(Path::new("/log")).unwrap().as_bytes()).collect();
    assert!(ids.iter().all(|id| id[6] >> 4 == 4 && id[8] >> 6 == 2), "version 4, variant 1");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 200);
    // Every other bit is drawn.
    let drawn = |at: usize| ids.iter().fold((0, 0xff), |(any, all), id| (any | id[at], all & id[at]));
    for at in 0..16 {
        let fixed = match at {
            6 => 0xf0,
            8 => 0xc0,
            _ => 0,
        };
        let (any, all) = drawn(at);
        assert_eq!((any | fixed, all & !fixed), (0xff, 0), "byte {at}");
    }
}

#[test]
fn a_directory_that_is_none_is_not_a_missing_one() {
    let dir = tempfile::tempdir().unwrap();
    let none = Survey::of(&RealDisk, &dir.path().join("none"), 0).err().unwrap();
    assert!(matches!(&none, Error::Missing { path } if path.ends_with("none")), "{none}");
    std::fs::write(dir.path().join("file"), b"x").unwrap();
    let file = Survey::of(&RealDisk, &dir.path().join("file"), 0).err().unwrap();
    assert!(matches!(&file, Error::Io { .. }), "{file}");
}

#[test]
fn a_journal_is_made_where_none_was_and_not_where_one_is_lost() {
    for (durable, is_lost) in [(0, false), (8, true)] {
        let (disk, dir) = (Memory::new(), Path::new("/log"));
        let log = LogId::from_bytes([1; 16]);
        let (mut slots, _) = Slots::open(&disk, dir, log).unwrap();
        let mark = Mark { log, term: Term::FIRST, durable: Offset::new(durable), clean: false };
        slots.publish_durably(&mark).unwrap();
        let made = create(&disk, &SystemClock, dir);
        assert_eq!(matches!(&made, Err(Error::Damaged(_))), is_lost, "{made:?}");
        assert_eq!(made.is_ok(), !is_lost, "{made:?}");
    }
}

#[test]
fn a_salvage_is_told_of_once_in_the_log_itself_and_names_what_it_gave_up() {
    let dir = tempfile::tempdir().unwrap();
    let open =
        || Journal::open_on(Arc::new(RealDisk), Arc::new(Noon), dir.path(), Options::default()).unwrap();
    let journal = open();
    let first = journal.append("lost").unwrap();
    journal.append("left").unwrap();
    journal.close().unwrap();
    let path = dir.path().join(segment::file_name(Offset::ZERO));
    let mut bytes = std::fs::read(&path).unwrap();
    let at = (HEADER_LEN + first.offset.get()) as usize;
    bytes[at..at + 48].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let plan = salvage::plan(&disk, dir.path(), &NoRefill).unwrap();
    let report =
        salvage::apply(&disk, Arc::new(Noon), dir.path(), Options::default(), &NoRefill, &plan).unwrap();
    let lost: Vec<&Hole> = report.lost.iter().collect();
    assert!(!lost.is_empty());
    let told = audit_body(Noon.now_micros(), &lost, &[]);
    let count = || -> usize {
        let files = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
        let segments = files.filter(|path| path.extension().is_some_and(|extension| extension == "wal"));
        let told =
            |path: PathBuf| std::fs::read(path).unwrap().windows(told.len()).filter(|at| *at == told).count();
        segments.map(told).sum()
    };
    assert_eq!(count(), 1);
    let end = open().durable();
    assert_eq!((open().durable(), count()), (end, 1), "it is told again");
    // Nor once something stands behind it.
    open().append("more").unwrap();
    let end = open().durable();
    assert_eq!((open().durable(), count()), (end, 1), "it is told again");
}

/// A journal of three segments, closed: a checkpoint in the first, a key in the second, words in each; and its files.
fn three(dir: &Path) -> (Vec<PathBuf>, Offset, Offset) {
    let journal = Journal::open_on(Arc::new(RealDisk), Arc::new(Noon), dir, Options::default()).unwrap();
    journal.append_batch(&["one", "two"]).unwrap();
    let checkpoint = journal.checkpoint("here", true).unwrap().offset;
    let keyed = AppendOptions { key: Some(b"once"), ..AppendOptions::default() };
    let key = journal.append_with(&["three"], &keyed).unwrap()[0].offset;
    journal.seal().unwrap();
    journal.append("four").unwrap();
    let files = journal.status().segments.into_iter().map(|segment| segment.path).collect();
    journal.close().unwrap();
    (files, checkpoint, key)
}

/// A journal of two segments with a word each, closed: how much of it is durable, and the newest segment.
fn two(dir: &Path) -> (Offset, SegmentStatus) {
    let journal = Journal::open(dir).unwrap();
    journal.append("one").unwrap();
    journal.seal().unwrap();
    journal.append("two").unwrap();
    let newest = (journal.durable(), journal.status().segments.pop().unwrap());
    journal.close().unwrap();
    newest
}

fn salvaged(dir: &Path) -> salvage::SalvageReport {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let plan = salvage::plan(&disk, dir, &NoRefill).unwrap();
    salvage::apply(&disk, Arc::new(Noon), dir, Options::default(), &NoRefill, &plan).unwrap()
}

fn header_of(path: &Path) -> SegmentHeader {
    SegmentHeader::decode(&std::fs::read(path).unwrap()[..HEADER_LEN as usize]).unwrap()
}

#[test]
fn a_log_whose_newest_part_is_lost_goes_on_with_all_that_is_known_from_before() {
    let dir = tempfile::tempdir().unwrap();
    let (files, checkpoint, key) = three(dir.path());
    let lost = header_of(&files[2]);
    std::fs::remove_file(&files[2]).unwrap();
    let report = salvaged(dir.path());
    let [hole] = &report.lost[..] else { panic!("{:?}", report.lost) };
    let born = dir.path().join(segment::file_name(hole.end()));
    let expected = SegmentHeader {
        term: hole.term,
        term_start: hole.end(),
        base: hole.end(),
        checkpoint: Some(checkpoint),
        keys: Some(key),
        ..lost.clone()
    };
    assert_eq!(header_of(&born), expected);
    assert!(hole.term > lost.term && lost.records_before >= 3);

    // What was acknowledged behind the hole and is missing then is damage, and no reason to begin there again.
    let journal = Journal::open(dir.path()).unwrap();
    journal.append("five").unwrap();
    let durable = journal.durable();
    journal.close().unwrap();
    std::fs::remove_file(&born).unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let damage = journal.report().damage.clone().unwrap();
    assert_eq!(damage.offset.get() + damage.len, durable.get());
    assert!(!born.exists());
}

#[test]
fn a_segment_that_begins_at_an_empty_hole_is_not_born_again_when_its_header_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (files, ..) = three(dir.path());
    let header = header_of(&files[2]);
    let hole = |len| Hole {
        offset: header.base,
        len,
        reason: "the segment is missing".to_owned(),
        kept: None,
        at_micros: 0,
        term: next_term(header.term),
        sealed: true,
    };
    let behind = |len| {
        Holes::new(vec![hole(len)]).replace(&RealDisk, dir.path(), header.log).unwrap();
        Survey::of(&RealDisk, dir.path(), 0).unwrap().behind
    };
    std::fs::remove_file(dir.path().join(watermark::FILE_NAME)).unwrap();
    std::fs::OpenOptions::new().write(true).open(&files[2]).unwrap().set_len(100).unwrap();
    assert_eq!(behind(0), None);
    // One that is lost whole is another thing, and so is one that is missing behind a seal.
    assert_eq!(behind(64).unwrap().base.get(), header.base.get() + 64);
    std::fs::remove_file(&files[2]).unwrap();
    assert_eq!(behind(0).unwrap().base, header.base);
    // Neither seals nor holes are needed to see that nothing is behind.
    std::fs::remove_file(dir.path().join(holes::FILE_NAME)).unwrap();
    assert_eq!(Survey::of(&RealDisk, dir.path(), 0).unwrap().behind, None);
}

#[test]
fn a_newest_segment_without_a_header_is_damage_from_its_beginning_to_the_watermark() {
    let dir = tempfile::tempdir().unwrap();
    let (durable, last) = two(dir.path());
    std::fs::OpenOptions::new().write(true).open(&last.path).unwrap().set_len(100).unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let damage = journal.report().damage.clone().unwrap();
    assert!(last.base > Offset::ZERO && damage.detail.contains("header"), "{damage:?}");
    assert_eq!((damage.offset, damage.offset.get() + damage.len), (last.base, durable.get()));
}

#[test]
fn without_segments_the_watermark_says_which_log_it_was_if_anything_was_durable() {
    for (durable, is_lost) in [(0, false), (8, true)] {
        let (disk, dir) = (Memory::new(), Path::new("/log"));
        let log = LogId::from_bytes([1; 16]);
        let (mut slots, _) = Slots::open(&disk, dir, log).unwrap();
        let mark = Mark { log, term: Term::FIRST, durable: Offset::new(durable), clean: false };
        slots.publish_durably(&mark).unwrap();
        match log_of(&disk, dir, &[]) {
            Ok(found) => assert!(is_lost && found == log),
            Err(error) => assert!(!is_lost && matches!(error, Error::Missing { .. }), "{error}"),
        }
    }
}

#[test]
fn a_torn_tail_is_kept_to_its_last_byte_and_no_further_and_what_was_temporary_goes() {
    let dir = tempfile::tempdir().unwrap();
    let (durable, last) = two(dir.path());
    let at = (HEADER_LEN + durable.get() - last.base.get()) as usize;
    let mut bytes = std::fs::read(&last.path).unwrap();
    bytes.resize(at + 5000, 0);
    bytes[at..at + 100].fill(0xaa);
    std::fs::write(&last.path, bytes).unwrap();
    let left = dir.path().join("0000000000000000.wal.tmp");
    std::fs::write(&left, b"half").unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let torn = journal.report().torn.clone().unwrap();
    assert_eq!((torn.offset, torn.bytes), (durable, 100));
    assert!(std::fs::read(&torn.quarantine).unwrap().ends_with(&[0xaa; 100]));
    assert!(!left.exists());
}

#[test]
fn what_is_listed_as_lost_beyond_the_end_of_the_file_keeps_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    journal.append("one").unwrap();
    let second = journal.append("two").unwrap();
    let (durable, last) = (journal.durable(), journal.status().segments.pop().unwrap());
    journal.close().unwrap();
    let log = header_of(&last.path).log;
    // The salvage was cut off once it had decided, and the watermark is gone, too.
    let len = HEADER_LEN + second.offset.get() + 8;
    std::fs::OpenOptions::new().write(true).open(&last.path).unwrap().set_len(len).unwrap();
    std::fs::remove_file(dir.path().join(watermark::FILE_NAME)).unwrap();
    let hole = Hole {
        offset: second.offset,
        len: durable.get() - second.offset.get(),
        reason: "cut off".to_owned(),
        kept: None,
        at_micros: 0,
        term: next_term(Term::FIRST),
        sealed: false,
    };
    Holes::new(vec![hole]).replace(&RealDisk, dir.path(), log).unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    assert_eq!(journal.report().damage, None);
    let third = journal.append("three").unwrap();
    assert!(third.offset > durable, "{third:?}");
    assert_eq!(journal.records(), 2);
}

#[test]
fn a_header_that_says_more_than_a_log_may_hold_is_appended_to_by_nobody() {
    for (base, is_full) in [(APPENDS_END - 4096, false), (APPENDS_END, true)] {
        let dir = tempfile::tempdir().unwrap();
        let base = Offset::new(base);
        let header = SegmentHeader {
            log: LogId::from_bytes([3; 16]),
            term: Term::FIRST,
            term_start: base,
            base,
            chain: [0; 32],
            records_before: 0,
            created_micros: 0,
            checkpoint: None,
            keys: None,
        };
        std::fs::write(dir.path().join(segment::file_name(base)), header.encode()).unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        let outcome = journal.append("x");
        let refused = matches!(outcome, Err(Error::TooLarge { what: "a log", .. }));
        assert_eq!((outcome.is_ok(), refused), (!is_full, is_full), "{outcome:?}");
    }
}

fn open_with(disk: &Memory, options: Options) -> Journal {
    let disk = Arc::new(disk.clone());
    Journal::open_on(disk, Arc::new(SystemClock), Path::new("/log"), options).unwrap()
}

fn open(disk: &Memory) -> Journal {
    open_with(disk, Options::default())
}

#[test]
fn what_a_group_says_was_durable_is_not_written_again() {
    let disk = Memory::new();
    let journal = open(&disk);
    for _ in 0..20 {
        journal.append(vec![1; 1000]).unwrap();
    }
    // The watermark was synced when the log was made and lags: a sync of it is not yet due.
    let group = frame::padded(1000) + frame::COMMIT;
    let stopped = disk.image(|| false);
    let reopened = open(&stopped);
    assert_eq!((reopened.durable(), reopened.report().rewritten_bytes), (journal.durable(), group as u64));
    reopened.close().unwrap();
    // Of two groups without a sync between them neither says it of the other.
    let policy = Options { sync: crate::SyncPolicy::OnDemand, own_thread: false, ..Options::default() };
    let before = stopped.image(|| true);
    let accepts = open_with(&before, policy);
    let durable = accepts.durable();
    for _ in 0..3 {
        accepts.append(vec![1; 2 << 20]).unwrap();
    }
    let reopened = open(&before.image(|| true));
    let rewritten = reopened.report().rewritten_bytes;
    assert!(reopened.durable() > durable, "something was written");
    assert_eq!(rewritten, reopened.durable().get() - durable.get());
}

#[test]
fn of_a_segment_that_was_sealed_last_the_seal_is_written_again() {
    let disk = Memory::new();
    let journal = open(&disk);
    for _ in 0..20 {
        journal.append(vec![1; 1000]).unwrap();
    }
    let end = journal.durable();
    // The seal is written, and the next segment is never named.
    disk.rule(|call, _| if call == Call::Rename { Err(io::Error::other("on purpose")) } else { Ok(()) });
    journal.seal().unwrap_err();
    let reopened = open(&disk.image(|| false));
    let seal = reopened.durable().get() - end.get();
    assert!(seal > 0, "nothing was sealed");
    assert_eq!(reopened.report().rewritten_bytes, seal);
}

/// A closed journal whose next segment's file is made, and that file.
fn made_ahead(dir: &Path) -> (Options, PathBuf) {
    let options = Options { segment_bytes: 1 << 20, ..Options::default() };
    let journal = Journal::open_with(dir, options).unwrap();
    let path = dir.join("next.wal.tmp");
    while !path.exists() {
        journal.append(vec![1; 1000]).unwrap();
    }
    journal.close().unwrap();
    (options, path)
}

#[test]
fn a_file_that_was_made_ahead_and_not_used_is_used_by_the_next_writer() {
    let dir = tempfile::tempdir().unwrap();
    let (options, path) = made_ahead(dir.path());
    assert_eq!(std::fs::metadata(&path).unwrap().len(), options.segment_bytes);
    // As far as a roll that was cut off may have come with it.
    let lost = header_of(&dir.path().join(segment::file_name(Offset::ZERO)));
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().write_all(&lost.encode()).unwrap();
    let id = std::fs::metadata(&path).unwrap().ino();
    let journal = Journal::open_with(dir.path(), options).unwrap();
    assert!(path.exists(), "it is removed");
    let before = journal.append("before").unwrap();
    journal.seal().unwrap();
    let behind = journal.append("behind").unwrap();
    let newest = journal.status().segments.pop().unwrap();
    assert_eq!(std::fs::metadata(&newest.path).unwrap().ino(), id, "another file was made");
    assert!(!path.exists() && header_of(&newest.path).base == newest.base && newest.base > before.offset);
    journal.close().unwrap();
    let journal = Journal::open_with(dir.path(), options).unwrap();
    assert_eq!((journal.report().damage.clone(), journal.report().torn.clone()), (None, None));
    assert!(journal.durable() > behind.offset);
}

#[test]
fn a_file_that_was_made_ahead_for_another_writer_is_removed() {
    let others = [
        Options { segment_bytes: 2 << 20, ..Options::default() },
        Options { segment_bytes: 1 << 20, reserve_bytes: 4096, ..Options::default() },
        Options { segment_bytes: 1 << 20, own_thread: false, ..Options::default() },
    ];
    for other in others {
        let dir = tempfile::tempdir().unwrap();
        let (_, path) = made_ahead(dir.path());
        assert!(path.exists());
        let journal = Journal::open_with(dir.path(), other).unwrap();
        assert!(!path.exists(), "{other:?}");
        journal.append("on it goes").unwrap();
        journal.seal().unwrap();
        journal.append("and on").unwrap();
    }
}

#[test]
fn what_was_made_ahead_gives_way_to_what_is_written_on_a_full_disk() {
    let disk = Memory::new();
    let open = || open_with(&disk, Options { segment_bytes: 1 << 20, ..Options::default() });
    let (beneath, spare) = (disk.beneath(), Path::new("/log/next.wal.tmp"));
    let is_made = move || beneath.open(spare, Mode::Read).is_ok();
    let journal = open();
    while !is_made() {
        journal.append(vec![1; 1000]).unwrap();
    }
    journal.close().unwrap();
    let journal = open();
    assert!(is_made());
    let looks = is_made.clone();
    disk.rule(move |call, path| match call {
        Call::Allocate if path.extension().is_some_and(|kind| kind == "wal") && looks() => {
            Err(io::ErrorKind::StorageFull.into())
        }
        _ => Ok(()),
    });
    journal.append("there is room for this").unwrap();
    assert!(!is_made());
}
