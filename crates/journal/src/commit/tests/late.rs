//! What went wrong behind a write is told at the next sync, and only to descriptors that were open then, as Linux does it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use super::*;
use crate::commit::memory::Memory;

/// How often writing back each file has failed, and how often that was told.
#[derive(Clone, Debug, Default)]
struct Failures {
    of: Arc<Mutex<BTreeMap<PathBuf, u64>>>,
    told: Arc<AtomicU64>,
}

impl Failures {
    fn so_far(&self, path: &Path) -> u64 {
        self.of.lock().unwrap().get(path).copied().unwrap_or_default()
    }

    /// What was written to segments and not synced could not be written back.
    fn happen(&self, disk: &Memory) {
        for listed in disk.list(Path::new("/log")).unwrap() {
            let path = Path::new("/log").join(listed.name);
            *self.of.lock().unwrap().entry(path).or_default() += 1;
        }
    }
}

#[derive(Debug)]
struct LateDisk(Memory, Failures);

#[derive(Debug)]
struct LateFile {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    failures: Failures,
    /// The failures it was told, and those before it was opened.
    known: AtomicU64,
}

impl LateFile {
    fn tell(&self) -> io::Result<()> {
        let failures = self.failures.so_far(&self.path);
        if self.known.swap(failures, SeqCst) == failures {
            return Ok(());
        }
        self.failures.told.fetch_add(1, SeqCst);
        Err(io::Error::from_raw_os_error(5))
    }
}

impl Disk for LateDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.0.create_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        self.0.list(path)
    }

    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn DiskFile>> {
        let (file, failures) = (self.0.open(path, mode)?, self.1.clone());
        let known = AtomicU64::new(failures.so_far(path));
        Ok(Box::new(LateFile { file, path: path.to_owned(), failures, known }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.0.sync_dir(path)
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<Box<dyn Held>> {
        self.0.lock(path, holder)
    }
}

impl DiskFile for LateFile {
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize> {
        self.file.read_at(buf, pos)
    }

    fn write_at(&self, buf: &[u8], pos: u64) -> io::Result<usize> {
        self.file.write_at(buf, pos)
    }

    fn write_blocks(&self, buf: &[u8], pos: u64, durable: bool) -> io::Result<Written> {
        if durable {
            self.tell()?;
        }
        self.file.write_blocks(buf, pos, durable)
    }

    fn sync(&self) -> io::Result<()> {
        self.tell()?;
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
fn a_failure_behind_a_write_is_told_at_the_next_sync_whatever_asks_for_it() {
    type Ask = fn(&Journal) -> Result<(), Error>;
    let asks: [(&str, Ask); 4] = [
        ("a sync", |journal| journal.sync().map(drop)),
        ("a durable append", |journal| {
            let durable = AppendOptions { durable: true, ..AppendOptions::default() };
            journal.append_with(&["b"], &durable).map(drop)
        }),
        ("a seal", |journal| journal.seal().map(drop)),
        ("a close", |journal| journal.clone().close()),
    ];
    for (what, ask) in asks {
        let (disk, failures) = (Memory::new(), Failures::default());
        let late = LateDisk(disk.clone(), failures.clone());
        let options = Options { sync: SyncPolicy::OnDemand, ..Options::default() };
        let journal =
            Journal::open_on(Arc::new(late), Arc::new(SystemClock), Path::new("/log"), options).unwrap();
        let accepted = journal.append(vec![7; WRITE_AT]).unwrap();
        spin_until(|| journal.durability().written >= accepted.next);
        failures.happen(&disk);
        assert!(matches!(ask(&journal), Err(Error::Poisoned { .. })), "{what} was told of nothing");
        assert!(failures.told.load(SeqCst) > 0 && journal.durable() == Offset::ZERO, "{what}");
        assert!(matches!(journal.append("c"), Err(Error::Poisoned { .. } | Error::Closed)), "{what}");
    }
}
