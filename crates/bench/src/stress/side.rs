//! The journal as a reader holds it: in the process that writes it, or in another one.

use std::sync::Arc;

use annals_journal::{Backward, Error, Journal, Log, NamedCursor, Offset, Reader};

/// One of the two.
#[derive(Clone, Debug)]
pub(crate) enum Side {
    Writing(Journal),
    Reading(Reader),
}

impl Side {
    /// As what a tail follows.
    pub(crate) fn log(&self) -> Arc<dyn Log> {
        match self {
            Self::Writing(journal) => Arc::new(journal.clone()),
            Self::Reading(reader) => Arc::new(reader.clone()),
        }
    }

    pub(crate) fn durable(&self) -> Result<Offset, Error> {
        match self {
            Self::Writing(journal) => Ok(journal.durable()),
            Self::Reading(reader) => reader.durable(),
        }
    }

    pub(crate) fn backward(&self, before: Offset) -> Backward {
        match self {
            Self::Writing(journal) => journal.backward(before),
            Self::Reading(reader) => reader.backward(before),
        }
    }

    pub(crate) fn seek_time(&self, micros: i64) -> Result<Offset, Error> {
        match self {
            Self::Writing(journal) => journal.seek_time(micros),
            Self::Reading(reader) => reader.seek_time(micros),
        }
    }

    pub(crate) fn cursor_at(&self, name: &str, start: Offset) -> Result<NamedCursor, Error> {
        match self {
            Self::Writing(journal) => journal.cursor_at(name, start),
            Self::Reading(reader) => reader.cursor_at(name, start),
        }
    }

    pub(crate) fn remove_cursor(&self, name: &str) -> Result<(), Error> {
        match self {
            Self::Writing(journal) => journal.remove_cursor(name),
            Self::Reading(reader) => reader.remove_cursor(name),
        }
    }
}
