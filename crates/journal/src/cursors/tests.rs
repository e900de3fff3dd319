use std::fs;
use std::sync::Mutex;

use annals_record::{Applied, Kind, Log, LogId, RecordId, Term};

use super::*;
use crate::clock::SystemClock;
use crate::disk::{DiskFile, Listed, Mode, RealDisk};
use crate::options::Options;
use crate::retention::{Consent, Keep};

fn small() -> Options {
    Options { segment_bytes: 8 << 10, max_batch_bytes: 1 << 20, ..Options::default() }
}

/// A journal of `count` records, each in a segment of its own, and where they stand.
fn journal(dir: &Path, count: u8) -> (Journal, Vec<annals_record::Appended>) {
    let journal = Journal::open_with(dir, small()).unwrap();
    let appended = (0..count).map(|i| journal.append([i; 3000]).unwrap()).collect();
    (journal, appended)
}

fn applied(appended: &annals_record::Appended) -> Option<Applied> {
    Some(Applied { offset: appended.offset, id: appended.id })
}

#[test]
fn a_cursor_stands_where_it_was_moved_whoever_opens_it() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, places) = journal(dir.path(), 5);
    let reader = Reader::open(dir.path()).unwrap();
    assert!(matches!(journal.cursor("worker"), Err(Error::NoCursor { .. })));
    assert!(!dir.path().join(DIR).exists(), "asking makes nothing");
    let mut cursor = journal.cursor_at("worker", Offset::ZERO).unwrap();
    assert_eq!((cursor.name(), cursor.position(), cursor.cursor().last), ("worker", Offset::ZERO, None));
    for place in &places[..3] {
        cursor.advance(place.next, applied(place)).unwrap();
        assert_eq!(cursor.position(), place.next);
    }
    drop(cursor);
    let mut cursor = reader.cursor_at("worker", Offset::ZERO).unwrap();
    assert_eq!((cursor.position(), cursor.cursor().last), (places[2].next, applied(&places[2])));
    let back = cursor.advance(places[1].next, None).unwrap_err();
    assert!(matches!(&back, Error::CursorBack { to, .. } if *to == places[1].next), "{back}");
    assert!(matches!(cursor.advance(Offset::new(1 << 40), None), Err(Error::Beyond { .. })));
    assert!(matches!(cursor.rewind(places[3].next), Err(Error::Beyond { .. })));
    cursor.rewind(places[0].next).unwrap();
    // A reader's process, and a journal that was closed meanwhile.
    journal.close().unwrap();
    cursor.advance(places[3].next, applied(&places[3])).unwrap();
    drop(cursor);
    let journal = Journal::open_with(dir.path(), small()).unwrap();
    assert_eq!(journal.cursor("worker").unwrap().position(), places[3].next);
}

#[test]
fn whichever_slot_is_lost_after_a_rewind_the_other_one_is_not_ahead() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, places) = journal(dir.path(), 3);
    let mut cursor = journal.cursor_at("worker", Offset::ZERO).unwrap();
    cursor.advance(places[1].next, None).unwrap();
    cursor.rewind(places[0].next).unwrap();
    drop(cursor);
    let path = data_path(&dir.path().join(DIR), "worker");
    let good = fs::read(&path).unwrap();
    for slot in [0, 4096] {
        let mut lost = good.clone();
        lost[slot] ^= 1;
        fs::write(&path, lost).unwrap();
        assert_eq!(journal.cursor("worker").unwrap().position(), places[0].next);
    }
}

#[test]
fn names_that_are_none_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = journal(dir.path(), 1);
    let long = "x".repeat(65);
    for name in ["", ".", "..", ".x", "A", "a/b", "../x", "a b", "ü", "LOCK", "a\0", &long] {
        let error = journal.cursor_at(name, Offset::ZERO).unwrap_err();
        assert!(matches!(&error, Error::CursorName { .. }) && error.kind() == Kind::Fix, "{name:?}: {error}");
        assert!(matches!(journal.cursor(name), Err(Error::CursorName { .. })));
        assert!(matches!(journal.remove_cursor(name), Err(Error::CursorName { .. })));
    }
    for name in ["0", "a.b-c_d", "x.lock", "x.cursor", "x.tmp", &long[1..]] {
        journal.cursor_at(name, Offset::ZERO).unwrap();
    }
    let names: Vec<String> = journal.cursors().unwrap().into_iter().map(|cursor| cursor.name).collect();
    assert_eq!(names, ["0", "a.b-c_d", "x.cursor", "x.lock", "x.tmp", &long[1..]]);
}

#[test]
fn one_consumer_at_a_time_and_the_list_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, places) = journal(dir.path(), 4);
    let reader = Reader::open(dir.path()).unwrap();
    let mut cursor = reader.cursor_at("worker", Offset::ZERO).unwrap();
    cursor.advance(places[1].next, applied(&places[1])).unwrap();
    journal.cursor_at("idle", places[2].offset).unwrap();
    let error = journal.cursor_at("worker", Offset::ZERO).unwrap_err();
    let me = format!("process {}", std::process::id());
    assert!(matches!(&error, Error::Locked { holder, .. } if holder.contains(&me)), "{error}");
    assert!(matches!(journal.remove_cursor("worker"), Err(Error::Locked { .. })));
    for listed in [journal.cursors().unwrap(), reader.cursors().unwrap()] {
        let [idle, worker] = &listed[..] else { panic!("{listed:?}") };
        assert_eq!((&*idle.name, &idle.held_by, idle.position), ("idle", &None, Some(places[2].offset)));
        assert!(worker.held_by.as_ref().is_some_and(|holder| holder.contains(&me)), "{worker:?}");
        assert_eq!((worker.lag.unwrap().records, &worker.problem), (2, &None));
        assert!(worker.moved_at_micros > Some(0));
    }
    drop(cursor);
    journal.cursor("worker").unwrap();
    reader.remove_cursor("worker").unwrap();
    assert!(matches!(journal.remove_cursor("worker"), Err(Error::NoCursor { .. })));
    assert_eq!(journal.cursors().unwrap().len(), 1);
    journal.cursor_at("worker", Offset::ZERO).unwrap();
}

#[test]
fn a_cursor_that_does_not_fit_is_refused_and_never_moved() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (journal, places) = journal(dir.path(), 4);
    let path = data_path(&dir.path().join(DIR), "worker");
    let mut cursor = journal.cursor_at("worker", Offset::ZERO).unwrap();
    cursor.advance(places[1].next, applied(&places[1])).unwrap();
    let good = cursor.cursor();
    drop(cursor);
    let foreign = LogId::from_bytes([9; 16]);
    let ahead = Offset::new(1 << 40);
    let wrong = Applied { id: RecordId::of(b"other"), ..good.last.unwrap() };
    let refused = [
        (Cursor { log: foreign, ..good }, CursorRefusal::ForeignLog { cursor: foreign, log: good.log }),
        (
            Cursor { next: ahead, ..good },
            CursorRefusal::AheadOfLog { cursor: ahead, durable: journal.durable() },
        ),
        (
            Cursor { term: Term::new(7), ..good },
            CursorRefusal::UnknownTerm { term: Term::new(7), newest: Term::FIRST },
        ),
        (Cursor { last: Some(wrong), ..good }, CursorRefusal::OtherRecord { offset: wrong.offset }),
    ];
    for (cursor, refusal) in refused {
        Slots::create(&RealDisk, &path, &Place { cursor, moved_at_micros: 0 }).unwrap();
        let bytes = fs::read(&path).unwrap();
        for error in [journal.cursor("worker").unwrap_err(), journal.cursor_at("worker", ahead).unwrap_err()]
        {
            assert!(matches!(&error, Error::Cursor { refusal: found, .. } if *found == refusal), "{error}");
        }
        let listed = journal.cursors().unwrap();
        assert!(
            listed[0].problem.as_ref().is_some_and(|problem| problem.contains("remove it")),
            "{listed:?}"
        );
        assert_eq!(fs::read(&path).unwrap(), bytes, "it is left as it was");
        let other_record = matches!(refusal, CursorRefusal::OtherRecord { .. });
        let plan = journal.plan(&Keep::Segments(1)).unwrap();
        assert_eq!(plan.purge.is_empty(), !other_record, "what it needs is unknown: nothing goes");
    }
    // One whose place was purged, as an older copy of it may say.
    journal.remove_cursor("worker").unwrap();
    let plan = journal.plan(&Keep::Segments(1)).unwrap();
    journal.apply(&plan, Consent::default()).unwrap();
    Slots::create(&RealDisk, &path, &Place { cursor: good, moved_at_micros: 0 }).unwrap();
    let error = journal.cursor("worker").unwrap_err();
    assert!(matches!(error, Error::Cursor { refusal: CursorRefusal::Purged { .. }, .. }), "{error}");
    // Nor does the journal of another place take it.
    let (stranger, _) = self::journal(other.path(), 4);
    stranger.cursor_at("worker", Offset::ZERO).unwrap();
    fs::copy(&path, data_path(&other.path().join(DIR), "worker")).unwrap();
    let error = stranger.cursor("worker").unwrap_err();
    assert!(matches!(error, Error::Cursor { refusal: CursorRefusal::ForeignLog { .. }, .. }), "{error}");
}

#[test]
fn a_record_that_was_applied_may_rot() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, places) = journal(dir.path(), 3);
    let mut cursor = journal.cursor_at("worker", Offset::ZERO).unwrap();
    cursor.advance(places[0].next, applied(&places[0])).unwrap();
    drop(cursor);
    let first = &journal.status().segments[0].path;
    let mut bytes = fs::read(first).unwrap();
    bytes[5000] ^= 1;
    fs::write(first, bytes).unwrap();
    assert_eq!(journal.cursor("worker").unwrap().position(), places[0].next);
}

#[test]
fn a_cursor_is_made_where_the_log_is_held() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, places) = journal(dir.path(), 4);
    let old = Reader::open(dir.path()).unwrap();
    journal.apply(&journal.plan(&Keep::Segments(2)).unwrap(), Consent::default()).unwrap();
    // This reader's list is older than the purge.
    let error = old.cursor_at("worker", Offset::ZERO).unwrap_err();
    assert!(
        matches!(error, Error::Gap { oldest, .. } if oldest == journal.bounds().unwrap().oldest),
        "{error}"
    );
    let beyond = Offset::new(journal.durable().get() + 8);
    assert!(matches!(old.cursor_at("worker", beyond), Err(Error::Beyond { .. })));
    assert_eq!(journal.cursors().unwrap(), [], "what was refused was not made");
    let mut cursor = old.cursor_at("worker", places[3].next).unwrap();
    assert!(matches!(cursor.rewind(places[0].offset), Err(Error::Gap { .. })));
    cursor.rewind(places[2].offset).unwrap();
    let plan = journal.plan(&Keep::Segments(1)).unwrap();
    assert_eq!(plan.purge, [], "a cursor that moved back holds what it has to read again");
}

/// The disk of a purge, on which somebody makes a cursor at the worst moment: when the purge has looked at the cursors and
/// writes down how far it goes.
#[derive(Debug, Default)]
struct Intruder(Mutex<Intrusion>);

#[derive(Debug, Default)]
struct Intrusion {
    reader: Option<Reader>,
    made: Vec<Result<Offset, Error>>,
}

impl Disk for Intruder {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        RealDisk.list(path)
    }

    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn DiskFile>> {
        if mode == Mode::CreateNew && path.ends_with(".purged.json.tmp") {
            let mut intrusion = self.0.lock().unwrap();
            if let Some(reader) = &intrusion.reader {
                let made = reader.cursor_at("late", Offset::ZERO).map(|cursor| cursor.position());
                intrusion.made.push(made);
            }
        }
        RealDisk.open(path, mode)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_dir(path)
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<Box<dyn Held>> {
        RealDisk.lock(path, holder)
    }
}

#[test]
fn no_cursor_is_made_between_a_purge_s_look_and_its_word() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Intruder::default());
    let shared = Arc::clone(&disk) as Arc<dyn Disk>;
    let journal = Journal::open_on(shared, Arc::new(SystemClock), dir.path(), small()).unwrap();
    for i in 0..4 {
        journal.append([i; 3000]).unwrap();
    }
    disk.0.lock().unwrap().reader = Some(Reader::open(dir.path()).unwrap());
    journal.apply(&journal.plan(&Keep::Segments(1)).unwrap(), Consent::default()).unwrap();
    let Intrusion { reader, made } = std::mem::take(&mut *disk.0.lock().unwrap());
    assert!(matches!(made[..], [Err(Error::Locked { .. })]), "{made:?}");
    assert!(matches!(reader.unwrap().cursor_at("late", Offset::ZERO), Err(Error::Gap { .. })));
}

#[test]
fn cursors_that_are_made_while_a_log_is_purged_miss_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = journal(dir.path(), 40);
    let reader = Reader::open(dir.path()).unwrap();
    let (mut made, mut refused) = (0, 0);
    for left in (1..40).rev() {
        let start = journal.bounds().unwrap().oldest;
        let cursor = std::thread::scope(|scope| {
            let purge = scope.spawn(|| {
                let plan = journal.plan(&Keep::Segments(left)).unwrap();
                journal.apply(&plan, Consent::default())
            });
            let cursor = reader.cursor_at("late", start);
            let purged = purge.join().unwrap();
            assert!(matches!(purged, Ok(_) | Err(Error::Blocked { .. })), "{purged:?}");
            cursor
        });
        match cursor {
            Ok(cursor) => {
                assert_eq!(journal.bounds().unwrap().oldest, start, "a cursor was overrun");
                drop(cursor);
                journal.remove_cursor("late").unwrap();
                made += 1;
            }
            Err(Error::Gap { .. }) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(made + refused == 39, "{made} made, {refused} refused");
}
