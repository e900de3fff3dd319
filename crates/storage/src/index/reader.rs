//! The index as of one commit.

use std::path::{Path, PathBuf};

use annals_record::{Cursor, EpochId, Offset, RecordId};
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata};

use super::{At, DEAD_LETTERS, DeadLetter, EPOCHS, META, RUNS, SUBJECTS};
use crate::cursor_bytes::cursor_from_bytes;
use crate::identity::StoreId;
use crate::runs::{self, Listed, RUN_ENTRIES, run_key, run_of_key};
use crate::{Counts, Digests, Error};

/// The index as of one commit; later ones do not change it. It holds pages of the file, so it should not live long.
pub(crate) struct IndexReader {
    reading: ReadTransaction,
    path: PathBuf,
}

/// What is known of a subject as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SubjectRow {
    /// How many assertions it has.
    pub(crate) count: u64,
    /// Where the first one stands.
    pub(crate) first: Offset,
}

impl SubjectRow {
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.first.get()) << 64 | u128::from(self.count)).to_le_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let both = u128::from_le_bytes(bytes.try_into().ok()?);
        Some(Self { count: both as u64, first: Offset::new((both >> 64) as u64) })
    }
}

impl IndexReader {
    pub(super) fn new(reading: ReadTransaction, path: PathBuf) -> Self {
        Self { reading, path }
    }

    /// A version number of the store.
    pub(super) fn version(&self, name: &'static str) -> Result<u32, Error> {
        let meta = self.reading.open_table(META).at("read", &self.path)?;
        let value = meta.get(name).at("read", &self.path)?;
        let bytes = value.and_then(|value| value.value().try_into().ok());
        bytes.map(u32::from_le_bytes).ok_or_else(|| damaged_meta(name))
    }

    /// How far the log is applied.
    pub(crate) fn cursor(&self) -> Result<Option<Cursor>, Error> {
        self.cursor_named("cursor")
    }

    /// The store it belongs to; `None` in one of format 1.
    pub(crate) fn store(&self) -> Result<Option<StoreId>, Error> {
        let meta = self.reading.open_table(META).at("read", &self.path)?;
        match meta.get("store").at("read", &self.path)? {
            Some(value) => StoreId::from_bytes(value.value()).map(Some).ok_or_else(|| damaged_meta("store")),
            None => Ok(None),
        }
    }

    /// How far that was durable as of this view.
    pub(crate) fn durable(&self) -> Result<Option<Cursor>, Error> {
        self.cursor_named("durable")
    }

    fn cursor_named(&self, name: &'static str) -> Result<Option<Cursor>, Error> {
        let meta = self.reading.open_table(META).at("read", &self.path)?;
        match meta.get(name).at("read", &self.path)? {
            Some(value) => cursor_from_bytes(value.value()).map(Some).ok_or_else(|| damaged_meta(name)),
            None => Ok(None),
        }
    }

    pub(crate) fn counts(&self) -> Result<Counts, Error> {
        counts(&self.reading.open_table(META).at("read", &self.path)?, &self.path)
    }

    pub(crate) fn digests(&self) -> Result<Digests, Error> {
        digests(&self.reading.open_table(META).at("read", &self.path)?, &self.path)
    }

    /// What is known of a subject as a whole; `None` if it has no assertion.
    pub(crate) fn subject(&self, subject: &str) -> Result<Option<SubjectRow>, Error> {
        subject_row(&self.reading.open_table(SUBJECTS).at("read", &self.path)?, subject, &self.path)
    }

    /// Subjects that begin so, after the one given, in the order of their bytes.
    pub(crate) fn subjects(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, SubjectRow)>, Error> {
        let table = self.reading.open_table(SUBJECTS).at("read", &self.path)?;
        let from = after.map_or(prefix, |after| after.max(prefix));
        let mut found = Vec::new();
        for row in table.range(from..).at("read", &self.path)? {
            let (subject, value) = row.at("read", &self.path)?;
            let subject = subject.value();
            if !subject.starts_with(prefix) || found.len() >= limit {
                break;
            }
            if Some(subject) != after {
                found.push((subject.to_owned(), SubjectRow::read(subject, value.value())?));
            }
        }
        Ok(found)
    }

    /// A subject's assertions after an offset, in the log's order.
    pub(crate) fn listed(
        &self,
        subject: &str,
        after: Option<Offset>,
        limit: usize,
    ) -> Result<Vec<Listed>, Error> {
        let Some(row) = self.subject(subject)? else {
            return Ok(Vec::new());
        };
        let table = self.reading.open_table(RUNS).at("read", &self.path)?;
        let first = match after {
            Some(after) => self.run_around(&table, subject, row.count, after)?,
            None => 0,
        };
        // Not sized by the count, which comes from the disk.
        let mut listed = Vec::new();
        let (low, high) = (run_key(subject, first), run_key(subject, u32::MAX));
        for run in table.range(low.as_slice()..=high.as_slice()).at("read", &self.path)? {
            let (_, value) = run.at("read", &self.path)?;
            let entries = entries_of(subject, value.value())?;
            let left = limit - listed.len();
            listed.extend(entries.filter(|entry| Some(entry.offset) > after).take(left));
            if listed.len() == limit {
                break;
            }
        }
        Ok(listed)
    }

    /// Where a subject's assertion with this id stands, by looking through all of them.
    pub(crate) fn find(&self, subject: &str, id: &RecordId) -> Result<Option<Offset>, Error> {
        let table = self.reading.open_table(RUNS).at("read", &self.path)?;
        let (low, high) = (run_key(subject, 0), run_key(subject, u32::MAX));
        for run in table.range(low.as_slice()..=high.as_slice()).at("read", &self.path)? {
            let (_, value) = run.at("read", &self.path)?;
            let mut entries = entries_of(subject, value.value())?;
            if let Some(entry) = entries.find(|entry| entry.id == *id) {
                return Ok(Some(entry.offset));
            }
        }
        Ok(None)
    }

    /// Every run of every subject, in the order of keys: subject, run number, entries.
    pub(crate) fn each_run(
        &self,
        mut visit: impl FnMut(&str, u32, &mut dyn Iterator<Item = Listed>) -> Result<(), Error>,
        mut damaged: impl FnMut(Error),
    ) -> Result<(), Error> {
        let table = self.reading.open_table(RUNS).at("read", &self.path)?;
        for run in table.range::<&[u8]>(..).at("read", &self.path)? {
            let (key, value) = run.at("read", &self.path)?;
            let Some((subject, number)) = run_of_key(key.value()) else {
                damaged(Error::Damaged {
                    key: format!("S:{}", key.value().escape_ascii()),
                    detail: "it is no subject and run number".to_owned(),
                });
                continue;
            };
            match entries_of(subject, value.value()) {
                Ok(mut entries) => visit(subject, number, &mut entries)?,
                Err(error) => damaged(error),
            }
        }
        Ok(())
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

    /// The last run that begins at or before an offset, or the first run.
    fn run_around(
        &self,
        table: &ReadOnlyTable<&'static [u8], &'static [u8]>,
        subject: &str,
        count: u64,
        offset: Offset,
    ) -> Result<u32, Error> {
        let runs = u32::try_from(count.div_ceil(RUN_ENTRIES))
            .map_err(|_| damaged_subject(subject, "it has too many runs"))?;
        let (mut low, mut high) = (0, runs.max(1));
        // The run sought is in low..high.
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let run = table.get(run_key(subject, middle).as_slice()).at("read", &self.path)?;
            let run = run.ok_or_else(|| damaged_subject(subject, "a run is missing"))?;
            let first = entries_of(subject, run.value())?.next();
            if first.is_some_and(|first| first.offset <= offset) {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

impl SubjectRow {
    fn read(subject: &str, value: &[u8]) -> Result<Self, Error> {
        Self::from_bytes(value).ok_or_else(|| damaged_subject(subject, "its count is no count"))
    }
}

/// The counts in a meta table.
pub(super) fn counts(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
    path: &Path,
) -> Result<Counts, Error> {
    let value = meta.get("counts").at("read", path)?;
    value.and_then(|value| Counts::from_bytes(value.value())).ok_or_else(|| damaged_meta("counts"))
}

/// The digests in a meta table.
pub(super) fn digests(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
    path: &Path,
) -> Result<Digests, Error> {
    let value = meta.get("digests").at("read", path)?;
    value.and_then(|value| Digests::from_bytes(value.value())).ok_or_else(|| damaged_meta("digests"))
}

/// A subject's row in a table of them.
pub(super) fn subject_row(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
    subject: &str,
    path: &Path,
) -> Result<Option<SubjectRow>, Error> {
    match table.get(subject).at("read", path)? {
        Some(row) => SubjectRow::read(subject, row.value()).map(Some),
        None => Ok(None),
    }
}

/// What stands under a subject cannot be.
pub(super) fn damaged_subject(subject: &str, detail: &str) -> Error {
    Error::Damaged { key: format!("S:{subject}"), detail: detail.to_owned() }
}

fn damaged_meta(name: &str) -> Error {
    Error::Damaged { key: format!("meta {name}"), detail: "it is missing or has another length".to_owned() }
}

fn entries_of(
    subject: &str,
    value: &[u8],
) -> Result<impl DoubleEndedIterator<Item = Listed> + ExactSizeIterator, Error> {
    runs::entries(value).ok_or_else(|| damaged_subject(subject, "a run holds no whole number of entries"))
}

fn dead_letter(offset: Offset, value: &[u8]) -> Option<DeadLetter> {
    let (id, reason) = value.split_first_chunk::<32>()?;
    let reason = std::str::from_utf8(reason).ok()?.to_owned();
    Some(DeadLetter { offset, id: RecordId::from_bytes(*id), reason })
}

fn first_after(after: Option<Offset>) -> u64 {
    after.map_or(0, Offset::get)
}

/// Whether a row stands at the very offset after which a listing begins.
fn is_at<V: redb::Value + 'static>(
    row: &Result<(redb::AccessGuard<'_, u64>, redb::AccessGuard<'_, V>), redb::StorageError>,
    after: Option<Offset>,
) -> bool {
    matches!((row, after), (Ok((offset, _)), Some(after)) if offset.value() == after.get())
}
