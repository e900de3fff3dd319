use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::*;
use crate::disk::{Disk, DiskFile, Held, Listed, Mode, RealDisk, Written};
use crate::{AppendOptions, Journal, SystemClock};

mod behind;
mod failing;
mod hammer;
#[cfg(feature = "tokio")]
mod hashed;
mod late;
#[cfg(feature = "tokio")]
mod queued;

/// What a disk holds up: the next sync or durable write of a segment stops here until it is let go.
#[derive(Debug, Default)]
struct Gate {
    /// Armed, reached.
    state: Mutex<(bool, bool)>,
    /// One may pass, and the gate stays armed.
    one: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    fn arm(&self) {
        *self.state.lock().unwrap() = (true, false);
    }

    fn wait_until_reached(&self) {
        let state = self.state.lock().unwrap();
        let reached = self.changed.wait_timeout_while(state, LONG, |(_, reached)| !*reached).unwrap();
        assert!(reached.0.1, "nobody came to the gate");
    }

    fn let_go(&self) {
        self.state.lock().unwrap().0 = false;
        self.changed.notify_all();
    }

    /// Lets whoever has reached it go on, and stops the next.
    fn let_one_go(&self) {
        self.state.lock().unwrap().1 = false;
        *self.one.lock().unwrap() = true;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        if state.0 {
            state.1 = true;
            self.changed.notify_all();
            let stays =
                |(armed, _): &mut (bool, bool)| *armed && !std::mem::take(&mut *self.one.lock().unwrap());
            drop(self.changed.wait_while(state, stays).unwrap());
        }
    }
}

#[derive(Debug)]
struct GatedDisk(Arc<Gate>);

#[derive(Debug)]
struct GatedFile(Arc<Gate>, Box<dyn DiskFile>);

impl Disk for GatedDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        RealDisk.list(path)
    }
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn DiskFile>> {
        let file = RealDisk.open(path, mode)?;
        if path.to_string_lossy().contains("wal") {
            return Ok(Box::new(GatedFile(Arc::clone(&self.0), file)));
        }
        Ok(file)
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

impl DiskFile for GatedFile {
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize> {
        self.1.read_at(buf, pos)
    }
    fn write_at(&self, buf: &[u8], pos: u64) -> io::Result<usize> {
        self.1.write_at(buf, pos)
    }
    fn write_blocks(&self, buf: &[u8], pos: u64, durable: bool) -> io::Result<Written> {
        self.0.pass();
        self.1.write_blocks(buf, pos, durable)
    }
    fn sync(&self) -> io::Result<()> {
        self.0.pass();
        self.1.sync()
    }
    fn len(&self) -> io::Result<u64> {
        self.1.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.1.set_len(len)
    }
    fn allocate(&self, len: u64) -> io::Result<()> {
        self.1.allocate(len)
    }
}

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

fn open(options: Options) -> (tempfile::TempDir, Arc<Gate>, Journal) {
    let dir = tempfile::tempdir().unwrap();
    let gate = Arc::<Gate>::default();
    let disk = Arc::new(GatedDisk(Arc::clone(&gate)));
    let journal = Journal::open_on(disk, Arc::new(SystemClock), &dir.path().join("log"), options).unwrap();
    (dir, gate, journal)
}

/// Runs `act` in a thread; what it gives is to be there in time.
fn apart<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (given, taken) = channel();
    std::thread::spawn(move || given.send(act()));
    taken
}

fn in_time<T>(taken: &Receiver<T>) -> T {
    match taken.recv_timeout(LONG) {
        Ok(given) => given,
        Err(RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(RecvTimeoutError::Disconnected) => panic!("it panicked"),
    }
}

fn spin_until(what: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !what() {
        assert!(began.elapsed() < LONG, "it never came");
        std::thread::yield_now();
    }
}

#[test]
fn a_key_tried_again_before_its_group_is_written_waits_for_nobody() {
    for durable in [false, true] {
        let (_dir, _gate, journal) = open(Options { sync: SyncPolicy::OnDemand, ..Options::default() });
        let first = journal
            .append_with(&["a"], &AppendOptions { key: Some(b"k"), ..AppendOptions::default() })
            .unwrap();
        let again = journal.clone();
        let again = in_time(&apart(move || {
            again.append_with(&["a"], &AppendOptions { key: Some(b"k"), durable, ..AppendOptions::default() })
        }));
        assert_eq!(again.unwrap(), first);
        assert_eq!(journal.durable() > first[0].offset, durable);
    }
}

#[test]
fn a_seal_that_a_close_overtakes_is_answered() {
    let (_dir, gate, journal) = open(Options::default());
    gate.arm();
    let (one, other) = (journal.clone(), journal.clone());
    let appended = apart(move || one.append("a").map(drop));
    gate.wait_until_reached();
    let sealed = apart(move || other.seal().map(drop));
    spin_until(|| journal.core.commit.lock().full);
    let commit = Arc::clone(&journal.core.commit);
    let closed = apart(move || journal.close());
    spin_until(|| commit.stopped().is_some());
    gate.let_go();
    in_time(&appended).unwrap();
    in_time(&closed).unwrap();
    assert!(matches!(in_time(&sealed), Err(Error::Closed)));
}

#[test]
fn a_seal_behind_what_nobody_waits_for_is_answered() {
    let (_dir, gate, journal) = open(Options { sync: SyncPolicy::OnDemand, ..Options::default() });
    gate.arm();
    let (one, other) = (journal.clone(), journal.clone());
    let appended = apart(move || {
        let how = AppendOptions { durable: true, ..AppendOptions::default() };
        one.append_with(&["a"], &how).map(drop)
    });
    gate.wait_until_reached();
    // It fills the group behind, which nothing but the seal asks for.
    let accepted = journal.append("b").unwrap();
    let sealed = apart(move || other.seal());
    spin_until(|| journal.core.commit.lock().full);
    gate.let_go();
    in_time(&appended).unwrap();
    assert!(in_time(&sealed).unwrap() >= accepted.next);
    assert_eq!(journal.status().segments.len(), 2);
}

#[test]
fn an_interval_is_asked_for_again_after_a_roll_made_all_durable() {
    // The keeper's own timer stays out of it.
    let sync = SyncPolicy::Interval(Duration::from_secs(3600));
    let (_dir, _gate, journal) = open(Options { sync, ..Options::default() });
    let commit = &journal.core.commit;
    let first = journal.append("a").unwrap();
    assert!(commit.lock().sync_is_due);
    journal.seal().unwrap();
    assert!(journal.durable() >= first.next);
    // What the keeper does when the time has come.
    commit.sync().unwrap();
    assert!(!commit.lock().sync_is_due, "the next append would not ask");
}

#[cfg(feature = "tokio")]
#[test]
fn the_file_made_ahead_is_left_alone_while_a_roll_uses_it() {
    // Nothing but the roll comes to the gate.
    let (dir, gate, journal) =
        open(Options { segment_bytes: 1 << 20, fill_ahead: false, ..Options::default() });
    let commit = Arc::clone(&journal.core.commit);
    let big = vec![7; 600 << 10];
    journal.append(&big).unwrap();
    spin_until(|| !commit.spare.is_none());
    let slow = Arc::new(SlowWaker(Gate::default()));
    slow.0.arm();
    // The leader of this group is held up by a task it wakes; by then the lead is free.
    let ticket = Arc::clone(&commit.lock().ticket);
    assert!(ticket.wake_later(&std::task::Waker::from(Arc::clone(&slow))));
    let one = journal.clone();
    let held_up = apart(move || one.append("b").map(drop));
    slow.0.wait_until_reached();
    gate.arm();
    let other = journal.clone();
    let sealed = apart(move || other.seal().map(drop));
    // The first time is the seal's sync: the roll has taken the file.
    gate.wait_until_reached();
    assert!(commit.spare.is_none());
    slow.0.let_go();
    in_time(&held_up).unwrap();
    assert!(commit.keeper.is_free_to_prepare(), "a file is made under the name of one in use");
    assert!(commit.spare.is_none(), "a file was made under the name of one in use");
    gate.let_go();
    in_time(&sealed).unwrap();
    journal.append("c").unwrap();
    journal.close().unwrap();
    let journal = Journal::open(dir.path().join("log")).unwrap();
    assert_eq!(journal.latest(3).unwrap().len(), 3);
}

#[cfg(feature = "tokio")]
struct SlowWaker(Gate);

#[cfg(feature = "tokio")]
impl std::task::Wake for SlowWaker {
    fn wake(self: Arc<Self>) {
        self.0.pass();
    }
}

#[cfg(feature = "tokio")]
#[test]
fn a_waker_that_panics_stops_nobody_else() {
    let (_dir, _gate, journal) = open(Options::default());
    let ticket = Arc::clone(&journal.core.commit.lock().ticket);
    let (woken, taken) = channel();
    assert!(ticket.wake_later(&std::task::Waker::from(Arc::new(Panics))));
    assert!(ticket.wake_later(&std::task::Waker::from(Arc::new(Tells(Mutex::new(woken))))));
    let one = journal.clone();
    in_time(&apart(move || one.append("a"))).unwrap();
    in_time(&taken);
    let other = journal.clone();
    in_time(&apart(move || other.append("b"))).unwrap();
    // The same of those who follow the watermark, which moves under the writer's lock.
    let (woken, taken) = channel();
    journal.core.watermark.watch(journal.durable(), &std::task::Waker::from(Arc::new(Panics)));
    journal
        .core
        .watermark
        .watch(journal.durable(), &std::task::Waker::from(Arc::new(Tells(Mutex::new(woken)))));
    let other = journal.clone();
    in_time(&apart(move || other.append("c"))).unwrap();
    in_time(&taken);
    journal.close().unwrap();
}

#[cfg(feature = "tokio")]
struct Panics;

#[cfg(feature = "tokio")]
impl std::task::Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("on purpose");
    }
}

#[cfg(feature = "tokio")]
struct Tells(Mutex<std::sync::mpsc::Sender<()>>);

#[cfg(feature = "tokio")]
impl std::task::Wake for Tells {
    fn wake(self: Arc<Self>) {
        let _ = self.0.lock().unwrap().send(());
    }
}
