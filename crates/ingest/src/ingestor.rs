//! The worker in the background: start it, wait for it, stop it.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use annals_record::{IntoLog, Lag, Log, Offset};
use annals_storage::Sink;

use crate::board::{Board, State, Status};
use crate::worker::{Shared, Source, Worker};
use crate::{Error, Options};

/// Keeps a store up with a log, in the background.
///
/// ```no_run
/// # use std::sync::{Arc, Mutex};
/// # use annals_record::Log;
/// # use annals_storage::HybridStore;
/// # use annals_ingest::Ingestor;
/// # fn example<Journal: Log + Clone + 'static>(journal: Arc<Mutex<Journal>>) -> Result<(), annals_storage::Error> {
/// let store = Arc::new(HybridStore::open("store")?);
/// let mut ingestor = Ingestor::new(journal.clone(), store);
/// ingestor.start();
/// # Ok(())
/// # }
/// ```
///
/// Dropping it stops the worker as [`Ingestor::stop`] does.
pub struct Ingestor<L: Log + 'static, S: Sink + 'static> {
    shared: Arc<Shared<L, S>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl<L: Log + 'static, S: Sink + 'static> Ingestor<L, S> {
    /// A worker for this log and this store, not started yet. The log may be an `Arc` of it, or an `Arc` of a mutex
    /// around a handle that can be cloned; the mutex is held for that one clone only.
    pub fn new<J: IntoLog<Log = L>>(source: J, store: Arc<S>) -> Self {
        Self::with_options(source, store, Options::default())
    }

    /// As [`Ingestor::new`], with options.
    pub fn with_options<J: IntoLog<Log = L>>(source: J, store: Arc<S>, options: Options) -> Self {
        let log = Mutex::new(Source::Waiting(Box::new(|| source.into_log())));
        Self {
            shared: Arc::new(Shared { log, store, options, board: Arc::new(Board::new()) }),
            thread: Mutex::default(),
        }
    }

    /// Starts the worker: on a thread of its own, or, with feature `tokio` and within a runtime, as a blocking task of
    /// it. If it runs already, nothing happens; after a stop or an error it starts again where the store stands.
    ///
    /// Whether the store fits the log is checked by the worker: [`Ingestor::progress`] and [`Ingestor::wait_for`] tell.
    pub fn start(&mut self) {
        self.restart();
    }

    /// As [`Ingestor::start`], for those who share it.
    pub fn restart(&self) {
        let Some(worker) = Worker::new(&self.shared) else { return };
        self.join();
        self.spawn(|| worker.run());
    }

    /// What the worker is doing and has done.
    #[must_use]
    pub fn progress(&self) -> Status {
        self.shared.board.status()
    }

    /// How far the store is behind the log. May read a segment of it: for reports, not for loops.
    ///
    /// # Errors
    /// [`Error::NotStarted`] before the worker has looked at the log; what the log says.
    pub fn lag(&self) -> Result<Lag, Error> {
        let (Some(log), Some(cursor)) = (self.shared.log(), self.progress().cursor) else {
            return Err(Error::NotStarted);
        };
        Ok(log.lag(cursor.next)?)
    }

    /// Blocks until everything before `offset` is applied and visible: with the `next` of an append's receipt, until
    /// that record is.
    ///
    /// # Errors
    /// [`Error::Failed`] if the worker has stopped by an error, [`Error::Stopped`] if it was stopped,
    /// [`Error::Timeout`] if it takes longer.
    pub fn wait_for(&self, offset: Offset, timeout: Duration) -> Result<(), Error> {
        self.shared.board.wait_for(offset, timeout)
    }

    /// Pauses the worker: it finishes its batch, makes everything applied durable, and applies nothing more until
    /// [`Ingestor::resume`]. Returns at once; [`Ingestor::wait_until_paused`] waits until it rests.
    ///
    /// A pause outlives [`Ingestor::stop`] and holds for the next [`Ingestor::start`]. Whoever waits for an offset beyond
    /// the cursor gets [`Error::Paused`] as soon as the worker rests.
    pub fn pause(&self) {
        self.shared.board.ask_to_pause();
    }

    /// The worker goes on, where the store stands.
    pub fn resume(&self) {
        self.shared.board.resume();
    }

    /// Whether it was told to pause, whether or not it rests already.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.shared.board.is_asked_to_pause()
    }

    /// Waits until a worker that was told to pause applies nothing any more: because it rests, or because none runs.
    /// False if it takes longer, or if somebody has it go on.
    #[must_use]
    pub fn wait_until_paused(&self, timeout: Duration) -> bool {
        self.shared.board.wait_paused(timeout)
    }

    /// Puts the store elsewhere, as [`crate::seek()`] does, while the worker rests for it, and has it go on from there.
    /// Returns the place where it stood. A pause stays one.
    ///
    /// # Errors
    /// As [`crate::seek()`]; [`Error::Panicked`] if the log cannot be had.
    pub fn seek(&self, to: Offset) -> Result<Option<Offset>, Error> {
        let Shared { store, board, .. } = &*self.shared;
        let log = self.shared.take_log().ok_or(Error::Panicked)?;
        let _held = board.hold();
        board.wait_paused(Duration::MAX);
        let (from, cursor) = crate::seek(&*log, &**store, to)?;
        board.post(|status| (status.cursor, status.checkpointed) = (Some(cursor), Some(to)));
        Ok(from)
    }

    /// Stops the worker: it finishes its batch, makes everything applied durable, and lets go of log and store.
    ///
    /// # Errors
    /// [`Error::Failed`] if it had stopped by an error, or could not make everything durable.
    pub fn stop(&mut self) -> Result<(), Error> {
        let rested = self.rest();
        self.join();
        rested
    }

    /// As [`Ingestor::stop`], for those who share it: others may be waiting for an offset meanwhile, and are told.
    ///
    /// # Errors
    /// As [`Ingestor::stop`].
    pub fn rest(&self) -> Result<(), Error> {
        self.shared.board.ask_to_stop();
        let status = self.shared.board.wait_idle();
        match (status.state, status.last_error) {
            (State::Failed, Some(error)) => Err(Error::Failed(error)),
            _ => Ok(()),
        }
    }

    /// Waits for the thread of a worker that has given its place back, and has nothing left to do.
    fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic is on the board already.
            let _ = thread.join();
        }
    }

    fn spawn(&self, work: impl FnOnce() + Send + 'static) {
        #[cfg(feature = "tokio")]
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // It gives its place back when it ends, and also when the runtime drops it without having begun.
            drop(runtime.spawn_blocking(work));
            return;
        }
        match std::thread::Builder::new().name("annals-ingest".to_owned()).spawn(work) {
            Ok(thread) => *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread),
            Err(error) => {
                tracing::error!(%error, "the worker's thread could not be started");
                self.shared.board.end(State::Failed, Some(Arc::new(Error::Spawn(error))));
            }
        }
    }
}

impl<L: Log + 'static, S: Sink + 'static> Drop for Ingestor<L, S> {
    fn drop(&mut self) {
        // What went wrong was reported when it did.
        let _ = self.stop();
    }
}

#[cfg(test)]
mod tests;
