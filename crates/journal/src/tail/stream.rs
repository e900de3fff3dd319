//! A tail as a stream of tasks: reading happens on the runtime's blocking threads, waiting on none.
//!
//!   read on a blocking thread -> batch -> ... -> caught up: the log wakes the task -> read
//!
//! A log that cannot wake tasks (a `Reader` looks at another process's file) is waited for on a blocking thread.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use annals_record::{Batch, Kind, Log, LogError, Offset, Stream};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::Tail;
use crate::error::Error;

/// How long a blocking thread waits at once: a runtime that shuts down waits for it.
const WAIT: Duration = Duration::from_millis(100);

/// Batches as they become durable: see [`Tail::into_stream`].
#[derive(Debug)]
pub struct TailStream<L> {
    state: State<L>,
    /// Where to go on, once what is under way is back.
    skip: Option<Offset>,
}

/// Work with a tail on a blocking thread.
type Task<L, T> = JoinHandle<(Tail<L>, Result<T, LogError>)>;

#[derive(Debug)]
enum State<L> {
    /// It reads when it is polled.
    Idle(Tail<L>),
    Reading(Task<L, Option<Batch>>),
    /// It has caught up.
    Waiting(Tail<L>),
    /// As that, on a blocking thread.
    Blocking(Task<L, ()>),
    /// An error was told; it goes on when it is told where.
    Stopped(Tail<L>),
    Ended,
}

impl<L: Log + Unpin + 'static> Tail<L> {
    /// The same as a stream, for tasks of a tokio runtime. It gives batches as they become durable and ends when the log
    /// is closed. After an error it ends too, unless [`TailStream::skip_to`] says where to go on.
    #[must_use]
    pub fn into_stream(self) -> TailStream<L> {
        TailStream { state: State::Idle(self), skip: None }
    }
}

impl<L: Log + Unpin + 'static> TailStream<L> {
    /// Goes on at `offset`: the end of a damaged range, as its error names it.
    pub fn skip_to(&mut self, offset: Offset) {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Idle(mut tail) | State::Waiting(mut tail) | State::Stopped(mut tail) => {
                tail.skip_to(offset);
                self.state = State::Idle(tail);
            }
            busy => (self.state, self.skip) = (busy, Some(offset)),
        }
    }

    /// What is under way is back. None if the stream was told to go on elsewhere.
    fn back<T>(&mut self, joined: Result<(Tail<L>, T), JoinError>) -> Result<Option<(Tail<L>, T)>, LogError> {
        self.state = State::Ended;
        let (mut tail, found) = joined.map_err(|error| LogError::Failed(Box::new(error), Kind::Stop))?;
        let Some(offset) = self.skip.take() else { return Ok(Some((tail, found))) };
        tail.skip_to(offset);
        self.state = State::Idle(tail);
        Ok(None)
    }

    /// Everything durable was given: waits for more.
    fn wait(&mut self, tail: Tail<L>, context: &Context<'_>) -> Poll<Option<LogError>> {
        // In this order: what becomes durable after the look wakes the task.
        let watched = tail.log.watch(tail.next, context.waker());
        match tail.log.wait(tail.next, Duration::ZERO) {
            Ok(bounds) if bounds.durable > tail.next => self.state = State::Idle(tail),
            Ok(_) if watched => {
                self.state = State::Waiting(tail);
                return Poll::Pending;
            }
            Ok(_) => {
                self.state = State::Blocking(spawn_blocking(move || {
                    let waited = tail.log.wait(tail.next, WAIT).map(drop);
                    (tail, waited)
                }));
            }
            Err(error) => return Poll::Ready(self.stop(tail, error)),
        }
        Poll::Ready(None)
    }

    /// A closed log is an end, anything else an error.
    fn stop(&mut self, tail: Tail<L>, error: LogError) -> Option<LogError> {
        if let LogError::Failed(source, _) = &error
            && matches!(source.downcast_ref::<Error>(), Some(Error::Closed))
        {
            self.state = State::Ended;
            return None;
        }
        self.state = State::Stopped(tail);
        Some(error)
    }
}

impl<L: Log + Unpin + 'static> Stream for TailStream<L> {
    type Item = Result<Batch, LogError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            match std::mem::replace(&mut this.state, State::Ended) {
                State::Ended => return Poll::Ready(None),
                State::Stopped(tail) => {
                    this.state = State::Stopped(tail);
                    return Poll::Ready(None);
                }
                State::Idle(mut tail) => {
                    this.state = State::Reading(spawn_blocking(move || {
                        let read = tail.next().transpose();
                        (tail, read)
                    }));
                }
                State::Reading(mut reading) => {
                    let joined = match Pin::new(&mut reading).poll(context) {
                        Poll::Ready(joined) => joined,
                        Poll::Pending => {
                            this.state = State::Reading(reading);
                            return Poll::Pending;
                        }
                    };
                    match this.back(joined)? {
                        None => {}
                        Some((tail, Ok(Some(batch)))) => {
                            this.state = State::Idle(tail);
                            return Poll::Ready(Some(Ok(batch)));
                        }
                        Some((tail, Ok(None))) => this.state = State::Waiting(tail),
                        Some((tail, Err(error))) => {
                            return Poll::Ready(this.stop(tail, error).map(Err));
                        }
                    }
                }
                State::Waiting(tail) => {
                    if let Some(error) = ready!(this.wait(tail, context)) {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                State::Blocking(mut waiting) => {
                    let joined = match Pin::new(&mut waiting).poll(context) {
                        Poll::Ready(joined) => joined,
                        Poll::Pending => {
                            this.state = State::Blocking(waiting);
                            return Poll::Pending;
                        }
                    };
                    match this.back(joined)? {
                        None => {}
                        Some((tail, Ok(()))) => this.state = State::Idle(tail),
                        Some((tail, Err(error))) => {
                            return Poll::Ready(this.stop(tail, error).map(Err));
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
