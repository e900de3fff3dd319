//! A disk in memory that loses what a real one may lose.
//!
//!   write, set_len, allocate -> volatile bytes --sync-----> durable bytes
//!   create, rename, remove   -> volatile names --sync_dir-> durable names
//!   crash: what is durable, and of the rest what a [`Survival`] and a seed say
//!
//! S1: what was synced survives every crash, in sectors of 512 bytes that are never torn.
//! S2: a name survives for certain only once its directory was synced, whatever happened to the file behind it.
//! S3: the same calls and the same seed leave the same bytes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annals_journal::{Disk, DiskFile, Held, Listed, Mode, Other};
use fastrand::Rng;

use crate::calls::{Call, CallLog, Made};

mod file;
mod image;
mod survival;
mod tree;

use file::SimFile;
use image::Image;
use survival::{Chooser, Tick};
pub use survival::{Survival, Survives};
use tree::{FileId, Tree};

/// A disk in memory; clones are handles to the same one. Its root is there from the beginning, other directories are
/// created in it; a relative path begins at the root, too.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

struct State {
    tree: Tree,
    files: BTreeMap<FileId, Image>,
    locked: BTreeSet<FileId>,
    tick: Tick,
    calls: CallLog,
    capacity: Option<u64>,
    /// No file may be longer.
    largest: Option<u64>,
    /// A write of whole blocks can be durable at once.
    past_cache: bool,
    /// How many steps the power lasts, counted from the disk's beginning.
    powered_steps: Option<u64>,
    /// Which syncs of files fail and drop what was dirty, counted from the disk's beginning.
    lossy_syncs: Vec<u64>,
    fired: u64,
    /// Before which steps a copy is to be kept, ascending, and the copies that were made.
    wanted: VecDeque<u64>,
    copies: Vec<(u64, SimDisk)>,
}

impl SimDisk {
    /// An empty disk without a limit.
    #[must_use]
    pub fn new() -> Self {
        Self::holding(Tree::new(), BTreeMap::new(), None)
    }

    /// Lets writes of whole blocks be durable at once, as those past the page cache of a real disk can be: see
    /// [`DiskFile::write_blocks`].
    #[must_use]
    pub fn past_cache(self) -> Self {
        self.state().past_cache = true;
        self
    }

    fn holding(tree: Tree, files: BTreeMap<FileId, Image>, capacity: Option<u64>) -> Self {
        let state = State {
            tree,
            files,
            locked: BTreeSet::new(),
            tick: Tick::NONE,
            calls: CallLog::default(),
            capacity,
            largest: None,
            past_cache: false,
            powered_steps: None,
            lossy_syncs: Vec::new(),
            fired: 0,
            wanted: VecDeque::new(),
            copies: Vec::new(),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk after a crash: what was durable, what `survival` and `rng` leave of the rest, and nobody's locks. This
    /// disk and its open files stay as they are, so one history gives as many crash images as one likes.
    #[must_use]
    pub fn crash(&self, survival: Survival, rng: &mut Rng) -> Self {
        let state = self.state();
        let pending =
            state.files.values().filter_map(Image::oldest_pending).chain(state.tree.oldest_pending());
        let first = pending.min().unwrap_or(state.tick);
        let mut chooser = Chooser::new(rng, survival, first, state.tick);
        let tree = state.tree.survivor(&mut chooser);
        let linked = tree.linked().into_iter().collect::<BTreeSet<_>>().into_iter();
        let survivors =
            linked.filter_map(|id| Some((id, Image::settled(state.files.get(&id)?.survivor(&mut chooser)))));
        let survivor = Self::holding(tree, survivors.collect(), state.capacity);
        survivor.state().past_cache = state.past_cache;
        survivor.state().largest = state.largest;
        survivor
    }

    /// A disk that stands as this one does, with what was not synced still waiting, and goes its own way from here. Its
    /// calls are counted anew, nothing on it is locked, and its power is on.
    #[must_use]
    pub fn copy(&self) -> Self {
        self.state().copy()
    }

    /// Keeps a copy of the disk as it stands before each of these steps, ascending, counted as [`SimDisk::steps`] counts:
    /// what a power cut there would find. One life gives as many places to cut it as one likes.
    pub fn keep_copies(&self, before: impl IntoIterator<Item = u64>) {
        self.state().wanted = before.into_iter().collect();
    }

    /// Hands out the copies made since they were last taken, each with the step before which it was made.
    #[must_use]
    pub fn take_copies(&self) -> Vec<(u64, Self)> {
        std::mem::take(&mut self.state().copies)
    }

    /// Cuts the power once `steps` calls that change something were made, counted from the disk's beginning as
    /// [`SimDisk::steps`] counts: from then on every call fails and changes nothing.
    pub fn cut_power_after(&self, steps: u64) {
        self.state().powered_steps = Some(steps);
    }

    /// Whether the power is cut.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.state().is_off()
    }

    /// How many calls there were that may change something ([`Call::changes`]).
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.state().calls.steps()
    }

    /// How many calls of one kind there were.
    #[must_use]
    pub fn count(&self, call: Call) -> u64 {
        self.state().calls.count(call)
    }

    /// The calls that may change something, in order.
    #[must_use]
    pub fn made(&self) -> Vec<Made> {
        self.state().calls.made().to_vec()
    }

    /// Limits the bytes that all files may take together, or lifts the limit. What is there already stays.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// Limits the length of each file, also of one that would be mostly a hole, as every file system does.
    pub fn set_largest_file(&self, bytes: Option<u64>) {
        self.state().largest = bytes;
    }

    /// The bytes that all files take together.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.state().used()
    }

    /// Lets the `nth` sync of a file from now on (counted from 1) fail, and take the dirty bytes for clean: they stay
    /// readable, the next sync succeeds, and the medium never gets them unless they are written again.
    pub fn lose_sync(&self, nth: u64) {
        let mut state = self.state();
        let lossy = state.calls.count(Call::Sync) + nth;
        state.lossy_syncs.push(lossy);
    }

    /// No sync is to fail any more.
    pub fn lose_none(&self) {
        self.state().lossy_syncs.clear();
    }

    /// How many faults of this disk happened: syncs that lost bytes, and calls that found it full.
    #[must_use]
    pub fn fired(&self) -> u64 {
        self.state().fired
    }

    /// Drops every clean page: from now on reads see what the medium holds and what is still dirty.
    pub fn drop_caches(&self) {
        self.state().files.values_mut().for_each(Image::evict);
    }

    /// The bytes of a file as a reader sees them.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn read_file(&self, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let state = self.state();
        state.image(state.tree.file(path.as_ref())?).map(|image| image.bytes().to_vec())
    }

    /// The bytes of a file that would survive any crash, if its name did.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn read_durable(&self, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let state = self.state();
        state.image(state.tree.file(path.as_ref())?).map(|image| image.durable().to_vec())
    }

    /// Puts a file there, name and bytes durable, in the place of what has the name.
    ///
    /// # Errors
    /// `NotFound` if its directory is missing.
    pub fn write_file(&self, path: impl AsRef<Path>, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let tick = state.tick.advance();
        let id = state.tree.settle(tick, path.as_ref())?;
        state.files.insert(id, Image::settled(Arc::new(bytes.to_vec())));
        Ok(())
    }

    /// Takes a file away, durably.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn remove_file(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let mut state = self.state();
        let tick = state.tick.advance();
        state.tree.settle_removed(tick, path.as_ref())
    }

    /// Cuts or extends a file, durably and behind everybody's back.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn truncate(&self, path: impl AsRef<Path>, len: usize) -> io::Result<()> {
        self.tamper(path.as_ref(), |bytes| bytes.resize(len, 0))
    }

    /// Flips bit `bit` (0 to 7) of byte `byte` of a file, durably and behind everybody's back. Writes that still wait for
    /// a sync would undo it.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn flip(&self, path: impl AsRef<Path>, byte: usize, bit: u8) -> io::Result<()> {
        self.tamper(path.as_ref(), |bytes| {
            if let Some(byte) = bytes.get_mut(byte) {
                *byte ^= 1 << (bit % 8);
            }
        })
    }

    fn tamper(&self, path: &Path, change: impl Fn(&mut Vec<u8>)) -> io::Result<()> {
        let mut state = self.state();
        let id = state.tree.file(path)?;
        state.image_mut(id).map(|image| image.tamper(change))
    }

    /// The paths of the plain files of a directory, sorted.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn files(&self, dir: impl AsRef<Path>) -> io::Result<Vec<PathBuf>> {
        let files = self.state().tree.files(dir.as_ref())?;
        Ok(files.into_iter().map(|(name, _)| dir.as_ref().join(name)).collect())
    }
}

impl State {
    fn is_off(&self) -> bool {
        self.powered_steps.is_some_and(|steps| self.calls.steps() >= steps)
    }

    /// Notes a call, unless the power is off.
    fn called(&mut self, call: Call, path: &Path) -> io::Result<()> {
        self.ready(call, path)?;
        self.calls.add(call, path);
        Ok(())
    }

    /// As [`State::called`], of an open file.
    fn called_on(&mut self, call: Call, path: &Arc<Path>) -> io::Result<()> {
        self.ready(call, path)?;
        self.calls.add(call, Arc::clone(path));
        Ok(())
    }

    fn ready(&mut self, call: Call, path: &Path) -> io::Result<()> {
        if self.is_off() {
            return Err(io::Error::other(format!("{}: {call:?}: the power is cut", path.display())));
        }
        let step = self.calls.steps();
        while call.changes() && self.wanted.front().is_some_and(|wanted| *wanted <= step) {
            self.wanted.pop_front();
            let copy = self.copy();
            self.copies.push((step, copy));
        }
        Ok(())
    }

    fn copy(&self) -> SimDisk {
        let copy = SimDisk::holding(self.tree.clone(), self.files.clone(), self.capacity);
        {
            let mut state = copy.state();
            (state.tick, state.past_cache) = (self.tick, self.past_cache);
        }
        copy
    }

    fn image(&self, id: FileId) -> io::Result<&Image> {
        self.files.get(&id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn image_mut(&mut self, id: FileId) -> io::Result<&mut Image> {
        self.files.get_mut(&id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn used(&self) -> u64 {
        self.tree.linked().iter().filter_map(|id| self.files.get(id)).map(Image::reserved).sum()
    }

    /// How far a file may reach before the disk is full.
    fn limit(&self, id: FileId) -> io::Result<u64> {
        let reserved = self.image(id)?.reserved();
        let limit =
            self.capacity.map_or(u64::MAX, |capacity| reserved + capacity.saturating_sub(self.used()));
        Ok(limit.min(self.largest.unwrap_or(u64::MAX)))
    }

    fn full(&mut self, path: &Path) -> io::Error {
        self.fired += 1;
        io::Error::new(io::ErrorKind::StorageFull, format!("{}: the disk is full", path.display()))
    }
}

impl Disk for SimDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.called(Call::CreateDir, path)?;
        let tick = state.tick.advance();
        state.tree.create_dir(tick, path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        let mut state = self.state();
        state.called(Call::List, path)?;
        let files = state.tree.files(path)?.into_iter();
        files.map(|(name, id)| Ok(Listed { name, len: state.image(id)?.len() as u64 })).collect()
    }

    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.called(Call::Open, path)?;
        let id = if mode == Mode::CreateNew {
            let tick = state.tick.advance();
            let id = state.tree.create(tick, path)?;
            state.files.insert(id, Image::default());
            id
        } else {
            state.tree.file(path)?
        };
        Ok(Box::new(SimFile::new(self.clone(), id, path, mode)))
    }

    fn list_others(&self, path: &Path) -> io::Result<Vec<Other>> {
        let mut state = self.state();
        state.called(Call::List, path)?;
        Ok(state.tree.subdirs(path)?.into_iter().map(|name| Other { name, is_dir: true }).collect())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.called(Call::RemoveDir, path)?;
        let tick = state.tick.advance();
        state.tree.remove_dir(tick, path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.called(Call::Rename, from)?;
        let tick = state.tick.advance();
        state.tree.rename(tick, from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.called(Call::Remove, path)?;
        let tick = state.tick.advance();
        state.tree.remove(tick, path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.called(Call::SyncDir, path)?;
        state.tree.sync(path)
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<Box<dyn Held>> {
        let mut state = self.state();
        state.called(Call::Lock, path)?;
        let tick = state.tick.advance_by(1 + Image::steps(0, holder.len()));
        let id = match state.tree.file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => state.tree.create(tick, path)?,
            found => found?,
        };
        if !state.locked.insert(id) {
            let held_by = String::from_utf8_lossy(state.image(id)?.bytes()).into_owned();
            return Err(io::Error::new(io::ErrorKind::WouldBlock, held_by));
        }
        let image = state.files.entry(id).or_default();
        image.set_len(tick, 0);
        image.write(tick, 0, holder.as_bytes());
        Ok(Box::new(SimLock { disk: self.clone(), id }))
    }
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    id: FileId,
}

impl Held for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.state().locked.remove(&self.id);
    }
}

impl Default for SimDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("SimDisk").field("steps", &state.calls.steps()).field("used", &state.used()).finish()
    }
}

#[cfg(test)]
mod tests;
