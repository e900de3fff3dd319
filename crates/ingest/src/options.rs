//! How a worker works.

use std::time::Duration;

use annals_record::ReadLimit;

/// How a worker works. Nothing of it changes what ends up in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How much is applied at once. Larger means fewer commits; smaller means that the first record of a batch is
    /// visible sooner and less memory. Default: 10,000 records or 8 MiB.
    pub batch: ReadLimit,
    /// How long what was applied may wait for a checkpoint while more keeps coming: this much of the log, at most, is
    /// applied again after a crash. How much memory it may take meanwhile is the store's to say. Default: 1 s.
    pub checkpoint_every: Duration,
    /// How long the log has to be quiet before what was applied is checkpointed at once; also how often a waiting
    /// worker looks whether it should stop. Default: 100 ms.
    pub idle: Duration,
    /// How long to wait after a first failure that may pass; twice as long after each further one. Default: 10 ms.
    pub backoff_first: Duration,
    /// How long to wait at most. Default: 5 s.
    pub backoff_cap: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            batch: ReadLimit::default(),
            checkpoint_every: Duration::from_secs(1),
            idle: Duration::from_millis(100),
            backoff_first: Duration::from_millis(10),
            backoff_cap: Duration::from_secs(5),
        }
    }
}
