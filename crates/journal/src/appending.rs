//! An append of a task: queued at once, answered by its group.
//!
//!   append_async -> placed -> the group's ticket, with the ids of what its leader hashed -> ready
//!               `-> no room -> woken when there is -> placed

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use annals_record::Appended;

use crate::append::receipt;
use crate::commit::{Ask, Attempt, GroupCommit, Waits};
use crate::content;
use crate::error::Error;
use crate::load::{Digest, Frames};
use crate::options::SyncPolicy;
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
        digest: Option<Digest>,
        bytes: usize,
        ticket: Arc<Ticket>,
    },
    Placed {
        appended: Appended,
        ticket: Option<Arc<Ticket>>,
        /// Its number in the group, if its id is not known before the group is over.
        unhashed: Option<usize>,
    },
    Failed(Error),
    Over,
}

impl<P: AsRef<[u8]>> Appending<P> {
    /// `bytes` is what its frame takes.
    pub(crate) fn new(commit: Arc<GroupCommit>, payload: P, bytes: Result<usize, Error>) -> Self {
        let state = match bytes {
            Ok(bytes) => {
                let digest = digest(&commit, payload.as_ref());
                place(&commit, payload, digest, bytes)
            }
            Err(error) => State::Failed(error),
        };
        Self { commit, state }
    }
}

/// The digest, unless the leader is to compute it: it does so for the small records of a group beside each other. A
/// large one fills the processor's lanes by itself, so it had better be hashed here, on one of many cores.
fn digest(commit: &GroupCommit, payload: &[u8]) -> Option<Digest> {
    let waits = commit.options.sync == SyncPolicy::Always;
    let small = payload.len() <= content::CHUNK;
    (!(waits && small)).then(|| Digest::of_record(content::id(payload), payload))
}

fn place<P: AsRef<[u8]>>(
    commit: &Arc<GroupCommit>,
    payload: P,
    digest: Option<Digest>,
    bytes: usize,
) -> State<P> {
    let bytes_of = payload.as_ref();
    let digests = digest.as_ref().map(std::slice::from_ref);
    let frames = Frames { payloads: &[bytes_of], digests, control: None, bytes };
    match commit.attempt(&frames, Ask::default(), Waits::Task) {
        Ok(Attempt::Placed(placed, _)) => {
            let id = digest.unwrap_or(Digest::UNKNOWN).id;
            let unhashed = digest.is_none().then_some(placed.number);
            let appended = receipt(placed.first, placed.term, id, bytes_of.len());
            State::Placed { appended, ticket: placed.ticket, unhashed }
        }
        Ok(Attempt::Wait(ticket, _)) => State::Unplaced { payload, digest, bytes, ticket },
        Err(error) => State::Failed(error),
    }
}

impl<P: AsRef<[u8]> + Unpin> Future for Appending<P> {
    type Output = Result<Appended, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if let State::Placed { ticket: Some(ticket), .. } | State::Unplaced { ticket, .. } = &self.state
                && ticket.wake_later(context.waker())
            {
                return Poll::Pending;
            }
            match std::mem::replace(&mut self.state, State::Over) {
                State::Placed { mut appended, ticket, unhashed } => {
                    if let Some(ticket) = ticket {
                        ticket.outcome().cloned().unwrap_or(Err(Error::Closed))?;
                        if let Some(number) = unhashed {
                            appended.id = ticket.id(number).ok_or(Error::Closed)?;
                        }
                    }
                    return Poll::Ready(Ok(appended));
                }
                State::Unplaced { payload, digest, bytes, ticket } => {
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
