//! An index written in one go, in the order of its keys, into a file that nobody reads yet.
//!
//!   dead letters -> names -> subjects, some mebibytes a transaction -> the cursor, and everything is durable

use annals_record::{EpochId, Offset, RecordId};
use redb::{Durability, Table, WriteTransaction};

use super::{At, DEAD_LETTERS, EPOCHS, Index, META, RUNS, SUBJECTS, damaged_subject};
use crate::Error;
use crate::content::Synced;
use crate::cursor_bytes::cursor_to_bytes;
use crate::runs::{self, Listed, RUN_ENTRIES, Row, run_key};
use crate::standing::Standing;

/// How much goes into one transaction, in bytes of values.
const TRANSACTION_BYTES: usize = 32 << 20;
const OP: &str = "load";

impl Index {
    /// Writes what dead letters there are: id and reason at each offset.
    pub(crate) fn load_dead_letters(&self, letters: &[(u64, Vec<u8>)]) -> Result<(), Error> {
        self.loading(|writing| {
            let mut table = writing.open_table(DEAD_LETTERS).at(OP, &self.path)?;
            for (offset, letter) in letters {
                table.insert(offset, letter.as_slice()).at(OP, &self.path)?;
            }
            Ok(())
        })
    }

    /// Writes some epochs, and where the first record of each stands.
    pub(crate) fn load_names(&self, names: &[(Offset, EpochId)]) -> Result<(), Error> {
        self.loading(|writing| {
            let mut table = writing.open_table(EPOCHS).at(OP, &self.path)?;
            for (offset, epoch) in names {
                table.insert(offset.get(), epoch.as_bytes()).at(OP, &self.path)?;
            }
            Ok(())
        })
    }

    /// Has `next` write one subject after the other, in their order, until it says that there are no more.
    pub(crate) fn load_subjects(
        &self,
        next: &mut dyn FnMut(&mut SubjectTables<'_, '_>) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let mut more = true;
        while more {
            self.loading(|writing| {
                let rows = writing.open_table(SUBJECTS).at(OP, &self.path)?;
                let runs = writing.open_table(RUNS).at(OP, &self.path)?;
                let mut tables = SubjectTables {
                    index: self,
                    rows,
                    runs,
                    tail: Vec::new(),
                    count: 0,
                    span: None,
                    bytes: 0,
                };
                while more && tables.bytes < TRANSACTION_BYTES {
                    more = next(&mut tables)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Makes everything durable, with where the store stands; all of it is folded.
    pub(crate) fn end_load(&self, _content: &Synced, standing: &Standing) -> Result<(), Error> {
        self.writing(OP, Durability::Immediate, |writing| {
            let path = &self.path;
            let mut meta = writing.open_table(META).at(OP, path)?;
            if let Some(cursor) = &standing.cursor {
                let cursor = cursor_to_bytes(cursor);
                meta.insert("cursor", cursor.as_slice()).at(OP, path)?;
                meta.insert("folded", cursor.as_slice()).at(OP, path)?;
            }
            meta.insert("counts", standing.counts.to_bytes().as_slice()).at(OP, path)?;
            meta.insert("digests", standing.digests.to_bytes().as_slice()).at(OP, path)?;
            if let Some(store) = &self.store {
                meta.insert("store", store.as_bytes().as_slice()).at(OP, path)?;
            }
            Ok(())
        })
    }

    fn loading(&self, write: impl FnOnce(&WriteTransaction) -> Result<(), Error>) -> Result<(), Error> {
        self.writing(OP, Durability::None, write)
    }
}

/// The tables of subjects, being written: a subject's entries, then its end.
pub(crate) struct SubjectTables<'i, 't> {
    index: &'i Index,
    rows: Table<'t, &'static [u8], &'static [u8]>,
    runs: Table<'t, &'static [u8], &'static [u8]>,
    /// The entries that fill no run yet, and how many there are with those in runs.
    tail: Vec<u8>,
    count: u64,
    span: Option<(Offset, Offset)>,
    /// How much was written.
    bytes: usize,
}

impl SubjectTables<'_, '_> {
    /// Adds an entry of the present subject; they come in the order of their offsets.
    pub(crate) fn add(&mut self, subject: &str, offset: Offset, id: RecordId) -> Result<(), Error> {
        runs::push(&mut self.tail, &Listed { offset, id });
        self.count += 1;
        self.span = Some((self.span.map_or(offset, |(first, _)| first), offset));
        if self.count.is_multiple_of(RUN_ENTRIES) {
            let run = u32::try_from(self.count / RUN_ENTRIES - 1);
            let run = run.map_err(|_| damaged_subject(subject, "it has too many runs"))?;
            let key = run_key(subject, run);
            self.runs.insert(key.as_slice(), self.tail.as_slice()).at(OP, &self.index.path)?;
            self.bytes += key.len() + self.tail.len();
            self.tail.clear();
        }
        Ok(())
    }

    /// Ends the present subject and writes its row.
    pub(crate) fn end(&mut self, subject: &str) -> Result<(), Error> {
        let Some((first, last)) = self.span.take() else { return Ok(()) };
        let row = Row { count: self.count, first, last, tail: &self.tail }.to_bytes();
        self.rows.insert(subject.as_bytes(), row.as_slice()).at(OP, &self.index.path)?;
        self.bytes += subject.len() + row.len();
        self.tail.clear();
        self.count = 0;
        Ok(())
    }
}
