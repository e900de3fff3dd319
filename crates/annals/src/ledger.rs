//! A write-ahead log under supervision, for an application that keeps a state of its own: entries, checkpoints, replay from
//! the latest, a bounded number of segments, and a journal that is opened again when it fails.
//!
//! ```text
//!   write_entry -> journal -> durable at once, or within the sync interval
//!   create_checkpoint -> [entries][checkpoint][entries]      replay(from the latest) -> the entries behind it
//!                         `- beyond max_segments these go, never past the checkpoint or a cursor
//!   a failed sync -> the writer is told -> opened again, as often as the restart strategy says -> the next write goes on
//! ```
//!
//! LE1: an entry whose write has returned is durable, or becomes so within the interval that was chosen, and is replayed.
//! LE2: retention removes nothing behind the latest checkpoint, nor what a cursor has not passed.
//! LE3: after a failure nothing is acknowledged until the journal was opened again, and nobody is told that an entry is
//! durable that may not be.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use annals_ingest::{Restart, Restarts};
use annals_journal::{
    Appended, Checkpoint, Clock, Consent, Disk, Journal, Keep, Log, Offset, Options, Reach, RealDisk,
    Receipt, SyncPolicy, SystemClock, Tail,
};

use crate::error::Error;

mod repair;

pub use repair::{Discarded, LedgerRepair};

/// At most so many bytes of a segment are a write's beyond its entry's frame.
const COMMIT: u64 = 40;

/// A ledger's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerOptions {
    /// A segment is sealed before it would grow past this size, in bytes. Default: 16 MiB.
    pub max_file_bytes: u64,
    /// How many segments are kept, the active one counted, as far as checkpoint and cursors allow. Default: 4.
    pub max_segments: u64,
    /// When an entry is durable. Default: before its write returns. [`LedgerOptions::sync_interval`] trades that for speed.
    pub sync: SyncPolicy,
    /// How often a journal that has failed is opened again. Default: [`Restart::FEW`].
    pub restart: Restart,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self { max_file_bytes: 16 << 20, max_segments: 4, sync: SyncPolicy::Always, restart: Restart::FEW }
    }
}

impl LedgerOptions {
    /// Entries become durable within about this time, not before their write returns: a power cut may take them.
    /// 200 ms is [`SyncPolicy::DEFAULT_INTERVAL`]; less than 10 ms is taken for 10 ms.
    #[must_use]
    pub fn sync_interval(self, interval: Duration) -> Self {
        Self { sync: SyncPolicy::Interval(interval), ..self }
    }
}

/// From where a replay begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplayFrom {
    /// The oldest entry that is held.
    Oldest,
    /// Behind the latest checkpoint; the oldest entry if there is none.
    #[default]
    Checkpoint,
    /// This offset, one that a write or a replay gave.
    Offset(Offset),
}

/// A write-ahead log of an application's own entries. Any number may be open in one process, each in its own directory.
/// Every method takes `&self`: threads share it as it is.
#[derive(Debug)]
pub struct Ledger {
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    dir: PathBuf,
    options: LedgerOptions,
    state: Mutex<State>,
    /// A pause before a restart ends early only if it is closed.
    closes: Condvar,
}

#[derive(Debug)]
struct State {
    /// None while it is down.
    journal: Option<Journal>,
    restarts: Restarts,
    /// When it may be opened again; none if the strategy said no.
    due: Option<Instant>,
    /// So often it was opened again.
    restarted: u32,
    /// Entries' bytes since retention was looked after.
    since: u64,
    closed: bool,
}

impl Ledger {
    /// Opens the ledger in `dir`, creating it if nothing is there. A torn tail is put in order.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// use annals::ledger::{Ledger, LedgerOptions, ReplayFrom};
    ///
    /// let ledger = Ledger::open(dir.path().join("wal"), LedgerOptions::default())?;
    /// ledger.write_entry(b"deposit 10")?;
    /// ledger.create_checkpoint(b"balance 10")?;
    /// ledger.write_entry(b"withdraw 3")?;
    /// assert_eq!(ledger.latest_checkpoint()?.map(|at| at.body), Some(b"balance 10".to_vec()));
    /// for batch in ledger.replay(ReplayFrom::Checkpoint)? {
    ///     assert_eq!(batch?.iter().next().map(|entry| entry.payload), Some(&b"withdraw 3"[..]));
    /// }
    /// ledger.close()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Journal`]: another process has it, or it is damaged: see [`Ledger::repair`].
    pub fn open(dir: impl AsRef<Path>, options: LedgerOptions) -> Result<Self, Error> {
        Self::open_on(Arc::new(RealDisk), Arc::new(SystemClock), dir.as_ref(), options)
    }

    /// Opens the ledger in `dir` of this disk, with this clock.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        dir: &Path,
        options: LedgerOptions,
    ) -> Result<Self, Error> {
        let restarts = Restarts::new(options.restart);
        let state = State { journal: None, restarts, due: None, restarted: 0, since: 0, closed: false };
        let (state, closes) = (Mutex::new(state), Condvar::new());
        let ledger = Self { disk, clock, dir: dir.to_owned(), options, state, closes };
        let journal = ledger.open_journal()?;
        ledger.lock().journal = Some(journal);
        Ok(ledger)
    }

    /// Writes an entry, and returns once it is durable, or as the options say.
    ///
    /// # Errors
    /// [`Error::Journal`]: `Full` and `TooLarge` have kept nothing of it; after any other it is unknown whether the entry
    /// is durable: the next write goes to a journal that was opened again. [`Error::LedgerDown`] once that was tried too
    /// often.
    pub fn write_entry(&self, entry: &[u8]) -> Result<Appended, Error> {
        let written = self.on_journal(|journal| journal.append(entry))?;
        let due = {
            let mut state = self.lock();
            state.since += written.next.get() - written.offset.get() + COMMIT;
            let due = state.since >= self.options.max_file_bytes;
            if due {
                state.since = 0;
            }
            due
        };
        if due {
            self.retain_or_tell();
        }
        Ok(written)
    }

    /// Makes everything written durable.
    ///
    /// # Errors
    /// As [`Ledger::write_entry`].
    pub fn sync(&self) -> Result<Offset, Error> {
        self.on_journal(Journal::sync)
    }

    /// Marks this place, durably, with bytes of the caller's: a replay begins behind it, and what lies before it may go.
    ///
    /// # Errors
    /// As [`Ledger::write_entry`].
    pub fn create_checkpoint(&self, body: &[u8]) -> Result<Checkpoint, Error> {
        let checkpoint = self.on_journal(|journal| journal.checkpoint(body, false))?;
        self.retain_or_tell();
        Ok(checkpoint)
    }

    /// The latest checkpoint, with its bytes.
    ///
    /// # Errors
    /// [`Error::Journal`] if it does not verify.
    pub fn latest_checkpoint(&self) -> Result<Option<Checkpoint>, Error> {
        Ok(self.journal()?.latest_checkpoint()?)
    }

    /// The entries from there on, in order, up to what is durable; it can be asked to wait for more.
    ///
    /// # Errors
    /// [`Error::Journal`] if the latest checkpoint does not verify.
    pub fn replay(&self, from: ReplayFrom) -> Result<Tail<Journal>, Error> {
        let journal = self.journal()?;
        let oldest = journal.bounds()?.oldest;
        let from = match from {
            ReplayFrom::Oldest => oldest,
            ReplayFrom::Checkpoint => journal.latest_checkpoint()?.map_or(oldest, |at| at.next),
            ReplayFrom::Offset(offset) => offset,
        };
        Ok(journal.tail(from))
    }

    /// How far it has accepted and synced.
    ///
    /// # Errors
    /// [`Error::LedgerDown`].
    pub fn durability(&self) -> Result<Reach, Error> {
        Ok(self.journal()?.durability())
    }

    /// How often the journal was opened again after a failure.
    #[must_use]
    pub fn restarts(&self) -> u32 {
        self.lock().restarted
    }

    /// Lets go the oldest segments beyond the bound, as far as checkpoint and cursors allow. Writes and checkpoints do
    /// so by themselves.
    ///
    /// # Errors
    /// [`Error::Journal`] if they cannot be removed.
    pub fn retain(&self) -> Result<Vec<Receipt>, Error> {
        let journal = self.journal()?;
        let plan = journal.plan(&Keep::Segments(self.options.max_segments))?;
        if plan.purge.is_empty() {
            return Ok(Vec::new());
        }
        Ok(journal.apply(&plan, Consent::default())?)
    }

    /// The journal beneath, as it is open now: for cursors, verification, backup. A failure closes it.
    ///
    /// # Errors
    /// [`Error::LedgerDown`]; [`Error::Journal`] if it was closed, or cannot be opened again.
    pub fn journal(&self) -> Result<Journal, Error> {
        self.current().map(|(journal, _)| journal)
    }

    /// Makes everything durable and closes it.
    ///
    /// # Errors
    /// [`Error::Journal`] if that failed.
    pub fn close(&self) -> Result<(), Error> {
        let mut state = self.lock();
        state.closed = true;
        self.closes.notify_all();
        let Some(journal) = state.journal.take() else { return Ok(()) };
        journal.sync()?;
        Ok(journal.close()?)
    }

    fn on_journal<T>(
        &self,
        act: impl FnOnce(&Journal) -> Result<T, annals_journal::Error>,
    ) -> Result<T, Error> {
        let (journal, number) = self.current()?;
        let acted = act(&journal);
        if let Err(error @ (annals_journal::Error::Poisoned { .. } | annals_journal::Error::Io { .. })) =
            &acted
        {
            self.take_down(number, error);
        }
        Ok(acted?)
    }

    /// Closes the journal that has failed, unless somebody has already: it is the one after so many restarts.
    fn take_down(&self, number: u32, error: &annals_journal::Error) {
        let mut state = self.lock();
        if state.restarted != number {
            return;
        }
        let Some(journal) = state.journal.take() else { return };
        tracing::error!(%error, dir = %self.dir.display(), "the ledger's journal has failed and is opened again");
        // What it could not make durable its writers were told.
        let _ = journal.close();
        state.fail();
    }

    /// The open journal, and after how many restarts; opened again, if it is down and the strategy allows.
    fn current(&self) -> Result<(Journal, u32), Error> {
        let mut state = self.lock();
        loop {
            if let Some(journal) = &state.journal {
                return Ok((journal.clone(), state.restarted));
            }
            if state.closed {
                return Err(annals_journal::Error::Closed.into());
            }
            if state.due.is_none() {
                // Enough time may have passed since.
                state.fail();
            }
            let Some(due) = state.due else {
                return Err(Error::LedgerDown { dir: self.dir.clone(), restarts: state.restarted });
            };
            let pause = due.saturating_duration_since(Instant::now());
            if !pause.is_zero() {
                let waited = self.closes.wait_timeout(state, pause);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let journal = self.open_journal().inspect_err(|_| state.fail())?;
            (state.restarted, state.due) = (state.restarted + 1, None);
            tracing::warn!(dir = %self.dir.display(), restarts = state.restarted, "the ledger's journal was opened again");
            state.journal = Some(journal);
        }
    }

    fn open_journal(&self) -> Result<Journal, Error> {
        let options = Options {
            segment_bytes: self.options.max_file_bytes,
            sync: self.options.sync,
            ..Options::default()
        };
        Ok(Journal::open_on(Arc::clone(&self.disk), Arc::clone(&self.clock), &self.dir, options)?)
    }

    /// The entry is durable whether or not room could be made.
    fn retain_or_tell(&self) {
        if let Err(error) = self.retain() {
            tracing::warn!(%error, dir = %self.dir.display(), "old segments of the ledger stay for now");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is half done where a panic could be.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// It is down: when it may be opened again.
    fn fail(&mut self) {
        let now = Instant::now();
        self.due = self.restarts.after_failure(now).map(|pause| now + pause);
    }
}

#[cfg(test)]
mod tests;
