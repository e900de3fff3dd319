//! Appends of tasks that there is no room for yet, in the order of their calls: whoever makes room places them.
//!
//!   append_async -> no room in the segment -> queued -> roll -> placed in the next one
//!                                               `-> no roll -> refused
//!
//! Nobody else can. A future that nobody polls does nothing, and who has many in flight and waits for the oldest polls one at
//! a time: each would be placed when the one before it is durable, and have a sync for itself.
//!
//! All that is queued takes half a segment at most: there is room for it after a roll, and for others, too.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use crate::commit::{Ask, GroupCommit, Placed, Waits, check_places};
use crate::error::Error;
use crate::load::{Digest, Frames};
use crate::stage::Stage;
use crate::ticket::Ticket;

/// The bytes that are queued at most, if half a segment is not less. Who would make it more is placed when it is polled, and so
/// is who comes behind.
const MOST_BYTES: u64 = 8 << 20;
/// What one takes in memory beside its frame, about.
const BESIDE: u64 = 128;

/// Where an append that was queued stands, once that is known, or why it stands nowhere.
pub(crate) type Place = Arc<OnceLock<Result<Placed, Error>>>;

/// What waits for room. Behind the lock of the stage.
#[derive(Debug)]
pub(crate) struct Queue {
    queued: VecDeque<Queued>,
    /// The bytes that it takes.
    bytes: u64,
    most: u64,
    /// One was turned away, and those before it are still here: nobody overtakes it.
    is_full: bool,
}

/// One record, copied: its task may be gone when it is placed.
#[derive(Debug)]
pub(crate) struct Queued {
    payload: Box<[u8]>,
    digest: Option<Digest>,
    /// The bytes of its frame.
    bytes: usize,
    place: Place,
}

impl Queue {
    /// An empty one, before segments of so many bytes.
    pub(crate) fn new(segment_bytes: u64) -> Self {
        let most = MOST_BYTES.min(segment_bytes / 2);
        Self { queued: VecDeque::new(), bytes: 0, most, is_full: false }
    }

    /// Queues a record, if there is not too much already.
    pub(crate) fn push(&mut self, frames: &Frames<'_>) -> Option<Place> {
        let [payload] = frames.payloads else { return None };
        let bytes = self.bytes + frames.bytes as u64 + BESIDE;
        self.is_full |= bytes > self.most;
        if self.is_full {
            return None;
        }
        self.bytes = bytes;
        let digest = frames.digests.map(|digests| digests[0]);
        let place = Place::default();
        let queued =
            Queued { payload: (*payload).into(), digest, bytes: frames.bytes, place: Arc::clone(&place) };
        self.queued.push_back(queued);
        Some(place)
    }

    /// The bytes of the next one's frame.
    pub(crate) fn next(&self) -> Option<usize> {
        self.queued.front().map(|queued| queued.bytes)
    }

    fn pop(&mut self) -> Option<Queued> {
        let queued = self.queued.pop_front()?;
        self.bytes -= queued.bytes as u64 + BESIDE;
        if self.queued.is_empty() {
            (self.queued, self.is_full) = (VecDeque::new(), false);
        }
        Some(queued)
    }

    /// Tells all of them that there will be no room.
    pub(crate) fn refuse(&mut self, error: &Error) {
        while let Some(queued) = self.pop() {
            queued.is_placed(Err(error.clone()));
        }
    }
}

impl Queued {
    /// Has its frames placed.
    fn place_by(self, place: impl FnOnce(&Frames<'_>) -> Result<Placed, Error>) {
        let digests = self.digest.as_ref().map(std::slice::from_ref);
        let frames = Frames { payloads: &[&self.payload], digests, control: None, bytes: self.bytes };
        let outcome = place(&frames);
        self.is_placed(outcome);
    }

    fn is_placed(&self, outcome: Result<Placed, Error>) {
        let first = self.place.set(outcome).is_ok();
        assert!(first, "I10: an append was placed twice");
    }
}

impl Drop for Queued {
    /// I10: by a panic on its way to a place only.
    fn drop(&mut self) {
        self.place.get_or_init(|| {
            Err(Error::Poisoned { reason: "the thread that was placing it panicked".to_owned() })
        });
    }
}

impl GroupCommit {
    /// Places what is queued, as far as there is room.
    pub(crate) fn place_queued(self: &Arc<Self>, stage: &mut Stage) {
        while let Some(bytes) = stage.queue.next()
            && stage.has_room(bytes)
            && let Some(queued) = stage.queue.pop()
        {
            queued.place_by(|frames| {
                check_places(stage)?;
                self.place(stage, frames, Ask::default(), Waits::Task).map(|(placed, _)| placed)
            });
        }
    }

    /// Where a queued append stands, or the ticket to wait for.
    pub(crate) fn place_of(&self, place: &Place) -> Result<Result<Placed, Error>, Arc<Ticket>> {
        let stage = self.lock();
        place.get().cloned().ok_or_else(|| Arc::clone(&stage.room))
    }
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests;
