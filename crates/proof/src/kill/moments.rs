//! When to strike: a window for each command, learned from where earlier strikes fell, so that most fall into work.
//!
//!   before it had begun -> later      after it had ended -> earlier      in between -> a little wider
//!
//! A kill's moment is a matter of the machine: a number repeats what is tried, and about when, not to the microsecond.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Where a strike fell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fell {
    /// It was starting, and had not touched the data.
    Before,
    /// It had the data, and was putting it in order.
    Opening,
    /// It was at work.
    Within,
    /// It had ended.
    After,
}

/// In microseconds.
#[derive(Clone, Copy, Debug)]
struct Window {
    from: f64,
    to: f64,
}

const FIRST: Window = Window { from: 3_000.0, to: 25_000.0 };
const SHORTEST: f64 = 500.0;
const LATEST: f64 = 2_000_000.0;

/// The windows of a run.
#[derive(Debug, Default)]
pub(super) struct Moments(Mutex<BTreeMap<&'static str, Window>>);

impl Moments {
    /// A moment after the start; `part` is from 0 to 1.
    pub(super) fn draw(&self, command: &'static str, part: f64) -> Duration {
        let window = *self.windows().entry(command).or_insert(FIRST);
        Duration::from_micros((window.from + part * (window.to - window.from)) as u64)
    }

    pub(super) fn learn(&self, command: &'static str, fell: Fell) {
        let mut windows = self.windows();
        let window = windows.entry(command).or_insert(FIRST);
        let width = window.to - window.from;
        match fell {
            Fell::Before | Fell::Opening => {
                window.from += width / 10.0;
                window.to += width / 10.0;
            }
            Fell::Within => {
                window.from -= width / 100.0;
                window.to += width / 100.0;
            }
            Fell::After => {
                window.from -= width / 12.0;
                window.to -= width / 6.0;
            }
        }
        window.from = window.from.clamp(0.0, LATEST);
        window.to = window.to.clamp(window.from + SHORTEST, LATEST + SHORTEST);
    }

    fn windows(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Window>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strikes_come_to_fall_into_work_wherever_that_is() {
        for (begins, ends) in [(500, 1_500), (10_000, 12_000), (200_000, 900_000)] {
            let (moments, mut random, mut within) = (Moments::default(), fastrand::Rng::with_seed(begins), 0);
            for strike in 0..2_000 {
                let fell = match moments.draw("import", random.f64()).as_micros() as u64 {
                    at if at < begins => Fell::Before,
                    at if at < ends => Fell::Within,
                    _ => Fell::After,
                };
                moments.learn("import", fell);
                within += u32::from(strike >= 1_000 && fell == Fell::Within);
            }
            assert!(within > 600, "{begins} to {ends}: {within} of 1000");
        }
    }
}
