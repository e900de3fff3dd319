//! Subjects, epochs, dead letters, counts, digests and the cursor, in redb.
//!
//! [`Index::commit`] makes a batch's effects visible at once, together with the cursor; [`Index::checkpoint`] makes
//! all commits so far durable. There is no third way to write, so nothing but a checkpoint ever moves the durable
//! cursor.

mod reader;

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use annals_record::{Cursor, EpochId, Offset, RecordId};
use redb::backends::FileBackend;
use redb::{
    Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, Table, TableDefinition,
    TableHandle, WriteTransaction,
};

pub(crate) use reader::{IndexReader, SubjectRow};

use crate::content::{Synced, Written};
use crate::cursor_bytes::cursor_to_bytes;
use crate::gate::{Gate, Shutter};
use crate::identity::StoreId;
use crate::plan::Edits;
use crate::runs::{self, ENTRY_BYTES, Listed, RUN_ENTRIES, run_key};
use crate::{Counts, Digests, Error};

/// The format of keys and values.
/// Format 1 knew of no store's id; it is raised by the first checkpoint.
pub(crate) const FORMAT: u32 = 2;
/// The rules by which records become keys and values.
pub(crate) const PROJECTION: u32 = 1;
/// The longest reason kept with a dead letter.
const REASON_BYTES: usize = 512;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const RUNS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("S");
const SUBJECTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("subjects");
const EPOCHS: TableDefinition<'_, u64, &[u8; 32]> = TableDefinition::new("epochs");
const DEAD_LETTERS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("dead_letters");

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
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(Error::io("open", path))?;
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

    /// Makes a batch's effects and the cursor visible, all or nothing.
    pub(crate) fn commit(&self, _content: &Written, edits: &Edits<'_>, cursor: &Cursor) -> Result<(), Error> {
        let (op, path) = ("commit", &self.path);
        let mut writing = self.database.begin_write().at(op, path)?;
        writing.set_durability(Durability::None).at(op, path)?;
        self.write(&writing, edits, cursor)?;
        writing.commit().at(op, path)
    }

    /// Makes all commits so far durable.
    pub(crate) fn checkpoint(&self, _content: &Synced, cursor: &Cursor) -> Result<(), Error> {
        let (op, path) = ("checkpoint", &self.path);
        let mut writing = self.database.begin_write().at(op, path)?;
        // Without it the first open after a crash reads the whole file.
        writing.set_quick_repair(true);
        let mut meta = writing.open_table(META).at(op, path)?;
        meta.insert("durable", cursor_to_bytes(cursor).as_slice()).at(op, path)?;
        if let Some(store) = &self.store {
            meta.insert("store", store.as_bytes().as_slice()).at(op, path)?;
            meta.insert("format", FORMAT.to_le_bytes().as_slice()).at(op, path)?;
        }
        drop(meta);
        writing.commit().at(op, path)
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
        let reader = IndexReader::new(reading, self.path.clone());
        let path = self.path.clone();
        match (reader.version("format")?, reader.version("projection")?) {
            (found, _) if found > FORMAT => Err(Error::NewerFormat { path, found, known: FORMAT }),
            (_, found) if found != PROJECTION => {
                Err(Error::OtherProjection { path, found, known: PROJECTION })
            }
            _ => Ok(()),
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
        }
        writing.commit().at(op, path)
    }

    fn write(&self, writing: &WriteTransaction, edits: &Edits<'_>, cursor: &Cursor) -> Result<(), Error> {
        let (op, path) = ("write", self.path.as_path());
        let mut meta = writing.open_table(META).at(op, path)?;
        let mut counts = reader::counts(&meta, path)?;
        let mut digests = reader::digests(&meta, path)?;

        let mut new_subjects = 0;
        let mut subjects = writing.open_table(SUBJECTS).at(op, path)?;
        let mut runs = writing.open_table(RUNS).at(op, path)?;
        // In the order of keys: neighbours share pages.
        for (subject, entries) in &edits.subjects {
            let row = reader::subject_row(&subjects, subject, path)?;
            new_subjects += u64::from(row.is_none());
            let row = row.unwrap_or(SubjectRow { count: 0, first: entries[0].offset });
            self.append(&mut runs, subject, row.count, entries)?;
            let row = SubjectRow { count: row.count + entries.len() as u64, ..row };
            subjects.insert(*subject, row.to_bytes().as_slice()).at(op, path)?;
        }

        let mut epochs = writing.open_table(EPOCHS).at(op, path)?;
        for (offset, epoch) in &edits.epochs {
            epochs.insert(offset.get(), EpochId::as_bytes(epoch)).at(op, path)?;
        }
        let mut dead_letters = writing.open_table(DEAD_LETTERS).at(op, path)?;
        for (offset, id, reason) in &edits.dead_letters {
            let value = [id.as_bytes(), reason_bytes(reason)].concat();
            dead_letters.insert(offset.get(), value.as_slice()).at(op, path)?;
        }

        counts.merge(&Counts { subjects: new_subjects, ..edits.counts });
        digests.merge(&edits.digests);
        meta.insert("counts", counts.to_bytes().as_slice()).at(op, path)?;
        meta.insert("digests", digests.to_bytes().as_slice()).at(op, path)?;
        meta.insert("cursor", cursor_to_bytes(cursor).as_slice()).at(op, path)?;
        Ok(())
    }

    /// Appends to the last run of a subject that has `count` entries, and opens further runs as they fill.
    fn append(
        &self,
        table: &mut Table<'_, &[u8], &[u8]>,
        subject: &str,
        count: u64,
        entries: &[Listed],
    ) -> Result<(), Error> {
        let (op, path) = ("write", &self.path);
        let mut run = count / RUN_ENTRIES;
        let mut filled = (count % RUN_ENTRIES) as usize;
        let mut rest = entries;
        while !rest.is_empty() {
            let number =
                u32::try_from(run).map_err(|_| reader::damaged_subject(subject, "it has too many runs"))?;
            let key = run_key(subject, number);
            let mut value = match filled {
                0 => Vec::new(),
                _ => table
                    .get(key.as_slice())
                    .at(op, path)?
                    .map(|run| run.value().to_vec())
                    .unwrap_or_default(),
            };
            if value.len() != filled * ENTRY_BYTES {
                return Err(reader::damaged_subject(
                    subject,
                    "its last run does not hold what its count says",
                ));
            }
            let (now, later) = rest.split_at(rest.len().min(RUN_ENTRIES as usize - filled));
            now.iter().for_each(|entry| runs::push(&mut value, entry));
            table.insert(key.as_slice(), value.as_slice()).at(op, path)?;
            (run, filled, rest) = (run + 1, 0, later);
        }
        Ok(())
    }
}

/// As much of a reason as is kept, cut where a character ends.
fn reason_bytes(reason: &str) -> &[u8] {
    &reason.as_bytes()[..reason.floor_char_boundary(REASON_BYTES)]
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
