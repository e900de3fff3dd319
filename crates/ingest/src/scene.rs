//! A log in memory and stores that fail on demand, for tests.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use annals_record::{
    Appended, Assertion, Batch, Bounds, Cursor, Durability, Epoch, Kind, Lag, Log, LogError, LogId, Offset,
    ReadLimit, RecordId, Stance, Term, TermStart, Value, Vote, serialize_assertion, serialize_epoch,
    serialize_vote,
};
use annals_storage::{Change, Counts, Digests, Error as StoreError, HybridStore, KvStore, Outcome, Passed};

/// A log in memory. A clone is a handle to the same log.
#[derive(Clone)]
pub(crate) struct MemoryLog(Arc<Shelf>);

struct Shelf {
    identity: LogId,
    books: Mutex<Books>,
    changed: Condvar,
}

#[derive(Default)]
struct Books {
    /// Atomic groups of (offset, payload).
    groups: Vec<Vec<(Offset, Vec<u8>)>>,
    oldest: Offset,
    durable: Offset,
    terms: Vec<TermStart>,
    closed: bool,
    damaged: Option<Offset>,
    /// What is lost and listed as lost: offset and length.
    hole: Option<(Offset, u64)>,
    failures: VecDeque<Kind>,
    reads: u64,
}

impl MemoryLog {
    pub(crate) fn new() -> Self {
        Self::named(*b"the log of tests")
    }

    pub(crate) fn named(name: [u8; 16]) -> Self {
        let first = TermStart { term: Term::FIRST, start: Offset::ZERO };
        let books = Books { terms: vec![first], ..Books::default() };
        let identity = LogId::from_bytes(name);
        Self(Arc::new(Shelf { identity, books: Mutex::new(books), changed: Condvar::new() }))
    }

    /// A log with these payloads, one group each.
    pub(crate) fn with<P: AsRef<[u8]>>(payloads: impl IntoIterator<Item = P>) -> Self {
        let log = Self::new();
        for payload in payloads {
            log.append(&[payload.as_ref()]).unwrap();
        }
        log
    }

    /// The next so many reads fail with an error of this kind.
    pub(crate) fn fail(&self, times: usize, kind: Kind) {
        self.change(|books| books.failures.extend(std::iter::repeat_n(kind, times)));
    }

    /// The group that holds this place does not verify.
    pub(crate) fn damage(&self, offset: Offset) {
        self.change(|books| books.damaged = Some(offset));
    }

    /// Somebody has put a good copy back.
    pub(crate) fn mend(&self) {
        self.change(|books| books.damaged = None);
    }

    /// The group that begins at `offset` is listed as lost.
    pub(crate) fn lose(&self, offset: Offset) {
        self.change(|books| {
            let at = books.groups.iter().position(|group| group[0].0 == offset).unwrap();
            let end = books.groups.get(at + 1).map_or(books.durable, |group| group[0].0);
            books.hole = Some((offset, end.get() - offset.get()));
        });
    }

    pub(crate) fn close(&self) {
        self.change(|books| books.closed = true);
    }

    /// Retention takes everything before `oldest`.
    pub(crate) fn purge(&self, oldest: Offset) {
        self.change(|books| {
            books.oldest = oldest;
            books.groups.retain(|group| group[0].0 >= oldest);
        });
    }

    /// Cuts everything from `end` on and begins a term there.
    pub(crate) fn fork(&self, end: Offset) {
        self.change(|books| {
            books.groups.retain(|group| group[0].0 < end);
            books.durable = end;
            let term = Term::new(books.terms.len() as u64 + 1);
            books.terms.push(TermStart { term, start: end });
        });
    }

    /// How often it was read.
    pub(crate) fn reads(&self) -> u64 {
        self.0.books.lock().unwrap().reads
    }

    pub(crate) fn end(&self) -> Offset {
        self.bounds().unwrap().durable
    }

    fn change(&self, change: impl FnOnce(&mut Books)) {
        change(&mut self.0.books.lock().unwrap());
        self.0.changed.notify_all();
    }
}

impl Log for MemoryLog {
    fn identity(&self) -> LogId {
        self.0.identity
    }

    fn terms(&self) -> Vec<TermStart> {
        self.0.books.lock().unwrap().terms.clone()
    }

    fn bounds(&self) -> Result<Bounds, LogError> {
        let books = self.0.books.lock().unwrap();
        Ok(Bounds { oldest: books.oldest, durable: books.durable })
    }

    fn durability(&self) -> Durability {
        Durability::PageCache
    }

    fn append(&self, payloads: &[&[u8]]) -> Result<Vec<Appended>, LogError> {
        let mut appended = Vec::new();
        self.change(|books| {
            let mut group = Vec::new();
            for payload in payloads {
                let offset = books.durable;
                // Places differ in length and are followed by something that is no record, as in a journal.
                books.durable = Offset::new(offset.get() + 40 + payload.len() as u64);
                group.push((offset, payload.to_vec()));
                appended.push(Appended {
                    offset,
                    next: books.durable,
                    id: RecordId::of(payload),
                    term: Term::FIRST,
                });
            }
            books.durable = Offset::new(books.durable.get() + 40);
            books.groups.push(group);
        });
        Ok(appended)
    }

    fn read_into(&self, from: Offset, limit: ReadLimit, batch: &mut Batch) -> Result<(), LogError> {
        batch.clear(from);
        let mut books = self.0.books.lock().unwrap();
        books.reads += 1;
        if let Some(kind) = books.failures.pop_front() {
            return Err(LogError::Failed("told to fail".into(), kind));
        }
        if from < books.oldest {
            return Err(LogError::Gap { wanted: from, oldest: books.oldest });
        }
        if from > books.durable {
            return Err(LogError::Beyond { wanted: from, durable: books.durable });
        }
        let mut bytes = 0;
        for (place, group) in books.groups.iter().enumerate() {
            let group_end = books.groups.get(place + 1).map_or(books.durable, |group| group[0].0);
            if group_end <= from {
                continue;
            }
            if let Some((offset, len)) = books.hole.filter(|(offset, _)| *offset == group[0].0) {
                if batch.is_empty() {
                    return Err(LogError::Hole { offset, len });
                }
                break;
            }
            if books.damaged.is_some_and(|damaged| (group[0].0..group_end).contains(&damaged)) {
                if batch.is_empty() {
                    return Err(LogError::Damaged {
                        offset: from,
                        len: group_end.get() - from.get(),
                        detail: "told to".to_owned(),
                    });
                }
                break;
            }
            for (offset, payload) in group.iter().filter(|(offset, _)| *offset >= from) {
                batch.push(*offset, &RecordId::of(payload), payload);
                bytes += payload.len();
            }
            batch.set_next(group_end);
            if batch.len() >= limit.records || bytes >= limit.bytes {
                break;
            }
        }
        Ok(())
    }

    fn wait(&self, known: Offset, timeout: Duration) -> Result<Bounds, LogError> {
        let books = self.0.books.lock().unwrap();
        let waits = |books: &mut Books| books.durable <= known && !books.closed;
        let (books, _) = self.0.changed.wait_timeout_while(books, timeout, waits).unwrap();
        Ok(Bounds { oldest: books.oldest, durable: books.durable })
    }

    fn lag(&self, from: Offset) -> Result<Lag, LogError> {
        let books = self.0.books.lock().unwrap();
        let records = books.groups.iter().flatten().filter(|(offset, _)| *offset >= from).count();
        Ok(Lag { records: records as u64, bytes: books.durable.get() - from.get(), seconds: 0.0 })
    }
}

/// A store that fails, panics or counts on demand.
pub(crate) struct FaultyStore {
    pub(crate) store: HybridStore,
    pub(crate) panics: AtomicBool,
    pub(crate) fails: AtomicBool,
}

impl FaultyStore {
    pub(crate) fn open(path: &Path) -> Self {
        let store = HybridStore::open(path).unwrap();
        Self { store, panics: AtomicBool::new(false), fails: AtomicBool::new(false) }
    }
}

impl KvStore for FaultyStore {
    fn cursor(&self) -> Result<Option<Cursor>, StoreError> {
        self.store.cursor()
    }

    fn reach(&self) -> Result<Option<Cursor>, StoreError> {
        self.store.reach()
    }

    fn apply(&self, changes: &[Change<'_>], cursor: &Cursor) -> Result<Outcome, StoreError> {
        assert!(!self.panics.load(Ordering::SeqCst), "told to panic");
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::Poisoned { reason: "told to fail".to_owned() });
        }
        self.store.apply(changes, cursor)
    }

    fn pass(&self, passed: &Passed, cursor: &Cursor) -> Result<(), StoreError> {
        self.store.pass(passed, cursor)
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        self.store.checkpoint()
    }

    fn checkpoint_to(&self, at_least: Offset) -> Result<Offset, StoreError> {
        self.store.checkpoint_to(at_least)
    }

    fn counts(&self) -> Result<Counts, StoreError> {
        self.store.counts()
    }

    fn digests(&self) -> Result<Digests, StoreError> {
        self.store.digests()
    }
}

pub(crate) fn assertion(subject: &str, object: i64) -> Vec<u8> {
    serialize_assertion(&Assertion::new(subject, "says", Value::Int(object))).unwrap()
}

pub(crate) fn vote(assertion: RecordId, voter: &str, seq: u64, stance: Stance, weight_ppm: u32) -> Vec<u8> {
    serialize_vote(&Vote { seq, weight_ppm, ..Vote::new(assertion, voter, stance) }).unwrap()
}

pub(crate) fn epoch(name: &str, description: &str) -> Vec<u8> {
    let epoch = Epoch { description: Some(description.to_owned()), ..Epoch::new(name) };
    serialize_epoch(&epoch).unwrap()
}
