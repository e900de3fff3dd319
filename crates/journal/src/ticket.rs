//! What everybody who has something in a group holds until the group's fate is known.
//!
//!   waiting --offered--> one sleeper wakes to lead --> waiting
//!   waiting -----------> over: all sleepers and tasks wake, once
//!
//! I10: a ticket is completed exactly once, whatever becomes of its group.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{OnceLock, PoisonError};
use std::task::Waker;

#[cfg(feature = "tokio")]
use annals_record::RecordId;

use crate::error::Error;
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::sync::{Instant, Mutex, this_core, word};

const WAITING: u32 = 0;
const OFFERED: u32 = 1;
const OVER: u32 = 2;

/// Threads that run on different cores sleep apart, on as many: more cores share.
const CORES: usize = 4;

/// One per group: a wake-up of one group touches nobody of another.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    state: AtomicU32,
    sleepers: [Sleepers; CORES],
    outcome: OnceLock<Result<(), Error>>,
    /// The ids of the group's records, one after the other, if whoever led it has hashed some of them.
    ids: OnceLock<Box<[u8]>>,
    tasks: Mutex<Vec<Waker>>,
}

/// Those who went to sleep on the same core. To wake a thread takes as long as what most do once they are awake, so at the
/// end each core's first wakes the others, all cores beside each other.
#[derive(Debug, Default)]
struct Sleepers {
    /// What they sleep on. Changes when they are to look at the ticket.
    word: AtomicU32,
    count: AtomicU32,
    all_called: AtomicBool,
}

impl Sleepers {
    fn are_some(&self) -> bool {
        self.count.load(Ordering::SeqCst) > 0
    }

    /// Lets so many of them look at the ticket; false if there are none.
    fn call(&self, most: u32) -> bool {
        if !self.are_some() {
            return false;
        }
        self.word.fetch_add(1, Ordering::SeqCst);
        word::wake(&self.word, most);
        true
    }

    /// Lets all of them look at it, once.
    fn call_all(&self) {
        if !self.all_called.swap(true, Ordering::SeqCst) {
            self.call(u32::MAX >> 1);
        }
    }
}

/// Why a sleeper woke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    Over,
    ToLead,
    TimedOut,
}

impl Ticket {
    /// What became of the group, once it is known.
    pub(crate) fn outcome(&self) -> Option<&Result<(), Error>> {
        if self.state.load(Ordering::Acquire) == OVER { self.outcome.get() } else { None }
    }

    /// The id of a record by its number in the group, if it was hashed with the group and the group is over.
    #[cfg(feature = "tokio")]
    pub(crate) fn id(&self, number: usize) -> Option<RecordId> {
        let (ids, _) = self.ids.get()?.as_chunks();
        ids.get(number).map(|id| RecordId::from_bytes(*id))
    }

    /// Keeps the ids of the group's records, for those who did not know theirs. To be called once, before its end.
    pub(crate) fn keep_ids(&self, ids: &[u8]) {
        let first = self.ids.set(ids.into()).is_ok();
        assert!(first, "I10: a group was hashed twice");
    }

    /// Sleeps until the group is over, the lead is offered, or `until` has come.
    pub(crate) fn sleep(&self, until: Option<Instant>) -> Woken {
        let beside = &self.sleepers[this_core() % CORES];
        beside.count.fetch_add(1, Ordering::SeqCst);
        let woken = loop {
            // Before the look at the state: what changes after it is told by another word.
            let word = beside.word.load(Ordering::SeqCst);
            match self.state.load(Ordering::SeqCst) {
                OVER => {
                    beside.call_all();
                    break Woken::Over;
                }
                OFFERED => {
                    let taken =
                        self.state.compare_exchange(OFFERED, WAITING, Ordering::SeqCst, Ordering::SeqCst);
                    if taken.is_ok() {
                        break Woken::ToLead;
                    }
                }
                _ => {
                    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
                    if left.is_some_and(|left| left.is_zero()) {
                        break Woken::TimedOut;
                    }
                    word::wait(&beside.word, word, left);
                }
            }
        };
        beside.count.fetch_sub(1, Ordering::SeqCst);
        woken
    }

    /// Wakes one sleeper to lead the group.
    pub(crate) fn offer(&self) {
        if self.state.compare_exchange(WAITING, OFFERED, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            // On another core it does not wait for this thread. Whoever is counted later sees the offer before it sleeps; and nobody who
            // is counted goes away: only who was called to lead sleeps for a time, and nobody calls another meanwhile.
            let (far, near) = self.far_and_near();
            let _ = far.chain([near]).any(|sleepers| sleepers.call(1));
        }
    }

    /// Those who sleep on other cores, and those on this one.
    fn far_and_near(&self) -> (impl Iterator<Item = &Sleepers>, &Sleepers) {
        let here = this_core() % CORES;
        let far = (1..CORES).map(move |distance| &self.sleepers[(here + distance) % CORES]);
        (far, &self.sleepers[here])
    }

    /// Says what became of the group, and wakes everybody.
    pub(crate) fn complete(&self, outcome: Result<(), Error>) {
        let first = self.outcome.set(outcome).is_ok();
        assert!(first, "I10: a group ended twice");
        self.state.store(OVER, Ordering::SeqCst);
        // Whoever is counted later sees the end before it sleeps.
        if self.sleepers.iter().any(Sleepers::are_some) {
            let (far, near) = self.far_and_near();
            for sleepers in far {
                sleepers.call(1);
            }
            near.call_all();
        }
        wake_all(std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner)));
    }

    /// Lets a task be woken when the group is over; false if it is over already. One waker of a task is enough, however
    /// many of its appends wait.
    #[cfg(feature = "tokio")]
    pub(crate) fn wake_later(&self, waker: &Waker) -> bool {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if self.state.load(Ordering::SeqCst) == OVER {
            return false;
        }
        if !tasks.last().is_some_and(|last| last.will_wake(waker)) {
            tasks.push(waker.clone());
        }
        true
    }
}

/// Wakes them all. One that panics is its runtime's affair: it keeps nobody else asleep, and stops no journal.
pub(crate) fn wake_all(wakers: Vec<Waker>) {
    for waker in wakers {
        if catch_unwind(AssertUnwindSafe(|| waker.wake())).is_err() {
            tracing::error!("a waker panicked; its task may sleep on");
        }
    }
}

#[cfg(test)]
mod tests;
