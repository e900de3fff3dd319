//! The index as of one commit.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use annals_record::{Cursor, EpochId, Offset, RecordId};
use redb::{AccessGuard, Range, ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata};

use super::{At, DEAD_LETTERS, DeadLetter, EPOCHS, META, RECENT, RUNS, SUBJECTS};
use crate::chunk::Chunk;
use crate::cursor_bytes::cursor_from_bytes;
use crate::identity::StoreId;
use crate::runs::{self, ENTRY_BYTES, Listed, Row, run_key, run_of_key};
use crate::standing::Standing;
use crate::{Counts, Digests, Error};

/// The index as of one commit; later ones do not change it. It holds pages of the file, so it should not live long.
pub(crate) struct IndexReader {
    pub(super) reading: ReadTransaction,
    // Opening a table costs as much as looking something up in it.
    rows: OnceLock<ReadOnlyTable<&'static [u8], &'static [u8]>>,
    runs: OnceLock<ReadOnlyTable<&'static [u8], &'static [u8]>>,
    pub(super) path: PathBuf,
}

/// A subject's row, held.
pub(crate) struct HeldRow {
    subject: String,
    value: AccessGuard<'static, &'static [u8]>,
}

/// Bytes of the index, held.
type Bytes = AccessGuard<'static, &'static [u8]>;

/// Hears of a subject's entries: those of a full run with its number, or the newest ones.
pub(crate) type VisitEntries<'v> =
    &'v mut dyn FnMut(&str, Option<u32>, &mut dyn Iterator<Item = Listed>) -> Result<(), Error>;

impl HeldRow {
    /// What it says.
    pub(crate) fn row(&self) -> Result<Row<'_>, Error> {
        parsed(&self.subject, self.value.value())
    }
}

impl IndexReader {
    pub(super) fn new(reading: ReadTransaction, path: PathBuf) -> Self {
        Self { reading, rows: OnceLock::new(), runs: OnceLock::new(), path }
    }

    /// A version number of the store.
    pub(super) fn version(&self, name: &'static str) -> Result<u32, Error> {
        let meta = self.reading.open_table(META).at("read", &self.path)?;
        let value = meta.get(name).at("read", &self.path)?;
        let bytes = value.and_then(|value| value.value().try_into().ok());
        bytes.map(u32::from_le_bytes).ok_or_else(|| damaged_meta(name))
    }

    /// Where the store stood at the last checkpoint.
    pub(crate) fn standing(&self) -> Result<Standing, Error> {
        let meta = self.reading.open_table(META).at("read", &self.path)?;
        let value = |name| meta.get(name).at("read", &self.path);
        let counts = value("counts")?.and_then(|value| Counts::from_bytes(value.value()));
        let digests = value("digests")?.and_then(|value| Digests::from_bytes(value.value()));
        Ok(Standing {
            cursor: cursor(&meta, "cursor", &self.path)?,
            counts: counts.ok_or_else(|| damaged_meta("counts"))?,
            digests: digests.ok_or_else(|| damaged_meta("digests"))?,
        })
    }

    /// How far content and index are folded.
    pub(crate) fn folded(&self) -> Result<Option<Cursor>, Error> {
        cursor(&self.reading.open_table(META).at("read", &self.path)?, "folded", &self.path)
    }

    /// The store it belongs to; `None` before the first checkpoint.
    pub(crate) fn store(&self) -> Result<Option<StoreId>, Error> {
        let meta = self.reading.open_table(META).at("read", &self.path)?;
        match meta.get("store").at("read", &self.path)? {
            Some(value) => StoreId::from_bytes(value.value()).map(Some).ok_or_else(|| damaged_meta("store")),
            None => Ok(None),
        }
    }

    /// What is not folded yet, in the log's order.
    pub(crate) fn recent(&self) -> Result<Vec<Chunk>, Error> {
        let table: ReadOnlyTable<u64, &[u8]> = self.reading.open_table(RECENT).at("read", &self.path)?;
        let mut chunks = Vec::new();
        for row in table.range::<u64>(..).at("read", &self.path)? {
            let (first, row) = row.at("read", &self.path)?;
            let first = Offset::new(first.value());
            let chunk = Chunk::from_row(row.value()).filter(|chunk| chunk.first() == first);
            chunks.push(chunk.ok_or_else(|| Error::Damaged {
                key: format!("recent {first}"),
                detail: "its checksum does not hold; the store has to be rebuilt".to_owned(),
            })?);
        }
        Ok(chunks)
    }

    /// A subject's row.
    pub(crate) fn row(&self, subject: &str) -> Result<Option<HeldRow>, Error> {
        let value = self.rows()?.get(subject.as_bytes()).at("read", &self.path)?;
        Ok(value.map(|value| HeldRow { subject: subject.to_owned(), value }))
    }

    /// Whether a subject has a row.
    pub(crate) fn has_row(&self, subject: &str) -> Result<bool, Error> {
        Ok(self.rows()?.get(subject.as_bytes()).at("read", &self.path)?.is_some())
    }

    /// The rows of subjects from this one on, in the order of their bytes.
    pub(crate) fn rows_from(&self, from: &str) -> Result<Rows<'_>, Error> {
        Ok(Rows { rows: self.rows()?.range(from.as_bytes()..).at("read", &self.path)?, reader: self })
    }

    /// A full run of a subject.
    pub(crate) fn run(&self, subject: &str, run: u64) -> Result<Vec<Listed>, Error> {
        let missing = || damaged_subject(subject, &format!("run {run} is missing"));
        let number = u32::try_from(run).map_err(|_| missing())?;
        let value = self.runs()?.get(run_key(subject, number).as_slice()).at("read", &self.path)?;
        Ok(entries_of(subject, value.ok_or_else(missing)?.value())?.collect())
    }

    /// Shows the full runs of a subject from one up to another, until it is told that it is enough; says whether it was not.
    pub(crate) fn runs_between(
        &self,
        subject: &str,
        runs: std::ops::Range<u64>,
        mut visit: impl FnMut(&[[u8; ENTRY_BYTES]]) -> bool,
    ) -> Result<bool, Error> {
        let missing = |run| damaged_subject(subject, &format!("run {run} is missing"));
        let key = |run| Ok(run_key(subject, u32::try_from(run).map_err(|_| missing(run))?));
        let (mut next, end): (_, Vec<u8>) = (runs.start, key(runs.end)?);
        let stored = self.runs()?.range(key(next)?.as_slice()..end.as_slice()).at("read", &self.path)?;
        for run in stored {
            let (stored, value) = run.at("read", &self.path)?;
            if run_of_key(stored.value()).is_none_or(|(_, number)| u64::from(number) != next) {
                return Err(missing(next));
            }
            next += 1;
            let entries = runs::raw_entries(value.value()).ok_or_else(|| damaged_run(subject))?;
            if !visit(entries) {
                return Ok(false);
            }
        }
        if next != runs.end {
            return Err(missing(next));
        }
        Ok(true)
    }

    /// The entries of every subject, those of one subject one after the other: its runs, then its row. A run without a
    /// row is shown too; what cannot be read at all is named.
    pub(crate) fn each_subject(
        &self,
        visit: VisitEntries<'_>,
        damaged: &mut dyn FnMut(Error),
    ) -> Result<(), Error> {
        let mut runs = RunsOf {
            runs: self.runs()?.range::<&[u8]>(..).at("read", &self.path)?,
            ahead: None,
            reader: self,
        };
        for row in self.rows()?.range::<&[u8]>(..).at("read", &self.path)? {
            let (subject, value) = row.at("read", &self.path)?;
            let Some(subject) = named(subject.value()) else {
                damaged(unnamed(subject.value()));
                continue;
            };
            runs.up_to(subject, visit, damaged)?;
            match parsed(subject, value.value()) {
                Ok(row) => visit(subject, None, &mut row.entries())?,
                Err(error) => damaged(error),
            }
        }
        runs.rest(visit, damaged)
    }

    /// How many subjects there are.
    pub(crate) fn subjects_len(&self) -> Result<u64, Error> {
        self.reading.open_table(SUBJECTS).at("read", &self.path)?.len().at("read", &self.path)
    }

    /// Epochs in the order of their first records, after an offset.
    pub(crate) fn epochs(
        &self,
        after: Option<Offset>,
        limit: usize,
    ) -> Result<Vec<(Offset, EpochId)>, Error> {
        let table = self.reading.open_table(EPOCHS).at("read", &self.path)?;
        let mut found = Vec::new();
        let rows = table.range(first_after(after)..).at("read", &self.path)?;
        for row in rows.skip_while(|row| is_at(row, after)).take(limit) {
            let (offset, epoch) = row.at("read", &self.path)?;
            found.push((Offset::new(offset.value()), EpochId::from_bytes(*epoch.value())));
        }
        Ok(found)
    }

    /// How many epochs there are.
    pub(crate) fn epochs_len(&self) -> Result<u64, Error> {
        self.reading.open_table(EPOCHS).at("read", &self.path)?.len().at("read", &self.path)
    }

    /// Whether an epoch's name came first at this offset.
    pub(crate) fn has_epoch(&self, offset: Offset) -> Result<bool, Error> {
        let table = self.reading.open_table(EPOCHS).at("read", &self.path)?;
        Ok(table.get(offset.get()).at("read", &self.path)?.is_some())
    }

    /// Whether a dead letter of this offset is there.
    pub(crate) fn has_dead_letter(&self, offset: Offset) -> Result<bool, Error> {
        let table = self.reading.open_table(DEAD_LETTERS).at("read", &self.path)?;
        Ok(table.get(offset.get()).at("read", &self.path)?.is_some())
    }

    /// Dead letters in the log's order, after an offset.
    pub(crate) fn dead_letters(&self, after: Option<Offset>, limit: usize) -> Result<Vec<DeadLetter>, Error> {
        let table: ReadOnlyTable<u64, &[u8]> =
            self.reading.open_table(DEAD_LETTERS).at("read", &self.path)?;
        let mut found = Vec::new();
        let rows = table.range(first_after(after)..).at("read", &self.path)?;
        for row in rows.skip_while(|row| is_at(row, after)).take(limit) {
            let (offset, value) = row.at("read", &self.path)?;
            let offset = Offset::new(offset.value());
            found.push(dead_letter(offset, value.value()).ok_or_else(|| Error::Damaged {
                key: format!("dead letter {offset}"),
                detail: "it holds no id and reason".to_owned(),
            })?);
        }
        Ok(found)
    }

    /// How many dead letters there are.
    pub(crate) fn dead_letters_len(&self) -> Result<u64, Error> {
        self.reading.open_table(DEAD_LETTERS).at("read", &self.path)?.len().at("read", &self.path)
    }

    fn rows(&self) -> Result<&ReadOnlyTable<&'static [u8], &'static [u8]>, Error> {
        if self.rows.get().is_none() {
            // Whoever was faster opened the same.
            let _ = self.rows.set(self.reading.open_table(SUBJECTS).at("read", &self.path)?);
        }
        self.rows.get().ok_or_else(|| damaged_meta("subjects"))
    }

    fn runs(&self) -> Result<&ReadOnlyTable<&'static [u8], &'static [u8]>, Error> {
        if self.runs.get().is_none() {
            let _ = self.runs.set(self.reading.open_table(RUNS).at("read", &self.path)?);
        }
        self.runs.get().ok_or_else(|| damaged_meta("S"))
    }
}

/// Rows of subjects, one after the other.
pub(crate) struct Rows<'r> {
    rows: Range<'static, &'static [u8], &'static [u8]>,
    reader: &'r IndexReader,
}

impl Iterator for Rows<'_> {
    type Item = Result<(String, HeldRow), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rows.next()?.at("read", &self.reader.path);
        Some(row.and_then(|(subject, value)| {
            let subject = named(subject.value()).ok_or_else(|| unnamed(subject.value()))?.to_owned();
            Ok((subject.clone(), HeldRow { subject, value }))
        }))
    }
}

/// Runs while rows are passed in the same order.
struct RunsOf<'r> {
    runs: Range<'static, &'static [u8], &'static [u8]>,
    ahead: Option<(Bytes, Bytes)>,
    reader: &'r IndexReader,
}

impl RunsOf<'_> {
    /// Shows all runs of subjects up to and with this one.
    fn up_to(
        &mut self,
        subject: &str,
        visit: VisitEntries<'_>,
        damaged: &mut dyn FnMut(Error),
    ) -> Result<(), Error> {
        self.each(|run| run <= subject, visit, damaged)
    }

    /// Shows what is left.
    fn rest(&mut self, visit: VisitEntries<'_>, damaged: &mut dyn FnMut(Error)) -> Result<(), Error> {
        self.each(|_| true, visit, damaged)
    }

    fn each(
        &mut self,
        mut wanted: impl FnMut(&str) -> bool,
        visit: VisitEntries<'_>,
        damaged: &mut dyn FnMut(Error),
    ) -> Result<(), Error> {
        loop {
            let ahead = match self.ahead.take() {
                Some(ahead) => ahead,
                None => match self.runs.next() {
                    Some(run) => run.at("read", &self.reader.path)?,
                    None => return Ok(()),
                },
            };
            match run_of_key(ahead.0.value()) {
                None => damaged(Error::Damaged {
                    key: format!("S:{}", ahead.0.value().escape_ascii()),
                    detail: "it is no subject and run number".to_owned(),
                }),
                Some((subject, _)) if !wanted(subject) => {
                    self.ahead = Some(ahead);
                    return Ok(());
                }
                Some((subject, run)) => match entries_of(subject, ahead.1.value()) {
                    Ok(mut entries) => visit(subject, Some(run), &mut entries)?,
                    Err(error) => damaged(error),
                },
            }
        }
    }
}

/// A cursor in a meta table.
pub(super) fn cursor(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
    name: &'static str,
    path: &Path,
) -> Result<Option<Cursor>, Error> {
    match meta.get(name).at("read", path)? {
        Some(value) => cursor_from_bytes(value.value()).map(Some).ok_or_else(|| damaged_meta(name)),
        None => Ok(None),
    }
}

/// The subject that a key of a row is; `None` if it is none.
fn named(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key).ok()
}

fn unnamed(key: &[u8]) -> Error {
    Error::Damaged { key: format!("S:{}", key.escape_ascii()), detail: "it is no subject".to_owned() }
}

/// A subject's row, taken apart.
pub(super) fn parsed<'v>(subject: &str, value: &'v [u8]) -> Result<Row<'v>, Error> {
    Row::read(value).ok_or_else(|| damaged_subject(subject, "its row does not hold what its count says"))
}

/// What stands under a subject cannot be.
pub(crate) fn damaged_subject(subject: &str, detail: &str) -> Error {
    Error::Damaged { key: format!("S:{subject}"), detail: detail.to_owned() }
}

fn damaged_meta(name: &str) -> Error {
    Error::Damaged { key: format!("meta {name}"), detail: "it is missing or has another length".to_owned() }
}

fn damaged_run(subject: &str) -> Error {
    damaged_subject(subject, "a run does not hold as many entries as a run has")
}

fn entries_of(
    subject: &str,
    value: &[u8],
) -> Result<impl DoubleEndedIterator<Item = Listed> + ExactSizeIterator, Error> {
    runs::entries(value).ok_or_else(|| damaged_run(subject))
}

pub(super) fn dead_letter(offset: Offset, value: &[u8]) -> Option<DeadLetter> {
    let (id, reason) = value.split_first_chunk::<32>()?;
    let reason = std::str::from_utf8(reason).ok()?.to_owned();
    Some(DeadLetter { offset, id: RecordId::from_bytes(*id), reason })
}

fn first_after(after: Option<Offset>) -> u64 {
    after.map_or(0, Offset::get)
}

/// Whether a row stands at the very offset after which a listing begins.
fn is_at<V: redb::Value + 'static>(
    row: &Result<(AccessGuard<'_, u64>, AccessGuard<'_, V>), redb::StorageError>,
    after: Option<Offset>,
) -> bool {
    matches!((row, after), (Ok((offset, _)), Some(after)) if offset.value() == after.get())
}
