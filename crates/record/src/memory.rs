//! A log in memory: for tests of an application and of what reads logs. It is exact, quick, and can be hurt on purpose.
//!
//!   append -> groups of records | a place without a record between groups -> read, wait, watch
//!
//! Offsets have gaps, as those of other logs do: whoever computes with them is found out.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::{
    Appended, Batch, Bounds, Durability, Kind, Lag, Log, LogError, LogId, Offset, ReadLimit, RecordId, Term,
    TermStart,
};

/// A log in memory. A clone is a handle to the same log; it ends with its last handle.
///
/// ```
/// use annals_record::{Log, MemoryLog, Offset, ReadLimit};
///
/// let log = MemoryLog::new();
/// let receipts = log.append(&[b"one", b"two"])?;
/// let batch = log.read(Offset::ZERO, ReadLimit::default())?;
/// assert_eq!(batch.iter().map(|entry| entry.payload).collect::<Vec<_>>(), [b"one", b"two"]);
/// assert_eq!(batch.next(), log.bounds()?.durable);
/// assert!(receipts[0].offset < receipts[1].offset);
/// # Ok::<(), annals_record::LogError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MemoryLog {
    identity: LogId,
    shelf: Arc<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    books: Mutex<Books>,
    changed: Condvar,
}

#[derive(Clone, Debug)]
struct Books {
    groups: Vec<Group>,
    oldest: Offset,
    durable: Offset,
    terms: Vec<TermStart>,
    closed: bool,
    /// The next reads fail with errors of these kinds.
    failures: VecDeque<Kind>,
    reads: u64,
    wakers: Vec<Waker>,
}

impl Default for Books {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            oldest: Offset::ZERO,
            durable: Offset::ZERO,
            terms: vec![TermStart { term: Term::FIRST, start: Offset::ZERO }],
            closed: false,
            failures: VecDeque::new(),
            reads: 0,
            wakers: Vec::new(),
        }
    }
}

/// What was appended at once.
#[derive(Clone, Debug)]
struct Group {
    records: Vec<(Offset, Vec<u8>)>,
    start: Offset,
    end: Offset,
    appended: Instant,
    state: State,
}

/// What has become of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Sound,
    Damaged,
    Lost,
}

impl MemoryLog {
    /// A log with an identity of its own: no other one of this process has it.
    #[must_use]
    pub fn new() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let count = MADE.fetch_add(1, Ordering::Relaxed);
        let mut identity = *b"in memory\0\0\0\0\0\0\0";
        identity[9..].copy_from_slice(&count.to_be_bytes()[1..]);
        Self::named(LogId::from_bytes(identity))
    }

    /// A log with this identity.
    #[must_use]
    pub fn named(identity: LogId) -> Self {
        Self { identity, shelf: Arc::default() }
    }

    /// A log with these payloads, one group each.
    #[must_use]
    pub fn with<P: AsRef<[u8]>>(payloads: impl IntoIterator<Item = P>) -> Self {
        let log = Self::new();
        payloads.into_iter().for_each(|payload| drop(log.books().append(&[payload.as_ref()])));
        log
    }

    /// The first place that is not durable.
    #[must_use]
    pub fn end(&self) -> Offset {
        self.books().durable
    }

    /// How often it was read, in vain or not.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.books().reads
    }

    /// The next so many reads fail with an error of this kind.
    pub fn fail_reads(&self, times: usize, kind: Kind) {
        self.change(|books| books.failures.extend(std::iter::repeat_n(kind, times)));
    }

    /// The group of the record at `offset` does not verify any more.
    pub fn damage(&self, offset: Offset) {
        self.change(|books| books.mark(offset, State::Damaged));
    }

    /// Somebody has put a good copy of the group of the record at `offset` back.
    pub fn mend(&self, offset: Offset) {
        self.change(|books| books.mark(offset, State::Sound));
    }

    /// The group of the record at `offset` is lost, and listed as lost.
    pub fn lose(&self, offset: Offset) {
        self.change(|books| books.mark(offset, State::Lost));
    }

    /// Retention takes every group that ends at or before `keep`.
    pub fn purge(&self, keep: Offset) {
        self.change(|books| {
            books.groups.retain(|group| group.end > keep);
            let oldest = books.groups.first().map_or(books.durable, |group| group.start);
            books.oldest = books.oldest.max(oldest);
        });
    }

    /// Cuts every group that ends behind `end`, and begins a new term where what is left ends: the log's future forks
    /// from its past.
    pub fn fork(&self, end: Offset) {
        self.change(|books| {
            books.groups.retain(|group| group.end <= end);
            books.durable = books.groups.last().map_or(books.oldest, |group| group.end);
            let newest = books.terms.last().map_or(Term::FIRST, |newest| newest.term);
            books.terms.push(TermStart { term: Term::new(newest.get() + 1), start: books.durable });
        });
    }

    /// Closes it for all its handles: appends fail from now on, and nobody waits any more.
    pub fn close(&self) {
        self.change(|books| books.closed = true);
    }

    /// The same log, as after a restart: what was appended is there, and it is open again. Handles to the former one
    /// keep that.
    #[must_use]
    pub fn reopened(&self) -> Self {
        let books = Books { closed: false, wakers: Vec::new(), ..self.books().clone() };
        let shelf = Shelf { books: Mutex::new(books), changed: Condvar::new() };
        Self { identity: self.identity, shelf: Arc::new(shelf) }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // Every change is whole before the lock is given back.
        self.shelf.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes it, and wakes whoever waits.
    fn change<T>(&self, change: impl FnOnce(&mut Books) -> T) -> T {
        let mut books = self.books();
        let changed = change(&mut books);
        let wakers = std::mem::take(&mut books.wakers);
        drop(books);
        self.shelf.changed.notify_all();
        wakers.into_iter().for_each(Waker::wake);
        changed
    }
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new()
    }
}

impl Log for MemoryLog {
    fn identity(&self) -> LogId {
        self.identity
    }

    fn terms(&self) -> Vec<TermStart> {
        self.books().terms.clone()
    }

    fn bounds(&self) -> Result<Bounds, LogError> {
        Ok(self.books().bounds())
    }

    /// [`Durability::Memory`]: it survives nothing.
    fn durability(&self) -> Durability {
        Durability::Memory
    }

    fn append(&self, payloads: &[&[u8]]) -> Result<Vec<Appended>, LogError> {
        self.change(|books| {
            if books.closed {
                return Err(LogError::Failed("the log is closed".into(), Kind::Stop));
            }
            Ok(books.append(payloads))
        })
    }

    fn read_into(&self, from: Offset, limit: ReadLimit, batch: &mut Batch) -> Result<(), LogError> {
        batch.clear(from);
        self.books().read_into(from, limit, batch)
    }

    fn wait(&self, known: Offset, timeout: Duration) -> Result<Bounds, LogError> {
        let waits = |books: &mut Books| !books.is_over(known);
        let waited = self.shelf.changed.wait_timeout_while(self.books(), timeout, waits);
        Ok(waited.unwrap_or_else(PoisonError::into_inner).0.bounds())
    }

    fn watch(&self, known: Offset, waker: &Waker) -> bool {
        let mut books = self.books();
        if !books.is_over(known) {
            books.wakers.push(waker.clone());
            return true;
        }
        drop(books);
        waker.wake_by_ref();
        true
    }

    fn lag(&self, from: Offset) -> Result<Lag, LogError> {
        let books = self.books();
        let unread: Vec<&Group> = books.groups.iter().filter(|group| group.end > from).collect();
        let records = unread.iter().flat_map(|group| &group.records).filter(|(offset, _)| *offset >= from);
        let seconds = unread.first().map_or(0.0, |group| group.appended.elapsed().as_secs_f64());
        let bytes = books.durable.get().saturating_sub(from.get());
        Ok(Lag { records: records.count() as u64, bytes, seconds })
    }
}

impl Books {
    fn bounds(&self) -> Bounds {
        Bounds { oldest: self.oldest, durable: self.durable }
    }

    fn is_over(&self, known: Offset) -> bool {
        self.closed || self.durable > known
    }

    fn append(&mut self, payloads: &[&[u8]]) -> Vec<Appended> {
        let term = self.terms.last().map_or(Term::FIRST, |newest| newest.term);
        let (start, mut at) = (self.durable, self.durable);
        let mut group = Vec::with_capacity(payloads.len());
        let mut receipts = Vec::with_capacity(payloads.len());
        for payload in payloads {
            let offset = at;
            at = Offset::new(offset.get() + 1 + payload.len() as u64);
            receipts.push(Appended { offset, next: at, id: RecordId::of(payload), term });
            group.push((offset, payload.to_vec()));
        }
        if !group.is_empty() {
            let end = Offset::new(at.get() + 1);
            self.durable = end;
            let appended = Instant::now();
            self.groups.push(Group { records: group, start, end, appended, state: State::Sound });
        }
        receipts
    }

    fn read_into(&mut self, from: Offset, limit: ReadLimit, batch: &mut Batch) -> Result<(), LogError> {
        self.reads += 1;
        if let Some(kind) = self.failures.pop_front() {
            return Err(LogError::Failed("told to fail".into(), kind));
        }
        if from < self.oldest {
            return Err(LogError::Gap { wanted: from, oldest: self.oldest });
        }
        if from > self.durable {
            return Err(LogError::Beyond { wanted: from, durable: self.durable });
        }
        let mut bytes = 0;
        let first = self.groups.partition_point(|group| group.end <= from);
        for group in &self.groups[first..] {
            match group.state {
                State::Sound => {}
                // What stands before it is read first.
                _ if !batch.is_empty() => break,
                state => return Err(group.error(state, from)),
            }
            for (offset, payload) in group.records.iter().filter(|(offset, _)| *offset >= from) {
                batch.push(*offset, &RecordId::of(payload), payload);
                bytes += payload.len();
            }
            batch.set_next(group.end);
            if !batch.is_empty() && (batch.len() >= limit.records || bytes >= limit.bytes) {
                break;
            }
        }
        Ok(())
    }

    fn mark(&mut self, offset: Offset, state: State) {
        let holder = self.groups.iter_mut().find(|group| group.start <= offset && offset < group.end);
        holder.into_iter().for_each(|group| group.state = state);
    }
}

impl Group {
    fn error(&self, state: State, from: Offset) -> LogError {
        let offset = self.start.max(from);
        let len = self.end.get() - offset.get();
        match state {
            State::Lost => LogError::Hole { offset, len },
            _ => LogError::Damaged { offset, len, detail: "damaged on purpose".to_owned() },
        }
    }
}
