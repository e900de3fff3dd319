//! Many appends in flight from one task, on an executor that is this thread and nothing else.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::contender::Log;
use crate::latency::Latencies;
use crate::outcome::Outcome;
use crate::payload::Payloads;
use crate::sample::Sample;

/// Appends in flight.
pub(crate) const FLIGHT: usize = 512;

/// Keeps [`FLIGHT`] appends going for `window`.
pub(crate) fn run(log: &dyn Log, size: usize, window: Duration) -> Outcome<Sample> {
    log.fly(FLIGHT, size, window).map(Sample::rate)
}

/// Starts appends until `flight` are under way, waits for the oldest, and so on: the task that a server's connection
/// is. `append` queues a payload at once.
pub(crate) fn fly<'p, T, E, F>(
    flight: usize,
    payloads: &'p Payloads,
    window: Duration,
    append: impl Fn(&'p [u8]) -> F,
) -> Outcome<Latencies>
where
    F: Future<Output = Result<T, E>> + Unpin,
    E: std::error::Error + Send + Sync + 'static,
{
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut under_way: VecDeque<(Instant, F)> = VecDeque::with_capacity(flight);
    let mut latencies = Latencies::start();
    let (mut number, mut now) = (0, Instant::now());
    while latencies.within(window) {
        while under_way.len() < flight {
            under_way.push_back((now, append(payloads.nth(number))));
            number += 1;
        }
        let Some((since, mut oldest)) = under_way.pop_front() else { continue };
        wait(&mut oldest, &mut context)?;
        now = Instant::now();
        latencies.push(since, now);
    }
    for (_, mut future) in under_way {
        wait(&mut future, &mut context)?;
    }
    Ok(latencies)
}

/// Polls until it is ready, asleep in between.
pub(crate) fn wait<T, E>(
    future: &mut (impl Future<Output = Result<T, E>> + Unpin),
    context: &mut Context<'_>,
) -> Result<T, E> {
    loop {
        match Pin::new(&mut *future).poll(context) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}

/// Wakes the one thread that polls.
pub(crate) struct Unpark(pub(crate) Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}
