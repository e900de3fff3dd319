//! How long to wait after a failure that may pass.

use std::time::Duration;

use crate::Options;

/// Doubling waits, from the first to the cap.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(options: &Options) -> Self {
        Self { first: options.backoff_first, cap: options.backoff_cap, failures: 0 }
    }

    /// How long to wait after one more failure.
    pub(crate) fn after_failure(&mut self) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        self.first.saturating_mul(factor).min(self.cap)
    }

    /// How many failures there were in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let mut backoff = Backoff::new(&Options::default());
        let waits: Vec<_> = (0..50).map(|_| backoff.after_failure().as_millis()).collect();
        assert_eq!(waits[..11], [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5000, 5000]);
        assert_eq!(waits[49], 5000);
        assert_eq!(backoff.failures(), 50);
    }
}
