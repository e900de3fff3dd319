//! How schedules are chosen, counted, and repeated.
//!
//! `ANNALS_INTERLEAVINGS` is how many each test explores, half of them at random, half with few switches at the worst
//! places (PCT). `ANNALS_INTERLEAVINGS_SEED` begins elsewhere: long runs take one seed a shard. What fails prints its
//! schedule; `ANNALS_INTERLEAVING` is one to be run again.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, MaxSteps, Runner};

/// How many schedules a test explores if the environment does not say.
const SCHEDULES: u64 = 6000;
/// How many switches at the worst places PCT makes at most.
const SWITCHES: usize = 4;
/// Whoever takes more steps than any of these tests needs goes round in circles.
const MOST_STEPS: usize = 200_000;
/// What a thread of the journal needs.
const STACK_BYTES: usize = 512 << 10;

/// What happened in all schedules of a test, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl Seen {
    pub(super) fn count(&self, what: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += 1;
    }

    fn of(&self, what: &str) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(what).copied().unwrap_or(0)
    }
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name}={value}")))
}

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config.max_steps = MaxSteps::FailAfter(MOST_STEPS);
    config.silence_warnings = true;
    config
}

/// Explores `body` under many schedules; each of `all` must have happened. `share`: one in so many of the schedules that
/// the others get, for what takes long.
pub(super) fn explore(name: &str, share: u64, all: &[&'static str], body: fn(&Seen)) {
    let seen = Seen::default();
    if let Ok(schedule) = std::env::var("ANNALS_INTERLEAVING") {
        run(name, &seen, "once more", ReplayScheduler::new_from_encoded(schedule.trim()), body);
        return;
    }
    let asked = from_environment("ANNALS_INTERLEAVINGS");
    let schedules = (asked.unwrap_or(SCHEDULES) / share).max(2) as usize;
    let seed = from_environment("ANNALS_INTERLEAVINGS_SEED").unwrap_or(0);
    run(name, &seen, "random", RandomScheduler::new_from_seed(seed, schedules / 2), body);
    run(name, &seen, "PCT", PctScheduler::new_from_seed(seed, SWITCHES, schedules - schedules / 2), body);
    println!("interleavings: {name} {} {:?}", seen.of("schedules"), seen.0.lock().unwrap());
    if asked.is_none_or(|asked| asked >= SCHEDULES) {
        for what in all {
            assert!(seen.of(what) > 0, "{name}: {what} never happened");
        }
    }
}

/// Explores all schedules of something small, or as many of them as there is time for.
pub(super) fn exhaust(name: &str, body: fn(&Seen)) {
    let seen = Seen::default();
    if let Ok(schedule) = std::env::var("ANNALS_INTERLEAVING") {
        run(name, &seen, "once more", ReplayScheduler::new_from_encoded(schedule.trim()), body);
        return;
    }
    let most = from_environment("ANNALS_INTERLEAVINGS").unwrap_or(SCHEDULES) * 20;
    run(name, &seen, "all", DfsScheduler::new(Some(most as usize), true), body);
    let all = if seen.of("schedules") < most { ", all there are" } else { "" };
    println!("interleavings: {name} {}{all}", seen.of("schedules"));
}

fn run(name: &str, seen: &Seen, how: &str, scheduler: impl Scheduler + 'static, body: fn(&Seen)) {
    let counted = seen.clone();
    let runner = Runner::new(scheduler, config());
    let before = seen.of("schedules");
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        runner.run(move || {
            counted.count("schedules");
            body(&counted);
        })
    }));
    if let Err(panic) = outcome {
        eprintln!("{name}: failed, {how}, schedule {} of them", seen.of("schedules") - before);
        resume_unwind(panic);
    }
}
