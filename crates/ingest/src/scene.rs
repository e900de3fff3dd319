//! Logs in memory by name, stores that fail on demand, and payloads, for tests.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use annals_record::{
    Assertion, Cursor, Epoch, Log, LogId, MemoryLog, Offset, RecordId, Stance, Value, Vote,
    serialize_assertion, serialize_epoch, serialize_vote,
};
use annals_storage::{
    Change, Counts, Digests, Error as StoreError, HybridStore, KvStore, Outcome, Passed, Sink,
};

/// A log in memory of a name of our own, with these payloads, one group each: two of them are the same log.
pub(crate) fn log_of<P: AsRef<[u8]>>(payloads: impl IntoIterator<Item = P>) -> MemoryLog {
    let log = named(*b"the log of tests");
    payloads.into_iter().for_each(|payload| drop(log.append(&[payload.as_ref()]).unwrap()));
    log
}

/// An empty log of this name.
pub(crate) fn named(name: [u8; 16]) -> MemoryLog {
    MemoryLog::named(LogId::from_bytes(name))
}

/// A store that fails, panics or counts on demand.
pub(crate) struct FaultyStore {
    pub(crate) store: HybridStore,
    pub(crate) panics: AtomicBool,
    pub(crate) fails: AtomicBool,
    /// So many applications fail, as the two before say, and then no more; by default all.
    pub(crate) left: AtomicU32,
}

impl FaultyStore {
    pub(crate) fn open(path: &Path) -> Self {
        let store = HybridStore::open(path).unwrap();
        Self {
            store,
            panics: AtomicBool::new(false),
            fails: AtomicBool::new(false),
            left: AtomicU32::new(u32::MAX),
        }
    }
}

impl Sink for FaultyStore {
    fn cursor(&self) -> Result<Option<Cursor>, StoreError> {
        self.store.cursor()
    }

    fn reach(&self) -> Result<Option<Cursor>, StoreError> {
        self.store.reach()
    }

    fn apply(&self, changes: &[Change<'_>], cursor: &Cursor) -> Result<Outcome, StoreError> {
        let (panics, fails) = (self.panics.load(Ordering::SeqCst), self.fails.load(Ordering::SeqCst));
        let one_less = |left: u32| left.checked_sub(1);
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            if panics || fails { one_less(left) } else { Some(left) }
        });
        assert!(!panics || left.is_err(), "told to panic");
        if fails && left.is_ok() {
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
}

impl KvStore for FaultyStore {
    fn counts(&self) -> Result<Counts, StoreError> {
        self.store.counts()
    }

    fn digests(&self) -> Result<Digests, StoreError> {
        self.store.digests()
    }
}

/// A sink of an application: it notes what it is handed, and can be put elsewhere. What is not checkpointed is lost when
/// it is opened again.
#[derive(Default)]
pub(crate) struct Notes(Mutex<(Noted, Noted)>);

/// The offsets it was handed, in their order, and its cursor.
type Noted = (Vec<Offset>, Option<Cursor>);

impl Notes {
    /// What it was handed, and what of it is durable.
    pub(crate) fn noted(&self) -> (Vec<Offset>, Vec<Offset>) {
        let both = self.0.lock().unwrap();
        (both.0.0.clone(), both.1.0.clone())
    }
}

impl Sink for Notes {
    fn cursor(&self) -> Result<Option<Cursor>, StoreError> {
        Ok(self.0.lock().unwrap().0.1)
    }

    fn reach(&self) -> Result<Option<Cursor>, StoreError> {
        self.cursor()
    }

    fn apply(&self, changes: &[Change<'_>], cursor: &Cursor) -> Result<Outcome, StoreError> {
        let (noted, there) = &mut self.0.lock().unwrap().0;
        noted.extend(changes.iter().map(|change| change.offset));
        *there = Some(*cursor);
        Ok(Outcome::default())
    }

    fn pass(&self, _passed: &Passed, cursor: &Cursor) -> Result<(), StoreError> {
        self.apply(&[], cursor).map(drop)
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        let both = &mut *self.0.lock().unwrap();
        both.1 = both.0.clone();
        Ok(())
    }

    fn checkpoint_to(&self, _at_least: Offset) -> Result<Offset, StoreError> {
        self.checkpoint()?;
        Ok(self.cursor()?.map_or(Offset::ZERO, |cursor| cursor.next))
    }

    fn seek(&self, cursor: &Cursor) -> Result<(), StoreError> {
        self.0.lock().unwrap().0.1 = Some(*cursor);
        self.checkpoint()
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
