//! Where sessions are kept, as a trait: a directory of JSON lines, a journal, or whatever an application has.
//!
//! ```text
//!   session 1 --- n segment 1 --- n entries, in order
//!                         `- a trace beside it
//! ```
//!
//! It is synchronous on purpose: an append is one short write, and a callback that is not asynchronous can make it. The
//! first ten methods are all that reading and plain writing need. The others have defaults that are right for every store,
//! or say that they cannot: a condition that is checked before the append, and not with it, would let two writers pass.

use crate::reading::{Read, ReadTrace};
use crate::{LogEntry, SegmentId, SessionId, StoreError, TraceEntry};

/// A place for the logs of sessions. What it must do beyond its signatures is a suite that it can run: the module
/// `conformance` (feature `conformance`).
pub trait Store: Send + Sync {
    /// Appends one entry to a segment's log. A `segment_start` for a segment that does not exist makes it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such segment. After any error but [`StoreError::Poisoned`] the log is as it was.
    fn append(&self, session: SessionId, segment: SegmentId, entry: &LogEntry) -> Result<(), StoreError>;

    /// Every entry of a segment, in order: all that were committed, or an error. What a crash has torn was never
    /// committed and is no error here.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Corrupt`] if an entry is lost: [`Store::read`] serves the others.
    fn read_all(&self, session: SessionId, segment: SegmentId) -> Result<Vec<LogEntry>, StoreError>;

    /// The sessions, most recently made first: by their ids.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError>;

    /// The segments of a session, most recently made first: by their ids. None for a session that is not there.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn list_segments(&self, session: SessionId) -> Result<Vec<SegmentId>, StoreError>;

    /// The session that a segment belongs to; none if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn lookup_session_of(&self, segment: SegmentId) -> Result<Option<SessionId>, StoreError>;

    /// Makes a segment with its first entries: after a crash it is there with all of them, or it is not there.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if it is there already.
    fn create_segment(
        &self,
        session: SessionId,
        segment: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError>;

    /// Whether a segment is there.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn exists(&self, session: SessionId, segment: SegmentId) -> Result<bool, StoreError>;

    /// How many entries a segment has: what [`Store::append_if`] compares.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn read_entry_count(&self, session: SessionId, segment: SegmentId) -> Result<usize, StoreError>;

    /// Appends to the trace beside a segment's log. It need not be durable: a trace is for looking into, and nothing rests
    /// on it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such segment.
    fn append_trace(
        &self,
        session: SessionId,
        segment: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError>;

    /// What stands in a segment, in order, and what does not: damage costs what it touches.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]. By default as [`Store::read_all`].
    fn read(&self, session: SessionId, segment: SegmentId) -> Result<Read, StoreError> {
        let entries = self.read_all(session, segment)?;
        Ok(Read { count: entries.len(), entries, damaged: Vec::new() })
    }

    /// Appends entries together: after a crash all of them are there, or none.
    ///
    /// # Errors
    /// As [`Store::append`]. By default [`StoreError::Unsupported`] for more than one.
    fn append_many(
        &self,
        session: SessionId,
        segment: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        match entries {
            [] => Ok(()),
            [entry] => self.append(session, segment, entry),
            _ => Err(StoreError::Unsupported("append several entries as one")),
        }
    }

    /// Appends entries together if the segment has `expected` entries, looked at and written under one lock: of two
    /// writers who have seen the same, one passes. Returns how many there are then.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] says how many there are; as [`Store::append_many`]. By default [`StoreError::Unsupported`].
    fn append_if(
        &self,
        session: SessionId,
        segment: SegmentId,
        expected: usize,
        entries: &[LogEntry],
    ) -> Result<usize, StoreError> {
        let _ = (session, segment, expected, entries);
        Err(StoreError::Unsupported("append under a condition"))
    }

    /// What stands in the trace beside a segment's log; nothing if there is none.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such segment. By default [`StoreError::Unsupported`].
    fn read_trace(&self, session: SessionId, segment: SegmentId) -> Result<ReadTrace, StoreError> {
        let _ = (session, segment);
        Err(StoreError::Unsupported("read a trace"))
    }

    /// Makes durable what was appended to a segment. By default nothing: an append is durable when it returns.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`]: what was not durable may be lost.
    fn sync(&self, session: SessionId, segment: SegmentId) -> Result<(), StoreError> {
        let _ = (session, segment);
        Ok(())
    }

    /// When a session was last written to, in milliseconds since the epoch; none if it is not there. By default the
    /// greatest time in its entries, all of which are read.
    ///
    /// # Errors
    /// As [`Store::read`].
    fn session_modified_at(&self, session: SessionId) -> Result<Option<u64>, StoreError> {
        let mut last = None;
        for segment in self.list_segments(session)? {
            let read = self.read(session, segment)?;
            last = last.max(Some(read.entries.iter().map(LogEntry::ts).max().unwrap_or(0)));
        }
        Ok(last)
    }

    /// The sessions with when they were last written to, most recently used first.
    ///
    /// # Errors
    /// As [`Store::session_modified_at`].
    fn list_sessions_by_use(&self) -> Result<Vec<(SessionId, u64)>, StoreError> {
        let mut used = Vec::new();
        for session in self.list_sessions()? {
            // Gone meanwhile, or without a segment.
            if let Some(last) = self.session_modified_at(session)? {
                used.push((session, last));
            }
        }
        used.sort_by_key(|(session, last)| std::cmp::Reverse((*last, *session)));
        Ok(used)
    }

    /// Removes a session with all its segments; whether it was there.
    ///
    /// # Errors
    /// [`StoreError::Io`]. By default [`StoreError::Unsupported`].
    fn delete_session(&self, session: SessionId) -> Result<bool, StoreError> {
        let _ = session;
        Err(StoreError::Unsupported("delete a session"))
    }
}

/// Whether entries may be written to a session: a start names the session it belongs to.
pub(crate) fn check_session(session: SessionId, entries: &[LogEntry]) -> Result<(), StoreError> {
    for entry in entries {
        if let LogEntry::SegmentStart { session_id, .. } = entry
            && *session_id != session
        {
            return Err(StoreError::OtherSession { named: *session_id, written: session });
        }
    }
    Ok(())
}
