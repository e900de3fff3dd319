//! The index as questions see it: what is folded, and what lies in layers, up to one offset.
//!
//! While a layer is folded some of its entries stand in both. A subject's entries have rising offsets, so what a layer has
//! up to the last one of the row is in the row.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use annals_record::{EpochId, Offset, RecordId};

use crate::index::{DeadLetter, HeldRow, IndexReader, VisitEntries, damaged_subject};
use crate::layer::{Layer, Layers};
use crate::runs::{ENTRY_BYTES, Listed, RUN_ENTRIES, Row, offset_of};
use crate::{Error, Passed};

/// The index and the layers above it, as of one offset.
pub(crate) struct IndexView {
    reader: IndexReader,
    layers: Layers,
    /// What stands here or beyond does not show.
    bound: Offset,
    /// Whether that is before the cursor.
    past: bool,
}

/// What is known of a subject as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SubjectRow {
    /// How many assertions it has.
    pub(crate) count: u64,
    /// Where the first one stands.
    pub(crate) first: Offset,
}

impl IndexView {
    pub(crate) fn new(reader: IndexReader, layers: Layers, bound: Offset) -> Self {
        Self { reader, layers, bound, past: false }
    }

    /// The same, up to an earlier offset.
    pub(crate) fn up_to(mut self, bound: Offset) -> Self {
        self.past = bound < self.bound;
        self.bound = self.bound.min(bound);
        self
    }

    /// Whether a subject has an assertion that shows.
    pub(crate) fn has_subject(&self, subject: &str) -> Result<bool, Error> {
        let in_layer = |layer: &Arc<Layer>| {
            layer.held().subjects.get(subject).is_some_and(|entries| entries[0].offset < self.bound)
        };
        Ok(self.layers.oldest_first().any(in_layer) || self.reader.has_row(subject)?)
    }

    /// What is known of a subject as a whole; `None` if it has no assertion.
    pub(crate) fn subject(&self, subject: &str) -> Result<Option<SubjectRow>, Error> {
        let held = self.reader.row(subject)?;
        let row = held.as_ref().map(HeldRow::row).transpose()?;
        self.whole(subject, row)
    }

    /// Subjects that begin so, after the one given, in the order of their bytes.
    pub(crate) fn subjects(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, SubjectRow)>, Error> {
        let wanted = |subject: &str| subject.starts_with(prefix) && after.is_none_or(|after| subject > after);
        // Those of the layers, all of them: their number is bounded.
        let mut found = BTreeMap::new();
        for layer in self.layers.oldest_first() {
            let held = layer.held();
            for subject in held.subjects.keys().filter(|subject| wanted(subject)) {
                found.insert(subject.to_string(), None);
            }
        }
        let mut taken = 0;
        for row in self.reader.rows_from(after.map_or(prefix, |after| after.max(prefix)))? {
            let (subject, held) = row?;
            if !subject.starts_with(prefix) || taken >= limit {
                break;
            }
            if !wanted(&subject) {
                continue;
            }
            let row = self.whole(&subject, Some(held.row()?))?;
            taken += usize::from(row.is_some());
            found.insert(subject, row);
        }
        let mut rows = Vec::new();
        for (subject, row) in found {
            if rows.len() >= limit {
                break;
            }
            let row = match row {
                Some(row) => Some(row),
                None => self.subject(&subject)?,
            };
            rows.extend(row.map(|row| (subject, row)));
        }
        Ok(rows)
    }

    /// A subject's assertions after an offset, in the log's order.
    pub(crate) fn listed(
        &self,
        subject: &str,
        after: Option<Offset>,
        limit: usize,
    ) -> Result<Vec<Listed>, Error> {
        let mut listed = Vec::new();
        let held = self.reader.row(subject)?;
        let mut last = None;
        if let Some(held) = &held {
            let row = held.row()?;
            last = Some(row.last);
            let mut take = |entries: &[[u8; ENTRY_BYTES]]| {
                // Offsets rise, so what is wanted lies together.
                let begin = entries.partition_point(|entry| Some(offset_of(entry)) <= after);
                let end = match entries.last() {
                    Some(end) if offset_of(end) < self.bound => entries.len(),
                    _ => entries.partition_point(|entry| offset_of(entry) < self.bound),
                };
                let left = limit - listed.len();
                let wanted = entries.get(begin..end).unwrap_or_default();
                listed.extend(wanted.iter().take(left).map(Listed::read));
                end == entries.len() && listed.len() < limit
            };
            let first = row.raw_entries().first().map_or(row.last, offset_of);
            // Whatever lies in runs lies before the row's own entries.
            let mut more = true;
            if row.runs() > 0 && (row.tail.is_empty() || after.is_none_or(|after| after < first)) {
                let from = match after {
                    Some(after) => self.run_around(subject, &row, after)?,
                    None => 0,
                };
                more = self.reader.runs_between(subject, from..row.runs(), &mut take)?;
            }
            if !more || !take(row.raw_entries()) {
                return Ok(listed);
            }
        }
        for layer in self.layers.oldest_first() {
            let held = layer.held();
            let Some(entries) = held.subjects.get(subject) else { continue };
            let begin = entries.partition_point(|entry| Some(entry.offset) <= last.max(after));
            let end = entries.partition_point(|entry| entry.offset < self.bound);
            let left = limit - listed.len();
            listed.extend(entries.get(begin..end).unwrap_or_default().iter().take(left));
        }
        Ok(listed)
    }

    /// Where a subject's assertion with this id stands, by looking through all of them.
    pub(crate) fn find(&self, subject: &str, id: &RecordId) -> Result<Option<Offset>, Error> {
        let listed = self.listed(subject, None, usize::MAX)?;
        Ok(listed.iter().find(|entry| entry.id == *id).map(|entry| entry.offset))
    }

    /// The entries of every subject, those of one subject one after the other: its runs with their numbers, its row, and
    /// what layers have beyond.
    pub(crate) fn each_subject(
        &self,
        visit: VisitEntries<'_>,
        damaged: &mut dyn FnMut(Error),
    ) -> Result<(), Error> {
        let mut above: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
        for layer in self.layers.oldest_first() {
            for (subject, entries) in &layer.held().subjects {
                let shown = entries.iter().filter(|entry| entry.offset < self.bound);
                above.entry(subject.to_string()).or_default().extend(shown);
            }
        }
        self.reader.each_subject(
            &mut |subject, run, entries| {
                let mut shown = entries.take_while(|entry| entry.offset < self.bound).peekable();
                if shown.peek().is_some() {
                    visit(subject, run, &mut shown)?;
                }
                // The row comes last of what is folded.
                if run.is_none()
                    && let Some(entries) = above.remove(subject)
                {
                    let last =
                        self.reader.row(subject)?.map(|held| held.row().map(|row| row.last)).transpose()?;
                    visit(subject, None, &mut entries.into_iter().filter(|entry| Some(entry.offset) > last))?;
                }
                Ok(())
            },
            damaged,
        )?;
        above.retain(|_, entries| !entries.is_empty());
        above.into_iter().try_for_each(|(subject, entries)| visit(&subject, None, &mut entries.into_iter()))
    }

    /// How many subjects there are.
    pub(crate) fn subjects_len(&self) -> Result<u64, Error> {
        let mut above = HashSet::new();
        for layer in self.layers.oldest_first() {
            for (subject, entries) in &layer.held().subjects {
                if entries[0].offset < self.bound && !self.reader.has_row(subject)? {
                    above.insert(subject.clone());
                }
            }
        }
        Ok(self.reader.subjects_len()? + above.len() as u64)
    }

    /// Epochs in the order of their first records, after an offset.
    pub(crate) fn epochs(
        &self,
        after: Option<Offset>,
        limit: usize,
    ) -> Result<Vec<(Offset, EpochId)>, Error> {
        let mut found: BTreeMap<_, _> = self.reader.epochs(after, limit)?.into_iter().collect();
        for layer in self.layers.oldest_first() {
            found.extend(layer.held().names.iter().filter(|(offset, _)| Some(*offset) > after).copied());
        }
        Ok(found.into_iter().take_while(|(offset, _)| *offset < self.bound).take(limit).collect())
    }

    /// How many epochs there are.
    pub(crate) fn epochs_len(&self) -> Result<u64, Error> {
        let mut len = self.reader.epochs_len()?;
        for layer in self.layers.oldest_first() {
            for (offset, _) in layer.held().names.iter().filter(|(offset, _)| *offset < self.bound) {
                len += u64::from(!self.reader.has_epoch(*offset)?);
            }
        }
        Ok(len)
    }

    /// Dead letters in the log's order, after an offset.
    pub(crate) fn dead_letters(&self, after: Option<Offset>, limit: usize) -> Result<Vec<DeadLetter>, Error> {
        let stored = self.reader.dead_letters(after, limit)?;
        let mut found: BTreeMap<_, _> = stored.into_iter().map(|letter| (letter.offset, letter)).collect();
        for layer in self.layers.oldest_first() {
            let held = layer.held();
            let later = held.dead_letters.iter().filter(|letter| Some(letter.offset) > after);
            found.extend(later.map(|letter| (letter.offset, letter.clone())));
        }
        let shown = found.into_values().take_while(|letter| letter.offset < self.bound);
        Ok(shown.take(limit).collect())
    }

    /// How many dead letters there are.
    pub(crate) fn dead_letters_len(&self) -> Result<u64, Error> {
        if self.past {
            return Ok(self.dead_letters(None, usize::MAX)?.len() as u64);
        }
        let mut len = self.reader.dead_letters_len()?;
        for layer in self.layers.oldest_first() {
            for letter in layer.held().dead_letters.iter().filter(|letter| letter.offset < self.bound) {
                len += u64::from(!self.reader.has_dead_letter(letter.offset)?);
            }
        }
        Ok(len)
    }

    /// The letter of this offset, if it was given up. A layer has none: nobody gives up what is not folded.
    pub(crate) fn discarded_letter(&self, offset: Offset) -> Result<Option<DeadLetter>, Error> {
        self.reader.discarded_letter(offset)
    }

    /// Letters that were given up, in the log's order, after an offset.
    pub(crate) fn discarded(&self, after: Option<Offset>, limit: usize) -> Result<Vec<DeadLetter>, Error> {
        self.reader.discarded(after, self.bound, limit)
    }

    /// How many letters were given up.
    pub(crate) fn discarded_len(&self) -> Result<u64, Error> {
        match self.past {
            true => Ok(self.discarded(None, usize::MAX)?.len() as u64),
            false => self.reader.discarded_len(),
        }
    }

    /// Ranges of the log that were passed, in its order, after an offset.
    pub(crate) fn passed(&self, after: Option<Offset>, limit: usize) -> Result<Vec<Passed>, Error> {
        self.reader.passed(after, self.bound, limit)
    }

    fn whole(&self, subject: &str, row: Option<Row<'_>>) -> Result<Option<SubjectRow>, Error> {
        let mut whole = match row {
            Some(row) => SubjectRow { count: self.count_before(subject, &row)?, first: row.first },
            None => SubjectRow { count: 0, first: Offset::ZERO },
        };
        let last = row.map(|row| row.last);
        for layer in self.layers.oldest_first() {
            let held = layer.held();
            let Some(entries) = held.subjects.get(subject) else { continue };
            let begin = entries.partition_point(|entry| Some(entry.offset) <= last);
            let end = entries.partition_point(|entry| entry.offset < self.bound);
            let shown = entries.get(begin..end).unwrap_or_default();
            if whole.count == 0
                && let Some(first) = shown.first()
            {
                whole.first = first.offset;
            }
            whole.count += shown.len() as u64;
        }
        Ok((whole.count > 0).then_some(whole))
    }

    /// How many of a row's entries, and of the runs before it, show.
    fn count_before(&self, subject: &str, row: &Row<'_>) -> Result<u64, Error> {
        if row.last < self.bound {
            return Ok(row.count);
        }
        let shown = row.entries().filter(|entry| entry.offset < self.bound).count() as u64;
        if shown > 0 || row.runs() == 0 {
            return Ok(row.runs() * RUN_ENTRIES + shown);
        }
        let run = self.run_around(subject, row, self.bound)?;
        let entries = self.reader.run(subject, run)?;
        Ok(run * RUN_ENTRIES + entries.iter().filter(|entry| entry.offset < self.bound).count() as u64)
    }

    /// The last full run that begins at or before an offset, or the first run.
    fn run_around(&self, subject: &str, row: &Row<'_>, offset: Offset) -> Result<u64, Error> {
        let (mut low, mut high) = (0, row.runs().max(1));
        // The run sought is in low..high.
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let first = self.reader.run(subject, middle)?.first().map(|first| first.offset);
            let first = first.ok_or_else(|| damaged_subject(subject, "a run is empty"))?;
            if first <= offset {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}
