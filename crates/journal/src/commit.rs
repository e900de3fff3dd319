//! Group commit: many callers, one write, one sync.
//!
//!   append -> queue -> leader writes -> sync -> watermark -> all wake
//!
//! Whoever finds nobody leading leads, with all that is queued by then: a wave. The others of the wave sleep on its
//! gate. When the wave is durable its leader first wakes one of the next wave to lead, then the followers.
//!
//! I1: an append returns only once its offset is below the watermark, or with an error.
//! I10: a wave always ends: no early return, and no panic, stands between taking the lead and giving it back.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use annals_record::Offset;

use crate::error::Error;
use crate::source::Source;
use crate::watermark::Watermark;
use crate::writer::{Encoded, Writer};

/// What becomes of an append: where its first record stands.
pub(crate) type Outcome = Result<Offset, Error>;

/// An append that waits for its wave.
struct Request {
    encoded: Encoded,
    reply: Reply,
}

/// Who wants to know.
enum Reply {
    Thread(Arc<OnceLock<Outcome>>),
    #[cfg(feature = "tokio")]
    Task(tokio::sync::oneshot::Sender<Outcome>),
}

#[derive(Default)]
struct Queue {
    requests: Vec<Request>,
    /// The number of the wave that is being filled.
    wave: u64,
    /// Threads in it that will sleep on its gate.
    threads: usize,
    leading: bool,
    stopped: Option<Error>,
}

/// Where the followers of every other wave sleep. Two are enough: a wave is filled while the one before it is written.
#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    /// Waves below this number are over.
    over: u64,
    /// One of this gate's sleepers is to lead its wave.
    lead: bool,
}

/// The queue, the gates and the writer behind them.
pub(crate) struct GroupCommit {
    queue: Mutex<Queue>,
    gates: [Gate; 2],
    writer: Mutex<Option<Writer>>,
    #[cfg(feature = "tokio")]
    pub(crate) turn: Arc<crate::turn::Turn>,
}

impl GroupCommit {
    pub(crate) fn new(writer: Option<Writer>, stopped: Option<Error>) -> Self {
        Self {
            queue: Mutex::new(Queue { stopped, ..Queue::default() }),
            gates: [Gate::default(), Gate::default()],
            writer: Mutex::new(writer),
            #[cfg(feature = "tokio")]
            turn: Arc::default(),
        }
    }

    /// Appends and returns once it is durable.
    pub(crate) fn append(&self, encoded: Encoded, source: &Source, watermark: &Watermark) -> Outcome {
        let outcome = Arc::new(OnceLock::new());
        let (wave, leads) = {
            let mut queue = lock(&self.queue);
            if let Some(error) = &queue.stopped {
                return Err(error.clone());
            }
            queue.requests.push(Request { encoded, reply: Reply::Thread(Arc::clone(&outcome)) });
            queue.threads += 1;
            (queue.wave, !std::mem::replace(&mut queue.leading, true))
        };
        if leads || self.follow(wave) {
            self.lead(source, watermark);
        }
        outcome.get().cloned().unwrap_or_else(|| Err(abandoned()))
    }

    /// Queues an append of a task, which is answered once it is durable. True if nobody leads: see [`Self::lead`].
    #[cfg(feature = "tokio")]
    pub(crate) fn enqueue(
        &self,
        encoded: Encoded,
    ) -> Result<(tokio::sync::oneshot::Receiver<Outcome>, bool), Error> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let mut queue = lock(&self.queue);
        if let Some(error) = &queue.stopped {
            return Err(error.clone());
        }
        queue.requests.push(Request { encoded, reply: Reply::Task(sender) });
        Ok((receiver, !std::mem::replace(&mut queue.leading, true)))
    }

    /// Sleeps until the wave is over, or until it is this thread's to lead (true).
    fn follow(&self, wave: u64) -> bool {
        let gate = self.gate(wave);
        let mut state = lock(&gate.state);
        loop {
            if state.over > wave {
                return false;
            }
            if std::mem::take(&mut state.lead) {
                return true;
            }
            state = gate.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Writes the wave that has gathered, and hands the lead on.
    pub(crate) fn lead(&self, source: &Source, watermark: &Watermark) {
        let (requests, wave) = {
            let mut queue = lock(&self.queue);
            queue.wave += 1;
            queue.threads = 0;
            (std::mem::take(&mut queue.requests), queue.wave - 1)
        };
        // Dropped at the end of this call, or by a panic in it: either way the wave ends and the lead is handed on.
        let mut ending = Ending { commit: self, requests, answered: 0, wave };
        let mut writer = lock(&self.writer);
        while ending.answered < ending.requests.len() {
            let group = group_at(&ending.requests[ending.answered..], writer.as_ref());
            let encoded: Vec<&Encoded> =
                ending.requests[ending.answered..][..group].iter().map(|request| &request.encoded).collect();
            let outcome = match writer.as_mut() {
                Some(writer) => writer.commit(&encoded, source, watermark),
                None => Err(Error::Closed),
            };
            ending.answer(group, &outcome);
        }
    }

    /// Stops all appends from now on, waits for the wave that is being written, and hands out the writer.
    pub(crate) fn stop(&self, reason: Error, source: &Source, watermark: &Watermark) -> Option<Writer> {
        let left_over = {
            let mut queue = lock(&self.queue);
            queue.stopped.get_or_insert(reason);
            !queue.requests.is_empty() && !std::mem::replace(&mut queue.leading, true)
        };
        if left_over {
            self.lead(source, watermark);
        }
        lock(&self.writer).take()
    }

    /// Does something small with the writer, between two waves.
    pub(crate) fn between_waves<T>(&self, act: impl FnOnce(&mut Writer) -> T) -> Option<T> {
        lock(&self.writer).as_mut().map(act)
    }

    pub(crate) fn stopped(&self) -> Option<Error> {
        lock(&self.queue).stopped.clone()
    }

    fn gate(&self, wave: u64) -> &Gate {
        &self.gates[(wave & 1) as usize]
    }

    fn end(&self, wave: u64) {
        {
            let mut queue = lock(&self.queue);
            if queue.requests.is_empty() {
                queue.leading = false;
            } else if queue.threads > 0 {
                let next = self.gate(queue.wave);
                lock(&next.state).lead = true;
                next.changed.notify_one();
            } else {
                #[cfg(feature = "tokio")]
                self.turn.give();
            }
        }
        let gate = self.gate(wave);
        lock(&gate.state).over = wave + 1;
        gate.changed.notify_all();
    }
}

/// How many of these requests go into one group: whole requests, and never more than a segment holds.
fn group_at(requests: &[Request], writer: Option<&Writer>) -> usize {
    let mut len = 0;
    let fitting = requests.iter().take_while(|request| {
        len += request.encoded.bytes.len();
        writer.is_none_or(|writer| writer.fits_group(len))
    });
    // A batch that no segment holds gets one of its own.
    fitting.count().max(1)
}

/// A wave on its way to its end.
struct Ending<'a> {
    commit: &'a GroupCommit,
    requests: Vec<Request>,
    answered: usize,
    wave: u64,
}

impl Ending<'_> {
    /// Answers the next `count` requests.
    fn answer(&mut self, count: usize, outcome: &Result<Vec<Offset>, Error>) {
        for (i, request) in self.requests[self.answered..][..count].iter_mut().enumerate() {
            let outcome = match outcome {
                Ok(starts) => Ok(starts[i]),
                Err(error) => Err(error.clone()),
            };
            request.reply.send(outcome);
        }
        self.answered += count;
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if self.answered < self.requests.len() {
            // The leader panicked: what is on disk is unknown.
            lock(&self.commit.queue).stopped.get_or_insert_with(abandoned);
            if let Some(writer) = lock(&self.commit.writer).as_mut() {
                writer.poison_with(abandoned());
            }
            let left = self.requests.len() - self.answered;
            self.answer(left, &Err(abandoned()));
        }
        self.commit.end(self.wave);
    }
}

impl Reply {
    fn send(&mut self, outcome: Outcome) {
        match self {
            Self::Thread(cell) => {
                let _ = cell.set(outcome);
            }
            #[cfg(feature = "tokio")]
            Self::Task(sender) => {
                // The sender is used once; a task that has gone away needs no answer.
                let sender = std::mem::replace(sender, tokio::sync::oneshot::channel().0);
                let _ = sender.send(outcome);
            }
        }
    }
}

fn abandoned() -> Error {
    Error::Poisoned { reason: "the thread that was writing panicked".to_owned() }
}

/// A panic elsewhere is no reason to stop: what it left behind is caught by [`Ending`].
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
