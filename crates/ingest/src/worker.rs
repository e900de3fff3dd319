//! The loop around a projector: what to do next, how long to wait, when to give up.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use annals_record::{Kind, Log, Offset};
use annals_storage::Sink;

use crate::backoff::Backoff;
use crate::board::{Board, State};
use crate::rhythm::Rhythm;
use crate::{Error, Options, Progress, Projector, Restart, Restarts};

/// What a worker and its owner share.
pub(crate) struct Shared<L, S> {
    /// The log, or where to take it from.
    pub(crate) log: Mutex<Source<L>>,
    pub(crate) store: Arc<S>,
    pub(crate) options: Options,
    pub(crate) board: Arc<Board>,
}

/// Where the log comes from. Taking it may block for a moment, so it is left to the worker.
pub(crate) enum Source<L> {
    /// Nobody has taken it yet.
    Waiting(Box<dyn FnOnce() -> Arc<L> + Send>),
    /// It was taken.
    Taken(Arc<L>),
    /// Taking it has panicked.
    Lost,
}

impl<L, S> Shared<L, S> {
    /// The log, taken now if it was not before; `None` if that has panicked.
    pub(crate) fn take_log(&self) -> Option<Arc<L>> {
        let mut source = self.source();
        let log = match std::mem::replace(&mut *source, Source::Lost) {
            Source::Waiting(take) => take(),
            Source::Taken(log) => log,
            Source::Lost => return None,
        };
        *source = Source::Taken(Arc::clone(&log));
        Some(log)
    }

    /// The log, if it was taken.
    pub(crate) fn log(&self) -> Option<Arc<L>> {
        match &*self.source() {
            Source::Taken(log) => Some(Arc::clone(log)),
            _ => None,
        }
    }

    fn source(&self) -> MutexGuard<'_, Source<L>> {
        // Whoever panicked while taking the log has left `Lost`.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The worker's place. Dropping it gives the place back however the worker ends: by a stop, an error, a panic, or
/// without having begun.
pub(crate) struct Worker<L: Log, S: Sink> {
    /// `None` once it lets go of log and store.
    shared: Option<Arc<Shared<L, S>>>,
    board: Arc<Board>,
    end: State,
    error: Option<Arc<Error>>,
}

impl<L: Log, S: Sink> Worker<L, S> {
    /// Takes the place; `None` if a worker runs already.
    pub(crate) fn new(shared: &Arc<Shared<L, S>>) -> Option<Self> {
        let board = Arc::clone(&shared.board);
        let taken = board.begin();
        taken.then(|| Self { shared: Some(Arc::clone(shared)), board, end: State::Stopped, error: None })
    }

    /// Works until it is told to stop or cannot go on.
    pub(crate) fn run(mut self) {
        let Some(shared) = self.shared.take() else { return };
        let worked = match shared.take_log() {
            Some(log) => Work { shared: &shared }.run_again(&log),
            None => Err(Error::Panicked),
        };
        drop(shared);
        match worked {
            Ok(()) => tracing::debug!("the worker was stopped"),
            Err(error) => {
                tracing::error!(%error, "the worker stops");
                self.fail(error);
            }
        }
    }

    fn fail(&mut self, error: Error) {
        self.end = State::Failed;
        self.error = Some(Arc::new(error));
    }
}

/// The work itself.
struct Work<'w, L, S> {
    shared: &'w Shared<L, S>,
}

impl<L: Log, S: Sink> Work<'_, L, S> {
    /// Works, and begins again after a failure as often as the strategy says.
    fn run_again(&self, log: &Arc<L>) -> Result<(), Error> {
        let Shared { options, board, .. } = self.shared;
        let mut restarts = Restarts::new(options.restart);
        loop {
            let worked = if options.restart == Restart::NEVER {
                self.run(log)
            } else {
                // What it was at is dropped with it: it begins where the store stands.
                panic::catch_unwind(AssertUnwindSafe(|| self.run(log))).unwrap_or(Err(Error::Panicked))
            };
            let Err(error) = worked else { return Ok(()) };
            let passes = error.kind() != Kind::Fix;
            let Some(pause) = passes.then(|| restarts.after_failure(Instant::now())).flatten() else {
                return Err(error);
            };
            tracing::error!(%error, ?pause, "the worker has failed and is started again");
            let error = Arc::new(error);
            board.post(|status| {
                (status.state, status.restarts) = (State::Retrying, status.restarts.saturating_add(1));
                status.last_error = Some(Arc::clone(&error));
            });
            board.sleep(pause);
            if board.should_stop() {
                return Err(Error::Failed(error));
            }
        }
    }

    fn run(&self, log: &Arc<L>) -> Result<(), Error> {
        let Shared { store, options, board, .. } = self.shared;
        let open = || Projector::with_options(Arc::clone(log), Arc::clone(store), options);
        let Some(mut projector) = self.opened(open)? else { return Ok(()) };
        tracing::info!(log = %log.identity(), cursor = projector.cursor().next.get(), "the worker starts");

        let mut rhythm = Rhythm::new(options);
        let mut caught_up = false;
        let mut works_since = Instant::now();
        while !board.should_stop() {
            if board.should_pause() {
                self.checkpoint(&projector, &mut rhythm)?;
                tracing::info!(cursor = projector.cursor().next.get(), "the worker is paused");
                board.stand_still();
                // It goes on where the store stands then: somebody may have moved that.
                let Some(there) = self.opened(open)? else { break };
                projector = there;
                (caught_up, works_since) = (false, Instant::now());
                continue;
            }
            let passed = (projector.holes(), projector.damaged());
            let Some(progress) = self.retrying(|| projector.step())? else { continue };
            let passed = (projector.holes() - passed.0, projector.damaged() - passed.1);
            match progress {
                Progress::Applied { next, .. } => {
                    let now = Instant::now();
                    self.post_applied(&projector, &progress, passed, now - works_since);
                    works_since = now;
                    rhythm.applied(next, now);
                }
                Progress::Idle => {
                    if !std::mem::replace(&mut caught_up, true) {
                        tracing::info!(
                            cursor = projector.cursor().next.get(),
                            "the store is up with the log"
                        );
                    }
                    let worked = works_since.elapsed();
                    board.post(|status| {
                        status.state = State::CaughtUp;
                        status.busy += worked;
                    });
                    let quiet = self.wait_for_more(log, &projector)?;
                    works_since = Instant::now();
                    if quiet && rhythm.is_pending() {
                        self.checkpoint(&projector, &mut rhythm)?;
                    }
                }
            }
            if let Some(due) = rhythm.due(Instant::now()) {
                let durable = projector.checkpoint_to(due)?;
                self.post_checkpoint(&mut rhythm, durable);
            }
        }
        self.checkpoint(&projector, &mut rhythm)
    }

    /// The projector, once the log lets itself be read; `None` if the worker should stop before.
    fn opened(
        &self,
        open: impl Fn() -> Result<Projector<L, S>, Error>,
    ) -> Result<Option<Projector<L, S>>, Error> {
        let board = &self.shared.board;
        while !board.should_stop() {
            if let Some(projector) = self.retrying(&open)? {
                board.post(|status| status.cursor = Some(projector.cursor()));
                return Ok(Some(projector));
            }
            if board.should_pause() {
                board.stand_still();
            }
        }
        Ok(None)
    }

    fn checkpoint(&self, projector: &Projector<L, S>, rhythm: &mut Rhythm) -> Result<(), Error> {
        projector.checkpoint()?;
        self.post_checkpoint(rhythm, projector.cursor().next);
        Ok(())
    }

    fn post_checkpoint(&self, rhythm: &mut Rhythm, durable: Offset) {
        rhythm.checkpointed(durable);
        self.shared.board.post(|status| status.checkpointed = Some(durable));
    }

    /// Waits until the log has more, or for as long as it takes to call it quiet; then says so.
    fn wait_for_more(&self, log: &Arc<L>, projector: &Projector<L, S>) -> Result<bool, Error> {
        let Shared { options, board, .. } = self.shared;
        let known = projector.cursor().next;
        let start = Instant::now();
        let Some(bounds) = self.retrying(|| Ok(log.wait(known, options.idle)?))? else { return Ok(false) };
        if bounds.durable > known {
            return Ok(false);
        }
        // A log that is closed answers at once; asking it again and again would be a busy loop.
        board.sleep(options.idle.saturating_sub(start.elapsed()));
        Ok(true)
    }

    fn post_applied(
        &self,
        projector: &Projector<L, S>,
        progress: &Progress,
        passed: (u64, u64),
        worked: Duration,
    ) {
        let Progress::Applied { records, outcome, .. } = *progress else { return };
        self.shared.board.post(|status| {
            status.state = State::Applying;
            status.cursor = Some(projector.cursor());
            status.records += records;
            status.busy += worked;
            status.holes += passed.0;
            status.damaged += passed.1;
            status.outcome.fresh += outcome.fresh;
            status.outcome.duplicates += outcome.duplicates;
            status.outcome.dead_letters += outcome.dead_letters;
            status.outcome.application += outcome.application;
        });
    }

    /// Tries until it works or fails for good; `None` if the worker should stop or pause meanwhile.
    fn retrying<T>(&self, mut attempt: impl FnMut() -> Result<T, Error>) -> Result<Option<T>, Error> {
        let board = &self.shared.board;
        let mut backoff = Backoff::new(&self.shared.options);
        loop {
            match attempt() {
                Ok(done) => {
                    if backoff.failures() > 0 {
                        board.post(|status| (status.state, status.retries) = (State::Applying, 0));
                    }
                    return Ok(Some(done));
                }
                Err(error) if error.kind() == Kind::Retry => {
                    let wait = backoff.after_failure();
                    tracing::warn!(%error, retries = backoff.failures(), ?wait, "the worker tries again");
                    board.post(|status| {
                        (status.state, status.retries) = (State::Retrying, backoff.failures());
                        status.last_error = Some(Arc::new(error));
                    });
                    if board.sleep(wait) {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl<L: Log, S: Sink> Drop for Worker<L, S> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.fail(Error::Panicked);
        }
        // Log and store first: whoever waits for the end may open them again at once.
        self.shared = None;
        self.board.end(self.end, self.error.take());
    }
}
