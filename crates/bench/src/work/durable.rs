//! Closed loop of single durable appends: each thread appends, waits until it is durable, and appends again.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::contender::Log;
use crate::latency::Latencies;
use crate::outcome::Outcome;
use crate::payload::Payloads;
use crate::sample::Sample;

/// The longest thought between two appends.
const THOUGHT: Duration = Duration::from_micros(400);

/// Appends from `threads` threads for `window`; with `think`, each pauses 0 to 400 µs, uniformly, between appends.
pub(crate) fn run(
    log: &dyn Log,
    threads: usize,
    size: usize,
    window: Duration,
    think: bool,
) -> Outcome<Sample> {
    let ready = Barrier::new(threads);
    let all = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|index| {
                scope.spawn({
                    let ready = &ready;
                    move || worker(log, index, size, window, think, ready)
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|_| Err("a thread of the work panicked".into())))
            .collect::<Outcome<Vec<_>>>()
    })?;
    Latencies::together(all).map(Sample::rate).ok_or_else(|| "no thread ran".into())
}

fn worker(
    log: &dyn Log,
    index: usize,
    size: usize,
    window: Duration,
    think: bool,
    ready: &Barrier,
) -> Outcome<Latencies> {
    let mut payloads = Payloads::new(size, index as u64);
    let mut thought = fastrand::Rng::with_seed(index as u64);
    // The first append pays for what is made lazily; whoever fails must still let the others go.
    let hand = log.hand(index).and_then(|mut hand| hand.append(payloads.next()).map(|()| hand));
    ready.wait();
    let mut hand = hand?;
    let mut latencies = Latencies::start();
    while latencies.within(window) {
        if think {
            pause(THOUGHT.mul_f64(thought.f64()));
        }
        let since = Instant::now();
        hand.append(payloads.next())?;
        latencies.push(since, Instant::now());
    }
    Ok(latencies)
}

/// Waits without work. A token left by somebody else's `unpark` may end one wait early, so it looks at the clock.
fn pause(time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        thread::park_timeout(left);
    }
}
