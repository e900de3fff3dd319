//! Leading: one thread takes the filling group, writes it, and sees that somebody takes the next.
//!
//!   claim -> take -> hash what is not -> write, sync -> settle -> roll, if the segment is full -> hand on -> wake
//!
//! I6: after an error that leaves it unknown what is durable, nothing is acknowledged until reopen.
//! I10: the lead is always given back; a panic on the way stops the journal and fails who waits.

use std::sync::Arc;

use annals_record::Kind;

use crate::commit::{GroupCommit, WRITE_AT, lock};
use crate::error::Error;
use crate::stage::{Lead, Work};
use crate::sync::Instant;
use crate::sync::atomic::Ordering;
use crate::ticket::Ticket;

/// The next segment is made once this part of one is filled: a log that is appended to now and then needs none.
const PREPARE_AT: u64 = 2;

/// Once so much is written and not synced it is synced, whatever the policy: left to the roll it would be a whole segment, and everybody
/// would wait for that.
const SYNC_BEHIND: u64 = 8 << 20;

/// Who leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leader {
    /// A thread that has an append of its own: it leads one group.
    Thread,
    /// The journal's own thread: it leads while there is something to write and no thread to lead.
    Keeper,
}

/// From there on the next one is filled so many times as fast as this one: it is ready before it is wanted.
const FILL_AHEAD: u64 = 3;

impl GroupCommit {
    /// Takes the lead, if it is to be taken still. A thread first waits for its group to fill, as long as that may be.
    pub(crate) fn claim(&self, mine: Option<&Ticket>) -> bool {
        let mut stage = self.lock();
        // Whose group is over was overtaken: the lead that is offered now is for those of the next group.
        while stage.lead == Lead::Called && mine.is_none_or(|mine| mine.outcome().is_none()) {
            let mine = mine.filter(|mine| !stage.full && std::ptr::eq(*mine, &raw const *stage.ticket));
            let until = stage.awaited_until().filter(|until| Instant::now() < *until);
            let (Some(mine), Some(until)) = (mine, until) else {
                let waiting = stage.load.waiting;
                stage.fill.goes(waiting);
                stage.lead = Lead::Writing;
                return true;
            };
            stage.fill.waits();
            drop(stage);
            mine.sleep(Some(until));
            stage = self.lock();
        }
        // The arrival that completed the group has taken it.
        false
    }

    /// Writes what has gathered, and hands the lead on. Only for whoever has claimed it.
    pub(crate) fn lead(self: &Arc<Self>, leader: Leader) {
        let mut leading = Leading { commit: self, ticket: None };
        loop {
            let began = Instant::now();
            let durable_upto = self.watermark.get();
            let spent = lock(&self.spent).take();
            let mut work = {
                let mut stage = self.lock();
                let mut work = stage.take(durable_upto, self.clock.now_micros(), spent);
                // Without a thread whoever appends would wait for it now, or at the roll.
                let behind = leader == Leader::Keeper || self.options.own_thread;
                work.durable |= behind && stage.unsynced + work.bytes as u64 >= SYNC_BEHIND;
                work
            };
            leading.ticket = Some(Arc::clone(&work.ticket));
            if let Some((load, _)) = &mut work.load
                && let Some(ids) = load.hash_all()
            {
                work.ticket.keep_ids(ids);
            }
            let outcome = self.write(&mut work);
            let (ticket, gains) = (Arc::clone(&work.ticket), work.gains_by_zeros());
            let (rolls, outcome) = self.settle(work, outcome, began);
            if rolls {
                self.roll();
            }
            // Before the next leader may roll: the file that is made ahead has one name.
            self.prepare_ahead(gains);
            // The next leader wakes before those who are done.
            let goes_on = self.hand_on(leader);
            ticket.complete(outcome);
            leading.ticket = None;
            if !goes_on {
                break;
            }
        }
        std::mem::forget(leading);
    }

    fn write(&self, work: &mut Work) -> Result<(), Error> {
        let mut writer = lock(&self.writer);
        let Some(writer) = writer.as_mut() else { return Err(Error::Closed) };
        let outcome = match &mut work.load {
            Some((load, commit)) => {
                let end = load.end();
                let outcome = writer.commit(load, *commit, work.durable, &self.watermark);
                if outcome.is_ok() {
                    self.written.fetch_max(end.get(), Ordering::AcqRel);
                }
                outcome
            }
            None if work.durable => writer.sync(&self.watermark),
            None => Ok(()),
        };
        outcome.map_err(|error| match error {
            // What was accepted cannot be taken back: then there is no trying again.
            Error::Full { .. } if work.accepted => writer.poison_with(error),
            // P4: what was accepted before it is nobody else's to sync.
            Error::Full { .. } => writer.sync(&self.watermark).err().unwrap_or(error),
            error => error,
        })
    }

    /// Puts down what came of it. True if the segment is to be rolled now.
    fn settle(&self, work: Work, outcome: Result<(), Error>, began: Instant) -> (bool, Result<(), Error>) {
        let mut guard = self.lock();
        let stage = &mut *guard;
        let now = Instant::now();
        let failed = match &outcome {
            Ok(()) => {
                if work.durable {
                    stage.synced();
                    if work.waiting > 0 {
                        stage.fill.expect(work.waiting, stage.load.waiting, now, now - began);
                    }
                } else {
                    stage.unsynced += work.bytes as u64;
                }
                if let Some((load, _)) = work.load {
                    stage.keys.settled(work.end);
                    *lock(&self.spent) = Some(load);
                }
                return (stage.full && stage.load.is_empty() && stage.stopped.is_none(), outcome);
            }
            Err(error) => error.clone(),
        };
        // What was placed behind it has no place any more.
        if failed.kind() == Kind::Retry && !stage.load.accepted {
            let queued = stage.take_back(work);
            stage.synced();
            drop(guard);
            queued.complete(Err(failed));
            return (false, outcome);
        }
        // What is queued may have been accepted: it is no matter of trying again.
        let reason = self.between_groups(|writer| writer.poison_with(failed.clone())).unwrap_or(failed);
        stage.stopped.get_or_insert_with(|| reason.clone());
        let queued = stage.abandon();
        // Nor will there be room for anybody.
        stage.full = false;
        let room = stage.refuse(&reason);
        drop(guard);
        queued.complete(Err(reason.clone()));
        room.complete(Err(reason));
        (false, outcome)
    }

    /// Seals the active segment and begins the next one.
    fn roll(self: &Arc<Self>) {
        let keys = std::mem::take(&mut self.lock().keys);
        let mut writer = lock(&self.writer);
        let outcome = writer.as_mut().map_or(Err(Error::Closed), |writer| {
            let term = writer.active.header.term;
            writer.roll(term, &keys, &self.source, &self.watermark)?;
            writer.begin()
        });
        let poison = writer.as_ref().and_then(|writer| writer.poison.clone());
        drop(writer);
        let mut guard = self.lock();
        let stage = &mut *guard;
        stage.keys = keys;
        if let Some(poison) = poison {
            stage.stopped.get_or_insert(poison);
        }
        // After a failure that left no trace the next append finds the segment full again.
        stage.full = false;
        let (room, outcome) = match outcome {
            Ok(load) => {
                self.written.fetch_max(load.start.get(), Ordering::AcqRel);
                stage.rolled(load);
                #[cfg(feature = "tokio")]
                self.place_queued(stage);
                (std::mem::take(&mut stage.room), Ok(()))
            }
            Err(error) => (stage.refuse(&error), Err(error)),
        };
        drop(guard);
        room.complete(outcome);
    }

    /// Gives the lead back, or calls who has it next. True if this leader goes on.
    fn hand_on(self: &Arc<Self>, leader: Leader) -> bool {
        let mut stage = self.lock();
        if stage.stopped.is_some() && stage.load.is_empty() && stage.load.waiting == 0
            || !stage.is_due(WRITE_AT)
        {
            stage.lead = Lead::Idle;
            if stage.stopped.is_some() {
                self.idle.notify_all();
            }
            return false;
        }
        if stage.sleepers > 0 {
            stage.lead = Lead::Called;
            let ticket = Arc::clone(&stage.ticket);
            drop(stage);
            ticket.offer();
            return false;
        }
        let alone = !self.options.own_thread && !self.keeper.is_started();
        if leader == Leader::Keeper || stage.full || alone || self.keeper.start(self).is_err() {
            return true;
        }
        self.keeper.call();
        stage.lead = Lead::Called;
        false
    }

    /// Has the next segment's file made once this one is in use, and filled as this one fills, if the
    /// group that was written would have gained by that. Only for whoever leads: a roll on its way uses the file and its name.
    fn prepare_ahead(self: &Arc<Self>, gains: bool) {
        let whole = self.options.segment_bytes;
        if !self.options.prepares_ahead() {
            return;
        }
        let filled = {
            let stage = self.lock();
            if stage.stopped.is_some() {
                return;
            }
            stage.load.start.get() - stage.load.header().base.get()
        };
        // Asked first: what the keeper is done with is put by then. Asked the other way round it may be done in between, and a
        // second file would take the one name from the first, which a roll writes to.
        let free = self.keeper.is_free_to_prepare();
        // Without a thread the next segment is made when it is needed.
        if self.spare.is_none() {
            if free && filled > whole / PREPARE_AT {
                let _ = self.keeper.prepare(self);
            }
        } else if gains
            && self.options.fill_ahead
            && self.spare.want(filled.saturating_sub(whole / PREPARE_AT) * FILL_AHEAD)
            && self.keeper.is_free_to_fill()
        {
            let _ = self.keeper.fill(self);
        }
    }
}

/// A leader on its way. Dropped by a panic only.
struct Leading<'a> {
    commit: &'a GroupCommit,
    ticket: Option<Arc<Ticket>>,
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        // What is on disk is unknown.
        let abandoned = Error::Poisoned { reason: "the thread that was writing panicked".to_owned() };
        if let Some(writer) = lock(&self.commit.writer).as_mut() {
            writer.poison_with(abandoned.clone());
        }
        let (queued, room) = {
            let mut stage = self.commit.lock();
            stage.stopped.get_or_insert_with(|| abandoned.clone());
            stage.lead = Lead::Idle;
            (stage.abandon(), stage.refuse(&abandoned))
        };
        self.commit.idle.notify_all();
        let mine = self.ticket.take();
        for ticket in mine.into_iter().chain([queued, room]) {
            ticket.complete(Err(abandoned.clone()));
        }
    }
}
