//! When a checkpoint is due.

use std::time::{Duration, Instant};

use crate::Options;

/// What was applied since the last checkpoint, and when the next one is due.
#[derive(Clone, Debug)]
pub(crate) struct Rhythm {
    every: Duration,
    bytes: u64,
    since: Option<Instant>,
    applied_bytes: u64,
}

impl Rhythm {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            every: options.checkpoint_every,
            bytes: options.checkpoint_bytes,
            since: None,
            applied_bytes: 0,
        }
    }

    /// Notes that something was applied.
    pub(crate) fn applied(&mut self, bytes: u64, now: Instant) {
        self.since.get_or_insert(now);
        self.applied_bytes = self.applied_bytes.saturating_add(bytes);
    }

    /// Whether anything waits for a checkpoint.
    pub(crate) fn is_pending(&self) -> bool {
        self.since.is_some()
    }

    /// Whether it has waited long enough, or is large enough.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| {
            self.applied_bytes >= self.bytes || now.saturating_duration_since(since) >= self.every
        })
    }

    /// Notes a checkpoint.
    pub(crate) fn checkpointed(&mut self) {
        self.since = None;
        self.applied_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_due_by_time_or_by_size_and_only_if_something_was_applied() {
        let start = Instant::now();
        let mut rhythm = Rhythm::new(&Options::default());
        assert!(!rhythm.is_pending() && !rhythm.is_due(start + Duration::from_secs(60)));
        rhythm.applied(1, start);
        assert!(rhythm.is_pending() && !rhythm.is_due(start + Duration::from_millis(999)));
        assert!(rhythm.is_due(start + Duration::from_secs(1)));
        rhythm.applied(64 << 20, start);
        assert!(rhythm.is_due(start));
        rhythm.checkpointed();
        assert!(!rhythm.is_pending() && !rhythm.is_due(start + Duration::from_secs(60)));
    }
}
