//! What holds appends back while the store is too far behind the journal.
//!
//!   append -> surely within the bound? (a few loads) -> journal
//!                 `-> look: cursor, lag -> within -> journal
//!                                      `-> beyond: fail | wait until the cursor moves, look again
//!
//! BP1: An append that finds the lag beyond the bound appends nothing.
//! BP2: Whoever waits wakes whenever the worker moves, and is let through as soon as the lag is within the bound.
//! BP3: Nobody waits for a worker that has ended or is paused: it is told why. Nor longer than the timeout.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use annals_ingest::State;
use annals_journal::Journal;
use annals_record::{Lag, Log, Offset};

use crate::annals::Serving;
use crate::backpressure::{Backpressure, LagBound};
use crate::error::Error;
use crate::handover::Handover;
use crate::waiting;

#[cfg(feature = "tokio")]
pub(crate) mod turnstile;

/// Holds appends back.
pub(crate) struct Valve {
    policy: Backpressure,
    journal: Journal,
    serving: Arc<RwLock<Serving>>,
    handover: Arc<Handover>,
    born: Instant,
    floor: Floor,
}

/// What the store has reached at least: it only rises, so a lag that is within a bound by this is within it.
struct Floor {
    offset: AtomicU64,
    records: AtomicU64,
    /// When the oldest record that is not applied was appended, or later; in nanoseconds since the valve was made, which
    /// may be before that.
    appended_nanos: AtomicI64,
}

/// Whether an append goes on.
pub(crate) enum Verdict {
    /// It does.
    Pass,
    /// Not before the cursor is beyond this place.
    Wait(Offset),
}

impl Valve {
    pub(crate) fn new(
        policy: Backpressure,
        journal: Journal,
        serving: Arc<RwLock<Serving>>,
        handover: Arc<Handover>,
    ) -> Self {
        let floor = Floor {
            offset: AtomicU64::new(0),
            records: AtomicU64::new(0),
            appended_nanos: AtomicI64::new(i64::MIN),
        };
        Self { policy, journal, serving, handover, born: Instant::now(), floor }
    }

    /// Lets an append through, or holds it back as the policy says.
    ///
    /// # Errors
    /// [`Error::Behind`]; [`Error::Journal`] if the lag cannot be read.
    pub(crate) fn pass(&self) -> Result<(), Error> {
        let Some((bound, timeout)) = self.bound() else { return Ok(()) };
        if self.is_surely_within(&bound) {
            return Ok(());
        }
        let since = Instant::now();
        loop {
            match self.judge(&bound, timeout, since)? {
                Verdict::Pass => return Ok(()),
                Verdict::Wait(cursor) => self.wait_beyond(cursor, timeout.saturating_sub(since.elapsed())),
            }
        }
    }

    /// The bound, and how long to wait; none if everything passes.
    fn bound(&self) -> Option<(LagBound, Duration)> {
        let (bound, timeout) = match self.policy {
            Backpressure::None => return None,
            Backpressure::Wait { lag, timeout } => (lag, timeout),
            Backpressure::Fail { lag } => (lag, Duration::ZERO),
        };
        (bound != LagBound::default()).then_some((bound, timeout))
    }

    /// Whether the lag is within the bound by what is known without a look: a few loads.
    fn is_surely_within(&self, bound: &LagBound) -> bool {
        let Floor { offset, records, appended_nanos } = &self.floor;
        let bytes = self.journal.durable().get().saturating_sub(offset.load(Ordering::Relaxed));
        let unapplied = || self.journal.records().saturating_sub(records.load(Ordering::Relaxed));
        let age = || self.nanos(Instant::now()).saturating_sub(appended_nanos.load(Ordering::Relaxed));
        bytes == 0
            || bound.bytes.is_none_or(|most| bytes <= most)
                && bound.records.is_none_or(|most| unapplied() <= most)
                && bound.age.is_none_or(|most| age() <= nanos(most))
    }

    /// Looks how far the worker is, and whether an append that waits `since` then goes on, waits, or is told.
    pub(crate) fn judge(
        &self,
        bound: &LagBound,
        timeout: Duration,
        since: Instant,
    ) -> Result<Verdict, Error> {
        let handovers = self.handover.ended();
        let serving = self.serving();
        let progress = serving.ingestor.progress();
        let (cursor, lag) = self.lag(&serving, &progress)?;
        if bound.holds(&lag) {
            return Ok(Verdict::Pass);
        }
        // Whoever is not to wait has not waited.
        let waited = since.elapsed().min(timeout);
        let behind = |worker| Error::Behind { lag, bound: *bound, waited, worker };
        match progress.state {
            State::Failed => Err(behind(Some(progress.last_error.unwrap_or_else(|| stopped(cursor))))),
            // Unless a rebuild has stopped it, to put another one in its place.
            State::Stopped if !self.handover.is_over_soon(handovers, Duration::ZERO) => {
                Err(behind(Some(stopped(cursor))))
            }
            State::Paused => Err(behind(Some(paused(cursor)))),
            _ if waited >= timeout => Err(behind(None)),
            _ => Ok(Verdict::Wait(cursor)),
        }
    }

    /// How far the store is behind, without reading more than a group; once for each worker, a segment.
    fn lag(&self, serving: &Serving, progress: &annals_ingest::Status) -> Result<(Offset, Lag), Error> {
        let now = Instant::now();
        let (cursor, before) = match (progress.cursor, progress.state) {
            (Some(cursor), _) => (cursor.next, serving.count.records(&self.journal, cursor.next, progress)?),
            // The store does not belong to this log: nothing of the log is in it.
            (None, State::Failed) => (self.journal.bounds()?.oldest, 0),
            // The worker has not looked yet.
            (None, _) => (serving.start, self.journal.records_before(serving.start)?),
        };
        let records = self.journal.records().saturating_sub(before);
        let bytes = self.journal.durable().get().saturating_sub(cursor.get());
        let age = if bytes > 0 { self.journal.age(cursor)? } else { None };
        if progress.cursor.is_some() {
            let appended = self.nanos(now).saturating_sub(age.map_or(0, nanos));
            self.floor.offset.fetch_max(cursor.get(), Ordering::Relaxed);
            self.floor.records.fetch_max(before, Ordering::Relaxed);
            self.floor.appended_nanos.fetch_max(appended, Ordering::Relaxed);
        }
        let lag = Lag { records, bytes, seconds: age.unwrap_or_default().as_secs_f64() };
        Ok((cursor, if bytes > 0 { lag } else { Lag::default() }))
    }

    /// Waits until the cursor is beyond a place, or the worker has ended, or the time is up: a look tells which.
    fn wait_beyond(&self, cursor: Offset, timeout: Duration) {
        let beyond = Offset::new(cursor.get().saturating_add(1));
        let _ = waiting::wait_for(&self.serving, &self.handover, beyond, timeout);
    }

    fn serving(&self) -> Serving {
        self.serving.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn nanos(&self, at: Instant) -> i64 {
        nanos(at.saturating_duration_since(self.born))
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

fn paused(cursor: Offset) -> Arc<annals_ingest::Error> {
    let wanted = Offset::new(cursor.get().saturating_add(1));
    Arc::new(annals_ingest::Error::Paused { wanted, cursor })
}

fn stopped(cursor: Offset) -> Arc<annals_ingest::Error> {
    let wanted = Offset::new(cursor.get().saturating_add(1));
    Arc::new(annals_ingest::Error::Stopped { wanted, cursor })
}
