//! Lines read ahead, within a bound, by a thread of their own.
//!
//!   input -> [ items, at most so many bytes ] -> import
//!
//! Reading and appending go on side by side, and an import whose input is quiet can still be asked to end.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::exit::{Code, Failure};
use crate::input::{InputError, Item};

/// How many bytes are read ahead: a little more than the longest line.
const AHEAD_BYTES: usize = 8 << 20;
/// What an item takes besides its bytes.
const ITEM_BYTES: usize = 512;

/// Something of a known size.
pub(super) trait Weighed {
    /// About how many bytes of memory it takes.
    fn weight(&self) -> usize;
}

impl Weighed for Item {
    fn weight(&self) -> usize {
        ITEM_BYTES
            + match &self.outcome {
                Ok(accepted) => accepted.payload.len(),
                Err(reject) => reject.raw.len() + reject.reason.len(),
            }
    }
}

/// Lines read ahead. When it is dropped, the reader ends by itself at its next line.
pub(super) struct Feed<T> {
    shared: Arc<Shared<T>>,
}

/// What there is to take.
pub(super) enum Fed<T> {
    /// At least one item.
    Items(VecDeque<T>),
    /// Nothing came in time.
    Nothing,
    /// Nothing more will come: the input ended, or it failed.
    End(Result<(), Failure>),
}

struct Shared<T> {
    queue: Mutex<Queue<T>>,
    filled: Condvar,
    drained: Condvar,
}

struct Queue<T> {
    items: VecDeque<T>,
    bytes: usize,
    end: Option<Result<(), Failure>>,
    unwanted: bool,
}

impl<T: Weighed + Send + 'static> Feed<T> {
    /// Begins to read what `open` opens.
    pub(super) fn start<I>(open: impl FnOnce() -> Result<I, InputError> + Send + 'static) -> Self
    where
        I: Iterator<Item = Result<T, InputError>>,
    {
        let queue = Queue { items: VecDeque::new(), bytes: 0, end: None, unwanted: false };
        let shared =
            Arc::new(Shared { queue: Mutex::new(queue), filled: Condvar::new(), drained: Condvar::new() });
        let reader = Reader { shared: Arc::clone(&shared) };
        let spawned = thread::Builder::new().name("annals-input".to_owned()).spawn(move || {
            let ended = reader.read(open);
            reader.shared.end(ended);
        });
        if let Err(error) = spawned {
            shared.end(Err(Failure::new(
                Code::Failed,
                format!("cannot start a thread for the input: {error}"),
            )));
        }
        Self { shared }
    }

    /// What is there; waits up to `timeout` if nothing is.
    pub(super) fn take(&self, timeout: Duration) -> Fed<T> {
        let waits = |queue: &mut Queue<T>| queue.items.is_empty() && queue.end.is_none();
        let waited = self.shared.filled.wait_timeout_while(self.shared.lock(), timeout, waits);
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if !queue.items.is_empty() {
            queue.bytes = 0;
            self.shared.drained.notify_one();
            return Fed::Items(std::mem::take(&mut queue.items));
        }
        queue.end.take().map_or(Fed::Nothing, Fed::End)
    }
}

impl<T> Drop for Feed<T> {
    fn drop(&mut self) {
        self.shared.lock().unwanted = true;
        self.shared.drained.notify_one();
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        // No step between a lock and its release leaves the queue half changed.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that nothing more will come; the first word stands.
    fn end(&self, ended: Result<(), Failure>) {
        self.lock().end.get_or_insert(ended);
        self.filled.notify_one();
    }
}

/// The thread's side.
struct Reader<T> {
    shared: Arc<Shared<T>>,
}

impl<T: Weighed> Reader<T> {
    fn read<I>(&self, open: impl FnOnce() -> Result<I, InputError>) -> Result<(), Failure>
    where
        I: Iterator<Item = Result<T, InputError>>,
    {
        for item in open()? {
            if !self.put(item?) {
                break;
            }
        }
        Ok(())
    }

    /// Puts an item into the queue; waits while it is full. False if nobody wants it.
    fn put(&self, item: T) -> bool {
        let full = |queue: &mut Queue<T>| queue.bytes >= AHEAD_BYTES && !queue.unwanted;
        let waited = self.shared.drained.wait_while(self.shared.lock(), full);
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner);
        queue.bytes += item.weight();
        queue.items.push_back(item);
        if queue.items.len() == 1 {
            self.shared.filled.notify_one();
        }
        !queue.unwanted
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        // A reader that panicked would leave the import waiting; after a word of its own this says nothing.
        self.shared
            .end(Err(Failure::new(Code::Failed, "the reader of the input panicked; please report it")));
    }
}

#[cfg(test)]
mod tests;
