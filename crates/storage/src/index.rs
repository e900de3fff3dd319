//! Subjects, epochs, dead letters, counts, digests and the cursor, in redb; and the rows of what is not folded yet.
//!
//!   fold:       a layer's subjects in slices -> names, dead letters, how far content is folded; its rows go
//!   checkpoint: rows of what no fold has reached, counts, digests, cursor -> synced with everything before
//!
//! Only a checkpoint syncs, so nothing else ever moves the durable cursor, and what it covers is folded or has its rows.
//! A fold adds to a subject only what lies behind its last entry: one that was cut off is done again without a trace.

mod letters;
mod load;
mod reader;

use std::path::{Path, PathBuf};

use annals_record::{Cursor, EpochId, Offset, RecordId};
use redb::backends::FileBackend;
use redb::{
    Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, TableDefinition, TableHandle,
    WriteTransaction,
};

pub(crate) use reader::{HeldRow, IndexReader, VisitEntries, damaged_subject};

use crate::chunk::Chunk;
use crate::content::{Folded, Synced};
use crate::cursor_bytes::cursor_to_bytes;
use crate::gate::{Gate, Shutter};
use crate::identity::StoreId;
use crate::layer::Held;
use crate::runs::{self, Listed, RUN_ENTRIES, Row, run_key};
use crate::standing::Standing;
use crate::{Counts, Digests, Error, plain};

/// The format of keys and values.
pub(crate) const FORMAT: u32 = 3;
/// The rules by which records become keys and values.
pub(crate) const PROJECTION: u32 = 2;
/// How many subjects are folded in one transaction: some ten milliseconds.
const SLICE: usize = 2048;
/// The longest reason kept with a dead letter.
const REASON_BYTES: usize = 512;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const RUNS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("S");
const SUBJECTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("subjects");
const EPOCHS: TableDefinition<'_, u64, &[u8; 32]> = TableDefinition::new("epochs");
const DEAD_LETTERS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("dead_letters");
const RECENT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("recent");

/// The ordered half of a store.
pub(crate) struct Index {
    database: Database,
    shutter: Shutter,
    /// The store it belongs to, once that is known.
    store: Option<StoreId>,
    path: PathBuf,
}

/// Gives an engine's error its place.
trait At<T> {
    fn at(self, op: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T, E: Into<redb::Error>> At<T> for Result<T, E> {
    fn at(self, op: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|error| Error::engine("index", op, path, error.into()))
    }
}

impl Index {
    /// Opens the file, or creates it. `cache_bytes` is how much of it stays in memory.
    pub(crate) fn open(path: &Path, cache_bytes: usize) -> Result<Self, Error> {
        let file = plain::open_or_create(path).map_err(Error::io("open", path))?;
        let shutter = Shutter::default();
        let gate = Gate::new(FileBackend::new(file).at("open", path)?, shutter.clone());
        let database = match Database::builder().set_cache_size(cache_bytes).create_with_backend(gate) {
            Err(DatabaseError::DatabaseAlreadyOpen) => {
                return Err(Error::Locked { path: path.to_owned(), holder: "another process".to_owned() });
            }
            opened => opened.at("open", path)?,
        };
        let index = Self { database, shutter, store: None, path: path.to_owned() };
        index.prepare()?;
        Ok(index)
    }

    /// Says whose index this is, from the next checkpoint on.
    pub(crate) fn belongs_to(&mut self, store: StoreId) {
        self.store = Some(store);
    }

    /// A view of everything committed so far, which later commits do not change.
    pub(crate) fn read(&self) -> Result<IndexReader, Error> {
        Ok(IndexReader::new(self.database.begin_read().at("read", &self.path)?, self.path.clone()))
    }

    /// Folds a layer in: visible at once, durable with the next checkpoint. `end` is the cursor behind the layer.
    /// `between` is called now and then.
    pub(crate) fn fold(
        &self,
        _content: &Folded,
        held: &Held,
        end: &Cursor,
        between: &mut dyn FnMut() -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut subjects: Vec<_> =
            held.subjects.iter().map(|(subject, entries)| (&**subject, entries)).collect();
        // In the order of keys: neighbours share pages.
        subjects.sort_unstable_by_key(|(subject, _)| *subject);
        for slice in subjects.chunks(SLICE) {
            self.fold_slice(slice)?;
            between()?;
        }
        self.writing("fold", Durability::None, |writing| self.end_fold(writing, held, end))
    }

    /// Folds some subjects.
    pub(crate) fn fold_slice(&self, subjects: &[(&str, &Vec<Listed>)]) -> Result<(), Error> {
        self.writing("fold", Durability::None, |writing| self.fold_subjects(writing, subjects))
    }

    /// Makes all folds so far durable, gives `chunks` their rows, and moves the durable cursor to where the store stands.
    pub(crate) fn checkpoint(
        &self,
        _content: &Synced,
        chunks: &[Chunk],
        standing: &Standing,
    ) -> Result<(), Error> {
        self.writing("checkpoint", Durability::Immediate, |writing| {
            let (op, path) = ("checkpoint", &self.path);
            let mut meta = writing.open_table(META).at(op, path)?;
            let folded = reader::cursor(&meta, "folded", path)?.map_or(Offset::ZERO, |folded| folded.next);
            let mut recent = writing.open_table(RECENT).at(op, path)?;
            // A fold may have overtaken some of them.
            for chunk in chunks.iter().filter(|chunk| chunk.first() >= folded) {
                let mut row = recent.insert_reserve(chunk.first().get(), chunk.row_len()).at(op, path)?;
                chunk.write_row(row.as_mut());
            }
            let Standing { cursor, counts, digests } = standing;
            if let Some(cursor) = cursor {
                meta.insert("cursor", cursor_to_bytes(cursor).as_slice()).at(op, path)?;
            }
            meta.insert("counts", counts.to_bytes().as_slice()).at(op, path)?;
            meta.insert("digests", digests.to_bytes().as_slice()).at(op, path)?;
            if let Some(store) = &self.store {
                meta.insert("store", store.as_bytes().as_slice()).at(op, path)?;
            }
            Ok(())
        })
    }

    fn writing(
        &self,
        op: &'static str,
        durability: Durability,
        write: impl FnOnce(&WriteTransaction) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut writing = self.database.begin_write().at(op, &self.path)?;
        writing.set_durability(durability).at(op, &self.path)?;
        // Without it the first open after a crash reads the whole file.
        writing.set_quick_repair(matches!(durability, Durability::Immediate));
        write(&writing)?;
        writing.commit().at(op, &self.path)
    }

    #[cfg(test)]
    pub(crate) fn begin_write(&self) -> WriteTransaction {
        self.database.begin_write().unwrap()
    }

    /// Stops all writing, also the one when the file is closed: what is not durable yet never will be.
    pub(crate) fn shut(&self) {
        self.shutter.shut();
    }

    /// Creates the tables of a new file; of an existing one, checks what it is.
    fn prepare(&self) -> Result<(), Error> {
        let reading = self.database.begin_read().at("open", &self.path)?;
        let tables: Vec<_> = reading.list_tables().at("open", &self.path)?.collect();
        if tables.is_empty() {
            return self.create();
        }
        if !tables.iter().any(|table| table.name() == META.name()) {
            let reason = "its index has tables of something else".to_owned();
            return Err(Error::NotAStore { path: self.path.clone(), reason });
        }
        let is_complete = tables.iter().any(|table| letters::is_one(table.name()));
        let reader = IndexReader::new(reading, self.path.clone());
        let path = self.path.clone();
        match (reader.version("format")?, reader.version("projection")?) {
            (found, _) if found > FORMAT => Err(Error::NewerFormat { path, found, known: FORMAT }),
            (_, found) if found != PROJECTION => {
                Err(Error::OtherProjection { path, found, known: PROJECTION })
            }
            _ if is_complete => Ok(()),
            // It was made before there were any.
            _ => self.writing("open", Durability::Immediate, |writing| letters::create(writing, &self.path)),
        }
    }

    fn create(&self) -> Result<(), Error> {
        let (op, path) = ("create", &self.path);
        let mut writing = self.database.begin_write().at(op, path)?;
        writing.set_quick_repair(true);
        {
            let mut meta = writing.open_table(META).at(op, path)?;
            meta.insert("format", FORMAT.to_le_bytes().as_slice()).at(op, path)?;
            meta.insert("projection", PROJECTION.to_le_bytes().as_slice()).at(op, path)?;
            meta.insert("counts", Counts::default().to_bytes().as_slice()).at(op, path)?;
            meta.insert("digests", Digests::default().to_bytes().as_slice()).at(op, path)?;
            writing.open_table(RUNS).at(op, path)?;
            writing.open_table(SUBJECTS).at(op, path)?;
            writing.open_table(EPOCHS).at(op, path)?;
            writing.open_table(DEAD_LETTERS).at(op, path)?;
            writing.open_table(RECENT).at(op, path)?;
            letters::create(&writing, path)?;
        }
        writing.commit().at(op, path)
    }

    fn fold_subjects(
        &self,
        writing: &WriteTransaction,
        subjects: &[(&str, &Vec<Listed>)],
    ) -> Result<(), Error> {
        let (op, path) = ("fold", &self.path);
        let mut rows = writing.open_table(SUBJECTS).at(op, path)?;
        let mut runs = writing.open_table(RUNS).at(op, path)?;
        let mut tail = Vec::new();
        for (subject, entries) in subjects {
            tail.clear();
            let stored = rows.get(subject.as_bytes()).at(op, path)?;
            let before = match &stored {
                Some(stored) => {
                    let row = reader::parsed(subject, stored.value())?;
                    tail.extend_from_slice(row.tail);
                    Some((row.count, row.first, row.last))
                }
                None => None,
            };
            drop(stored);
            let last = before.map(|(_, _, last)| last);
            let fresh = &entries[entries.partition_point(|entry| Some(entry.offset) <= last)..];
            let (Some(begin), Some(end)) = (fresh.first(), fresh.last()) else { continue };
            let (mut count, first, _) = before.unwrap_or((0, begin.offset, begin.offset));
            for entry in fresh {
                runs::push(&mut tail, entry);
                count += 1;
                if count % RUN_ENTRIES == 0 {
                    let run = u32::try_from(count / RUN_ENTRIES - 1);
                    let run = run.map_err(|_| damaged_subject(subject, "it has too many runs"))?;
                    runs.insert(run_key(subject, run).as_slice(), tail.as_slice()).at(op, path)?;
                    tail.clear();
                }
            }
            let row = Row { count, first, last: end.offset, tail: &tail };
            rows.insert(subject.as_bytes(), row.to_bytes().as_slice()).at(op, path)?;
        }
        Ok(())
    }

    fn end_fold(&self, writing: &WriteTransaction, held: &Held, end: &Cursor) -> Result<(), Error> {
        let (op, path) = ("fold", &self.path);
        let mut epochs = writing.open_table(EPOCHS).at(op, path)?;
        for (offset, epoch) in &held.names {
            epochs.insert(offset.get(), EpochId::as_bytes(epoch)).at(op, path)?;
        }
        let mut dead_letters = writing.open_table(DEAD_LETTERS).at(op, path)?;
        for DeadLetter { offset, id, reason } in &held.dead_letters {
            let value = [id.as_bytes(), reason.as_bytes()].concat();
            dead_letters.insert(offset.get(), value.as_slice()).at(op, path)?;
        }
        let mut recent = writing.open_table(RECENT).at(op, path)?;
        recent.retain_in(..end.next.get(), |_, _| false).at(op, path)?;
        let mut meta = writing.open_table(META).at(op, path)?;
        meta.insert("folded", cursor_to_bytes(end).as_slice()).at(op, path)?;
        Ok(())
    }
}

/// As much of a reason as is kept, cut where a character ends.
pub(crate) fn kept_reason(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(REASON_BYTES)]
}

/// A record that could not be applied, parked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Where it stands in the log.
    pub offset: Offset,
    /// Its identity.
    pub id: RecordId,
    /// Why it could not be applied.
    pub reason: String,
}
