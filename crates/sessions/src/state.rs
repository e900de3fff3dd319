//! Where a writer stands: which segment it appends to, and how many entries it knows that to have.
//!
//! ```text
//!   readers, no lock -> [ session, segment, tally ] <- one swap, at a fork
//! ```

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use crate::{SegmentId, SessionId};

/// A session, and the segment of it that is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SegmentLocation {
    /// The session.
    pub session_id: SessionId,
    /// The segment.
    pub segment_id: SegmentId,
}

/// Where a writer stands. Shared by the threads of one writer: whoever looks takes no lock, and sees a segment together with
/// the tally that belongs to it; whoever appends through it waits for the one before.
#[derive(Debug)]
pub struct SegmentState {
    here: ArcSwap<Here>,
    writing: Mutex<()>,
}

/// One segment and its tally: what a fork swaps.
#[derive(Debug)]
struct Here {
    location: SegmentLocation,
    entries_written: AtomicUsize,
}

impl SegmentState {
    /// A writer that stands at the end of a segment with so many entries.
    #[must_use]
    pub fn new(location: SegmentLocation, entries_written: usize) -> Self {
        Self { here: ArcSwap::from(here(location, entries_written)), writing: Mutex::new(()) }
    }

    /// Where it writes.
    #[must_use]
    pub fn location(&self) -> SegmentLocation {
        self.here.load().location
    }

    /// How many entries it knows that segment to have.
    #[must_use]
    pub fn entries_written(&self) -> usize {
        self.here.load().entries_written.load(Ordering::Acquire)
    }

    /// Both, of one moment.
    #[must_use]
    pub fn snapshot(&self) -> (SegmentLocation, usize) {
        let here = self.here.load();
        (here.location, here.entries_written.load(Ordering::Acquire))
    }

    /// Goes over to another segment, with its tally, in one step: for a compaction, and for a fork of one's own.
    pub fn swap(&self, location: SegmentLocation, entries_written: usize) {
        self.here.store(here(location, entries_written));
    }

    /// More was written to where it stands.
    pub(crate) fn wrote(&self, location: SegmentLocation, entries_written: usize) {
        let here = self.here.load();
        // Somebody has gone over to another segment meanwhile: the tally there is another one.
        if here.location == location {
            here.entries_written.fetch_max(entries_written, Ordering::AcqRel);
        }
    }

    /// Held from the look at the tally until it is right again.
    pub(crate) fn write(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn here(location: SegmentLocation, entries_written: usize) -> Arc<Here> {
    Arc::new(Here { location, entries_written: AtomicUsize::new(entries_written) })
}

#[cfg(test)]
mod tests;
