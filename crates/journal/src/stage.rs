//! What was accepted and is not on its way yet: the group that fills, who waits for it, and who is to write it.
//!
//!   place -> the filling group -> take (whoever leads) -> the next group fills
//!
//! G1: at most one leads. A group is written by the first of: the arrival that completes it, its first arrival once
//! nobody else is expected, its first arrival once a sync's time has passed since the last sync.

use std::sync::Arc;

use annals_record::Offset;

use crate::clock::Clock;
use crate::error::Error;
use crate::fill::Fill;
use crate::frame::{self, Commit};
use crate::keys::Keys;
use crate::load::{Frames, Load};
use crate::options::Options;
#[cfg(feature = "tokio")]
use crate::queue::Queue;
use crate::seal;
use crate::segment::HEADER_LEN;
use crate::sync::Instant;
use crate::ticket::Ticket;

/// Groups of so many bytes are not waited for.
const LARGE_GROUP: usize = 128 << 10;
/// Larger groups than this gain less by zeros that were written before than those cost.
const ZEROS_TO: usize = 96 << 10;

/// Who writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lead {
    /// Nobody: the next who wants something written.
    Idle,
    /// Somebody was told to, or waits for the group to fill. An arrival that completes the group goes first.
    Called,
    /// Somebody is writing.
    Writing,
}

/// The filling group and what goes with it. Behind one lock, held for the copy of a payload, for hashing a few of those that are
/// there, and by a roll for what was queued.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) load: Load,
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) lead: Lead,
    /// No more fits into the segment, or it is to be sealed: once `load` is written it is rolled.
    pub(crate) full: bool,
    /// Completed when there is room again: when the segment is rolled.
    pub(crate) room: Arc<Ticket>,
    /// Appends of tasks that wait for it. If there are any, the segment is full.
    #[cfg(feature = "tokio")]
    pub(crate) queue: Queue,
    pub(crate) stopped: Option<Error>,
    pub(crate) keys: Keys,
    /// How many threads of the filling group sleep, so that one of them can be called to lead.
    pub(crate) sleepers: u32,
    /// Records accepted since the last sync.
    pub(crate) unsynced_records: u64,
    /// Bytes that were written and are not durable yet.
    pub(crate) unsynced: u64,
    /// With the policy `Interval`: the keeper was asked for a sync.
    pub(crate) sync_is_due: bool,
    /// The segment holds a group, or one is on its way to it.
    used: bool,
    /// How many bytes of frames a segment holds before its seal.
    holds: u64,
    /// The end of the last record accepted; none if that is not known.
    pub(crate) last_record: Option<Offset>,
    /// The same, before the filling group.
    last_record_before: Option<Offset>,
    options: Options,
    clock: Arc<dyn Clock>,
    pub(crate) fill: Fill,
}

impl Stage {
    pub(crate) fn new(
        load: Load,
        used: bool,
        last_record: Option<Offset>,
        keys: Keys,
        options: Options,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            load,
            ticket: Arc::default(),
            lead: Lead::Idle,
            full: false,
            room: Arc::default(),
            #[cfg(feature = "tokio")]
            queue: Queue::new(options.segment_bytes),
            stopped: None,
            keys,
            sleepers: 0,
            unsynced_records: 0,
            unsynced: 0,
            sync_is_due: false,
            used,
            holds: holds(&options),
            last_record,
            last_record_before: last_record,
            options,
            clock,
            fill: Fill::new(),
        }
    }

    /// Whether frames of so many bytes have their place in the segment; if not, it is full.
    pub(crate) fn has_room(&mut self, bytes: usize) -> bool {
        if self.full {
            return false;
        }
        if !self.used && self.load.is_empty() {
            // What no segment holds gets one of its own.
            return true;
        }
        let header = self.load.header();
        let filled = self.load.end().get() - header.base.get() + (bytes + frame::COMMIT) as u64;
        let fits = filled <= self.holds;
        let over = !self.options.seal.is_off()
            && self.load.is_empty()
            && self.options.seal.is_over(header.created_micros, self.clock.now_micros());
        self.full = !fits || over;
        !self.full
    }

    /// Whether it is known where the last record ends, also if the group that is written now fails.
    pub(crate) fn knows_last_record(&self) -> bool {
        self.last_record.is_some() && self.last_record_before.is_some()
    }

    /// The last record ends here, but for what was accepted since.
    pub(crate) fn know_last_record(&mut self, end: Offset) {
        self.last_record.get_or_insert(end);
        self.last_record_before.get_or_insert(end);
    }

    /// Lays frames into the group; returns where the first record will stand.
    pub(crate) fn place(&mut self, frames: &Frames<'_>) -> Offset {
        let first = self.load.push(frames);
        self.unsynced_records += frames.payloads.len() as u64;
        if !frames.payloads.is_empty() {
            self.last_record = Some(self.load.end());
        }
        first
    }

    /// One more waits for the filling group to be durable.
    pub(crate) fn waits(&mut self) {
        self.load.waiting += 1;
        self.load.durable = true;
        self.fill.comes();
    }

    /// Until when the filling group is to wait for more. A large one takes the disk so long that it is better written
    /// while the next one fills.
    pub(crate) fn awaited_until(&self) -> Option<Instant> {
        let waits = self.load.len() < LARGE_GROUP;
        waits.then(|| self.fill.wait_until(self.load.waiting, Instant::now())).flatten()
    }

    /// Whether somebody has to write now.
    pub(crate) fn is_due(&self, write_at: usize) -> bool {
        self.load.durable || self.load.waiting > 0 || self.load.len() >= write_at || self.full
    }

    /// Hands out the filling group, finished; the next one fills in the buffers of `spent`.
    pub(crate) fn take(&mut self, durable_upto: Offset, now: i64, spent: Option<Load>) -> Work {
        let (waiting, durable, accepted) = (self.load.waiting, self.load.durable, self.load.accepted);
        let load = if self.load.is_empty() {
            (self.load.waiting, self.load.durable) = (0, false);
            None
        } else {
            let commit = self.load.commit(durable_upto, now);
            let next = self.load.finish(durable_upto, now, spent);
            Some((std::mem::replace(&mut self.load, next), commit))
        };
        self.sleepers = 0;
        // What is accepted from here on asks for a sync of its own.
        self.sync_is_due &= !durable;
        let ticket = std::mem::take(&mut self.ticket);
        let before = (self.used, self.last_record_before);
        self.used |= load.is_some();
        self.last_record_before = self.last_record;
        let (end, bytes) = load.as_ref().map_or((self.load.start, 0), |(load, _)| (load.end(), load.len()));
        Work { load, end, bytes, ticket, waiting, durable, accepted, before }
    }

    /// All that was written is durable.
    pub(crate) fn synced(&mut self) {
        self.unsynced = 0;
        self.unsynced_records = self.load.records.into();
    }

    /// Nothing of a group was kept: the next one begins where it began. Returns the ticket of who came after it.
    pub(crate) fn take_back(&mut self, work: Work) -> Arc<Ticket> {
        if let Some((load, _)) = work.load {
            self.keys.forget_from(load.start);
            self.load = Load::new(Arc::clone(load.header()), load.start).in_buffers_of(load);
        }
        (self.used, self.last_record_before) = work.before;
        self.last_record = self.last_record_before;
        self.abandon()
    }

    /// Nobody will write the filling group; returns its ticket.
    pub(crate) fn abandon(&mut self) -> Arc<Ticket> {
        self.sleepers = 0;
        (self.load.waiting, self.load.durable) = (0, false);
        std::mem::take(&mut self.ticket)
    }

    /// There will be no room: whoever waits for it is told so, by the ticket that is returned.
    pub(crate) fn refuse(
        &mut self,
        #[cfg_attr(not(feature = "tokio"), expect(unused))] error: &Error,
    ) -> Arc<Ticket> {
        #[cfg(feature = "tokio")]
        self.queue.refuse(error);
        std::mem::take(&mut self.room)
    }

    /// A new segment: there is room again.
    pub(crate) fn rolled(&mut self, load: Load) {
        assert!(self.load.is_empty(), "I4: a roll under a group");
        // Who waits for a sync only has it with the seal, and is told so by the next leader.
        let (waiting, durable) = (self.load.waiting, self.load.durable);
        let (header, start) = (Arc::clone(load.header()), load.start);
        let spent = std::mem::replace(&mut self.load, load);
        self.load = Load::new(header, start).in_buffers_of(spent);
        (self.load.waiting, self.load.durable) = (waiting, durable);
        self.used = false;
        self.full = false;
        self.synced();
    }

    /// Whether the segment holds nothing.
    pub(crate) fn is_unused(&self) -> bool {
        !self.used && self.load.is_empty()
    }
}

/// How many bytes of frames fit into a segment, with the longest seal they may need behind them.
fn holds(options: &Options) -> u64 {
    let entries = options.segment_bytes / seal::TABLE_STRIDE + 2;
    options.segment_bytes.saturating_sub(HEADER_LEN + seal::seal_len(entries as usize) as u64)
}

impl Work {
    /// Whether its sync takes less where the blocks were written once.
    pub(crate) fn gains_by_zeros(&self) -> bool {
        self.durable && self.load.is_some() && self.bytes <= ZEROS_TO
    }
}

/// What a leader writes: one group, or what was written already and is to be synced.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) load: Option<(Load, Commit)>,
    /// Where it ends, and the bytes of its frames: `load` holds more, once it is written, to the end of its last block.
    pub(crate) end: Offset,
    pub(crate) bytes: usize,
    pub(crate) ticket: Arc<Ticket>,
    /// How many wait for it.
    pub(crate) waiting: u32,
    pub(crate) durable: bool,
    /// Somebody was told that it is accepted, and does not wait.
    pub(crate) accepted: bool,
    /// How the stage stood before.
    before: (bool, Option<Offset>),
}
