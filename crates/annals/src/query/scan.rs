//! A query that no list answers: the journal is read, and every assertion looked at.

use annals_record::{Log, LogError, Offset, ReadLimit, RecordType, record_type};
use annals_storage::{Listed, Snapshot};

use super::{Answer, Question};
use crate::error::Error;

impl Question<'_> {
    /// Reads the journal from an offset on, wherever a record begins, until enough is found.
    pub(super) fn scan(
        &self,
        snapshot: &Snapshot<'_>,
        from: Offset,
        limit: usize,
        mut answer: Answer,
        progress: &mut dyn FnMut(Offset) -> bool,
    ) -> Result<Answer, Error> {
        let journal = self.annals.journal();
        let mut next = self.start(from)?;
        answer.read_from = Some(from.max(journal.bounds()?.oldest));
        while next < self.end {
            let batch = match journal.read(next, ReadLimit::default()) {
                // It is listed as lost.
                Err(LogError::Hole { offset, len }) => {
                    next = Offset::new(offset.get().saturating_add(len)).max(next);
                    continue;
                }
                read => read?,
            };
            for entry in batch.iter().filter(|entry| entry.offset >= from && entry.offset < self.end) {
                if record_type(entry.payload) != Some(RecordType::Assertion) {
                    continue;
                }
                answer.hits.extend(self.fetch(snapshot, &Listed { offset: entry.offset, id: entry.id })?);
                if answer.hits.len() >= limit {
                    return Ok(answer);
                }
            }
            if batch.next() <= next {
                break;
            }
            next = batch.next();
            if !progress(next) {
                return Ok(answer);
            }
        }
        answer.ended = true;
        Ok(answer)
    }

    /// Where reading may begin so that nothing at or behind `from` is left out: reading begins at records, and `from` may
    /// be any number.
    fn start(&self, from: Offset) -> Result<Offset, Error> {
        let journal = self.annals.journal();
        // A page goes on where the one before ended, if a record stands there.
        if let Some(before) = from.get().checked_sub(1).map(Offset::new)
            && journal.read(before, ReadLimit { records: 1, bytes: 1 }).is_ok_and(|batch| !batch.is_empty())
        {
            return Ok(before);
        }
        let segments = journal.status().segments;
        let segment = segments.iter().rev().find(|segment| segment.base <= from);
        Ok(segment.map_or(Offset::ZERO, |segment| segment.base).max(journal.bounds()?.oldest))
    }
}
