//! Syncs by interval: one thread for all streams of a root. What is due together is synced together.
//!
//! ```text
//!   append accepted -> due in ... -> | gps | chat | mail | .. -> several syncs at once, by a few threads
//! ```
//!
//! Y1: a stream is marked as due after what it accepted, and unmarked before it is synced: nothing accepted is missed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::crew;
use crate::error::Error;
use crate::pool::Entry;
use crate::root::Core;

/// What is due within so much is due together.
const TOGETHER: Duration = Duration::from_millis(2);

/// What the thread is to do, and when.
#[derive(Debug, Default)]
pub(crate) struct Syncer {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Next first; the number keeps those of one moment apart.
    due: BinaryHeap<Reverse<(Instant, u64)>>,
    entries: std::collections::HashMap<u64, Arc<Entry>>,
    given: u64,
    thread: Option<JoinHandle<()>>,
    is_over: bool,
}

impl Syncer {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There will be nothing more to do: returns once nothing is done any more, unless the thread itself asks.
    pub(crate) fn end(&self) {
        let thread = {
            let mut state = self.lock();
            state.is_over = true;
            state.entries.clear();
            state.due.clear();
            state.thread.take()
        };
        self.changed.notify_one();
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            // It has told of its errors.
            let _ = thread.join();
        }
    }

    /// Waits for what is due next, and takes all that is due together with it; none when it is over.
    fn next(&self) -> Option<Vec<Arc<Entry>>> {
        let mut state = self.lock();
        loop {
            if state.is_over {
                return None;
            }
            let now = Instant::now();
            let left = state.due.peek().map(|Reverse((at, _))| at.saturating_duration_since(now));
            state = match left {
                Some(left) if left.is_zero() => {
                    let mut entries = Vec::new();
                    while let Some(Reverse((at, number))) = state.due.peek().copied()
                        && at <= now + TOGETHER
                    {
                        state.due.pop();
                        entries.extend(state.entries.remove(&number));
                    }
                    return Some(entries);
                }
                Some(left) => {
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl Core {
    /// Sees that the thread is there: to be asked before anything is accepted, for what is refused has left nothing.
    pub(crate) fn start_syncer(self: &Arc<Self>) -> Result<(), Error> {
        let mut state = self.syncer.lock();
        if state.thread.is_none() && !state.is_over {
            let (core, syncer) = (Arc::downgrade(self), Arc::clone(&self.syncer));
            let named = std::thread::Builder::new().name("annals-syncer".to_owned());
            let spawned = named.spawn(move || keep(&syncer, &core));
            state.thread = Some(spawned.map_err(|error| Error::io("start a thread for", &self.root, error))?);
        }
        Ok(())
    }

    /// What the stream has accepted is to be durable within `interval`. The thread was started.
    pub(crate) fn sync_within(&self, entry: &Arc<Entry>, interval: Duration) {
        if entry.due.swap(true, Ordering::SeqCst) {
            return;
        }
        let mut state = self.syncer.lock();
        if state.is_over {
            // The close syncs all.
            return;
        }
        state.given += 1;
        let number = state.given;
        state.due.push(Reverse((Instant::now() + interval, number)));
        state.entries.insert(number, Arc::clone(entry));
        drop(state);
        self.syncer.changed.notify_one();
    }

    /// Makes durable what these streams have accepted, several at once; what went wrong, by stream.
    pub(crate) fn sync_together(&self, entries: &[Arc<Entry>]) -> Vec<Result<(), Error>> {
        crew::each(entries, self.options.at_once, |entry| {
            entry.due.store(false, Ordering::SeqCst);
            // What was closed meanwhile was synced.
            let Some(lease) = entry.lease_open() else { return Ok(()) };
            lease.journal.sync().map(drop).map_err(|error| Error::of(entry.name.as_str(), error))
        })
    }
}

fn keep(syncer: &Syncer, core: &Weak<Core>) {
    while let Some(entries) = syncer.next() {
        // Held only while there is something to do, or the last handle would never go.
        let Some(core) = core.upgrade() else { return };
        for error in core.sync_together(&entries).into_iter().filter_map(Result::err) {
            tracing::error!(%error, "what was accepted could not be made durable");
        }
    }
}
