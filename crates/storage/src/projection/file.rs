//! One version of a projection on disk: a redb file of its own.
//!
//! | table | key | value |
//! |---|---|---|
//! | `entries` | the projection's | the projection's |
//! | `undecoded` | offset | the id of a record that could not be read |
//! | `passed` | offset | length (u64 little), what was found there: a range of the log that was passed |
//! | `meta` | `format`, `name`, `version`, `cursor` | |

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use annals_record::{Cursor, Offset, RecordId};
use redb::backends::FileBackend;
use redb::{
    Database, DatabaseError, Durability, ReadOnlyTable, ReadTransaction, ReadableDatabase,
    ReadableTableMetadata, TableDefinition, TableHandle, WriteTransaction,
};

use super::entries::Entries;
use crate::cursor_bytes::{cursor_from_bytes, cursor_to_bytes};
use crate::gate::{Gate, Shutter};
use crate::index::kept_reason;
use crate::{Error, Passed, plain};

/// The format of the tables.
const FORMAT: u32 = 1;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const ENTRIES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("entries");
const UNDECODED: TableDefinition<'_, u64, &[u8; 32]> = TableDefinition::new("undecoded");
const PASSED: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("passed");

/// Gives the engine's error its place.
pub(super) trait At<T> {
    fn at(self, op: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T, E: Into<redb::Error>> At<T> for Result<T, E> {
    fn at(self, op: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|error| Error::engine("projection", op, path, error.into()))
    }
}

/// One version of a projection.
pub(super) struct ProjectionFile {
    database: Database,
    shutter: Shutter,
    path: PathBuf,
    pub(super) version: u32,
}

/// What one transaction changes.
#[derive(Default)]
pub(super) struct Changes<'c> {
    /// Values, or none for keys that go, in the order of keys.
    pub(super) entries: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Records that could not be read.
    pub(super) undecoded: Vec<(Offset, RecordId)>,
    /// Records that could not be read and now could.
    pub(super) decoded: Vec<Offset>,
    pub(super) passed: Option<&'c Passed>,
    pub(super) cursor: Option<&'c Cursor>,
}

impl ProjectionFile {
    /// Opens the file of a version, or creates it where `create` says so.
    pub(super) fn open(
        path: &Path,
        (name, version): (&str, u32),
        cache_bytes: usize,
        create: bool,
    ) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(create).truncate(false);
        let file = plain::open(path, &mut options).map_err(Error::io("open", path))?;
        let locked = || Error::Locked { path: path.to_owned(), holder: "another process".to_owned() };
        let backend = match FileBackend::new(file) {
            Err(DatabaseError::DatabaseAlreadyOpen) => return Err(locked()),
            backend => backend.at("open", path)?,
        };
        let shutter = Shutter::default();
        let gate = Gate::new(backend, shutter.clone());
        let database = match Database::builder().set_cache_size(cache_bytes).create_with_backend(gate) {
            Err(DatabaseError::DatabaseAlreadyOpen) => return Err(locked()),
            opened => opened.at("open", path)?,
        };
        let file = Self { database, shutter, path: path.to_owned(), version };
        file.prepare(name)?;
        Ok(file)
    }

    /// Writes everything in one transaction: visible at once; durable, with all before it, where `durable` says so.
    pub(super) fn commit(&self, changes: &Changes<'_>, durable: bool) -> Result<(), Error> {
        let (op, path) = ("commit", self.path.as_path());
        let mut writing = self.database.begin_write().at(op, path)?;
        writing
            .set_durability(if durable { Durability::Immediate } else { Durability::None })
            .at(op, path)?;
        // Without it the first open after a crash reads the whole file.
        writing.set_quick_repair(durable);
        self.write(&writing, changes)?;
        writing.commit().at(op, path)
    }

    fn write(&self, writing: &WriteTransaction, changes: &Changes<'_>) -> Result<(), Error> {
        let (op, path) = ("commit", self.path.as_path());
        let Changes { entries, undecoded, decoded, passed, cursor } = changes;
        if !entries.is_empty() {
            // In the order of keys: neighbours share pages.
            let mut table = writing.open_table(ENTRIES).at(op, path)?;
            for (key, value) in entries {
                match value {
                    Some(value) => drop(table.insert(key.as_slice(), value.as_slice()).at(op, path)?),
                    None => drop(table.remove(key.as_slice()).at(op, path)?),
                }
            }
        }
        if !undecoded.is_empty() || !decoded.is_empty() {
            let mut table = writing.open_table(UNDECODED).at(op, path)?;
            for (offset, id) in undecoded {
                table.insert(offset.get(), id.as_bytes()).at(op, path)?;
            }
            for offset in decoded {
                table.remove(offset.get()).at(op, path)?;
            }
        }
        if let Some(Passed { offset, len, detail }) = passed {
            let mut table = writing.open_table(PASSED).at(op, path)?;
            let value = [&len.to_le_bytes(), kept_reason(detail).as_bytes()].concat();
            table.insert(offset.get(), value.as_slice()).at(op, path)?;
        }
        if let Some(cursor) = cursor {
            let mut meta = writing.open_table(META).at(op, path)?;
            meta.insert("cursor", cursor_to_bytes(cursor).as_slice()).at(op, path)?;
        }
        Ok(())
    }

    /// Everything committed so far, which later commits do not change.
    pub(super) fn read(&self) -> Result<FileReader, Error> {
        let reading = self.database.begin_read().at("read", &self.path)?;
        Ok(FileReader { reading, path: self.path.clone() })
    }

    /// Stops all writing, also the one when the file is closed: what is not durable yet never will be.
    pub(super) fn shut(&self) {
        self.shutter.shut();
    }

    /// Creates the tables of a new file; of one that is there, checks what it is.
    fn prepare(&self, name: &str) -> Result<(), Error> {
        let reading = self.database.begin_read().at("open", &self.path)?;
        let tables: Vec<_> = reading.list_tables().at("open", &self.path)?.collect();
        if tables.is_empty() {
            return self.create(name);
        }
        let refuse = |reason: String| Err(Error::ProjectionFile { path: self.path.clone(), reason });
        if !tables.iter().any(|table| table.name() == META.name()) {
            return refuse("it has tables of something else".to_owned());
        }
        let reader = FileReader { reading, path: self.path.clone() };
        let number =
            |key| Ok(reader.meta(key)?.and_then(|value| value.try_into().ok()).map(u32::from_le_bytes));
        match number("format")? {
            Some(FORMAT) => {}
            Some(found) if found > FORMAT => {
                return Err(Error::NewerFormat { path: self.path.clone(), found, known: FORMAT });
            }
            _ => return refuse("it names no format".to_owned()),
        }
        let (named, version) = (reader.meta("name")?.unwrap_or_default(), number("version")?);
        if named != name.as_bytes() || version != Some(self.version) {
            let named = String::from_utf8_lossy(&named).into_owned();
            let version = version.unwrap_or_default();
            return refuse(format!(
                "it holds version {version} of {named:?}, not version {} of {name:?}",
                self.version
            ));
        }
        Ok(())
    }

    fn create(&self, name: &str) -> Result<(), Error> {
        let (op, path) = ("create", self.path.as_path());
        let mut writing = self.database.begin_write().at(op, path)?;
        writing.set_quick_repair(true);
        {
            let mut meta = writing.open_table(META).at(op, path)?;
            meta.insert("format", FORMAT.to_le_bytes().as_slice()).at(op, path)?;
            meta.insert("name", name.as_bytes()).at(op, path)?;
            meta.insert("version", self.version.to_le_bytes().as_slice()).at(op, path)?;
            writing.open_table(ENTRIES).at(op, path)?;
            writing.open_table(UNDECODED).at(op, path)?;
            writing.open_table(PASSED).at(op, path)?;
        }
        writing.commit().at(op, path)
    }
}

/// A file as it stands, if it can be read beside whoever fills it: nobody does, and it was closed in order.
pub(super) fn read_beside(path: &Path) -> Option<FileReader> {
    // The engine opens it by its name: what is none of ours is not waited for.
    plain::open(path, OpenOptions::new().read(true)).ok()?;
    let database = Database::builder().open_read_only(path).ok()?;
    Some(FileReader { reading: database.begin_read().ok()?, path: path.to_owned() })
}

/// A file as of one commit.
pub(super) struct FileReader {
    reading: ReadTransaction,
    path: PathBuf,
}

impl FileReader {
    /// How far the log is applied.
    pub(super) fn cursor(&self) -> Result<Option<Cursor>, Error> {
        let Some(bytes) = self.meta("cursor")? else { return Ok(None) };
        match cursor_from_bytes(&bytes) {
            Some(cursor) => Ok(Some(cursor)),
            None => Err(Error::ProjectionFile {
                path: self.path.clone(),
                reason: "its cursor is none".to_owned(),
            }),
        }
    }

    /// The projection's own entries.
    pub(super) fn entries(&self) -> Result<Entries, Error> {
        let table: ReadOnlyTable<&'static [u8], &'static [u8]> =
            self.reading.open_table(ENTRIES).at("read", &self.path)?;
        Ok(Entries::new(table, self.path.clone()))
    }

    /// Records that could not be read, in the log's order: at most `limit`, those after an offset.
    pub(super) fn undecoded(
        &self,
        after: Option<Offset>,
        limit: usize,
    ) -> Result<Vec<(Offset, RecordId)>, Error> {
        let table = self.reading.open_table(UNDECODED).at("read", &self.path)?;
        let from = after.map_or(0, |after| after.get().saturating_add(1));
        let mut found = Vec::new();
        for row in table.range(from..).at("read", &self.path)?.take(limit) {
            let (offset, id) = row.at("read", &self.path)?;
            found.push((Offset::new(offset.value()), RecordId::from_bytes(*id.value())));
        }
        Ok(found)
    }

    /// The id of the record noted at an offset.
    pub(super) fn undecoded_at(&self, offset: Offset) -> Result<Option<RecordId>, Error> {
        let table = self.reading.open_table(UNDECODED).at("read", &self.path)?;
        let id = table.get(offset.get()).at("read", &self.path)?;
        Ok(id.map(|id| RecordId::from_bytes(*id.value())))
    }

    /// How many records could not be read, and how many ranges of the log were passed.
    pub(super) fn missing(&self) -> Result<(u64, u64), Error> {
        let undecoded = self.reading.open_table(UNDECODED).at("read", &self.path)?;
        let passed = self.reading.open_table(PASSED).at("read", &self.path)?;
        Ok((undecoded.len().at("read", &self.path)?, passed.len().at("read", &self.path)?))
    }

    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let meta = self.reading.open_table(META).at("read", &self.path)?;
        let value = meta.get(key).at("read", &self.path)?;
        Ok(value.map(|value| value.value().to_vec()))
    }
}
