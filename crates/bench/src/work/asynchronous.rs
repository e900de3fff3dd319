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

type Append<'a> = Pin<Box<dyn Future<Output = Outcome<()>> + 'a>>;

/// Starts appends until `flight` are under way, waits for the oldest, and so on: the task that a server's connection
/// is. A future is polled once when it is made, in case that is what queues its record.
pub(crate) fn fly<'a, F: Future<Output = Outcome<()>> + 'a>(
    flight: usize,
    size: usize,
    window: Duration,
    append: impl Fn(&[u8]) -> F,
) -> Outcome<Latencies> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut payloads = Payloads::new(size, 5);
    let mut under_way: VecDeque<(Instant, Append<'a>)> = VecDeque::with_capacity(flight);
    let mut latencies = Latencies::start();
    while latencies.within(window) {
        while under_way.len() < flight {
            let since = Instant::now();
            let mut future: Append<'a> = Box::pin(append(payloads.next()));
            match future.as_mut().poll(&mut context) {
                Poll::Ready(done) => done.map(|()| latencies.push(since, Instant::now()))?,
                Poll::Pending => under_way.push_back((since, future)),
            }
        }
        let Some((since, mut oldest)) = under_way.pop_front() else { continue };
        wait(&mut oldest, &mut context)?;
        latencies.push(since, Instant::now());
    }
    for (_, mut future) in under_way {
        wait(&mut future, &mut context)?;
    }
    Ok(latencies)
}

fn wait(future: &mut Append<'_>, context: &mut Context<'_>) -> Outcome<()> {
    loop {
        match future.as_mut().poll(context) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}

/// Wakes the one thread that polls.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}
