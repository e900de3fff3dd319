//! Where the entries of every segment stand in the journal: in memory, made from it when it is opened.
//!
//! ```text
//!   segment -> session, places of its entries: 0 | 96 | lost | 480 | ...
//! ```

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annals_journal::Offset;

use super::envelope::{Head, What};
use crate::{SegmentId, SessionId};

/// A place that is known to have held an entry, which damage has taken.
const LOST: u64 = u64::MAX;

/// All sessions.
#[derive(Debug, Default)]
pub(super) struct Index {
    sessions: BTreeMap<SessionId, Session>,
    segments: HashMap<SegmentId, Arc<Segment>>,
}

#[derive(Debug, Default)]
struct Session {
    segments: Vec<SegmentId>,
    used: Arc<AtomicU64>,
}

/// One segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) session: SessionId,
    /// When its session was last written to, in microseconds since the epoch.
    used: Arc<AtomicU64>,
    /// Whether it is made: until then nobody sees it.
    made: AtomicBool,
    places: Mutex<Places>,
}

/// Where its entries stand. Whoever appends holds it until the journal has answered.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) entries: Vec<u64>,
    pub(super) traces: Vec<u64>,
    /// It was deleted, while whoever holds it waited.
    pub(super) gone: bool,
}

impl Index {
    /// The segment, if it is there and in this session.
    pub(super) fn segment(&self, session: SessionId, segment: SegmentId) -> Option<Arc<Segment>> {
        self.found(segment).filter(|found| found.session == session)
    }

    /// The segment, if it is there.
    pub(super) fn found(&self, segment: SegmentId) -> Option<Arc<Segment>> {
        self.segments.get(&segment).filter(|found| found.made.load(Ordering::Acquire)).cloned()
    }

    /// The sessions that have a segment, oldest first, with when each was last used, in microseconds.
    pub(super) fn sessions(&self) -> impl DoubleEndedIterator<Item = (SessionId, u64)> + '_ {
        let seen = |session: &Session| session.segments.iter().any(|segment| self.found(*segment).is_some());
        let all = self.sessions.iter().filter(move |(_, session)| seen(session));
        all.map(|(id, session)| (*id, session.used.load(Ordering::Acquire)))
    }

    /// When a session was last used, in microseconds, if it has a segment.
    pub(super) fn used(&self, session: SessionId) -> Option<u64> {
        let of = self.sessions.get(&session)?;
        let seen = of.segments.iter().any(|segment| self.found(*segment).is_some());
        seen.then(|| of.used.load(Ordering::Acquire))
    }

    /// The segments of a session, in any order.
    pub(super) fn segments(&self, session: SessionId) -> Vec<SegmentId> {
        let segments = self.sessions.get(&session).map_or(&[][..], |session| &session.segments);
        segments.iter().copied().filter(|segment| self.found(*segment).is_some()).collect()
    }

    /// Adds a segment that is not made yet; none if there is one.
    pub(super) fn reserve(&mut self, session: SessionId, segment: SegmentId) -> Option<Arc<Segment>> {
        if self.segments.contains_key(&segment) {
            return None;
        }
        let of = self.sessions.entry(session).or_default();
        of.segments.push(segment);
        let (used, made) = (Arc::clone(&of.used), AtomicBool::new(false));
        let reserved = Arc::new(Segment { session, used, made, places: Mutex::default() });
        self.segments.insert(segment, Arc::clone(&reserved));
        Some(reserved)
    }

    /// Takes back what could not be made.
    pub(super) fn give_up(&mut self, session: SessionId, segment: SegmentId) {
        self.segments.remove(&segment);
        if let Some(of) = self.sessions.get_mut(&session) {
            of.segments.retain(|other| *other != segment);
            if of.segments.is_empty() {
                self.sessions.remove(&session);
            }
        }
    }

    /// Takes a session out, with its segments.
    pub(super) fn take(&mut self, session: SessionId) -> Vec<(SegmentId, Arc<Segment>)> {
        let segments = self.sessions.remove(&session).unwrap_or_default().segments;
        segments.into_iter().filter_map(|segment| Some((segment, self.segments.remove(&segment)?))).collect()
    }

    /// Puts back what was taken out.
    pub(super) fn put_back(&mut self, session: SessionId, segments: Vec<(SegmentId, Arc<Segment>)>) {
        for (segment, state) in segments {
            let of = self.sessions.entry(session).or_default();
            of.used = Arc::clone(&state.used);
            of.segments.push(segment);
            self.segments.insert(segment, state);
        }
    }

    /// A record of the journal, at an open. False if it fits nothing that stands before it.
    pub(super) fn replay(&mut self, head: &Head, offset: Offset) -> bool {
        if head.what == What::Deleted {
            self.take(head.session);
            return true;
        }
        let segment = match self.segments.get(&head.segment) {
            Some(found) => Arc::clone(found),
            // Also without the record that made it: damage to that costs no segment.
            None => match self.reserve(head.session, head.segment) {
                Some(reserved) => reserved,
                None => return false,
            },
        };
        segment.made.store(true, Ordering::Release);
        if segment.session != head.session {
            return false;
        }
        segment.used(head.micros);
        let mut places = segment.places();
        let list = match head.what {
            What::Entry => &mut places.entries,
            What::Trace => &mut places.traces,
            What::Made | What::Deleted => return true,
        };
        // A number that no damage explains would make a list of any length.
        let missing =
            head.number.checked_sub(list.len() as u64).filter(|missing| *missing < offset.get().max(1));
        let Some(missing) = missing else { return false };
        list.extend((0..missing).map(|_| LOST));
        list.push(offset.get());
        true
    }
}

impl Segment {
    /// Its places, once whoever appends is done.
    pub(super) fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on it is seen.
    pub(super) fn made(&self) {
        self.made.store(true, Ordering::Release);
    }

    /// It was written to.
    pub(super) fn used(&self, micros: u64) {
        self.used.fetch_max(micros, Ordering::AcqRel);
    }
}

/// The place of an entry; none if it is lost.
pub(super) fn place(of: u64) -> Option<Offset> {
    (of != LOST).then(|| Offset::new(of))
}
