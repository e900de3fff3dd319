//! A whole log in order, read and checked on all cores: each takes a stretch of whole groups, the caller gets them in order.
//!
//!   seal's table -> stretches:  | given | here | there | waits | waits |
//!                                         `- the caller's thread, or another one, whoever comes first
//!
//! A thread reads a stretch and checks it while its own cache holds it. Nothing is ahead of the caller by more than a few
//! stretches. Where there is no seal, or anything does not verify, it reads as a tail does: the same batches, the same
//! errors.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::JoinHandle;

use annals_record::{Batch, LogError, Offset, ReadLimit};

use crate::catalog;
use crate::error::Error;
use crate::view::View;

mod stretch;

use stretch::{Front, Line, Stretch};

/// A stretch is whole groups of at least so many bytes: what a core's own cache holds.
const STRETCH_BYTES: u64 = 512 << 10;
/// How many stretches there are for each thread: enough that none waits for the caller, and no more memory than that.
const EACH: usize = 2;
/// More threads than this read no faster: memory is the limit.
const MOST_THREADS: usize = 4;
/// What is read where there is no seal.
const PLAIN: ReadLimit = ReadLimit { records: 10_000, bytes: 1_000_000 };

/// Reads a log from an offset to its durable end, in order, on all cores: for rebuilding what is derived from it. A
/// [`Tail`](crate::Tail) follows a log, on its caller's thread.
///
/// It starts up to three threads at the first sealed segment it reads and ends them when it is dropped.
pub struct Replay {
    view: Arc<dyn View>,
    at: Offset,
    /// What was durable when it was last asked.
    durable: Offset,
    /// Stretches that nobody reads yet, behind those in the line.
    planned: VecDeque<Stretch>,
    /// Below this it reads as a tail does.
    plain_to: Offset,
    line: Arc<Line>,
    threads: Vec<JoinHandle<()>>,
    started: bool,
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Replay {
    pub(crate) fn new(view: Arc<dyn View>, from: Offset) -> Self {
        Self {
            view,
            at: from,
            durable: Offset::ZERO,
            planned: VecDeque::new(),
            plain_to: Offset::ZERO,
            line: Arc::default(),
            threads: Vec::new(),
            started: false,
        }
    }

    /// The next batch, in the place of what `batch` held, whose memory is used again. False at the durable end; it can be
    /// asked again later.
    ///
    /// # Errors
    /// As [`Log::read`](crate::Log::read). It stays where it is.
    pub fn next_into(&mut self, batch: &mut Batch) -> Result<bool, LogError> {
        loop {
            self.fill_line()?;
            match self.line.front(batch) {
                Front::Given(to) => {
                    self.at = to;
                    if !batch.is_empty() {
                        return Ok(true);
                    }
                }
                Front::Nothing => return self.plain(batch),
                Front::Bad(to) => {
                    // Whatever it is, reading it plainly says so.
                    self.skip_to(self.at);
                    self.plain_to = to;
                }
            }
        }
    }

    /// Where the next batch begins.
    #[must_use]
    pub fn position(&self) -> Offset {
        self.at
    }

    /// Goes on at `offset`: the end of a damaged range, as its error names it.
    pub fn skip_to(&mut self, offset: Offset) {
        self.line.clear();
        self.planned.clear();
        (self.at, self.plain_to) = (offset, Offset::ZERO);
    }

    fn plain(&mut self, batch: &mut Batch) -> Result<bool, LogError> {
        let (durable, _) = self.view.end()?;
        self.view.source().read_into(self.at, PLAIN, durable, batch)?;
        self.at = batch.next();
        Ok(!batch.is_empty())
    }

    /// Makes sure that there is enough to do for every thread, if there is.
    fn fill_line(&mut self) -> Result<(), Error> {
        loop {
            let wanted = EACH * (self.threads.len() + 1);
            while self.line.len() < wanted {
                if self.planned.is_empty() && !self.plan()? {
                    break;
                }
                self.line.push(self.planned.pop_front());
            }
            if self.started || self.line.len() < 2 {
                return Ok(());
            }
            self.start();
        }
    }

    /// Plans the next sealed segment; whether there is one.
    fn plan(&mut self) -> Result<bool, Error> {
        let mut from = self.line.end().unwrap_or(self.at);
        if from < self.plain_to {
            return Ok(false);
        }
        if from >= self.durable {
            self.durable = self.view.look()?.0;
        }
        let source = self.view.source();
        let segments = source.segments();
        loop {
            let Some(segment) = catalog::find(&segments, from) else { return Ok(false) };
            let (Ok(_), Some(seal), None) = (&segment.header, segment.seal, &segment.flaw) else {
                return Ok(false);
            };
            let has_holes = source.holes().next(from) < seal.next_base || source.holes().at(from).is_some();
            if seal.next_base > self.durable || from < segment.base || has_holes {
                return Ok(false);
            }
            if from >= seal.end {
                // Reading on there begins in the next segment.
                from = seal.next_base;
                if catalog::find(&segments, from).is_none_or(|next| next.base != from) {
                    return Ok(false);
                }
                continue;
            }
            self.planned = match stretch::cut(source, segment, from, STRETCH_BYTES) {
                Ok(planned) => planned,
                // Reading it plainly says what it is.
                Err(_) => return Ok(false),
            };
            return Ok(!self.planned.is_empty());
        }
    }

    /// Starts the other threads; without them it is slower.
    fn start(&mut self) {
        self.started = true;
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
        for _ in 1..cores {
            let line = Arc::clone(&self.line);
            let work = move || line.work();
            self.threads
                .extend(std::thread::Builder::new().name("annals-replay".to_owned()).spawn(work).ok());
        }
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.line.stop();
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
