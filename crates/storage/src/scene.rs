//! A small log and a store beside it, for tests.

use annals_record::{
    Applied, Assertion, Cursor, Epoch, LogId, Offset, Record, RecordId, Stance, Term, Value, Vote,
    serialize_assertion, serialize_epoch, serialize_vote,
};
use tempfile::TempDir;

use crate::{Change, Effect, HybridStore, Outcome, Sink, Subject};

/// A log of payloads, and a directory for the store that follows it.
pub(crate) struct Scene {
    pub(crate) dir: TempDir,
    payloads: Vec<Vec<u8>>,
}

/// The log every scene has, unless a test says otherwise.
pub(crate) const LOG: LogId = LogId::from_bytes(*b"the log of tests");

impl Scene {
    /// A log with these payloads, and an empty store.
    pub(crate) fn new(payloads: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), payloads: payloads.into_iter().collect() }
    }

    /// Opens the store.
    pub(crate) fn open(&self) -> HybridStore {
        HybridStore::open(self.dir.path().join("store")).unwrap()
    }

    /// Opens the store, with the whole log applied.
    pub(crate) fn filled(&self) -> HybridStore {
        let store = self.open();
        self.apply(&store, 0..self.payloads.len());
        store
    }

    /// Applies some of the log's records as one batch.
    pub(crate) fn apply(&self, store: &HybridStore, records: std::ops::Range<usize>) -> Outcome {
        let cursor = self.cursor(records.end);
        store.apply(&self.changes(records), &cursor).unwrap()
    }

    /// Some of the log's records as changes.
    pub(crate) fn changes(&self, records: std::ops::Range<usize>) -> Vec<Change<'_>> {
        let each = records.clone().zip(&self.payloads[records]);
        each.map(|(place, payload)| change(offset(place), payload)).collect()
    }

    /// The cursor after so many records.
    pub(crate) fn cursor(&self, records: usize) -> Cursor {
        let last = records
            .checked_sub(1)
            .map(|last| Applied { offset: offset(last), id: RecordId::of(&self.payloads[last]) });
        Cursor { log: LOG, term: Term::FIRST, next: offset(records), last }
    }

    /// The id of a record of the log.
    pub(crate) fn id(&self, record: usize) -> RecordId {
        RecordId::of(&self.payloads[record])
    }
}

impl HybridStore {
    /// Changes a table of the index behind the store's back.
    pub(crate) fn tamper(&self, table: &str, change: impl FnOnce(&mut redb::Table<'_, &[u8], &[u8]>)) {
        let writing = self.core.index.begin_write();
        change(&mut writing.open_table(redb::TableDefinition::new(table)).unwrap());
        writing.commit().unwrap();
    }
}

/// Where a record of a scene's log stands.
pub(crate) fn offset(record: usize) -> Offset {
    Offset::new(record as u64 * 56)
}

/// As a worker decodes it.
pub(crate) fn change(offset: Offset, payload: &[u8]) -> Change<'_> {
    let effect = match Record::decode(payload) {
        Ok(Record::Assertion(assertion)) => {
            Effect::Assertion { subject: Subject::new(assertion.subject).unwrap() }
        }
        Ok(Record::Vote(vote)) => Effect::Vote { assertion: vote.assertion },
        Ok(Record::Epoch(epoch)) => Effect::Epoch { epoch: epoch.id() },
        Err(_) if payload.first() >= Some(&128) => Effect::Application,
        Err(error) => Effect::DeadLetter { reason: error.to_string() },
    };
    Change { offset, id: RecordId::of(payload), payload, effect }
}

pub(crate) fn assertion(subject: &str, object: i64) -> Vec<u8> {
    serialize_assertion(&Assertion::new(subject, "says", Value::Int(object))).unwrap()
}

pub(crate) fn vote(assertion: RecordId, voter: &str, seq: u64, stance: Stance, weight_ppm: u32) -> Vec<u8> {
    let vote = Vote {
        assertion,
        voter: voter.to_owned(),
        stance,
        weight_ppm,
        seq,
        reason: None,
        epoch: None,
        cast_at_micros: None,
    };
    serialize_vote(&vote).unwrap()
}

pub(crate) fn epoch(name: &str, description: &str) -> Vec<u8> {
    let epoch = Epoch { description: Some(description.to_owned()), ..Epoch::new(name) };
    serialize_epoch(&epoch).unwrap()
}
