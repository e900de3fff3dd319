//! The part of a walk that reads subjects.

use annals_record::{Offset, Record};

use super::Walker;
use super::content::binding;
use crate::keys::{self, assertion_key, id_of_key};
use crate::runs::{Listed, RUN_ENTRIES};
use crate::{Error, Family};

/// A subject while its runs are being read.
#[derive(Default)]
struct Reading {
    subject: String,
    runs: u64,
    count: u64,
    first: Option<Offset>,
    last: Option<Offset>,
}

impl Walker<'_> {
    /// Every entry of every subject: full runs numbered without a gap, in the log's order, as many as the subject's count
    /// says.
    pub(super) fn subjects(&mut self) -> Result<(), Error> {
        let index = &self.snapshot.index;
        let mut reading = Reading::default();
        let mut unreadable = Vec::new();
        let mut visit = |subject: &str, run: Option<u32>, entries: &mut dyn Iterator<Item = Listed>| {
            if reading.subject != subject {
                self.end_subject(&reading)?;
                reading = Reading { subject: subject.to_owned(), ..Reading::default() };
            }
            if let Some(run) = run {
                if u64::from(run) != reading.runs || reading.count != reading.runs * RUN_ENTRIES {
                    let detail =
                        format!("run {run} follows {} runs with {} entries", reading.runs, reading.count);
                    self.found.add(Family::Subjects, format!("S:{subject}"), detail);
                }
                reading.runs = u64::from(run) + 1;
            }
            for entry in entries {
                self.step();
                self.entry(&mut reading, &entry);
            }
            Ok(())
        };
        index.each_subject(&mut visit, &mut |error| unreadable.push(error))?;
        self.end_subject(&reading)?;
        for error in unreadable {
            self.found.take::<()>(Family::Subjects, Err(error))?;
        }
        let listed = index.subjects_len()?;
        if listed != self.counts.subjects && self.snapshot.stored().is_some() {
            let detail = format!("{listed} subjects have a count, {} have assertions", self.counts.subjects);
            self.found.add(Family::Subjects, "subjects", detail);
        }
        Ok(())
    }

    fn entry(&mut self, reading: &mut Reading, entry: &Listed) {
        if reading.last >= Some(entry.offset) || !self.snapshot.shows(entry.offset) {
            let detail = format!("the entry at offset {} is out of order", entry.offset);
            self.found.add(Family::Subjects, format!("S:{}", reading.subject), detail);
        }
        reading.count += 1;
        reading.first.get_or_insert(entry.offset);
        reading.last = Some(entry.offset);
        self.digests.add_subject(&reading.subject, &entry.id);
        self.subject_binding.merge(&binding(&reading.subject, &entry.id, entry.offset));
    }

    fn end_subject(&mut self, reading: &Reading) -> Result<(), Error> {
        let Some(first) = reading.first else { return Ok(()) };
        self.counts.subjects += 1;
        let row = self.snapshot.index.subject(&reading.subject);
        let row = self.found.take(Family::Subjects, row)?;
        if row.is_some_and(|row| row.is_none_or(|row| (row.count, row.first) != (reading.count, first))) {
            let detail =
                format!("it has {} entries from offset {first} on, its count differs", reading.count);
            self.found.add(Family::Subjects, format!("S:{}", reading.subject), detail);
        }
        Ok(())
    }

    /// Finds out which entries and which assertions do not match; the sums have told that some do not.
    pub(super) fn match_subjects(&mut self) -> Result<(), Error> {
        let snapshot = self.snapshot;
        let found = &mut self.found;
        let mut visit = |subject: &str, _: Option<u32>, entries: &mut dyn Iterator<Item = Listed>| {
            for entry in entries {
                let kept =
                    found.take(Family::Subjects, snapshot.content.get(&assertion_key(&entry.id)))?.flatten();
                let detail = match kept {
                    None => "which is not there".to_owned(),
                    Some(kept) if kept.offset != entry.offset => {
                        format!("which stands at offset {} in content", kept.offset)
                    }
                    Some(kept) => match Record::decode(&kept.payload) {
                        Ok(Record::Assertion(assertion)) if assertion.subject == subject => continue,
                        _ => "which is no assertion of this subject".to_owned(),
                    },
                };
                let detail = format!("the entry at offset {} names {}, {detail}", entry.offset, entry.id);
                found.add_of(Family::Subjects, Some(entry.id), format!("S:{subject}"), detail);
            }
            Ok(())
        };
        // Unreadable runs were named when they were met first.
        snapshot.index.each_subject(&mut visit, &mut |_| {})?;
        self.match_assertions()
    }

    /// Finds assertions that their subject does not list.
    fn match_assertions(&mut self) -> Result<(), Error> {
        let snapshot = self.snapshot;
        for entry in snapshot.content.prefix(keys::ASSERTIONS) {
            let (key, value) = entry?;
            let Ok(kept) = crate::content::Kept::read(&key, value) else { continue };
            let (Some(id), true) = (id_of_key(&key), snapshot.shows(kept.offset)) else { continue };
            let Ok(Record::Assertion(assertion)) = Record::decode(&kept.payload) else { continue };
            let before = kept.offset.get().checked_sub(1).map(Offset::new);
            let listed = snapshot.index.listed(&assertion.subject, before, 1);
            let listed = self.found.take(Family::Subjects, listed)?.unwrap_or_default();
            if listed != [Listed { offset: kept.offset, id }] {
                let detail = format!("it does not list {id} at offset {}", kept.offset);
                self.found.add(Family::Subjects, format!("S:{}", assertion.subject), detail);
            }
        }
        Ok(())
    }
}
