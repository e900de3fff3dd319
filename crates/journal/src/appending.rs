//! An append of a task: queued at once, answered by its group.
//!
//!   append_async -> placed -> the group's ticket -> ready
//!               `-> no room -> woken when there is -> placed

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use annals_record::Appended;

use crate::append::receipt;
use crate::commit::{Ask, Attempt, GroupCommit, Waits};
use crate::error::Error;
use crate::load::{Digest, Frames};
use crate::ticket::Ticket;

/// What [`crate::Journal::append_async`] gives: ready once the record is durable, or as the journal's policy says.
#[must_use = "an append is answered by its future"]
#[derive(Debug)]
pub struct Appending<P> {
    commit: Arc<GroupCommit>,
    state: State<P>,
}

#[derive(Debug)]
enum State<P> {
    /// There was no room for it; there may be when this ticket is over.
    Unplaced {
        payload: P,
        digest: Digest,
        bytes: usize,
        ticket: Arc<Ticket>,
    },
    Placed {
        appended: Appended,
        ticket: Option<Arc<Ticket>>,
    },
    Failed(Error),
    Over,
}

impl<P: AsRef<[u8]>> Appending<P> {
    pub(crate) fn new(commit: Arc<GroupCommit>, payload: P, digest: Result<(Digest, usize), Error>) -> Self {
        let state = match digest {
            Ok((digest, bytes)) => place(&commit, payload, digest, bytes),
            Err(error) => State::Failed(error),
        };
        Self { commit, state }
    }
}

fn place<P: AsRef<[u8]>>(commit: &Arc<GroupCommit>, payload: P, digest: Digest, bytes: usize) -> State<P> {
    let frames = Frames { payloads: &[payload.as_ref()], digests: &[digest], control: None, bytes };
    match commit.attempt(&frames, Ask::default(), Waits::Task) {
        Ok(Attempt::Placed(placed, _)) => {
            let appended = receipt(placed.first, placed.term, digest.id, payload.as_ref().len());
            State::Placed { appended, ticket: placed.ticket }
        }
        Ok(Attempt::Wait(ticket, _)) => State::Unplaced { payload, digest, bytes, ticket },
        Err(error) => State::Failed(error),
    }
}

impl<P: AsRef<[u8]> + Unpin> Future for Appending<P> {
    type Output = Result<Appended, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match std::mem::replace(&mut self.state, State::Over) {
                State::Placed { appended, ticket: None } => return Poll::Ready(Ok(appended)),
                State::Placed { appended, ticket: Some(ticket) } => {
                    if ticket.wake_later(context.waker()) {
                        self.state = State::Placed { appended, ticket: Some(ticket) };
                        return Poll::Pending;
                    }
                    let outcome = ticket.outcome().cloned().unwrap_or(Err(Error::Closed));
                    return Poll::Ready(outcome.map(|()| appended));
                }
                State::Unplaced { payload, digest, bytes, ticket } => {
                    if ticket.wake_later(context.waker()) {
                        self.state = State::Unplaced { payload, digest, bytes, ticket };
                        return Poll::Pending;
                    }
                    if let Some(Err(error)) = ticket.outcome() {
                        return Poll::Ready(Err(error.clone()));
                    }
                    self.state = place(&self.commit, payload, digest, bytes);
                }
                State::Failed(error) => return Poll::Ready(Err(error)),
                State::Over => return Poll::Ready(Err(Error::Closed)),
            }
        }
    }
}
