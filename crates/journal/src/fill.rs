//! How many a group waits for, and how long: those who were in the last one are likely to come again at once.
//!
//!   sync ends -> expect -> comes, comes, ... -> is filled -> goes
//!
//! All of them go in one group if they come again in less time than a sync takes: one sync is for all. If it takes them
//! longer the disk would rest meanwhile, and they go in two halves: one comes while the other is written.

use std::time::Duration;

use crate::sync::Instant;

/// So many groups are not waited for at most, after waits that were in vain.
const MOST_SKIPPED: u32 = 64;
/// Fewer than this are not halved.
const HALVES_FROM: u32 = 16;
/// How many times count in a mean, and how many syncs one time counts for at most: one that was long, because others had the
/// cores or nobody had anything to append, decides nothing by itself.
const MEAN_OF: u32 = 16;
const MOST_SYNCS: u32 = 4;

/// Whom the filling group waits for.
#[derive(Debug)]
pub(crate) struct Fill {
    /// How many are expected in it.
    want: u32,
    /// Not waiting any more from here on.
    until: Instant,
    /// Somebody waits, or has waited, for the filling group.
    waits: bool,
    /// Groups that are not waited for.
    skip: u32,
    backoff: u32,
    /// Half of them are expected in each group.
    halves: bool,
    last: Sync,
    /// How long a sync takes, of late.
    sync: Duration,
    /// How long it takes all of them to come again, of late.
    back: Duration,
}

/// The last sync, and who has come since.
#[derive(Debug)]
struct Sync {
    ended: Instant,
    /// How many it released.
    released: u32,
    /// How many had come for the next one by then.
    queued: u32,
    /// How many have come since.
    came: u32,
}

impl Sync {
    /// How many there are, by what is known.
    fn all(&self) -> u32 {
        self.released + self.queued
    }
}

impl Fill {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        let last = Sync { ended: now, released: 0, queued: 0, came: 0 };
        let (sync, back) = (Duration::ZERO, Duration::ZERO);
        Self { want: 1, until: now, waits: false, skip: 0, backoff: 1, halves: false, last, sync, back }
    }

    /// A sync ended that took `took`: it released some, and more had queued by then.
    pub(crate) fn expect(&mut self, released: u32, queued: u32, now: Instant, took: Duration) {
        self.last = Sync { ended: now, released, queued, came: 0 };
        self.want = self.last.all();
        if self.want >= HALVES_FROM {
            self.sync = mean(self.sync, took);
            self.want = if self.halves { self.want.div_ceil(2) } else { self.want };
        }
        self.until = now + took;
        self.skip = self.skip.saturating_sub(1);
    }

    /// Somebody comes. Once as many have come as were released it is known how long that takes.
    pub(crate) fn comes(&mut self) {
        self.last.came += 1;
        let Sync { ended, released, came, .. } = self.last;
        if came == released && self.last.all() >= HALVES_FROM {
            let back = (ended.elapsed() * self.last.all() / released).min(self.sync * MOST_SYNCS);
            self.back = mean(self.back, back);
            self.halves = self.back > self.sync;
        }
    }

    /// Until when a group that `waiting` are in is to wait for more.
    pub(crate) fn wait_until(&self, waiting: u32, now: Instant) -> Option<Instant> {
        (waiting < self.want && self.skip == 0 && now < self.until).then_some(self.until)
    }

    /// Somebody waits for the filling group.
    pub(crate) fn waits(&mut self) {
        self.waits = true;
    }

    /// Whether everybody expected has come.
    pub(crate) fn is_filled(&self, waiting: u32) -> bool {
        waiting >= self.want
    }

    /// A group goes: after a wait that was in vain the next ones are not waited for, more of them each time; fewer after
    /// one that was not. A group that nobody had to wait for says nothing.
    pub(crate) fn goes(&mut self, waiting: u32) {
        if !std::mem::take(&mut self.waits) {
            return;
        }
        if self.is_filled(waiting) {
            self.backoff = (self.backoff / 2).max(1);
        } else {
            self.backoff = (self.backoff * 2).min(MOST_SKIPPED);
            self.skip = self.backoff;
        }
    }
}

/// The mean of the last few, with one more.
fn mean(before: Duration, now: Duration) -> Duration {
    (before * (MEAN_OF - 1) + now) / MEAN_OF
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests;
