use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use super::*;
use crate::RealDisk;
use crate::disk::Written;

const SEGMENT: u64 = 1 << 20;

/// A file that says of its direct writes what it is told to, and holds one up.
#[derive(Debug)]
struct Odd {
    file: Box<dyn DiskFile>,
    past_cache: bool,
    /// This write fails.
    fails: u64,
    writes: AtomicU64,
    held: Option<Mutex<mpsc::Receiver<()>>>,
}

impl DiskFile for Odd {
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize> {
        self.file.read_at(buf, pos)
    }

    fn write_at(&self, buf: &[u8], pos: u64) -> io::Result<usize> {
        self.file.write_at(buf, pos)
    }

    fn write_blocks(&self, buf: &[u8], pos: u64, durable: bool) -> io::Result<Written> {
        if let Some(held) = &self.held {
            held.lock().unwrap().recv().unwrap();
        }
        if self.writes.fetch_add(1, Ordering::SeqCst) + 1 == self.fails {
            return Err(io::Error::other("on purpose"));
        }
        let bytes = self.file.write_at(buf, pos)?;
        Ok(Written { bytes, durable: durable && self.past_cache })
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

fn odd(dir: &Path, past_cache: bool, fails: u64, held: Option<mpsc::Receiver<()>>) -> Prepared {
    let prepared = Prepared::new(&RealDisk, dir, "next", SEGMENT).unwrap();
    let file = RealDisk.open(&dir.join("next.tmp"), Mode::Write).unwrap();
    let held = held.map(Mutex::new);
    let file = Odd { file, past_cache, fails, writes: AtomicU64::new(0), held };
    Prepared { file: Arc::new(file), ..prepared }
}

#[test]
fn it_is_filled_as_far_as_is_wanted_and_no_further() {
    let dir = tempfile::tempdir().unwrap();
    let (spare, zeros) = (Spare::default(), zeros());
    assert!(!spare.want(10), "there is nothing to fill");
    spare.put(odd(dir.path(), true, 0, None));
    assert!(spare.want(PIECE + 1));
    assert!(spare.fill_some(&zeros).unwrap());
    assert!(spare.want(PIECE + 1));
    assert!(spare.fill_some(&zeros).unwrap());
    assert!(!spare.want(PIECE + 1));
    assert!(!spare.fill_some(&zeros).unwrap());
    assert!(spare.want(u64::MAX));
    while spare.fill_some(&zeros).unwrap() {}
    let prepared = spare.take().unwrap();
    assert_eq!(
        (prepared.zeroed, prepared.allocated, prepared.file.len().unwrap()),
        (SEGMENT, SEGMENT, SEGMENT)
    );
    // The next one begins anew.
    spare.put(odd(dir.path(), true, 0, None));
    assert!(!spare.fill_some(&zeros).unwrap());
}

#[test]
fn a_disk_without_a_way_past_its_cache_is_asked_once() {
    let dir = tempfile::tempdir().unwrap();
    let (spare, zeros) = (Spare::default(), zeros());
    spare.put(odd(dir.path(), false, 0, None));
    assert!(spare.want(u64::MAX));
    assert!(spare.fill_some(&zeros).unwrap());
    assert!(!spare.want(u64::MAX));
    assert!(!spare.fill_some(&zeros).unwrap());
    assert_eq!(spare.take().unwrap().zeroed, 0);
}

#[test]
fn a_file_whose_zeros_failed_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let (spare, zeros) = (Spare::default(), zeros());
    spare.put(odd(dir.path(), true, 2, None));
    assert!(spare.want(u64::MAX));
    assert!(spare.fill_some(&zeros).unwrap());
    assert!(matches!(spare.fill_some(&zeros), Err(Error::Io { op: "fill", .. })));
    assert!(spare.take().is_none());
    // Nor by the next writer, who takes up what is as long as it should be.
    assert_eq!(std::fs::metadata(dir.path().join("next.tmp")).unwrap().len(), 0);
}

#[test]
fn nobody_takes_it_while_zeros_are_on_their_way() {
    let dir = tempfile::tempdir().unwrap();
    let (go, held) = mpsc::channel();
    let (spare, zeros) = (Arc::new(Spare::default()), zeros());
    spare.put(odd(dir.path(), true, 0, Some(held)));
    assert!(spare.want(1));
    let filling = std::thread::spawn({
        let spare = Arc::clone(&spare);
        move || spare.fill_some(&zeros).unwrap()
    });
    while !spare.lock().busy {
        std::thread::yield_now();
    }
    let (taken, told) = mpsc::channel();
    let taking = std::thread::spawn({
        let spare = Arc::clone(&spare);
        move || taken.send(spare.take().unwrap().zeroed).unwrap()
    });
    // Long enough to see it go wrong; if it were taken here the number would be zero as well.
    for _ in 0..100 {
        std::thread::yield_now();
    }
    assert!(told.try_recv().is_err(), "taken under a write");
    go.send(()).unwrap();
    assert_eq!(told.recv().unwrap(), PIECE);
    assert!(filling.join().unwrap());
    taking.join().unwrap();
}

#[test]
fn a_disk_that_panics_holds_nobody_up() {
    let dir = tempfile::tempdir().unwrap();
    let (go, held) = mpsc::channel();
    let (spare, zeros) = (Spare::default(), zeros());
    spare.put(odd(dir.path(), true, 0, Some(held)));
    assert!(spare.want(1));
    drop(go);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| spare.fill_some(&zeros)));
    assert!(panicked.is_err());
    assert!(spare.take().is_none(), "what became of the write is unknown");
}

#[test]
fn a_file_is_filled_between_two_places_only() {
    let dir = tempfile::tempdir().unwrap();
    let prepared = odd(dir.path(), true, 0, None);
    disk::write_full(&*prepared.file, &[7; 4096], 0).unwrap();
    let filled = fill(&*prepared.file, 4096, SEGMENT).unwrap();
    assert!(filled > 4096 && filled <= SEGMENT, "{filled}");
    let mut first = [0; 4097];
    disk::read_full(&*prepared.file, &mut first, 0).unwrap();
    assert!(first[..4096].iter().all(|byte| *byte == 7) && first[4096] == 0);
    let refused = odd(dir.path(), false, 0, None);
    assert_eq!(fill(&*refused.file, 4096, SEGMENT).unwrap(), 4096);
}
