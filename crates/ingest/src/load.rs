//! A log read into a store that is being built: read in order, decoded on all cores, added in order.
//!
//!   source -> batches -> | decode, cut | decode, cut | -> in the order they were read -> builder
//!                         `- on a thread for each core
//!
//! W7: What is added is a beginning of the log, record by record, whatever thread was faster.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use annals_record::{Applied, Batch, Cursor, EncodingMismatch, Log, LogError, Offset, ReadLimit};
use annals_storage::{BulkBuilder, Sheaf, Sorter};

use crate::Error;
use crate::decode::decode;
use crate::projector::report_dead_letters;
use crate::resume::{newest_term, resume_build};

/// More threads than this decode faster than one can add.
const MOST_THREADS: usize = 4;
/// How many batches are under way for each thread.
const EACH: usize = 3;

/// Where a load reads: in order, from where it was told to begin.
pub trait Source {
    /// The next batch, in the place of what `batch` held; false at the end.
    ///
    /// # Errors
    /// As [`Log::read`]; it stays where it is.
    fn next_into(&mut self, batch: &mut Batch) -> Result<bool, LogError>;

    /// Goes on at `offset`, behind a hole.
    fn skip_to(&mut self, offset: Offset);
}

/// Reads a log as a tail does, so much at a time.
pub struct Plain<'l, L> {
    log: &'l L,
    at: Offset,
    limit: ReadLimit,
}

impl<'l, L: Log> Plain<'l, L> {
    /// From an offset that the log gave.
    pub fn new(log: &'l L, from: Offset, limit: ReadLimit) -> Self {
        Self { log, at: from, limit }
    }
}

impl<L: Log> Source for Plain<'_, L> {
    fn next_into(&mut self, batch: &mut Batch) -> Result<bool, LogError> {
        self.log.read_into(self.at, self.limit, batch)?;
        let more = !batch.is_empty() || batch.next() > self.at;
        self.at = batch.next();
        Ok(more)
    }

    fn skip_to(&mut self, offset: Offset) {
        self.at = offset;
    }
}

/// What a load has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Where the cursor stands now.
    pub next: Offset,
    /// How many records the last batch had; none if it was a hole.
    pub records: u64,
}

/// Where a build goes on, if what it has fits the log.
///
/// # Errors
/// [`Error::Refused`] if it was begun from another log or another past of this one, or if the log's beginning is gone; what
/// the log says if it cannot be read.
pub fn load_from<L: Log>(log: &L, builder: &BulkBuilder) -> Result<Offset, Error> {
    Ok(resume_build(log, builder.cursor())?.next)
}

/// Whether a build can begin: its beginning is the log's.
///
/// # Errors
/// [`Error::Refused`] if the log's beginning is gone; what the log says if it cannot be read.
pub fn check_beginning<L: Log>(log: &L) -> Result<(), Error> {
    resume_build(log, None).map(drop)
}

/// Reads `source`, which begins where [`load_from`] says, up to `until`, an offset at which a group of the log ends, and
/// adds it to the builder. `progress` hears of every batch, in order, once it is added. A hole of the log is passed as a
/// worker passes it.
///
/// # Errors
/// As [`load_from`]; what log and builder say. What came before it in the log is added.
pub fn load<L: Log>(
    log: &L,
    builder: &mut BulkBuilder,
    source: &mut dyn Source,
    until: Offset,
    progress: &mut dyn FnMut(Loaded),
) -> Result<(), Error> {
    let cursor = resume_build(log, builder.cursor())?;
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
    let sorter = builder.sorter();
    let (work, waiting) = channel::<Task>();
    let (done, finished) = channel::<Cut>();
    let waiting = Mutex::new(waiting);
    thread::scope(|scope| {
        // Without it they would wait for more, whatever ends this.
        let work = work;
        let (waiting, done) = (&waiting, done);
        let mut workers = Vec::new();
        for _ in 0..threads {
            let done = done.clone();
            let named = thread::Builder::new().name("annals-cut".to_owned());
            let sorter = sorter.clone();
            let worker = named.spawn_scoped(scope, move || cut(&sorter, waiting, &done));
            workers.push(worker.map_err(Error::Spawn)?);
        }
        drop(done);
        let pump =
            Pump { log, builder, until, cursor, ended: None, spare: Vec::new(), under_way: VecDeque::new() };
        let run = pump.run(source, &work, &finished, threads * EACH, progress);
        drop(work);
        for worker in workers {
            if let Err(panic) = worker.join() {
                resume_unwind(panic);
            }
        }
        run
    })
}

/// A batch under way, and what becomes of it.
#[derive(Default)]
struct Task {
    number: u64,
    batch: Batch,
    sheaf: Sheaf,
}

/// A batch that is cut; or why not, which is a panic if it says nothing.
type Cut = Result<Task, Option<EncodingMismatch>>;

/// Says that a thread panics, for others would wait for what it has taken.
struct Gone<'d>(&'d Sender<Cut>);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.0.send(Err(None));
        }
    }
}

/// A batch that is cut, if it is.
fn taken(cut: Cut) -> Result<Task, Error> {
    // A panic goes on when its thread is joined.
    cut.map_err(|mismatch| mismatch.map_or(Error::Panicked, Error::from))
}

/// Decodes and cuts whatever waits.
fn cut(sorter: &Sorter, waiting: &Mutex<Receiver<Task>>, done: &Sender<Cut>) {
    let _unless_it_returns = Gone(done);
    loop {
        let task = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut task) = task else { return };
        let cut = decode(&task.batch).map(|changes| {
            sorter.sort_into(&changes, &mut task.sheaf);
            report_dead_letters(&changes);
        });
        if done.send(cut.map(|()| task).map_err(Some)).is_err() {
            return;
        }
    }
}

/// Reads, and adds what comes back, in order.
struct Pump<'p, L> {
    log: &'p L,
    builder: &'p mut BulkBuilder,
    until: Offset,
    /// Behind everything read.
    cursor: Cursor,
    /// Why nothing more is read: the end, or an error.
    ended: Option<Result<(), Error>>,
    spare: Vec<Task>,
    /// The cursor behind each batch that is under way, and how many records it has.
    under_way: VecDeque<(Cursor, u64)>,
}

impl<L: Log> Pump<'_, L> {
    fn run(
        mut self,
        source: &mut dyn Source,
        work: &Sender<Task>,
        finished: &Receiver<Cut>,
        at_once: usize,
        progress: &mut dyn FnMut(Loaded),
    ) -> Result<(), Error> {
        let (mut read, mut added) = (0, 0);
        let mut cut: BTreeMap<u64, Task> = BTreeMap::new();
        loop {
            while let Ok(result) = finished.try_recv() {
                let task = taken(result)?;
                cut.insert(task.number, task);
            }
            while let Some(task) = cut.remove(&added) {
                let Some((cursor, records)) = self.under_way.pop_front() else { break };
                self.builder.add(&task.sheaf, &cursor)?;
                added += 1;
                progress(Loaded { next: cursor.next, records });
                self.spare.push(task);
            }
            if self.ended.is_none() && self.under_way.len() < at_once {
                let Some(mut task) = self.read(source) else { continue };
                task.number = read;
                read += 1;
                // A hole has nothing to decode.
                let back =
                    if task.batch.is_empty() { Some(task) } else { work.send(task).err().map(|back| back.0) };
                if let Some(mut task) = back {
                    self.builder.sorter().sort_into(&[], &mut task.sheaf);
                    cut.insert(task.number, task);
                }
                continue;
            }
            if self.under_way.is_empty()
                && let Some(ended) = self.ended.take()
            {
                return ended;
            }
            let task = taken(finished.recv().unwrap_or(Err(None)))?;
            cut.insert(task.number, task);
        }
    }

    /// Reads the next batch; `None` at the end, or after an error.
    fn read(&mut self, source: &mut dyn Source) -> Option<Task> {
        if self.cursor.next >= self.until {
            self.ended = Some(Ok(()));
            return None;
        }
        let mut task = self.spare.pop().unwrap_or_default();
        let next = match source.next_into(&mut task.batch) {
            Ok(true) => {
                task.batch.cut(self.until);
                task.batch.next()
            }
            Ok(false) => {
                self.ended = Some(Ok(()));
                return None;
            }
            Err(LogError::Hole { offset, len }) => {
                let behind = Offset::new(offset.get().saturating_add(len)).max(self.cursor.next);
                source.skip_to(behind);
                tracing::warn!(offset = offset.get(), len, "passed a hole: what stood there is lost");
                task.batch.clear(behind);
                behind
            }
            Err(error) => {
                self.ended = Some(Err(error.into()));
                return None;
            }
        };
        let last = task.batch.iter().next_back().map(|entry| Applied { offset: entry.offset, id: entry.id });
        // Read after the batch: what it holds was durable by then, so it lies in this term or an earlier one.
        self.cursor =
            Cursor { next, term: newest_term(self.log), last: last.or(self.cursor.last), ..self.cursor };
        self.under_way.push_back((self.cursor, task.batch.len() as u64));
        Some(task)
    }
}

#[cfg(test)]
mod tests;
