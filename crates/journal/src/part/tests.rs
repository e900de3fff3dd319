use std::collections::HashSet;
use std::path::Path;
use std::sync::Mutex;

use annals_record::Term;
use fastrand::Rng;

use super::*;
use crate::disk::{Disk, Mode, RealDisk};
use crate::frame::Commit;
use crate::options::AppendOptions;
use crate::segment::HEADER_LEN;
use crate::{Journal, Options, catalog};

/// A file that knows which threads have read it.
#[derive(Debug)]
struct Watched {
    file: Box<dyn DiskFile>,
    readers: Mutex<HashSet<thread::ThreadId>>,
}

impl DiskFile for Watched {
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize> {
        self.readers.lock().unwrap().insert(thread::current().id());
        self.file.read_at(buf, pos)
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

/// What there is to say of a segment once all its parts are put together.
#[derive(Debug, PartialEq)]
struct Sum {
    end: Offset,
    seal: Vec<u8>,
    keys: Vec<(RecordId, RecordId, Offset)>,
    checkpoint: Option<Offset>,
    last_record: Option<Offset>,
    durable_upto: Offset,
    stop: String,
}

fn sum(header: &SegmentHeader, file: &dyn DiskFile, holes: &Holes, part: u64) -> Sum {
    let mut parts = Parts::of(header, file, holes, part).unwrap();
    let (mut summary, mut keys) = (Summary::new(header), Vec::new());
    let (mut checkpoint, mut last_record, mut durable_upto) = (None, None, Offset::ZERO);
    loop {
        let (part, stop) = parts.next().unwrap();
        summary.join(&part.summary);
        summary.absorb_ids(&part.ids);
        keys.extend(part.keys);
        checkpoint = part.checkpoint.or(checkpoint);
        last_record = part.last_record.or(last_record);
        durable_upto = durable_upto.max(part.durable_upto);
        if let Some(stop) = stop {
            let (end, seal) = (parts.position(), summary.seal(Term::FIRST).encode(header));
            let stop = format!("{stop:?}");
            return Sum { end, seal, keys, checkpoint, last_record, durable_upto, stop };
        }
    }
}

/// A log of one segment, or of one that is sealed and a few records behind it, of groups of many kinds.
fn log(dir: &Path, rng: &mut Rng, sealed: bool) {
    let journal = Journal::open_with(dir, Options::default()).unwrap();
    for _ in 0..120 {
        let mut payload = || vec![rng.u8(1..); rng.usize(0..900)];
        let payloads: Vec<_> = (0..8).map(|_| payload()).collect();
        match rng.u32(0..8) {
            0 => drop(journal.append_batch(&payloads).unwrap()),
            1 => drop(journal.append(vec![1; rng.usize(0..200_000)]).unwrap()),
            2 => drop(journal.checkpoint(&payloads[0], false).unwrap()),
            3 => {
                let key = rng.u64(0..50).to_le_bytes();
                let options = AppendOptions { key: Some(&key), ..AppendOptions::default() };
                // One that was used before is refused for another payload.
                let _ = journal.append_with(&payloads[..1], &options);
            }
            _ => drop(journal.append(&payloads[0]).unwrap()),
        }
    }
    if sealed {
        journal.seal().unwrap();
        journal.append("behind it").unwrap();
    }
    // Not closed: what is reserved stays.
    std::mem::forget(journal);
}

/// A journal whose file is as short as it can be.
fn short(dir: &Path) -> Journal {
    Journal::open_with(dir, Options { reserve_bytes: 4096, ..Options::default() }).unwrap()
}

fn first_segment(dir: &Path) -> (SegmentHeader, Box<dyn DiskFile>) {
    let segments = catalog::load(&RealDisk, dir, &[]).unwrap();
    let header = segments[0].header.clone().unwrap();
    (header, RealDisk.open(&segments[0].path, Mode::Write).unwrap())
}

#[test]
fn parts_of_any_size_add_up_to_what_one_scan_finds() {
    let mut readers = 0;
    for seed in 0..12 {
        let rng = &mut Rng::with_seed(seed);
        let dir = tempfile::tempdir().unwrap();
        log(dir.path(), rng, seed % 3 == 0);
        let (header, file) = first_segment(dir.path());
        let file = Watched { file, readers: Mutex::default() };
        let whole = sum(&header, &file, &Holes::default(), u64::MAX);
        assert_eq!(whole.stop.starts_with("Seal"), seed % 3 == 0, "{whole:?}");
        // The last group, or the seal behind it, was written once what stood before it was durable.
        assert!(Offset::ZERO < whole.durable_upto && whole.durable_upto < whole.end);
        let end = header.file_pos(whole.end).0;
        for round in 0..12 {
            let part = if round == 0 { 8 } else { 8 * rng.u64(1..20_000) };
            assert_eq!(sum(&header, &file, &Holes::default(), part), whole, "seed {seed}, parts of {part}");
            // With one more byte wrong each time.
            let at = rng.u64(HEADER_LEN..end);
            let mut byte = [0];
            file.read_at(&mut byte, at).unwrap();
            file.write_at(&[byte[0] ^ 4], at).unwrap();
            let broken = sum(&header, &file, &Holes::default(), u64::MAX);
            assert_ne!(broken, whole);
            assert_eq!(sum(&header, &file, &Holes::default(), part), broken, "seed {seed}, parts of {part}");
            file.write_at(&byte, at).unwrap();
        }
        readers = readers.max(file.readers.lock().unwrap().len());
    }
    assert!(readers > 1 || thread::available_parallelism().unwrap().get() == 1, "one thread alone has read");
}

#[test]
fn a_part_begins_where_the_one_before_it_ends_wherever_they_are_parted() {
    let dir = tempfile::tempdir().unwrap();
    let journal = short(dir.path());
    for len in (0..300).step_by(11) {
        journal.append(vec![1; len]).unwrap();
    }
    journal.append_batch(&[[2; 100]; 20]).unwrap();
    let end = journal.durable();
    std::mem::forget(journal);
    let ((header, file), none) = (first_segment(dir.path()), Holes::default());
    let parts = Parts::of(&header, &*file, &none, 1 << 20).unwrap();
    for at in (0..end.get() - frame::COMMIT as u64 + 1).step_by(8).map(Offset::new) {
        let before = parts.scan(Offset::ZERO, at, u64::MAX).unwrap();
        assert_eq!(parts.first_behind(at, end).unwrap(), Some(before.end), "parted at {at}");
    }
}

#[test]
fn bytes_that_look_like_a_commit_frame_where_none_is_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let journal = short(dir.path());
    let (header, file) = first_segment(dir.path());
    let mut forged = Vec::new();
    for i in 0..50_u32 {
        // Where the payload's first byte will stand.
        let at = Offset::new(journal.durable().get() + frame::HEADER as u64);
        let commit = Commit { batch_start: at, durable_upto: at, time_micros: 1, records: i };
        let mut payload = frame::encode(frame::COMMIT_WORD, &commit.words(), &[], &header.place(at));
        payload.resize(payload.len() + 200, 7);
        journal.append(&payload).unwrap();
        forged.push(at);
    }
    let end = journal.durable();
    std::mem::forget(journal);
    let none = Holes::default();
    let parts = Parts::of(&header, &*file, &none, 1 << 20).unwrap();
    let behind = |at: Offset| Offset::new(at.get() + frame::COMMIT as u64);
    let taken = forged.iter().filter(|at| parts.first_behind(**at, end).unwrap() == Some(behind(**at)));
    assert_eq!(taken.count(), forged.len(), "they do look like one");
    let whole = sum(&header, &*file, &Holes::default(), u64::MAX);
    assert_eq!(whole.end, end);
    for part in (8..2000).step_by(8) {
        assert_eq!(sum(&header, &*file, &Holes::default(), part), whole, "parts of {part}");
    }
}

#[test]
fn behind_a_group_of_many_parts_they_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let journal = short(dir.path());
    let none = Holes::default();
    for round in 0..6 {
        journal.append(vec![round; 1000]).unwrap();
        journal.append(vec![round; 20_000]).unwrap();
    }
    let end = journal.durable();
    std::mem::forget(journal);
    let (header, file) = first_segment(dir.path());
    for part in [80, 800, 3_000, 8_000, 20_000, 30_000] {
        let mut parts = Parts::of(&header, &*file, &none, part).unwrap();
        let mut groups = 0;
        while let (found, None) = parts.next().unwrap() {
            groups += found.summary.groups;
        }
        assert_eq!((parts.position(), groups), (end, 12), "parts of {part}");
    }
}

#[test]
fn what_is_listed_as_lost_is_passed_over_in_parts_too() {
    let dir = tempfile::tempdir().unwrap();
    let rng = &mut Rng::with_seed(1);
    log(dir.path(), rng, false);
    let (header, file) = first_segment(dir.path());
    let (mut groups, none) = (Vec::new(), Holes::default());
    let mut parts = Parts::of(&header, &*file, &none, 8).unwrap();
    while let (part, None) = parts.next().unwrap() {
        groups.push((part.start, part.end));
    }
    for round in 0..20 {
        let first = if round == 0 { 0 } else { rng.usize(0..groups.len() - 4) };
        let (from, to) = (groups[first].0, groups[first + rng.usize(0..4)].1);
        let holes = Holes::new(vec![crate::holes::Hole {
            offset: from,
            len: to.get() - from.get(),
            reason: String::new(),
            kept: None,
            at_micros: 0,
            term: Term::FIRST,
            sealed: false,
        }]);
        let whole = sum(&header, &*file, &holes, u64::MAX);
        assert_eq!(whole.end, groups.last().unwrap().1);
        for part in [8, 800, 8_000, 80_000] {
            assert_eq!(sum(&header, &*file, &holes, part), whole, "{from} to {to}, parts of {part}");
        }
    }
}

#[test]
fn the_last_byte_that_is_not_zero_is_found_wherever_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let file = RealDisk.open(&dir.path().join("file"), Mode::CreateNew).unwrap();
    let len = 3 * PART + 4096 + 13;
    file.set_len(len).unwrap();
    let from = FilePos(4096);
    assert_eq!(end_of_bytes(&*file, from).unwrap(), from);
    file.write_at(b"x", 17).unwrap();
    assert_eq!(end_of_bytes(&*file, from).unwrap(), from, "what stands before is not looked at");
    let mut rng = Rng::with_seed(1);
    let mut places: Vec<_> = (0..40).map(|_| rng.u64(from.0..len)).chain([from.0, len - 1]).collect();
    for of in 2..=4 {
        places.extend((1..of).flat_map(|part| {
            let border = from.0 + (len - from.0) / of * part;
            [border - 1, border]
        }));
    }
    for place in places {
        file.write_at(b"x", place).unwrap();
        assert_eq!(end_of_bytes(&*file, from).unwrap(), FilePos(place + 1));
        assert_eq!(end_of_bytes(&*file, FilePos(len)).unwrap(), FilePos(len));
        file.write_at(&[0], place).unwrap();
    }
}

#[test]
fn a_work_that_is_alone_is_done_here_and_all_are_told_apart() {
    let here = thread::current().id();
    assert_eq!(on_all_cores(0, |i, of| (i, of, thread::current().id())), [(0, 1, here)]);
    assert_eq!(on_all_cores(1, |i, of| (i, of, thread::current().id())), [(0, 1, here)]);
    let many = on_all_cores(1000, |i, of| (i, of, thread::current().id()));
    assert!(many.len() <= MOST_THREADS && many[0].2 == here);
    assert!(many.iter().zip(0..).all(|((i, of, _), n)| *i == n && *of == many.len() as u64));
    let panics = std::panic::catch_unwind(|| on_all_cores(4, |i, of| assert!(i + 1 < of, "the last one")));
    assert!(panics.is_err());
}
