//! What happens to the index below its cursor: dead letters that are read again or given up, and places of the log that
//! were passed.
//!
//!   begin:  what is to be done, and where the store stands then -> durable
//!   end:    subjects, names, letters, counts, digests in one transaction; what was begun goes
//!
//! A subject's entries are in the order of their offsets, so one that comes into their middle moves all later ones: the
//! runs from there on are written again.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use annals_record::{EpochId, Offset, RecordId};
use redb::{
    Durability, ReadableTable, ReadableTableMetadata, TableDefinition, TableHandle, WriteTransaction,
};

use super::{
    At, DEAD_LETTERS, DeadLetter, EPOCHS, Index, IndexReader, META, RUNS, SUBJECTS, kept_reason, reader,
};
use crate::chunk::{Part, Piece};
use crate::letters::{Deed, Step};
use crate::runs::{self, ENTRY_BYTES, Listed, RUN_ENTRIES, Row, run_key};
use crate::standing::Standing;
use crate::{Counts, Digests, Error, Passed};

const DISCARDED: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("discarded");
const PASSED: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("passed");
const REDRIVING: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("redriving");
/// In `meta`: the counts and digests once everything in `redriving` is done.
const REDRIVEN: &str = "redriven";

/// Creates the tables of a new file.
pub(super) fn create(writing: &WriteTransaction, path: &Path) -> Result<(), Error> {
    for table in [DISCARDED, PASSED, REDRIVING] {
        writing.open_table(table).at("create", path)?;
    }
    Ok(())
}

/// Whether this is the name of one of them.
pub(super) fn is_one(name: &str) -> bool {
    name == PASSED.name()
}

/// What was begun, and where the store stands once it is done.
pub(crate) struct Begun {
    pub(crate) steps: Vec<Step>,
    pub(crate) counts: Counts,
    pub(crate) digests: Digests,
}

impl Index {
    /// Writes down what is to be done; durable on return.
    pub(crate) fn begin_redrive(&self, steps: &[Step], then: &Standing) -> Result<(), Error> {
        self.writing("redrive", Durability::Immediate, |writing| {
            let (op, path) = ("redrive", &self.path);
            let mut redriving = writing.open_table(REDRIVING).at(op, path)?;
            for step in steps {
                redriving.insert(step.offset().get(), step.value()).at(op, path)?;
            }
            let mut meta = writing.open_table(META).at(op, path)?;
            let sums = [&then.counts.to_bytes()[..], &then.digests.to_bytes()].concat();
            meta.insert(REDRIVEN, sums.as_slice()).at(op, path)?;
            Ok(())
        })
    }

    /// Does what was begun. Visible on return, and durable if it is asked for, otherwise with the next checkpoint.
    pub(crate) fn end_redrive(
        &self,
        steps: &[Step],
        counts: &Counts,
        digests: &Digests,
        durable: bool,
    ) -> Result<(), Error> {
        let durability = if durable { Durability::Immediate } else { Durability::None };
        self.writing("redrive", durability, |writing| {
            let (op, path) = ("redrive", &self.path);
            let mut fresh: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
            let mut epochs = writing.open_table(EPOCHS).at(op, path)?;
            let mut letters = writing.open_table(DEAD_LETTERS).at(op, path)?;
            let mut discarded = writing.open_table(DISCARDED).at(op, path)?;
            for step in steps {
                let at = step.offset().get();
                let deed = step.deed()?;
                if let Deed::Keep(reason) = deed {
                    for table in [&mut letters, &mut discarded] {
                        let id =
                            table.get(at).at(op, path)?.and_then(|row| row.value().first_chunk().copied());
                        let id: Option<[u8; 32]> = id;
                        if let Some(id) = id {
                            table.insert(at, [&id, reason.as_bytes()].concat().as_slice()).at(op, path)?;
                        }
                    }
                    continue;
                }
                letters.remove(at).at(op, path)?;
                discarded.remove(at).at(op, path)?;
                let Deed::Apply { piece: Piece { offset, id, part, .. }, name } = deed else { continue };
                match part {
                    Part::Assertion { subject } => {
                        fresh.entry(subject.to_owned()).or_default().push(Listed { offset, id });
                    }
                    Part::Epoch { epoch, .. } => {
                        if let Some(name) = name {
                            epochs.remove(name.get()).at(op, path)?;
                            epochs.insert(offset.get(), EpochId::as_bytes(&epoch)).at(op, path)?;
                        }
                    }
                    Part::Vote { .. } | Part::DeadLetter => {}
                }
            }
            for (subject, entries) in &fresh {
                self.enlist(writing, subject, entries)?;
            }
            let mut redriving = writing.open_table(REDRIVING).at(op, path)?;
            redriving.retain(|_, _| false).at(op, path)?;
            let mut meta = writing.open_table(META).at(op, path)?;
            meta.remove(REDRIVEN).at(op, path)?;
            meta.insert("counts", counts.to_bytes().as_slice()).at(op, path)?;
            meta.insert("digests", digests.to_bytes().as_slice()).at(op, path)?;
            Ok(())
        })
    }

    /// Gives letters up: visible on return, durable with the next checkpoint.
    pub(crate) fn discard(&self, discards: &[DeadLetter]) -> Result<(), Error> {
        self.writing("discard", Durability::None, |writing| {
            let (op, path) = ("discard", &self.path);
            let mut letters = writing.open_table(DEAD_LETTERS).at(op, path)?;
            let mut discarded = writing.open_table(DISCARDED).at(op, path)?;
            for letter in discards {
                letters.remove(letter.offset.get()).at(op, path)?;
                let value = [letter.id.as_bytes(), letter.reason.as_bytes()].concat();
                discarded.insert(letter.offset.get(), value.as_slice()).at(op, path)?;
            }
            Ok(())
        })
    }

    /// Notes a place of the log that was passed: visible on return, durable with the cursor behind it.
    pub(crate) fn pass(&self, passed: &Passed) -> Result<(), Error> {
        self.writing("pass", Durability::None, |writing| {
            let mut table = writing.open_table(PASSED).at("pass", &self.path)?;
            let value = [&passed.len.to_le_bytes(), kept_reason(&passed.detail).as_bytes()].concat();
            table.insert(passed.offset.get(), value.as_slice()).at("pass", &self.path)?;
            Ok(())
        })
    }

    /// Puts entries of a subject where their offsets say. One that stands further behind goes from there.
    fn enlist(&self, writing: &WriteTransaction, subject: &str, fresh: &[Listed]) -> Result<(), Error> {
        let (op, path) = ("redrive", &self.path);
        let Some(lowest) = fresh.iter().map(|entry| entry.offset).min() else { return Ok(()) };
        let mut rows = writing.open_table(SUBJECTS).at(op, path)?;
        let mut runs = writing.open_table(RUNS).at(op, path)?;
        let stored = rows.get(subject.as_bytes()).at(op, path)?.map(|row| row.value().to_vec());
        let before = stored.as_deref().map(|stored| reader::parsed(subject, stored)).transpose()?;
        // From the run on that the lowest of them belongs to.
        let mut entries: Vec<Listed> = before.iter().flat_map(Row::entries).collect();
        let mut from = before.map_or(0, |row| row.runs());
        while from > 0 && entries.first().is_none_or(|first| first.offset > lowest) {
            from -= 1;
            let number = run_number(subject, from)?;
            let run = runs.get(run_key(subject, number).as_slice()).at(op, path)?;
            let run = run.as_ref().and_then(|run| runs::entries(run.value()));
            let run = run
                .ok_or_else(|| reader::damaged_subject(subject, &format!("run {from} is missing or cut")))?;
            entries.splice(0..0, run);
        }
        let moved: HashSet<RecordId> = fresh.iter().map(|entry| entry.id).collect();
        entries.retain(|entry| !moved.contains(&entry.id));
        entries.extend_from_slice(fresh);
        entries.sort_unstable_by_key(|entry| entry.offset);
        let (Some(begin), Some(last)) = (entries.first(), entries.last()) else { return Ok(()) };
        let first = before.filter(|_| from > 0).map_or(begin.offset, |row| row.first);
        let count = from * RUN_ENTRIES + entries.len() as u64;
        let mut value = Vec::with_capacity(RUN_ENTRIES as usize * ENTRY_BYTES);
        for (entry, place) in entries.iter().zip(from * RUN_ENTRIES + 1..) {
            runs::push(&mut value, entry);
            if place % RUN_ENTRIES == 0 {
                let key = run_key(subject, run_number(subject, place / RUN_ENTRIES - 1)?);
                runs.insert(key.as_slice(), value.as_slice()).at(op, path)?;
                value.clear();
            }
        }
        let row = Row { count, first, last: last.offset, tail: &value };
        rows.insert(subject.as_bytes(), row.to_bytes().as_slice()).at(op, path)?;
        Ok(())
    }
}

impl IndexReader {
    /// What was begun and not ended.
    pub(crate) fn begun(&self) -> Result<Option<Begun>, Error> {
        let meta = self.reading.open_table(META).at("read", &self.path)?;
        let Some(sums) = meta.get(REDRIVEN).at("read", &self.path)? else { return Ok(None) };
        let (counts, digests) =
            sums.value().split_at_checked(Counts::default().to_bytes().len()).unwrap_or_default();
        let (counts, digests) = (Counts::from_bytes(counts), Digests::from_bytes(digests));
        let (Some(counts), Some(digests)) = (counts, digests) else {
            return Err(Error::Damaged {
                key: format!("meta {REDRIVEN}"),
                detail: "it holds no counts and digests; the store has to be rebuilt".to_owned(),
            });
        };
        let table = self.reading.open_table(REDRIVING).at("read", &self.path)?;
        let mut steps = Vec::new();
        for row in table.range::<u64>(..).at("read", &self.path)? {
            let (offset, value) = row.at("read", &self.path)?;
            steps.push(Step::read(Offset::new(offset.value()), value.value())?);
        }
        Ok(Some(Begun { steps, counts, digests }))
    }

    /// The letter parked at this offset.
    pub(crate) fn dead_letter(&self, offset: Offset) -> Result<Option<DeadLetter>, Error> {
        self.letter(DEAD_LETTERS, offset)
    }

    /// The letter of this offset, if it was given up.
    pub(crate) fn discarded_letter(&self, offset: Offset) -> Result<Option<DeadLetter>, Error> {
        self.letter(DISCARDED, offset)
    }

    /// Letters that were given up, in the log's order: those after an offset and before another.
    pub(crate) fn discarded(
        &self,
        after: Option<Offset>,
        before: Offset,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, Error> {
        let table = self.reading.open_table(DISCARDED).at("read", &self.path)?;
        let mut found = Vec::new();
        for row in table.range(after_to(after, before)).at("read", &self.path)?.take(limit) {
            let (offset, value) = row.at("read", &self.path)?;
            found.push(read_letter(Offset::new(offset.value()), value.value())?);
        }
        Ok(found)
    }

    /// How many letters were given up.
    pub(crate) fn discarded_len(&self) -> Result<u64, Error> {
        self.reading.open_table(DISCARDED).at("read", &self.path)?.len().at("read", &self.path)
    }

    /// Places of the log that were passed, in its order: those after an offset and before another.
    pub(crate) fn passed(
        &self,
        after: Option<Offset>,
        before: Offset,
        limit: usize,
    ) -> Result<Vec<Passed>, Error> {
        let table = self.reading.open_table(PASSED).at("read", &self.path)?;
        let mut found = Vec::new();
        for row in table.range(after_to(after, before)).at("read", &self.path)?.take(limit) {
            let (offset, value) = row.at("read", &self.path)?;
            let offset = Offset::new(offset.value());
            let damaged = || Error::Damaged {
                key: format!("passed {offset}"),
                detail: "it holds no length and text".to_owned(),
            };
            let (len, detail) = value.value().split_first_chunk().ok_or_else(damaged)?;
            let detail = std::str::from_utf8(detail).map_err(|_| damaged())?.to_owned();
            found.push(Passed { offset, len: u64::from_le_bytes(*len), detail });
        }
        Ok(found)
    }

    fn letter(
        &self,
        table: TableDefinition<'_, u64, &'static [u8]>,
        offset: Offset,
    ) -> Result<Option<DeadLetter>, Error> {
        let table = self.reading.open_table(table).at("read", &self.path)?;
        let value = table.get(offset.get()).at("read", &self.path)?;
        value.map(|value| read_letter(offset, value.value())).transpose()
    }
}

fn read_letter(offset: Offset, value: &[u8]) -> Result<DeadLetter, Error> {
    reader::dead_letter(offset, value).ok_or_else(|| Error::Damaged {
        key: format!("dead letter {offset}"),
        detail: "it holds no id and reason".to_owned(),
    })
}

/// Everything after one offset and before another.
fn after_to(after: Option<Offset>, before: Offset) -> std::ops::Range<u64> {
    let from = after.map_or(0, |after| after.get().saturating_add(1));
    from..before.get().max(from)
}

fn run_number(subject: &str, run: u64) -> Result<u32, Error> {
    u32::try_from(run).map_err(|_| reader::damaged_subject(subject, "it has too many runs"))
}
