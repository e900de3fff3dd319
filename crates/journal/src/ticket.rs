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
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{Instant, Mutex, word};

const WAITING: u32 = 0;
const OFFERED: u32 = 1;
const OVER: u32 = 2;

/// One per group. Its word is what threads sleep on: a wake-up of one group touches nobody of another.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    word: AtomicU32,
    sleepers: AtomicU32,
    outcome: OnceLock<Result<(), Error>>,
    /// The ids of the group's records, one after the other, if whoever led it has hashed some of them.
    ids: OnceLock<Box<[u8]>>,
    tasks: Mutex<Vec<Waker>>,
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
        if self.word.load(Ordering::Acquire) == OVER { self.outcome.get() } else { None }
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
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let woken = loop {
            match self.word.load(Ordering::SeqCst) {
                OVER => break Woken::Over,
                OFFERED => {
                    if self
                        .word
                        .compare_exchange(OFFERED, WAITING, Ordering::SeqCst, Ordering::SeqCst)
                        .is_ok()
                    {
                        break Woken::ToLead;
                    }
                }
                _ => {
                    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
                    if left.is_some_and(|left| left.is_zero()) {
                        break Woken::TimedOut;
                    }
                    word::wait(&self.word, WAITING, left);
                }
            }
        };
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        woken
    }

    /// Wakes one sleeper to lead the group.
    pub(crate) fn offer(&self) {
        if self.word.compare_exchange(WAITING, OFFERED, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            word::wake(&self.word, 1);
        }
    }

    /// Says what became of the group, and wakes everybody.
    pub(crate) fn complete(&self, outcome: Result<(), Error>) {
        let first = self.outcome.set(outcome).is_ok();
        assert!(first, "I10: a group ended twice");
        self.word.store(OVER, Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            word::wake(&self.word, u32::MAX >> 1);
        }
        wake_all(std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner)));
    }

    /// Lets a task be woken when the group is over; false if it is over already. One waker of a task is enough, however
    /// many of its appends wait.
    #[cfg(feature = "tokio")]
    pub(crate) fn wake_later(&self, waker: &Waker) -> bool {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if self.word.load(Ordering::SeqCst) == OVER {
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
