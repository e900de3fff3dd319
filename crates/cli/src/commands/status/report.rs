//! A status as one object of JSON.

use annals::{Durability, Offset, Passed, Status};
use serde::Serialize;

use super::ground::Ground;
use crate::commands::cursors::line::Line;
use crate::place::Place;

/// A status as one object of JSON.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    journal: Journal,
    /// The next offset to apply; null before the first.
    cursor: Option<u64>,
    lag: Lag,
    /// Null where nothing is known of the store.
    store: Option<Store<'a>>,
    data: Data,
    /// The workers over the journal: the store's, and the consumers that are known.
    consumers: Vec<Line<'a>>,
    /// The process that has the data; null if none does.
    owner: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Journal {
    uuid: String,
    start: u64,
    next: u64,
    durable: u64,
    segments: usize,
    bytes: u64,
    records: u64,
    term: u64,
    durability: &'static str,
    damage: Option<Range>,
}

#[derive(Debug, Serialize)]
struct Range {
    offset: u64,
    len: u64,
    detail: String,
}

#[derive(Debug, Serialize)]
struct Lag {
    records: u64,
    bytes: u64,
    seconds: f64,
    /// Null if it cannot be said.
    catch_up_seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Store<'a> {
    assertions: u64,
    votes: u64,
    epochs: u64,
    subjects: u64,
    dead_letters: u64,
    discarded: u64,
    /// Damaged ranges that the store has passed, the first hundred.
    passed: Vec<Range>,
    epoch_versions: u64,
    application: u64,
    generation: &'a str,
    worker_error: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Data {
    dir: String,
    from: &'static str,
    /// The file system they lie on; null if the system does not say.
    file_system: Option<String>,
    /// How long a sync takes there, in microseconds; null if it was not to be found out.
    sync_micros: Option<u64>,
    /// What is to be minded of both.
    concerns: Vec<&'static str>,
}

impl Range {
    fn of(passed: &Passed) -> Self {
        Self { offset: passed.offset.get(), len: passed.len, detail: passed.detail.clone() }
    }
}

impl<'a> Report<'a> {
    /// The report of a status.
    pub(super) fn of(status: &'a Status, place: &Place, ground: &Ground) -> Self {
        let journal = &status.journal;
        Self {
            journal: Journal {
                uuid: journal.log.to_string(),
                start: journal.oldest.get(),
                next: journal.next.get(),
                durable: journal.durable.get(),
                segments: journal.segments.len(),
                bytes: journal.bytes,
                records: journal.records,
                term: journal.term.get(),
                durability: match journal.durability {
                    Durability::Memory => "memory",
                    Durability::Synced => "synced",
                    Durability::PageCache => "page_cache",
                },
                damage: journal.damage.as_ref().map(|damage| Range {
                    offset: damage.offset.get(),
                    len: damage.len,
                    detail: damage.detail.clone(),
                }),
            },
            cursor: status.store.as_ref().and_then(|store| store.cursor).map(Offset::get),
            lag: Lag {
                records: status.lag.records,
                bytes: status.lag.bytes,
                seconds: status.lag.seconds,
                catch_up_seconds: status.catch_up.map(crate::number::seconds),
            },
            store: status.store.as_ref().map(|store| Store {
                assertions: store.counts.assertions,
                votes: store.counts.votes,
                epochs: store.counts.epochs,
                subjects: store.counts.subjects,
                dead_letters: store.counts.dead_letters,
                discarded: store.discarded,
                passed: store.passed.iter().map(Range::of).collect(),
                epoch_versions: store.counts.epoch_versions,
                application: store.counts.application,
                generation: &store.generation,
                worker_error: store.worker_error.as_deref(),
            }),
            data: Data {
                dir: place.path.display().to_string(),
                from: place.from,
                file_system: ground.file_system.clone(),
                sync_micros: ground.sync.map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
                concerns: ground.concerns.clone(),
            },
            consumers: status.consumers.iter().map(Line::of).collect(),
            owner: status.owner.as_deref(),
        }
    }
}
