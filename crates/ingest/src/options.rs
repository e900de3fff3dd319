//! How a worker works.

use std::time::Duration;

use annals_record::ReadLimit;

use crate::Restart;

/// What a worker does where bytes of the log do not verify.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnDamage {
    /// It stops, with the place, the cause and what to do. Nothing behind the damage is applied.
    #[default]
    Stop,
    /// It passes the range, says so in a trace of level error, counts it, and notes it in the store: status and verify
    /// name it from then on. What stood there is not in the store; a store that is to have it after all, once the log is
    /// whole again, has to be rebuilt.
    PassAndList,
}

/// How a worker works. Nothing of it but [`Options::damage`] changes what ends up in the store.
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
    /// What to do where bytes of the log do not verify. Default: stop.
    pub damage: OnDamage,
    /// How often it is started again after an error that does not pass by itself, or a panic, if nobody has to mend
    /// something first. Default: never.
    pub restart: Restart,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            batch: ReadLimit::default(),
            checkpoint_every: Duration::from_secs(1),
            idle: Duration::from_millis(100),
            backoff_first: Duration::from_millis(10),
            backoff_cap: Duration::from_secs(5),
            damage: OnDamage::Stop,
            restart: Restart::NEVER,
        }
    }
}
