//! When a checkpoint is due, and how far it has to reach.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use annals_record::Offset;

use crate::Options;

/// How many marks stand between two checkpoints: what waits is known to that part of the time it may wait.
const MARKS: u32 = 8;

/// What was applied and is not known to be durable, and since when.
#[derive(Clone, Debug)]
pub(crate) struct Rhythm {
    every: Duration,
    marks: VecDeque<Mark>,
}

/// What was applied within a short time.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// When the first of it was.
    since: Instant,
    /// Where the last of it ends.
    next: Offset,
}

impl Rhythm {
    pub(crate) fn new(options: &Options) -> Self {
        Self { every: options.checkpoint_every, marks: VecDeque::new() }
    }

    /// Notes that everything before `next` was applied.
    pub(crate) fn applied(&mut self, next: Offset, now: Instant) {
        match self.marks.back_mut() {
            Some(mark) if now.saturating_duration_since(mark.since) < self.every / MARKS => mark.next = next,
            _ => self.marks.push_back(Mark { since: now, next }),
        }
    }

    /// Whether anything waits for a checkpoint.
    pub(crate) fn is_pending(&self) -> bool {
        !self.marks.is_empty()
    }

    /// What has waited long enough: everything before this offset.
    pub(crate) fn due(&self, now: Instant) -> Option<Offset> {
        let oldest = self.marks.front()?;
        (now.saturating_duration_since(oldest.since) >= self.every).then_some(oldest.next)
    }

    /// Notes that everything before `durable` is durable.
    pub(crate) fn checkpointed(&mut self, durable: Offset) {
        self.marks.retain(|mark| mark.next > durable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_due_for_what_has_waited_and_for_no_more() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut rhythm = Rhythm::new(&Options::default());
        assert!(!rhythm.is_pending() && rhythm.due(after(60_000)).is_none());
        rhythm.applied(Offset::new(1), start);
        rhythm.applied(Offset::new(2), after(100));
        rhythm.applied(Offset::new(3), after(200));
        assert!(rhythm.is_pending() && rhythm.due(after(999)).is_none());
        assert_eq!(rhythm.due(after(1000)), Some(Offset::new(2)));
        // Less than was due is not enough, more than was due counts for what comes after.
        rhythm.checkpointed(Offset::new(1));
        assert_eq!(rhythm.due(after(1000)), Some(Offset::new(2)));
        rhythm.checkpointed(Offset::new(2));
        assert_eq!((rhythm.due(after(1199)), rhythm.due(after(1200))), (None, Some(Offset::new(3))));
        rhythm.checkpointed(Offset::new(9));
        assert!(!rhythm.is_pending() && rhythm.due(after(60_000)).is_none());
    }
}
