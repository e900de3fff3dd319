//! A disk in memory whose calls go as a test says, and whose power can be cut at any moment.
//!
//!   call -> the rule: waits, fails, panics, or nothing -> the bytes; a sync makes them durable
//!   image -> what a power cut would leave now: all that is durable, and any of what is not

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, DiskFile, Held, Listed, Mode, Written};

/// What is atomic on the medium.
const SECTOR: usize = 512;

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Open,
    Read,
    /// With its bytes; durable at once, if the rule lets it.
    Write,
    Sync,
    Allocate,
    SetLen,
    Rename,
    Remove,
    SyncDir,
}

/// Asked before each call, outside of all locks: an error is what the call gives.
type Rule = dyn Fn(Call, &Path) -> io::Result<()> + Send + Sync;

/// Clones are handles to the same disk.
#[derive(Clone)]
pub(crate) struct Memory {
    tree: Arc<Mutex<Tree>>,
    rule: Arc<Mutex<Arc<Rule>>>,
    is_locked: Arc<Mutex<bool>>,
    /// It cannot make a write durable in the same call.
    is_plain: bool,
}

#[derive(Clone, Default)]
struct Tree {
    names: BTreeMap<PathBuf, usize>,
    /// The names as of the last sync of their directory.
    durable: BTreeMap<PathBuf, usize>,
    files: Vec<Bytes>,
}

/// Never held while others may go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Default)]
struct Bytes {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// What was written since the last sync.
    dirty: Vec<Range<usize>>,
}

impl Bytes {
    fn sync(&mut self) {
        self.durable.resize(self.now.len(), 0);
        for range in std::mem::take(&mut self.dirty) {
            let end = range.end.min(self.now.len());
            if range.start < end {
                self.durable[range.start..end].copy_from_slice(&self.now[range.start..end]);
            }
        }
    }

    fn write(&mut self, bytes: &[u8], pos: usize) {
        let end = pos + bytes.len();
        self.now.resize(self.now.len().max(end), 0);
        self.now[pos..end].copy_from_slice(bytes);
        self.dirty.push(pos..end);
    }

    /// What a power cut leaves; `survives` says it of each sector that is not durable.
    fn cut(&mut self, survives: &mut impl FnMut() -> bool) {
        if survives() {
            self.durable.resize(self.now.len(), 0);
        }
        for range in std::mem::take(&mut self.dirty) {
            for start in (range.start / SECTOR * SECTOR..range.end).step_by(SECTOR) {
                let end = (start + SECTOR).min(self.now.len()).min(self.durable.len());
                if start < end && survives() {
                    self.durable[start..end].copy_from_slice(&self.now[start..end]);
                }
            }
        }
        self.now.clone_from(&self.durable);
    }
}

impl Memory {
    pub(crate) fn new() -> Self {
        let rule: Arc<Rule> = Arc::new(|_, _| Ok(()));
        Self {
            tree: Arc::default(),
            rule: Arc::new(Mutex::new(rule)),
            is_locked: Arc::default(),
            is_plain: false,
        }
    }

    /// A disk on which each write that is to be durable needs a sync of its own.
    #[cfg(shuttle)]
    pub(crate) fn plain() -> Self {
        Self { is_plain: true, ..Self::new() }
    }

    /// From here on calls go as this says.
    pub(crate) fn rule(&self, rule: impl Fn(Call, &Path) -> io::Result<()> + Send + Sync + 'static) {
        *lock(&self.rule) = Arc::new(rule);
    }

    /// The disk as a power cut at this moment would leave it, and on which all is well.
    pub(crate) fn image(&self, mut survives: impl FnMut() -> bool) -> Self {
        let mut tree = lock(&self.tree).clone();
        if tree.names != tree.durable && !survives() {
            tree.names.clone_from(&tree.durable);
        }
        tree.durable.clone_from(&tree.names);
        tree.files.iter_mut().for_each(|file| file.cut(&mut survives));
        Self { tree: Arc::new(Mutex::new(tree)), ..Self::new() }
    }

    /// The same disk, whose calls through this handle always go well: for who looks at it in a rule.
    pub(crate) fn beneath(&self) -> Self {
        let (tree, is_locked) = (Arc::clone(&self.tree), Arc::clone(&self.is_locked));
        Self { tree, is_locked, ..Self::new() }
    }

    #[cfg(shuttle)]
    pub(crate) fn is_locked(&self) -> bool {
        *lock(&self.is_locked)
    }

    /// Shows each file: its bytes, and those that are durable, if its name is.
    #[cfg(shuttle)]
    pub(crate) fn each(&self, mut look: impl FnMut(&Path, &[u8], Option<&[u8]>)) {
        let tree = lock(&self.tree);
        for (name, id) in &tree.names {
            let file = &tree.files[*id];
            let is_durable = tree.durable.get(name) == Some(id);
            look(name, &file.now, is_durable.then_some(&*file.durable));
        }
    }

    fn ask(&self, call: Call, path: &Path) -> io::Result<()> {
        let rule = Arc::clone(&lock(&self.rule));
        rule(call, path)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

impl Disk for Memory {
    fn create_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        let tree = lock(&self.tree);
        let listed =
            tree.names.iter().filter(|(name, _)| name.parent() == Some(path)).filter_map(|(name, id)| {
                let name = name.file_name()?.to_str()?.to_owned();
                Some(Listed { name, len: tree.files[*id].now.len() as u64 })
            });
        Ok(listed.collect())
    }

    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn DiskFile>> {
        self.ask(Call::Open, path)?;
        let mut tree = lock(&self.tree);
        let id = match (tree.names.get(path).copied(), mode) {
            (None, Mode::CreateNew) => {
                let id = tree.files.len();
                tree.files.push(Bytes::default());
                tree.names.insert(path.to_owned(), id);
                id
            }
            (None, _) => return Err(io::ErrorKind::NotFound.into()),
            (Some(_), Mode::CreateNew) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(id), _) => id,
        };
        Ok(Box::new(MemoryFile { disk: self.clone(), path: path.to_owned(), id }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.ask(Call::Rename, from)?;
        let mut tree = lock(&self.tree);
        let id = tree.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        tree.names.insert(to.to_owned(), id);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.ask(Call::Remove, path)?;
        lock(&self.tree).names.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.ask(Call::SyncDir, path)?;
        let mut guard = lock(&self.tree);
        let tree = &mut *guard;
        tree.durable.retain(|name, _| name.parent() != Some(path));
        let named = tree.names.iter().filter(|(name, _)| name.parent() == Some(path));
        tree.durable.extend(named.map(|(name, id)| (name.clone(), *id)));
        Ok(())
    }

    fn lock(&self, _path: &Path, _holder: &str) -> io::Result<Box<dyn Held>> {
        if std::mem::replace(&mut *lock(&self.is_locked), true) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Lock(Arc::clone(&self.is_locked))))
    }
}

#[derive(Debug)]
struct Lock(Arc<Mutex<bool>>);

impl Held for Lock {}

impl Drop for Lock {
    fn drop(&mut self) {
        *lock(&self.0) = false;
    }
}

#[derive(Debug)]
struct MemoryFile {
    disk: Memory,
    path: PathBuf,
    id: usize,
}

impl MemoryFile {
    fn ask(&self, call: Call) -> io::Result<()> {
        self.disk.ask(call, &self.path)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Bytes) -> T) -> T {
        act(&mut lock(&self.disk.tree).files[self.id])
    }
}

impl DiskFile for MemoryFile {
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize> {
        self.ask(Call::Read)?;
        Ok(self.with(|bytes| {
            let rest = bytes.now.get(pos as usize..).unwrap_or_default();
            let len = rest.len().min(buf.len());
            buf[..len].copy_from_slice(&rest[..len]);
            len
        }))
    }

    /// A write that fails has written its first half.
    fn write_at(&self, buf: &[u8], pos: u64) -> io::Result<usize> {
        let asked = self.ask(Call::Write);
        let len = if asked.is_ok() { buf.len() } else { buf.len() / 2 };
        self.with(|bytes| bytes.write(&buf[..len], pos as usize));
        asked.map(|()| len)
    }

    /// Durable in the same call, if that is wanted, as `RWF_DSYNC` is: for these bytes alone.
    fn write_blocks(&self, buf: &[u8], pos: u64, durable: bool) -> io::Result<Written> {
        let bytes = self.write_at(buf, pos)?;
        let durable = durable && !self.disk.is_plain;
        if durable {
            self.ask(Call::Sync)?;
            self.with(|file| {
                let end = pos as usize + bytes;
                file.durable.resize(file.durable.len().max(end), 0);
                file.durable[pos as usize..end].copy_from_slice(&buf[..bytes]);
            });
        }
        Ok(Written { bytes, durable })
    }

    fn sync(&self) -> io::Result<()> {
        self.ask(Call::Sync)?;
        self.with(Bytes::sync);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.with(|bytes| bytes.now.len()) as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.ask(Call::SetLen)?;
        self.with(|bytes| bytes.now.resize(len as usize, 0));
        Ok(())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.ask(Call::Allocate)?;
        self.with(|bytes| bytes.now.resize(bytes.now.len().max(len as usize), 0));
        Ok(())
    }
}
