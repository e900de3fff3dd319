//! Which streams are open: at most so many, the one used least recently goes first, and only while nobody is in a call.
//!
//! ```text
//!   name -> entry -> open?  yes: lease
//!                           no:  room? (close the oldest idle one, in order) -> open its journal -> lease
//! ```
//!
//! L1: a stream is closed only while no lease of it is out, and opened again only once that close is over.
//! L2: no lease outlives the call it was taken for, and no call waits for another stream's lease: nobody waits in a ring.
//! L3: a stream that has stopped keeps its journal, or the reason, until somebody opens it anew: that is never passed over.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use annals_journal::{Error as JournalError, Journal, OpenReport};

use crate::codec::Codec;
use crate::error::Error;
use crate::name::StreamName;
use crate::partitioned::Partitioned;
use crate::root::Core;
use crate::settings::Settings;

/// A stream of the root, open or not.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: StreamName,
    pub(crate) dir: PathBuf,
    state: Mutex<State>,
    /// A lease came back, or whoever had the stream for itself is done.
    changed: Condvar,
    /// When it was used last, in ticks of the pool.
    used: AtomicU64,
    /// Whether it is known to be on the disk.
    pub(crate) made: AtomicBool,
    /// With an interval: a sync is on its way.
    pub(crate) due: AtomicBool,
    /// The root's worker was told of it once since the root was opened.
    tended: AtomicBool,
    /// The root's worker has it on its list.
    pub(crate) noted: AtomicBool,
    /// Held by whoever encodes its segments; those that did not become smaller.
    pub(crate) unworthy: Mutex<BTreeSet<(Codec, u64)>>,
}

/// What is known of a stream, behind its lock.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) open: Option<Arc<Opened>>,
    leases: usize,
    /// So many want it for themselves: no new lease.
    claims: usize,
    /// As they were read or set last.
    pub(crate) settings: Option<Settings>,
    /// Why it stopped, if that was found when it was closed.
    pub(crate) failed: Option<String>,
    /// How many records it had when it was closed.
    pub(crate) records: Option<u64>,
}

/// An open stream.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) journal: Journal,
    pub(crate) disk: Arc<Partitioned>,
    pub(crate) settings: Settings,
}

/// The right to use an open stream for the length of a call.
#[derive(Debug)]
pub(crate) struct Lease {
    entry: Arc<Entry>,
    opened: Arc<Opened>,
}

impl std::ops::Deref for Lease {
    type Target = Opened;

    fn deref(&self) -> &Opened {
        &self.opened
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.entry.lock().leases -= 1;
        self.entry.changed.notify_all();
    }
}

impl Entry {
    pub(crate) fn new(name: StreamName, dir: PathBuf, made: bool) -> Self {
        Self {
            name,
            dir,
            state: Mutex::default(),
            changed: Condvar::new(),
            used: AtomicU64::new(0),
            made: AtomicBool::new(made),
            due: AtomicBool::new(false),
            tended: AtomicBool::new(false),
            noted: AtomicBool::new(false),
            unworthy: Mutex::default(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock, once nobody wants the stream for itself.
    pub(crate) fn unclaimed(&self) -> MutexGuard<'_, State> {
        self.changed.wait_while(self.lock(), |state| state.claims > 0).unwrap_or_else(PoisonError::into_inner)
    }

    /// A lease if the stream is open.
    pub(crate) fn lease_open(self: &Arc<Self>) -> Option<Lease> {
        let mut state = self.unclaimed();
        let opened = state.open.clone()?;
        state.leases += 1;
        drop(state);
        Some(Lease { entry: Arc::clone(self), opened })
    }

    /// Waits a little for the stream to change hands: it may have been opened.
    pub(crate) fn wait_opened(&self, most: std::time::Duration) {
        let state = self.lock();
        if state.open.is_none() {
            drop(self.changed.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// A stream that somebody has for itself: no lease is out, and none is given.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    entry: &'a Arc<Entry>,
    pub(crate) state: MutexGuard<'a, State>,
}

impl<'a> Claim<'a> {
    /// Waits until no lease is out.
    pub(crate) fn new(entry: &'a Arc<Entry>) -> Self {
        let mut state = entry.lock();
        state.claims += 1;
        let state = entry.changed.wait_while(state, |state| state.leases > 0);
        Self { entry, state: state.unwrap_or_else(PoisonError::into_inner) }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.state.claims -= 1;
        self.entry.changed.notify_all();
    }
}

impl Core {
    /// The right to use a stream, which is opened, and made, if it has to be.
    pub(crate) fn lease(self: &Arc<Self>, entry: &Arc<Entry>) -> Result<Lease, Error> {
        let mut state = entry.unclaimed();
        if self.is_closed() {
            return Err(Error::Closed);
        }
        entry.used.store(self.ticks.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        if let Some(reason) = &state.failed {
            return Err(Error::Poisoned { stream: entry.name.to_string(), reason: reason.clone() });
        }
        let opened = match &state.open {
            Some(opened) => Arc::clone(opened),
            None => self.open_entry(entry, &mut state)?,
        };
        state.leases += 1;
        drop(state);
        if !entry.tended.swap(true, Ordering::Relaxed) && opened.disk.has_sealed() {
            // An earlier process may have sealed what nobody has looked at.
            self.note(entry);
        }
        Ok(Lease { entry: Arc::clone(entry), opened })
    }

    /// Opens a stream, whose lock is held, once there is room for it.
    fn open_entry(&self, entry: &Arc<Entry>, state: &mut State) -> Result<Arc<Opened>, Error> {
        self.make_room();
        self.opened().push(Arc::clone(entry));
        if self.is_closed() {
            // A close that has not seen it on the list was over before.
            self.forget(entry);
            return Err(Error::Closed);
        }
        let opened = self.open_journal(entry).inspect_err(|_| self.forget(entry))?;
        state.settings = Some(opened.settings);
        let opened = Arc::new(opened);
        state.open = Some(Arc::clone(&opened));
        entry.made.store(true, Ordering::Release);
        entry.changed.notify_all();
        Ok(opened)
    }

    fn open_journal(&self, entry: &Entry) -> Result<Opened, Error> {
        let settings = Settings::read(&*self.disk, &entry.dir)?.unwrap_or(self.options.defaults);
        let disk = Arc::new(Partitioned::new(Arc::clone(&self.disk), entry.dir.clone(), settings.bucket));
        let shown: Arc<dyn annals_journal::Disk> = Arc::clone(&disk) as _;
        let options = settings.journal(self.options.reserve_bytes);
        let journal = Journal::open_on(shown, Arc::clone(&self.clock), &entry.dir, options)
            .map_err(|error| Error::of(entry.name.as_str(), error))?;
        Ok(Opened { journal, disk, settings })
    }

    /// Closes idle streams until there is room for one more. If none is idle there will be one too many.
    fn make_room(&self) {
        loop {
            let mut open = self.opened();
            if open.len() < self.options.open_streams {
                return;
            }
            let mut oldest: Vec<Arc<Entry>> = open.clone();
            oldest.sort_unstable_by_key(|entry| entry.used.load(Ordering::Relaxed));
            // Tried, never waited for: who opens a stream holds its lock.
            let idle = oldest.iter().find_map(|entry| {
                let state = entry.state.try_lock().ok()?;
                let is_idle = state.leases == 0 && state.claims == 0;
                let is_sound = state.open.as_ref().is_some_and(|opened| !has_failed(&opened.journal));
                (is_idle && is_sound).then_some((entry, state))
            });
            let Some((entry, mut state)) = idle else { return };
            open.retain(|other| !Arc::ptr_eq(other, entry));
            drop(open);
            self.close_journal(entry, &mut state);
        }
    }

    /// Closes a stream's journal in order. Whatever was accepted and could not be made durable is told to whoever comes next.
    pub(crate) fn close_journal(&self, entry: &Entry, state: &mut State) {
        let Some(opened) = state.open.take() else { return };
        if let Err(error) = opened.journal.clone().close() {
            tracing::error!(stream = %entry.name, %error, "the stream did not close in order");
            state.failed = Some(match error {
                JournalError::Poisoned { reason } => reason,
                other => other.to_string(),
            });
        }
        state.records = Some(opened.journal.records());
    }

    /// Closes a stream for all who use it, and opens it anew: what is durable of it is found out.
    pub(crate) fn reopen(&self, entry: &Arc<Entry>) -> Result<OpenReport, Error> {
        let mut claim = Claim::new(entry);
        if self.is_closed() {
            return Err(Error::Closed);
        }
        self.forget(entry);
        let state = &mut *claim.state;
        self.close_journal(entry, state);
        state.failed = None;
        let opened = self.open_entry(entry, state)?;
        Ok(opened.journal.report().clone())
    }

    /// Closes a stream if it is open, for a change that needs its journal closed, or for good. No lease is out.
    pub(crate) fn close_claimed(&self, entry: &Arc<Entry>, state: &mut State) -> Result<(), Error> {
        self.forget(entry);
        self.close_journal(entry, state);
        match &state.failed {
            None => Ok(()),
            Some(reason) => Err(Error::Poisoned { stream: entry.name.to_string(), reason: reason.clone() }),
        }
    }

    /// The list of open streams.
    pub(crate) fn opened(&self) -> MutexGuard<'_, Vec<Arc<Entry>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, entry: &Arc<Entry>) {
        self.opened().retain(|other| !Arc::ptr_eq(other, entry));
    }
}

/// Whether a write or a sync of a journal has failed.
pub(crate) fn has_failed(journal: &Journal) -> bool {
    matches!(journal.stopped(), Some(error) if !matches!(error, JournalError::Damaged(_) | JournalError::Closed))
}
