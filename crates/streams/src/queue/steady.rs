//! Whether the wall clock can be believed: it moves as time passes.
//!
//! A queue that is offline is idle, so its newest frame says nothing of the time. What the machine has been up, asleep or
//! not, does.

use std::time::Duration;

use annals_journal::Clock;

use super::error::QueueError;
use super::micros;

/// A step of less is no jump: clocks are corrected.
const SLACK: i64 = 60_000_000;

/// The wall clock beside the time that passes, since the open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steady {
    opened_wall: i64,
    opened_up: Duration,
    uptime: fn() -> Duration,
}

impl Steady {
    pub(super) fn new(clock: &dyn Clock) -> Self {
        Self::by(clock, uptime)
    }

    pub(super) fn by(clock: &dyn Clock, uptime: fn() -> Duration) -> Self {
        Self { opened_wall: clock.now_micros(), opened_up: uptime(), uptime }
    }

    /// The time now, if it can be believed.
    pub(super) fn now(&self, clock: &dyn Clock) -> Result<i64, QueueError> {
        let now = clock.now_micros();
        let moved_micros = now.saturating_sub(self.opened_wall);
        let passed_micros = micros((self.uptime)().saturating_sub(self.opened_up));
        if moved_micros.abs_diff(passed_micros) > SLACK.unsigned_abs() {
            return Err(QueueError::ClockJumped { moved_micros, passed_micros });
        }
        Ok(now)
    }
}

/// Since the machine was started, the time it slept counted.
#[cfg(target_os = "linux")]
fn uptime() -> Duration {
    let up = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(u64::try_from(up.tv_sec).unwrap_or(0), u32::try_from(up.tv_nsec).unwrap_or(0))
}

/// Since this was asked first.
#[cfg(not(target_os = "linux"))]
fn uptime() -> Duration {
    static FIRST: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    FIRST.get_or_init(std::time::Instant::now).elapsed()
}
