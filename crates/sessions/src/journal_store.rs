//! Sessions in one journal: every entry a record, and where each stands in memory.
//!
//! ```text
//!   append -> number it, segment locked -> group commit with all other sessions -> place into the index
//!   read   -> places of the segment -> records, verified by the journal -> entries
//! ```
//!
//! One process writes; a second one is refused by name. Writers of different segments share writes and syncs; those of one
//! segment follow each other, so that a condition and the append it is for are one step. A segment is made, and a fork with
//! it, as one atomic batch.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use annals_journal::{AppendOptions, Batch, Clock, Journal, LogError, Offset, Options, SystemClock};

use crate::reading::{DamagedLine, Fault, Read, ReadTrace};
use crate::store::check_session;
use crate::{LogEntry, SegmentId, SessionId, Store, StoreError, TraceEntry};

mod envelope;
mod index;
mod serving;

use envelope::{Head, What};
use index::{Index, Segment};
use serving::{Wanted, failed};

/// A store of all sessions in one journal. This process writes to it, and no other.
#[derive(Debug)]
pub struct JournalStore {
    journal: Journal,
    dir: PathBuf,
    index: RwLock<Index>,
    /// Sessions are deleted one at a time, with nobody making segments meanwhile.
    deleting: RwLock<()>,
    findings: Vec<DamagedLine>,
}

impl JournalStore {
    /// The store in `dir`, which is made if it is not there. Reads all of it once.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process has it; [`StoreError::Journal`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(dir, Options::default())
    }

    /// The store in `dir`, with these options of its journal: [`Options::sync`] says what an acknowledgement means.
    ///
    /// # Errors
    /// As [`JournalStore::open`].
    pub fn open_with(dir: impl AsRef<Path>, options: Options) -> Result<Self, StoreError> {
        let dir = dir.as_ref().to_owned();
        let journal = Journal::open_with(&dir, options)?;
        let mut store = Self {
            journal,
            dir,
            index: RwLock::default(),
            deleting: RwLock::default(),
            findings: Vec::new(),
        };
        store.replay()?;
        Ok(store)
    }

    /// What the open could not read: stretches of the journal that are damaged, and records that are no session's. An entry
    /// lost in between others is missed by its segment too; one that was a segment's last is known here alone.
    #[must_use]
    pub fn findings(&self) -> &[DamagedLine] {
        &self.findings
    }

    /// The journal itself: for its status, verification and backups. Records of others do not belong into it.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Closes it in order.
    ///
    /// # Errors
    /// As [`Journal::close`].
    pub fn close(self) -> Result<(), StoreError> {
        Ok(self.journal.close()?)
    }

    fn replay(&mut self) -> Result<(), StoreError> {
        let mut replay = self.journal.replay(Offset::ZERO);
        let mut batch = Batch::default();
        let mut index = Index::default();
        loop {
            match replay.next_into(&mut batch) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let resume = match &error {
                        LogError::Damaged { offset, len, .. } | LogError::Hole { offset, len } => {
                            Offset::new(offset.get() + len)
                        }
                        LogError::Gap { oldest, .. } => *oldest,
                        _ => return Err(failed(error)),
                    };
                    let len = resume.get().saturating_sub(replay.position().get());
                    self.found(replay.position(), len, error.to_string());
                    replay.skip_to(resume);
                    continue;
                }
            }
            for record in batch.iter() {
                let fits =
                    Head::of(record.payload).is_some_and(|(head, _)| index.replay(&head, record.offset));
                if !fits {
                    let reason = "a record that is no session's, or of a later version".to_owned();
                    self.found(record.offset, record.payload.len() as u64, reason);
                }
            }
        }
        self.index = RwLock::new(index);
        Ok(())
    }

    fn found(&mut self, at: Offset, len: u64, reason: String) {
        tracing::error!(dir = %self.dir.display(), offset = at.get(), reason, "a part of the sessions cannot be read");
        let (path, byte) = (self.dir.clone(), at.get());
        let what = Fault::Damaged;
        self.findings.push(DamagedLine { path, line: 0, index: 0, byte, len, what, reason });
    }

    fn look(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn segment(&self, session: SessionId, segment: SegmentId) -> Result<std::sync::Arc<Segment>, StoreError> {
        self.look().segment(session, segment).ok_or(StoreError::NotFound(segment))
    }

    fn write(
        &self,
        (session, segment): (SessionId, SegmentId),
        entries: &[LogEntry],
        expected: Option<usize>,
    ) -> Result<usize, StoreError> {
        check_session(session, entries)?;
        let state = self.segment(session, segment)?;
        let mut places = state.places();
        if places.gone {
            return Err(StoreError::NotFound(segment));
        }
        let found = places.entries.len();
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(StoreError::Conflict { segment, expected, found });
        }
        let micros = now();
        let records = self.records((session, segment), entries, found, micros)?;
        for appended in self.journal.append_batch(&records)? {
            places.entries.push(appended.offset.get());
        }
        state.used(micros);
        Ok(places.entries.len())
    }

    fn records(
        &self,
        (session, segment): (SessionId, SegmentId),
        entries: &[LogEntry],
        first: usize,
        micros: u64,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let numbered = entries.iter().zip(first as u64..);
        let head = |number| Head { what: What::Entry, session, segment, number, micros };
        numbered.map(|(entry, number)| head(number).with(entry)).collect()
    }

    /// What was appended and is not durable yet cannot be read: a policy that does not wait is caught up with here.
    fn settle(&self, last: Option<&u64>) -> Result<(), StoreError> {
        if last.copied().and_then(index::place).is_some_and(|last| last >= self.journal.durable()) {
            self.journal.sync()?;
        }
        Ok(())
    }
}

impl Store for JournalStore {
    fn append(&self, session: SessionId, segment: SegmentId, entry: &LogEntry) -> Result<(), StoreError> {
        match self.write((session, segment), std::slice::from_ref(entry), None) {
            Err(StoreError::NotFound(_)) if matches!(entry, LogEntry::SegmentStart { .. }) => {
                self.create_segment(session, segment, std::slice::from_ref(entry))
            }
            written => written.map(drop),
        }
    }

    fn append_many(
        &self,
        session: SessionId,
        segment: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        self.write((session, segment), entries, None).map(drop)
    }

    fn append_if(
        &self,
        session: SessionId,
        segment: SegmentId,
        expected: usize,
        entries: &[LogEntry],
    ) -> Result<usize, StoreError> {
        self.write((session, segment), entries, Some(expected))
    }

    fn read_all(&self, session: SessionId, segment: SegmentId) -> Result<Vec<LogEntry>, StoreError> {
        self.read(session, segment)?.whole()
    }

    fn read(&self, session: SessionId, segment: SegmentId) -> Result<Read, StoreError> {
        let state = self.segment(session, segment)?;
        let places = state.places().entries.clone();
        self.settle(places.last())?;
        Wanted { dir: &self.dir, session, segment, what: What::Entry }.read(&self.journal, &places)
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        Ok(self.look().sessions().rev().map(|(session, _)| session).collect())
    }

    fn list_segments(&self, session: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        let mut segments = self.look().segments(session);
        segments.sort_unstable_by(|a, b| b.cmp(a));
        Ok(segments)
    }

    fn lookup_session_of(&self, segment: SegmentId) -> Result<Option<SessionId>, StoreError> {
        Ok(self.look().found(segment).map(|found| found.session))
    }

    fn create_segment(
        &self,
        session: SessionId,
        segment: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        check_session(session, entries)?;
        let micros = now();
        let number = entries.len() as u64;
        let mut records = vec![Head { what: What::Made, session, segment, number, micros }.alone()];
        records.extend(self.records((session, segment), entries, 0, micros)?);
        let _nobody_deletes = self.deleting.read().unwrap_or_else(PoisonError::into_inner);
        let state = self.change().reserve(session, segment).ok_or(StoreError::Exists(segment))?;
        let appended = self.journal.append_batch(&records);
        let appended = match appended {
            Ok(appended) => appended,
            Err(error) => {
                self.change().give_up(session, segment);
                return Err(error.into());
            }
        };
        state.places().entries.extend(appended.iter().skip(1).map(|appended| appended.offset.get()));
        state.used(micros);
        state.made();
        Ok(())
    }

    fn exists(&self, session: SessionId, segment: SegmentId) -> Result<bool, StoreError> {
        Ok(self.look().segment(session, segment).is_some())
    }

    fn read_entry_count(&self, session: SessionId, segment: SegmentId) -> Result<usize, StoreError> {
        let state = self.segment(session, segment)?;
        let count = state.places().entries.len();
        Ok(count)
    }

    fn append_trace(
        &self,
        session: SessionId,
        segment: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError> {
        let state = self.segment(session, segment)?;
        let mut places = state.places();
        if places.gone {
            return Err(StoreError::NotFound(segment));
        }
        let number = places.traces.len() as u64;
        let record = Head { what: What::Trace, session, segment, number, micros: now() }.with(entry)?;
        let appended = self.journal.append(record)?;
        places.traces.push(appended.offset.get());
        Ok(())
    }

    fn read_trace(&self, session: SessionId, segment: SegmentId) -> Result<ReadTrace, StoreError> {
        let state = self.segment(session, segment)?;
        let places = state.places().traces.clone();
        self.settle(places.last())?;
        Wanted { dir: &self.dir, session, segment, what: What::Trace }.read(&self.journal, &places)
    }

    fn sync(&self, session: SessionId, segment: SegmentId) -> Result<(), StoreError> {
        self.segment(session, segment)?;
        self.journal.sync()?;
        Ok(())
    }

    fn session_modified_at(&self, session: SessionId) -> Result<Option<u64>, StoreError> {
        Ok(self.look().used(session).map(|micros| micros / 1000))
    }

    fn list_sessions_by_use(&self) -> Result<Vec<(SessionId, u64)>, StoreError> {
        let mut used: Vec<(SessionId, u64)> = self.look().sessions().collect();
        used.sort_unstable_by_key(|(session, micros)| std::cmp::Reverse((*micros, *session)));
        Ok(used.into_iter().map(|(session, micros)| (session, micros / 1000)).collect())
    }

    /// Its records stay in the journal, which is append-only; nobody is served them any more.
    fn delete_session(&self, session: SessionId) -> Result<bool, StoreError> {
        let _nobody_makes = self.deleting.write().unwrap_or_else(PoisonError::into_inner);
        let segments = self.change().take(session);
        if segments.is_empty() {
            return Ok(false);
        }
        // Whoever is just appending is waited for; whoever comes later finds it gone.
        for (_, state) in &segments {
            state.places().gone = true;
        }
        let segment = SegmentId::from_bytes([0; 16]);
        let record = Head { what: What::Deleted, session, segment, number: 0, micros: now() }.alone();
        let how = AppendOptions { durable: true, ..AppendOptions::default() };
        if let Err(error) = self.journal.append_with(&[record], &how) {
            for (_, state) in &segments {
                state.places().gone = false;
            }
            self.change().put_back(session, segments);
            return Err(error.into());
        }
        Ok(true)
    }
}

/// Microseconds since the epoch.
fn now() -> u64 {
    u64::try_from(SystemClock.now_micros()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
