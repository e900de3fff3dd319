//! The durable watermark, on disk and in memory: how far readers may read.
//!
//!   group synced -> slot written -> readers of all processes see it -> slot synced, lazily -> other slot
//!
//! I3: the watermark never leads what is durable. On disk it may lag. The slot that was synced last stays untouched
//! until the other one is synced, so one of the two always verifies.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::task::Waker;
use std::time::Duration;

use annals_record::{LogId, Offset, Term};

use crate::disk::{self, Disk, DiskFile, Mode};
use crate::frame::{array, long, word};
use crate::segment::PLACES_END;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Condvar, Instant, Mutex, MutexGuard};
use crate::ticket::wake_all;

/// The watermark's file in a journal's directory.
pub(crate) const FILE_NAME: &str = "watermark";

const MAGIC: &[u8; 8] = b"annalsWM";
const SLOT: usize = 64;
const SLOT_SPACING: u64 = 4096;
/// Sync the slot after this many bytes of log.
const SYNC_BYTES: u64 = 8 << 20;
/// ... or when this much time has passed since the last sync.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// What a slot says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) log: LogId,
    pub(crate) term: Term,
    pub(crate) durable: Offset,
    /// The writer closed in order: nothing stands beyond `durable`, and all of it was synced.
    pub(crate) clean: bool,
}

fn encode(mark: &Mark, sequence: u64) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    slot[..8].copy_from_slice(MAGIC);
    slot[8..24].copy_from_slice(mark.log.as_bytes());
    slot[24..32].copy_from_slice(&mark.term.get().to_le_bytes());
    slot[32..40].copy_from_slice(&mark.durable.get().to_le_bytes());
    slot[40..48].copy_from_slice(&sequence.to_le_bytes());
    slot[48..52].copy_from_slice(&u32::from(mark.clean).to_le_bytes());
    let crc = crc32c::crc32c(&slot[..60]);
    slot[60..].copy_from_slice(&crc.to_le_bytes());
    slot
}

fn decode(slot: &[u8]) -> Option<(Mark, u64)> {
    if slot.len() < SLOT || !slot.starts_with(MAGIC) || crc32c::crc32c(&slot[..60]) != word(slot, 60) {
        return None;
    }
    let mark = Mark {
        log: LogId::from_bytes(array(&slot[8..24])),
        // None of ours says more, and one that does must not overflow a sum: it still leads every log, which is damage.
        term: Term::new(long(slot, 24).min(PLACES_END)),
        durable: Offset::new(long(slot, 32).min(PLACES_END)),
        clean: word(slot, 48) & 1 != 0,
    };
    Some((mark, long(slot, 40)))
}

/// The newest mark of whatever log in the directory's watermark file, if there is one.
pub(crate) fn any_mark(disk: &dyn Disk, dir: &Path) -> io::Result<Option<Mark>> {
    match disk.open(&dir.join(FILE_NAME), Mode::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => Ok(newest(&*opened?, None)?.map(|(mark, ..)| mark)),
    }
}

/// The newest mark of log `log` in the directory's watermark file; none if the file is missing or no slot verifies.
pub(crate) fn mark_of(disk: &dyn Disk, dir: &Path, log: LogId) -> io::Result<Option<Mark>> {
    match disk.open(&dir.join(FILE_NAME), Mode::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => Ok(newest(&*opened?, Some(log))?.map(|(mark, ..)| mark)),
    }
}

/// The newest mark of log `log`, or of any, and its slot and sequence; none if neither slot verifies.
fn newest(file: &dyn DiskFile, log: Option<LogId>) -> io::Result<Option<(Mark, u64, u64)>> {
    let mut best: Option<(Mark, u64, u64)> = None;
    for slot in 0..2 {
        let mut bytes = [0; SLOT];
        let read = disk::read_full(file, &mut bytes, slot * SLOT_SPACING)?;
        if let Some((mark, sequence)) = decode(&bytes[..read])
            && log.is_none_or(|log| log == mark.log)
            && best.is_none_or(|(_, _, known)| sequence > known)
        {
            best = Some((mark, slot, sequence));
        }
    }
    Ok(best)
}

/// A reader's view of the slots.
#[derive(Debug)]
pub(crate) struct SlotReader {
    file: Box<dyn DiskFile>,
    log: LogId,
}

impl SlotReader {
    pub(crate) fn open(disk: &dyn Disk, dir: &Path, log: LogId) -> io::Result<Self> {
        Ok(Self { file: disk.open(&dir.join(FILE_NAME), Mode::Read)?, log })
    }

    pub(crate) fn newest(&self) -> io::Result<Option<Mark>> {
        Ok(newest(&*self.file, Some(self.log))?.map(|(mark, ..)| mark))
    }

    /// Whether nothing was ever written: a journal that was made and has not said anything.
    pub(crate) fn is_blank(&self) -> io::Result<bool> {
        let mut bytes = vec![0; 2 * SLOT_SPACING as usize];
        let read = disk::read_full(&*self.file, &mut bytes, 0)?;
        Ok(bytes[..read].iter().all(|byte| *byte == 0))
    }
}

/// The writer's hold on the slots.
#[derive(Debug)]
pub(crate) struct Slots {
    file: Box<dyn DiskFile>,
    slot: u64,
    sequence: u64,
    /// What the last synced mark covers.
    synced: Offset,
    synced_at: Instant,
    pub(crate) path: PathBuf,
}

impl Slots {
    /// Opens or creates the file; returns the mark that was there.
    pub(crate) fn open(disk: &dyn Disk, dir: &Path, log: LogId) -> io::Result<(Self, Option<Mark>)> {
        let path = dir.join(FILE_NAME);
        let file = match disk.open(&path, Mode::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                disk::replace(disk, &path, &[0; 2 * SLOT_SPACING as usize])?;
                disk.open(&path, Mode::Write)?
            }
            opened => opened?,
        };
        let found = newest(&*file, Some(log))?;
        // From here on the newest slot is synced, and the next mark goes to the other one.
        file.sync()?;
        let (slot, sequence) = found.map_or((0, 0), |(_, slot, sequence)| (1 - slot, sequence));
        let synced = found.map_or(Offset::ZERO, |(mark, ..)| mark.durable);
        let slots = Self { file, slot, sequence, synced, synced_at: Instant::now(), path };
        Ok((slots, found.map(|(mark, ..)| mark)))
    }

    /// Publishes a mark to the readers of all processes; syncs it when enough has passed since the last sync.
    pub(crate) fn publish(&mut self, mark: &Mark) -> io::Result<()> {
        self.write(mark)?;
        let behind = mark.durable.get().saturating_sub(self.synced.get());
        if behind >= SYNC_BYTES || self.synced_at.elapsed() >= SYNC_INTERVAL {
            self.sync(mark)
        } else {
            Ok(())
        }
    }

    /// Whether what was published last is not durable yet.
    pub(crate) fn is_behind(&self, durable: Offset) -> bool {
        self.synced < durable
    }

    /// Publishes a mark and makes it durable.
    pub(crate) fn publish_durably(&mut self, mark: &Mark) -> io::Result<()> {
        self.write(mark)?;
        self.sync(mark)
    }

    fn write(&mut self, mark: &Mark) -> io::Result<()> {
        self.sequence += 1;
        disk::write_full(&*self.file, &encode(mark, self.sequence), self.slot * SLOT_SPACING)
    }

    fn sync(&mut self, mark: &Mark) -> io::Result<()> {
        self.file.sync()?;
        self.slot = 1 - self.slot;
        self.synced = mark.durable;
        self.synced_at = Instant::now();
        Ok(())
    }
}

/// The watermark within this process: what tails wait on.
#[derive(Debug)]
pub(crate) struct Watermark {
    durable: AtomicU64,
    /// How many records stand below it, since the log's beginning.
    records: AtomicU64,
    state: Mutex<State>,
    moved: Condvar,
    /// How many wait, threads and tasks, so that nobody is woken in vain.
    waiting: AtomicUsize,
}

/// What those who wait need besides the watermark itself.
#[derive(Debug, Default)]
struct State {
    closed: bool,
    /// Tasks to wake when it moves; each is counted as waiting.
    wakers: Vec<Waker>,
}

impl Watermark {
    pub(crate) fn new(durable: Offset) -> Self {
        Self {
            durable: AtomicU64::new(durable.get()),
            records: AtomicU64::new(0),
            state: Mutex::default(),
            moved: Condvar::new(),
            waiting: AtomicUsize::new(0),
        }
    }

    pub(crate) fn get(&self) -> Offset {
        Offset::new(self.durable.load(Ordering::Acquire))
    }

    pub(crate) fn records(&self) -> u64 {
        self.records.load(Ordering::Acquire)
    }

    /// Says how many records there are below the place to which the watermark moves next: whoever sees that place sees
    /// at least these.
    pub(crate) fn count(&self, records: u64) {
        self.records.store(records, Ordering::Release);
    }

    pub(crate) fn advance(&self, durable: Offset) {
        let before = self.durable.fetch_max(durable.get(), Ordering::SeqCst);
        assert!(before <= durable.get(), "I3: the watermark went back from {before} to {durable}");
        if self.waiting.load(Ordering::SeqCst) > 0 {
            // Locked so that a waiter between its look and its sleep is not missed.
            self.wake(self.state());
        }
    }

    /// Nothing will move any more: waiters return.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        self.wake(state);
    }

    /// Waits until the watermark is beyond `known`, is closed, or `timeout` has passed.
    pub(crate) fn wait(&self, known: Offset, timeout: Duration) -> Offset {
        let state = self.state();
        // Counted before it looks: whoever moves the watermark sees one of the two.
        self.waiting.fetch_add(1, Ordering::SeqCst);
        drop(
            self.moved
                .wait_timeout_while(state, timeout, |state| !state.closed && !self.is_beyond(known))
                .unwrap_or_else(PoisonError::into_inner),
        );
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        self.get()
    }

    /// Wakes `waker` once the watermark is beyond `known` or closed; at once if it is.
    pub(crate) fn watch(&self, known: Offset, waker: &Waker) {
        let mut state = self.state();
        // As above.
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let is_over = state.closed || self.is_beyond(known);
        if !is_over && !state.wakers.iter().any(|known| known.will_wake(waker)) {
            state.wakers.push(waker.clone());
            return;
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        drop(state);
        if is_over {
            waker.wake_by_ref();
        }
    }

    fn is_beyond(&self, known: Offset) -> bool {
        self.durable.load(Ordering::SeqCst) > known.get()
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let wakers = std::mem::take(&mut state.wakers);
        self.waiting.fetch_sub(wakers.len(), Ordering::SeqCst);
        drop(state);
        self.moved.notify_all();
        wake_all(wakers);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
