//! What a read has found: what stands, and what does not.

use std::path::PathBuf;

use crate::{LogEntry, StoreError, TraceEntry};

/// What stands in a segment, in order, and what was found that does not.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading<T> {
    /// What can be read, in order.
    pub entries: Vec<T>,
    /// What cannot, in order.
    pub damaged: Vec<DamagedLine>,
    /// How many entries were committed: those that can be read and those that cannot. A writer that has read this much
    /// expects this count.
    pub count: usize,
}

/// A read of a log.
pub type Read = Reading<LogEntry>;

/// A read of a trace.
pub type ReadTrace = Reading<TraceEntry>;

impl<T> Default for Reading<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), damaged: Vec::new(), count: 0 }
    }
}

/// Bytes of a log that are no entry, and where they lie.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}, line {line}, byte {byte}: {reason} ({len} bytes)", path.display())]
pub struct DamagedLine {
    /// The file; a journal's directory.
    pub path: PathBuf,
    /// Its line, from 1 on, lines that are no entries included; in a journal, which entry of the segment it is, from 1 on.
    pub line: usize,
    /// How many of the entries that can be read stand before it.
    pub index: usize,
    /// Where it begins: the byte of the file, or the offset in the journal.
    pub byte: u64,
    /// How many bytes it has, without its newline; 0 if that is unknown.
    pub len: u64,
    /// What it is.
    pub what: Fault,
    /// What is wrong with it, with the byte of the file where that shows.
    pub reason: String,
}

/// What kind of damage a line has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It was committed and cannot be read: an entry is lost.
    Damaged,
    /// It was never committed, for a crash or a failure cut its append off: no entry that was acknowledged is lost.
    Torn,
}

impl<T> Reading<T> {
    /// All entries, if none that was committed is lost.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for the first one that is.
    pub fn whole(self) -> Result<Vec<T>, StoreError> {
        match self.damaged.iter().find(|line| line.what == Fault::Damaged) {
            None => Ok(self.entries),
            Some(lost) => Err(StoreError::Corrupt { line: lost.line, message: lost.place() }),
        }
    }

    /// Whether everything that was committed can be read.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.damaged.iter().all(|line| line.what == Fault::Torn)
    }
}

impl DamagedLine {
    /// File, byte and reason, without the line.
    fn place(&self) -> String {
        format!("{}, byte {}: {} ({} bytes)", self.path.display(), self.byte, self.reason, self.len)
    }
}
