use std::path::Path;
use std::sync::Barrier;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use super::*;
use crate::commit::memory::Memory;
use crate::disk::{Held, Listed};
use crate::journal::Journal;
use crate::options::Options;
use crate::{Error, SystemClock};

/// A disk on which the first look at a directory is held up once it has seen what is there.
#[derive(Debug)]
struct SlowToList {
    disk: Memory,
    first: Mutex<bool>,
    seen: Barrier,
    go_on: Barrier,
}

impl Disk for SlowToList {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        let listed = self.disk.list(path);
        if std::mem::take(&mut *self.first.lock().unwrap()) {
            self.seen.wait();
            self.go_on.wait();
        }
        listed
    }

    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn DiskFile>> {
        self.disk.open(path, mode)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_dir(path)
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<Box<dyn Held>> {
        self.disk.lock(path, holder)
    }
}

#[test]
fn r2_a_look_at_the_segments_is_not_undone_by_an_earlier_one_that_ends_later() -> Result<(), Error> {
    let (disk, dir) = (Memory::new(), Path::new("/log"));
    let journal = Journal::open_on(Arc::new(disk.clone()), Arc::new(SystemClock), dir, Options::default())?;
    journal.append("in the first segment")?;
    let segments = catalog::load(&disk, dir, &[])?;
    let holes = journal.core.source.holes();
    let first = Mutex::new(true);
    let slow = Arc::new(SlowToList { disk, first, seen: Barrier::new(2), go_on: Barrier::new(2) });
    let source = Source::new(Arc::clone(&slow) as Arc<dyn Disk>, dir.to_owned(), segments, holes).following();
    thread::scope(|threads| {
        let early = threads.spawn(|| source.refresh());
        slow.seen.wait();
        journal.seal()?;
        journal.append("in the second segment")?;
        let (done, is_done) = channel();
        let source = &source;
        let late = threads.spawn(move || {
            let refreshed = source.refresh();
            let _ = done.send(());
            refreshed
        });
        // It is given time to end before the first one, if it may.
        let _ = is_done.recv_timeout(Duration::from_millis(100));
        slow.go_on.wait();
        early.join().unwrap()?;
        late.join().unwrap()
    })?;
    assert_eq!(source.segments().len(), 2, "the list went back");
    journal.close()
}
