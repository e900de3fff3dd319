//! Tasks that wait until the store is near enough: one thread looks for all of them, and is there only while one waits.
//!
//!   task: judged -> enters -> woken -> judged again
//!   thread: look -> wake all who may go on, or wait in vain -> wait until the cursor moves
//!
//! BP4: A task enters only after it was judged, and the thread looks again after each move of the cursor that a task may
//! have missed; it leaves, under the lock, only when nobody waits.

use std::future::poll_fn;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Valve, Verdict};
use crate::backpressure::LagBound;
use crate::error::Error;

/// How long the thread waits at most before it looks whether it is still wanted.
const SLICE: Duration = Duration::from_millis(100);

/// Where tasks wait. Dropping it ends its thread.
pub(crate) struct Turnstile {
    valve: Arc<Valve>,
    queue: Arc<Mutex<Queue>>,
    /// The data directory, for an error.
    path: PathBuf,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    thread: Option<JoinHandle<()>>,
    works: bool,
    over: bool,
}

struct Waiting {
    since: Instant,
    waker: Waker,
}

impl Turnstile {
    pub(crate) fn new(valve: Arc<Valve>, path: PathBuf) -> Self {
        Self { valve, queue: Arc::default(), path }
    }

    /// As [`Valve::pass`], for a task, of whatever runtime.
    pub(crate) async fn pass(&self) -> Result<(), Error> {
        let Some((bound, timeout)) = self.valve.bound() else { return Ok(()) };
        if self.valve.is_surely_within(&bound) {
            return Ok(());
        }
        let since = Instant::now();
        poll_fn(|context| match self.valve.judge(&bound, timeout, since) {
            Ok(Verdict::Pass) => Poll::Ready(Ok(())),
            Ok(Verdict::Wait(_)) => match self.enter(since, context.waker(), bound, timeout) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            },
            Err(error) => Poll::Ready(Err(error)),
        })
        .await
    }

    fn enter(&self, since: Instant, waker: &Waker, bound: LagBound, timeout: Duration) -> Result<(), Error> {
        let mut queue = lock(&self.queue);
        queue.waiting.retain(|waiting| waiting.since != since || !waiting.waker.will_wake(waker));
        queue.waiting.push(Waiting { since, waker: waker.clone() });
        if queue.works {
            return Ok(());
        }
        if let Some(thread) = queue.thread.take() {
            // It has left and needs no lock any more.
            let _ = thread.join();
        }
        let (valve, shared) = (Arc::clone(&self.valve), Arc::clone(&self.queue));
        let named = std::thread::Builder::new().name("annals-lag".to_owned());
        let spawned = named.spawn(move || Attendant { queue: &shared }.attend(&valve, bound, timeout));
        queue.thread = Some(spawned.map_err(Error::io("start a thread for", &self.path))?);
        queue.works = true;
        Ok(())
    }
}

impl Drop for Turnstile {
    fn drop(&mut self) {
        let mut queue = lock(&self.queue);
        queue.over = true;
        let thread = queue.thread.take();
        drop(queue);
        if let Some(thread) = thread {
            // What it holds of the journal is given back before the journal is closed.
            let _ = thread.join();
        }
    }
}

/// The thread at its work.
struct Attendant<'q> {
    queue: &'q Mutex<Queue>,
}

impl Attendant<'_> {
    /// Wakes tasks until nobody waits.
    fn attend(self, valve: &Valve, bound: LagBound, timeout: Duration) {
        loop {
            // How long is waited is a matter of each task; whether the worker goes on, and how far it is, is of all.
            let verdict = valve.judge(&bound, Duration::MAX, Instant::now());
            let now = Instant::now();
            let mut queue = lock(self.queue);
            let over = queue.over;
            let goes = |waiting: &mut Waiting| {
                let waited = now.saturating_duration_since(waiting.since);
                over || !matches!(verdict, Ok(Verdict::Wait(_))) || waited >= timeout
            };
            let woken: Vec<Waiting> = queue.waiting.extract_if(.., goes).collect();
            let oldest = queue.waiting.iter().map(|waiting| waiting.since).min();
            queue.works = oldest.is_some();
            drop(queue);
            woken.into_iter().for_each(|waiting| waiting.waker.wake());
            let (Some(oldest), Ok(Verdict::Wait(cursor))) = (oldest, verdict) else { return };
            let left = timeout.saturating_sub(now.saturating_duration_since(oldest));
            valve.wait_beyond(cursor, SLICE.min(left));
        }
    }
}

impl Drop for Attendant<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Whoever waits looks for itself, and calls another one.
            let mut queue = lock(self.queue);
            queue.works = false;
            let woken = std::mem::take(&mut queue.waiting);
            drop(queue);
            woken.into_iter().for_each(|waiting| waiting.waker.wake());
        }
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    // Each change of it is whole.
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
