//! When to strike: so long after a process starts, has the data, or has acknowledged something. How long, is learned from
//! where earlier strikes fell, so that most fall into work, however busy the machine is.
//!
//! A kill's moment is a matter of the machine: a number repeats what is tried, and about when, not to the microsecond.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;

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

/// From when on a strike's time counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum From {
    /// From the process's start.
    Start,
    /// From when it has the data.
    Data,
    /// From its first receipt, if it gives any.
    Receipt,
}

/// A kill that is to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strike {
    pub(super) from: From,
    pub(super) after: Duration,
}

/// The longest time to wait, in microseconds: at first, at least, and at most.
const FIRST: f64 = 15_000.0;
const LEAST: f64 = 300.0;
const MOST: f64 = 1_000_000.0;

/// The longest times of a run, by command and by what they count from.
#[derive(Debug, Default)]
pub(super) struct Moments(Mutex<BTreeMap<(&'static str, From), f64>>);

impl Moments {
    /// Draws a strike for a command.
    pub(super) fn draw(&self, command: &'static str, receipts: bool, random: &mut Rng) -> Strike {
        let from = match random.u32(..8) {
            0 => From::Start,
            1..6 if receipts => From::Receipt,
            _ => From::Data,
        };
        let longest = *self.longest().entry((command, from)).or_insert(FIRST);
        Strike { from, after: Duration::from_micros((random.f64() * longest) as u64) }
    }

    pub(super) fn learn(&self, command: &'static str, from: From, fell: Fell) {
        let mut longest = self.longest();
        let longest = longest.entry((command, from)).or_insert(FIRST);
        *longest *= match fell {
            Fell::Before | Fell::Opening => 1.06,
            Fell::Within => 1.03,
            Fell::After => 0.9,
        };
        *longest = longest.clamp(LEAST, MOST);
    }

    fn longest(&self) -> std::sync::MutexGuard<'_, BTreeMap<(&'static str, From), f64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strikes_come_to_fall_into_work_however_long_that_is() {
        for lasts in [1_000, 20_000, 700_000] {
            let (moments, mut random, mut within) = (Moments::default(), Rng::with_seed(lasts), 0);
            for strike in 0..3_000 {
                let Strike { from, after } = moments.draw("rebuild", false, &mut random);
                let fell = match after.as_micros() as u64 {
                    _ if from == From::Start => Fell::Before,
                    at if at < lasts => Fell::Within,
                    _ => Fell::After,
                };
                moments.learn("rebuild", from, fell);
                within += u32::from(strike >= 1_000 && fell == Fell::Within);
            }
            assert!(within > 1_200, "{lasts}: {within} of 2000");
        }
    }

    #[test]
    fn only_who_gives_receipts_is_waited_for_until_the_first() {
        let (moments, mut random) = (Moments::default(), Rng::with_seed(1));
        let from = |receipts, random: &mut Rng| {
            let drawn: Vec<From> = (0..100).map(|_| moments.draw("a", receipts, random).from).collect();
            [From::Start, From::Data, From::Receipt].map(|from| drawn.contains(&from))
        };
        assert_eq!(from(false, &mut random), [true, true, false]);
        assert_eq!(from(true, &mut random), [true, true, true]);
    }
}
