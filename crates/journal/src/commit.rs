//! Group commit: many callers, one write, one sync.
//!
//!   append -> filling group -> leader writes and syncs -> watermark -> next leader wakes -> all of the group wake
//!
//! Whoever finds nobody leading leads. While one group is on its way the next one fills; those of it sleep on its
//! ticket. A leader that can expect more of those it has just released waits for them, at most for a sync's time, and
//! whoever completes the group writes it at once: see [`crate::fill`].
//!
//! I1: an append returns only once its offset is below the watermark, or with an error; under a policy other than
//! `Always`, once it is accepted.
//! I10: a group always ends: no early return, and no panic, stands between taking the lead and giving it back.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use annals_record::seeded::{self, Bug};
use annals_record::{Kind, Offset, Term};

use crate::clock::Clock;
use crate::error::Error;
use crate::keeper::Keeper;
use crate::keys::{Key, Known};
use crate::lead::Leader;
use crate::load::{Frames, Load};
use crate::options::{Options, SyncPolicy};
#[cfg(feature = "tokio")]
use crate::queue::Place;
use crate::segment::APPENDS_END;
use crate::source::Source;
use crate::spare::Spare;
use crate::stage::{Lead, Stage};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::ticket::{Ticket, Woken};
use crate::watermark::Watermark;
use crate::writer::Writer;

/// What is accepted and not waited for is written once there is so much of it.
pub(crate) const WRITE_AT: usize = 1 << 20;
/// Whoever would make it more than this waits for it to be written.
const HOLD_AT: usize = 8 << 20;

/// A longer interval is as good as this one, of a year, and the clock may not have it.
const MOST_INTERVAL: Duration = Duration::from_secs(365 * 24 * 3600);

/// What an append asks for beyond its frames.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ask<'a> {
    /// Durable when it returns, whatever the policy.
    pub(crate) durable: bool,
    /// Nothing may have been appended at or after this place.
    pub(crate) expected: Option<Offset>,
    /// The key, and a digest of all payloads.
    pub(crate) key: Option<&'a Key>,
}

/// Where an append stands, and whom to wait for.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) first: Offset,
    pub(crate) term: Term,
    /// The group to wait for; none if it is done, or nobody has to wait.
    pub(crate) ticket: Option<Arc<Ticket>>,
    /// The number of its first record in the group.
    #[cfg_attr(not(feature = "tokio"), expect(dead_code, reason = "tasks come with the feature"))]
    pub(crate) number: usize,
}

/// What came of an attempt to place an append.
pub(crate) enum Attempt {
    Placed(Placed, Role),
    /// There is no room before this ticket is over.
    Wait(Arc<Ticket>, Role),
    /// The same, of a task: it is placed before the ticket is over, or that of the next roll.
    #[cfg(feature = "tokio")]
    Queued(Place, Arc<Ticket>),
}

/// What is left to do for whoever placed something. A word, as all that goes with it: a byte among words is handed on in
/// pieces, and the processor waits until they are together again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Role {
    /// Wait, if there is something to wait for.
    Follow,
    /// See that it is written: nobody else does.
    Lead,
}

/// The filling group, the writer behind it, and what they tell others.
#[derive(Debug)]
pub(crate) struct GroupCommit {
    stage: Mutex<Stage>,
    /// Nobody leads any more: told to whoever stops the journal.
    pub(crate) idle: Condvar,
    pub(crate) writer: Mutex<Option<Writer>>,
    /// A group's buffers, to be used again.
    pub(crate) spent: Mutex<Option<Load>>,
    pub(crate) spare: Arc<Spare>,
    pub(crate) source: Arc<Source>,
    pub(crate) watermark: Arc<Watermark>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: Options,
    /// The end of what was handed to the disk.
    pub(crate) written: AtomicU64,
    pub(crate) keeper: Keeper,
}

/// Who waits for an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// A thread, which sleeps, and can lead.
    Thread,
    /// A task, which is woken: the keeper leads for it.
    Task,
}

impl GroupCommit {
    pub(crate) fn new(
        stage: Stage,
        writer: Option<Writer>,
        source: Arc<Source>,
        watermark: Arc<Watermark>,
        clock: Arc<dyn Clock>,
        options: Options,
    ) -> Self {
        Self {
            written: AtomicU64::new(watermark.get().get()),
            spare: writer.as_ref().map(|writer| Arc::clone(&writer.spare)).unwrap_or_default(),
            stage: Mutex::new(stage),
            idle: Condvar::new(),
            writer: Mutex::new(writer),
            spent: Mutex::default(),
            source,
            watermark,
            clock,
            options,
            keeper: Keeper::default(),
        }
    }

    /// Appends, and returns once the append is what its policy promises.
    #[inline(always)]
    pub(crate) fn append(self: &Arc<Self>, frames: &Frames<'_>, ask: Ask<'_>) -> Result<Placed, Error> {
        loop {
            match self.attempt(frames, ask, Waits::Thread)? {
                Attempt::Placed(placed, Role::Follow) if placed.ticket.is_none() => return Ok(placed),
                Attempt::Placed(placed, role) => {
                    self.see_through(placed.ticket.as_deref(), role)?;
                    return Ok(placed);
                }
                Attempt::Wait(ticket, role) => self.see_through(Some(&*ticket), role)?,
                #[cfg(feature = "tokio")]
                Attempt::Queued(..) => unreachable!("a thread waits for room by itself"),
            }
        }
    }

    /// Places an append if there is room for it.
    #[inline(always)]
    pub(crate) fn attempt(
        self: &Arc<Self>,
        frames: &Frames<'_>,
        ask: Ask<'_>,
        waits: Waits,
    ) -> Result<Attempt, Error> {
        let mut guard = self.lock();
        let stage = &mut *guard;
        if let Some(error) = &stage.stopped {
            return Err(error.clone());
        }
        if waits == Waits::Task && stage.lead == Lead::Idle {
            // Before anything is placed, for what is refused is not there.
            self.keeper.start(self)?;
        }
        if let Some(key) = ask.key
            && let Some(known) = stage.keys.known(key)?
        {
            return Ok(self.answer(stage, known, ask.durable, waits));
        }
        if let Some(expected) = ask.expected {
            check_expected(stage, expected)?;
        }
        check_places(stage)?;
        if !stage.has_room(frames.bytes) {
            let role = self.role(stage, waits, false);
            #[cfg(feature = "tokio")]
            if waits == Waits::Task
                && let Some(place) = stage.queue.push(frames)
            {
                return Ok(Attempt::Queued(place, Arc::clone(&stage.room)));
            }
            return Ok(Attempt::Wait(Arc::clone(&stage.room), role));
        }
        if stage.lead != Lead::Idle && stage.load.len() >= HOLD_AT {
            let role = self.role(stage, waits, false);
            let ticket = Arc::clone(&stage.ticket);
            stage.sleepers += u32::from(waits == Waits::Thread);
            return Ok(Attempt::Wait(ticket, role));
        }
        self.place(stage, frames, ask, waits).map(|(placed, role)| Attempt::Placed(placed, role))
    }

    /// Places an append that there is room for.
    #[inline(always)]
    pub(crate) fn place(
        self: &Arc<Self>,
        stage: &mut Stage,
        frames: &Frames<'_>,
        ask: Ask<'_>,
        waits: Waits,
    ) -> Result<(Placed, Role), Error> {
        let must_wait = self.must_wait(stage, ask.durable, frames.payloads.len());
        let is_much = stage.load.len() + frames.bytes >= WRITE_AT && stage.lead == Lead::Idle;
        let starts_interval = self.interval().filter(|_| !stage.sync_is_due);
        let keeper_writes = is_much && self.options.own_thread;
        if !must_wait && (keeper_writes || starts_interval.is_some()) {
            self.keeper.start(self)?;
        }
        let number = stage.load.records as usize;
        let first = stage.place(frames);
        if let Some(key) = ask.key {
            stage.keys.add(key.id, key.content, first, Some(Arc::clone(&stage.ticket)));
        }
        let term = stage.load.header().term;
        if !must_wait {
            stage.load.accepted = true;
            let mut role = Role::Follow;
            if keeper_writes {
                self.call_keeper(stage);
            } else if is_much {
                role = self.role(stage, waits, false);
            }
            if let Some(interval) = starts_interval {
                stage.sync_is_due = true;
                self.keeper.sync_in(interval);
            }
            return Ok((Placed { first, term, ticket: None, number }, role));
        }
        stage.waits();
        let role = self.role(stage, waits, true);
        let ticket = Some(Arc::clone(&stage.ticket));
        Ok((Placed { first, term, ticket, number }, role))
    }

    /// Answers an append whose key came before: it waits as the first one would, had it come now.
    fn answer(&self, stage: &mut Stage, known: Known, durable: bool, waits: Waits) -> Attempt {
        let Known { first, ticket } = known;
        let term = self.source.term_at(first);
        let filling = ticket.as_ref().is_some_and(|ticket| Arc::ptr_eq(ticket, &stage.ticket));
        if !filling {
            // Over, or on its way: it ends by itself.
            return Attempt::Placed(Placed { first, term, ticket, number: 0 }, Role::Follow);
        }
        if !durable && self.options.sync != SyncPolicy::Always {
            // Nobody may be there to write it soon.
            stage.load.accepted = true;
            return Attempt::Placed(Placed { first, term, ticket: None, number: 0 }, Role::Follow);
        }
        stage.waits();
        let role = self.role(stage, waits, true);
        Attempt::Placed(Placed { first, term, ticket, number: 0 }, role)
    }

    /// Makes everything accepted durable.
    pub(crate) fn sync(self: &Arc<Self>) -> Result<(), Error> {
        let (ticket, role) = {
            let mut guard = self.lock();
            let stage = &mut *guard;
            if let Some(error) = &stage.stopped {
                return Err(error.clone());
            }
            if stage.load.is_empty() && stage.unsynced == 0 && stage.lead != Lead::Writing {
                // A roll may have made durable what the keeper was asked for: the next append asks again.
                stage.sync_is_due = false;
                return Ok(());
            }
            stage.waits();
            let role = self.role(stage, Waits::Thread, true);
            (Arc::clone(&stage.ticket), role)
        };
        match self.see_through(Some(&*ticket), role) {
            // P4: what was accepted was before that group, and is durable.
            Err(error) if error.kind() == Kind::Retry => Ok(()),
            outcome => outcome,
        }
    }

    /// Sees that everything accepted is made durable, by whoever leads next. For the keeper, which must not wait for that: it may
    /// be the one who was called to.
    pub(crate) fn sync_due(self: &Arc<Self>) {
        let mut stage = self.lock();
        if stage.load.is_empty() && stage.unsynced == 0 && stage.lead != Lead::Writing {
            // A roll may have made durable what the keeper was asked for: the next append asks again.
            stage.sync_is_due = false;
            return;
        }
        stage.load.durable = true;
        if stage.stopped.is_none() && stage.lead == Lead::Idle {
            self.call_keeper(&mut stage);
        }
    }

    /// Seals the active segment, if it holds anything.
    pub(crate) fn seal(self: &Arc<Self>) -> Result<(), Error> {
        let (room, role) = {
            let mut guard = self.lock();
            let stage = &mut *guard;
            if let Some(error) = &stage.stopped {
                return Err(error.clone());
            }
            if stage.is_unused() && stage.lead == Lead::Idle {
                return Ok(());
            }
            stage.full = true;
            (Arc::clone(&stage.room), self.role(stage, Waits::Thread, false))
        };
        self.see_through(Some(&*room), role)
    }

    /// Whether an append of so many records waits for a sync.
    fn must_wait(&self, stage: &Stage, durable: bool, records: usize) -> bool {
        durable
            || match self.options.sync {
                SyncPolicy::Always => true,
                SyncPolicy::Every(most) => stage.unsynced_records + records as u64 >= u64::from(most),
                SyncPolicy::Interval(_) | SyncPolicy::OnDemand => false,
            }
    }

    fn interval(&self) -> Option<Duration> {
        match self.options.sync {
            SyncPolicy::Interval(interval) => Some(interval.clamp(SyncPolicy::LEAST_INTERVAL, MOST_INTERVAL)),
            _ => None,
        }
    }

    /// The keeper leads; it was started.
    fn call_keeper(&self, stage: &mut Stage) {
        stage.lead = Lead::Called;
        self.keeper.call();
    }

    /// Whether whoever is here now is to lead. `within`: it waits in the filling group.
    fn role(&self, stage: &mut Stage, waits: Waits, within: bool) -> Role {
        match (stage.lead, waits) {
            (Lead::Idle, Waits::Thread) => {
                stage.lead = Lead::Called;
                Role::Lead
            }
            (Lead::Idle, Waits::Task) => {
                self.call_keeper(stage);
                Role::Follow
            }
            (Lead::Called, Waits::Thread) if within && stage.fill.is_filled(stage.load.waiting) => {
                // The arrival that completes the group takes the lead from who was called.
                Role::Lead
            }
            (Lead::Called | Lead::Writing, _) => {
                stage.sleepers += u32::from(within && waits == Waits::Thread);
                Role::Follow
            }
        }
    }

    /// Leads if it is to, and waits until the ticket is over.
    fn see_through(self: &Arc<Self>, ticket: Option<&Ticket>, role: Role) -> Result<(), Error> {
        let mut led = false;
        if role == Role::Lead && self.claim(ticket) {
            led = true;
            self.lead(Leader::Thread);
        }
        let Some(ticket) = ticket else { return Ok(()) };
        loop {
            if let Some(outcome) = ticket.outcome() {
                let untold = !led && seeded::is_on(Bug::TellOnlyLeader);
                return if untold { Ok(()) } else { outcome.clone() };
            }
            if ticket.sleep(None) == Woken::ToLead && self.claim(Some(ticket)) {
                led = true;
                self.lead(Leader::Thread);
            }
        }
    }

    /// Stops all appends from now on, sees that everything accepted is written and synced, and hands out the writer.
    pub(crate) fn stop(self: &Arc<Self>, reason: Error) -> Option<Writer> {
        let mut stage = self.lock();
        stage.stopped.get_or_insert(reason);
        while stage.lead != Lead::Idle {
            stage = self.idle.wait(stage).unwrap_or_else(PoisonError::into_inner);
        }
        if !stage.load.is_empty() || stage.unsynced > 0 {
            stage.load.durable = true;
            stage.lead = Lead::Writing;
            drop(stage);
            self.lead(Leader::Thread);
            stage = self.lock();
        }
        // A journal that stops does not roll: who waits for room, or for a seal, gets none.
        let stopped = stage.stopped.clone().unwrap_or(Error::Closed);
        let room = stage.refuse(&stopped);
        drop(stage);
        room.complete(Err(stopped));
        lock(&self.writer).take()
    }

    /// Does something small with the writer, between two groups.
    pub(crate) fn between_groups<T>(&self, act: impl FnOnce(&mut Writer) -> T) -> Option<T> {
        lock(&self.writer).as_mut().map(act)
    }

    pub(crate) fn stopped(&self) -> Option<Error> {
        self.lock().stopped.clone()
    }

    /// The end of what was accepted.
    pub(crate) fn accepted(&self) -> Offset {
        self.lock().load.end()
    }

    /// The end of what was handed to the disk.
    pub(crate) fn written(&self) -> Offset {
        Offset::new(self.written.load(Ordering::Acquire))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Stage> {
        lock(&self.stage)
    }
}

/// Nothing may stand at or after `expected`.
fn check_expected(stage: &Stage, expected: Offset) -> Result<(), Error> {
    // Not known, after a failure in between: a conflict too many is better than one too few.
    let next = stage.last_record.unwrap_or(stage.load.end());
    if stage.last_record.is_some() && next <= expected && expected <= stage.load.end() {
        return Ok(());
    }
    Err(Error::Conflict { expected, next })
}

/// A log ends before sums of its places could overflow: only a header that somebody else has made says one so long.
#[inline]
pub(crate) fn check_places(stage: &Stage) -> Result<(), Error> {
    let end = stage.load.end().get();
    if end < APPENDS_END {
        return Ok(());
    }
    Err(Error::TooLarge { what: "a log", bytes: end, limit: APPENDS_END })
}

/// A panic elsewhere is no reason to stop: what it left behind is caught where the lead is given back.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[cfg(shuttle)]
mod interleaved;
#[cfg(test)]
pub(crate) mod memory;
#[cfg(test)]
#[cfg(not(shuttle))]
mod tests;
