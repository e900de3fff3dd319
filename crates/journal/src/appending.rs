//! An append of a task: queued at once, answered by its group.
//!
//!   append_async -> placed -> the group's ticket, with the ids of what was hashed late -> ready
//!               `-> no room -> queued -> placed by whoever makes room
//!                          `-> too much is queued -> placed when it is polled and there is room

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use annals_record::Appended;

use crate::append::receipt;
use crate::commit::{Ask, Attempt, GroupCommit, Placed, Waits};
use crate::content;
use crate::error::Error;
use crate::load::{Digest, Frames};
use crate::options::SyncPolicy;
use crate::queue::Place;
use crate::ticket::Ticket;

/// So many records are hashed at once while others wait to place theirs: they fill the lanes, for some five microseconds, or
/// twenty with a KiB each.
const HASHED_AHEAD: usize = 64;
/// So many times by one poll: whoever polls has other tasks, too.
const ROUNDS: usize = 8;

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
    /// It is placed before this ticket is over, or that of the next roll.
    Queued {
        place: Place,
        digest: Option<Digest>,
        len: usize,
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
        Ok(Attempt::Placed(at, _)) => placed(at, digest, bytes_of.len()),
        Ok(Attempt::Queued(place, ticket)) => State::Queued { place, digest, len: bytes_of.len(), ticket },
        Ok(Attempt::Wait(ticket, _)) => State::Unplaced { payload, digest, bytes, ticket },
        Err(error) => State::Failed(error),
    }
}

/// Hashes what has gathered in the filling group, instead of only waiting for the one before it: its leader would do it while
/// the disk rests.
fn hash_ahead(commit: &GroupCommit) {
    for _ in 0..ROUNDS {
        let mut stage = commit.lock();
        if stage.load.unhashed() < HASHED_AHEAD {
            break;
        }
        stage.load.hash(HASHED_AHEAD);
    }
}

/// What is left to wait for.
fn placed<P>(at: Placed, digest: Option<Digest>, len: usize) -> State<P> {
    let id = digest.unwrap_or(Digest::UNKNOWN).id;
    let unhashed = digest.is_none().then_some(at.number);
    State::Placed { appended: receipt(at.first, at.term, id, len), ticket: at.ticket, unhashed }
}

impl<P: AsRef<[u8]> + Unpin> Future for Appending<P> {
    type Output = Result<Appended, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if let State::Placed { ticket: Some(ticket), .. }
            | State::Queued { ticket, .. }
            | State::Unplaced { ticket, .. } = &self.state
                && ticket.wake_later(context.waker())
            {
                if let State::Placed { unhashed: Some(_), .. } = &self.state {
                    hash_ahead(&self.commit);
                }
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
                State::Queued { place, digest, len, .. } => {
                    self.state = match self.commit.place_of(&place) {
                        Ok(Ok(at)) => placed(at, digest, len),
                        Ok(Err(error)) => State::Failed(error),
                        Err(ticket) => State::Queued { place, digest, len, ticket },
                    };
                }
                State::Failed(error) => return Poll::Ready(Err(error)),
                State::Over => return Poll::Ready(Err(Error::Closed)),
            }
        }
    }
}
