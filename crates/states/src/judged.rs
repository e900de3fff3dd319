//! The model's log and store as the product's worker sees them.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use annals_record::{
    Appended, Applied, Batch, Bounds, Cursor, Durability, Kind, Lag, LogError, LogId, Offset, ReadLimit,
    RecordId, Term, TermStart,
};
use annals_storage::{Change, Outcome, Passed, Sink};

use crate::generation::Generation;
use crate::log::{LOG, Log, Reached, offset, place};

/// The ids of all records there can be.
static IDS: LazyLock<Vec<RecordId>> =
    LazyLock::new(|| (0..=u8::MAX).map(|record| RecordId::of(&payload(record))).collect());

/// A record's bytes: one of an application's, which the store only counts.
fn payload(record: u8) -> [u8; 2] {
    [128, record]
}

fn id(record: u8) -> RecordId {
    IDS[usize::from(record)]
}

fn record(id: &RecordId) -> u8 {
    let found = IDS.iter().position(|known| known == id);
    found.and_then(|record| u8::try_from(record).ok()).unwrap_or(u8::MAX)
}

impl From<Reached> for Cursor {
    fn from(reached: Reached) -> Self {
        let last = reached.last.map(|(at, record)| Applied { offset: offset(at), id: id(record) });
        Self { log: LOG, term: Term::new(reached.term.into()), next: offset(reached.next), last }
    }
}

impl From<&Cursor> for Reached {
    fn from(cursor: &Cursor) -> Self {
        let last = cursor.last.map(|last| (place(last.offset), record(&last.id)));
        let term = u8::try_from(cursor.term.get()).unwrap_or(u8::MAX);
        Self { next: place(cursor.next), term, last }
    }
}

/// A log as readers see it, up to `durable`.
pub(crate) struct Readable<'a> {
    pub(crate) log: &'a Log,
    pub(crate) durable: u8,
}

impl annals_record::Log for Readable<'_> {
    fn identity(&self) -> LogId {
        LOG
    }

    fn terms(&self) -> Vec<TermStart> {
        self.log.term_starts()
    }

    fn bounds(&self) -> Result<Bounds, LogError> {
        Ok(Bounds { oldest: offset(self.log.oldest), durable: offset(self.durable) })
    }

    fn durability(&self) -> Durability {
        Durability::Synced
    }

    fn append(&self, _payloads: &[&[u8]]) -> Result<Vec<Appended>, LogError> {
        Err(LogError::Failed("readers do not append".into(), Kind::Fix))
    }

    fn read_into(&self, from: Offset, limit: ReadLimit, batch: &mut Batch) -> Result<(), LogError> {
        batch.clear(from);
        let Bounds { oldest, durable } = self.bounds()?;
        if from < oldest {
            return Err(LogError::Gap { wanted: from, oldest });
        }
        if from > durable {
            return Err(LogError::Beyond { wanted: from, durable });
        }
        for (at, record) in self.log.fold(self.durable).skip(place(from).into()).take(limit.records) {
            batch.push(offset(at), &id(record), &payload(record));
            batch.set_next(offset(at + 1));
        }
        Ok(())
    }

    fn wait(&self, _known: Offset, _timeout: Duration) -> Result<Bounds, LogError> {
        self.bounds()
    }

    fn lag(&self, _from: Offset) -> Result<Lag, LogError> {
        Ok(Lag::default())
    }
}

/// A store that a worker fills.
pub(crate) struct Filled(Mutex<Generation>);

impl Filled {
    pub(crate) fn new(generation: Generation) -> Self {
        Self(Mutex::new(generation))
    }

    pub(crate) fn get(&self) -> Generation {
        self.with(|generation| generation.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Generation) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sink for Filled {
    fn cursor(&self) -> Result<Option<Cursor>, annals_storage::Error> {
        Ok(self.with(|generation| generation.cursor.map(Cursor::from)))
    }

    fn reach(&self) -> Result<Option<Cursor>, annals_storage::Error> {
        Ok(self.with(|generation| generation.reach().map(Cursor::from)))
    }

    fn apply(&self, changes: &[Change<'_>], cursor: &Cursor) -> Result<Outcome, annals_storage::Error> {
        self.with(|generation| {
            for change in changes {
                generation.put((place(change.offset), change.payload[1]));
            }
            generation.cursor = Some(Reached::from(cursor));
        });
        Ok(Outcome::default())
    }

    fn pass(&self, _passed: &Passed, cursor: &Cursor) -> Result<(), annals_storage::Error> {
        self.apply(&[], cursor).map(drop)
    }

    fn checkpoint(&self) -> Result<(), annals_storage::Error> {
        // The model's checkpoints are happenings of their own: something may come between their two halves.
        Ok(())
    }

    fn checkpoint_to(&self, at_least: Offset) -> Result<Offset, annals_storage::Error> {
        Ok(at_least)
    }
}
