use std::path::PathBuf;

use annals_record::Appended;

use super::*;
use crate::{Consent, Disk, Journal, Keep, NoRefill, Options, Reader, RealDisk, SystemClock, salvage};

fn payload(i: usize) -> Vec<u8> {
    format!("record {i} {}", "x".repeat(i * 3701 % 50_000)).into_bytes()
}

struct Scene {
    dir: tempfile::TempDir,
    receipts: Vec<Appended>,
}

impl Scene {
    /// Segments of several stretches, groups of one record and of many, one larger than a stretch.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let journal =
            Journal::open_with(dir.path(), Options { segment_bytes: 3 << 20, ..Options::default() }).unwrap();
        let mut receipts = Vec::new();
        while receipts.len() < 400 {
            let next = receipts.len();
            match next % 9 {
                0 => {
                    journal.checkpoint(b"no record", false).unwrap();
                    let batch: Vec<_> = (next..next + 40).map(payload).collect();
                    receipts.extend(journal.append_batch(&batch).unwrap());
                }
                _ => receipts.push(journal.append(payload(next)).unwrap()),
            }
        }
        assert!(journal.status().segments.len() > 2);
        journal.close().unwrap();
        Self { dir, receipts }
    }

    fn reader(&self) -> Reader {
        Reader::open(self.dir.path()).unwrap()
    }

    fn segments(&self) -> Vec<PathBuf> {
        let names = std::fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> =
            names.filter(|path| path.extension().is_some_and(|ext| ext == "wal")).collect();
        paths.sort();
        paths
    }

    /// Does more damage than a salvage can mend.
    fn break_at(&self, segment: usize, at: usize) {
        let path = &self.segments()[segment];
        let mut bytes = std::fs::read(path).unwrap();
        bytes[at..at + 24].fill(0x5a);
        std::fs::write(path, bytes).unwrap();
    }
}

/// Records with their offsets, and the errors between them, which are skipped.
type Told = (Vec<(Offset, Vec<u8>)>, Vec<String>);

/// All that `next` gives; `skip` is told where to go on after an error.
fn all<R>(
    reader: &mut R,
    next: impl Fn(&mut R, &mut Batch) -> Result<bool, LogError>,
    skip: impl Fn(&mut R, Offset),
) -> Told {
    let (mut batch, mut records, mut errors) = (Batch::default(), Vec::new(), Vec::new());
    loop {
        match next(reader, &mut batch) {
            Ok(true) => records.extend(batch.iter().map(|entry| (entry.offset, entry.payload.to_vec()))),
            Ok(false) => return (records, errors),
            Err(error) => {
                assert!(batch.is_empty(), "an error leaves an empty batch");
                errors.push(error.to_string());
                match error {
                    LogError::Damaged { offset, len, .. } | LogError::Hole { offset, len } => {
                        skip(reader, Offset::new(offset.get() + len));
                    }
                    LogError::Gap { oldest, .. } => skip(reader, oldest),
                    other => panic!("{other}"),
                }
            }
        }
    }
}

fn replayed(reader: &Reader, from: Offset) -> Told {
    all(&mut reader.replay(from), Replay::next_into, Replay::skip_to)
}

fn tailed(reader: &Reader, from: Offset) -> Told {
    let next =
        |tail: &mut crate::Tail<Reader>, batch: &mut Batch| tail.next_into(batch, std::time::Duration::ZERO);
    all(&mut reader.tail(from), next, crate::Tail::skip_to)
}

#[test]
fn a_replay_is_a_tail_from_wherever_it_begins() {
    let scene = Scene::new();
    let reader = scene.reader();
    let (records, errors) = replayed(&reader, Offset::ZERO);
    assert_eq!(errors, [""; 0]);
    let expected: Vec<_> = scene.receipts.iter().enumerate().map(|(i, at)| (at.offset, payload(i))).collect();
    assert!(records == expected, "all of them, in order");
    for receipt in scene.receipts.iter().step_by(23) {
        for from in [receipt.offset, receipt.next] {
            assert!(replayed(&reader, from) == tailed(&reader, from), "from {from}");
        }
    }
}

#[test]
fn other_threads_read_ahead_and_end_with_it() {
    let scene = Scene::new();
    let (mut replay, mut batch) = (scene.reader().replay(Offset::ZERO), Batch::default());
    assert!(replay.next_into(&mut batch).unwrap());
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
    assert_eq!(replay.threads.len(), cores - 1);
    assert!(replay.line.len() > 1, "there is more to do than for one");
    let line = Arc::downgrade(&replay.line);
    drop(replay);
    assert!(line.upgrade().is_none(), "nobody holds it any more");
}

#[test]
fn it_ends_at_the_durable_end_and_goes_on_from_there() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let (mut replay, mut batch) = (journal.replay(Offset::ZERO), Batch::default());
    assert!(!replay.next_into(&mut batch).unwrap());
    for i in 0..3 {
        journal.append(payload(i)).unwrap();
        journal.seal().unwrap();
        // A segment without a record is no end.
        journal.checkpoint(b"alone", true).unwrap();
        journal.append(payload(i + 1)).unwrap();
        let mut found = Vec::new();
        while replay.next_into(&mut batch).unwrap() {
            found.extend(batch.iter().map(|entry| entry.payload.to_vec()));
        }
        assert_eq!(found, [payload(i), payload(i + 1)]);
        assert_eq!(replay.position(), journal.durable());
    }
}

#[test]
fn what_does_not_verify_is_told_as_a_tail_tells_it() {
    let scene = Scene::new();
    let last = scene.segments().len() - 1;
    let middle = std::fs::metadata(&scene.segments()[1]).unwrap().len() as usize / 2;
    for (segment, at) in [(0, 4096 + 41), (1, middle), (1, middle + 1_000_000), (last, 4096 + 41)] {
        scene.break_at(segment, at);
        let reader = scene.reader();
        let found = replayed(&reader, Offset::ZERO);
        assert!(!found.1.is_empty());
        assert!(found == tailed(&reader, Offset::ZERO), "segment {segment}, byte {at}: {:?}", found.1);
    }
    let middle = scene.segments().len() / 2;
    std::fs::remove_file(&scene.segments()[middle]).unwrap();
    let reader = scene.reader();
    assert!(replayed(&reader, Offset::ZERO) == tailed(&reader, Offset::ZERO));

    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let plan = salvage::plan(&disk, scene.dir.path(), &NoRefill).unwrap();
    let (clock, options) = (Arc::new(SystemClock), Options::default());
    salvage::apply(&disk, clock, scene.dir.path(), options, &NoRefill, &plan).unwrap();
    let reader = scene.reader();
    let found = replayed(&reader, Offset::ZERO);
    assert!(found.1.iter().all(|told| told.contains("hole")) && found.1.len() > 3, "{:?}", found.1);
    assert!(found == tailed(&reader, Offset::ZERO));
}

#[test]
fn what_was_purged_is_a_gap() {
    let scene = Scene::new();
    let reader = scene.reader();
    let journal = Journal::open(scene.dir.path()).unwrap();
    journal.apply(&journal.plan(&Keep::Newest).unwrap(), Consent::default()).unwrap();
    let found = replayed(&reader, Offset::ZERO);
    assert_eq!(found.1.len(), 1, "{:?}", found.1);
    assert!(found == tailed(&reader, Offset::ZERO));
}
