//! Receipts: where each record of the input stands in the journal.
//!
//!   line TAB id TAB offset
//!
//! A1: a line is there only once its record is durable.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use annals::{Offset, RecordId};

use crate::exit::Failure;

/// A file of receipts. One write for each batch, so a reader never waits for a buffer.
pub(super) struct Acks {
    path: PathBuf,
    file: File,
    lines: String,
}

impl Acks {
    /// Makes the file, or empties it.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let file = File::create(path).map_err(|error| Failure::file("create", path, &error))?;
        Ok(Self { path: path.to_owned(), file, lines: String::new() })
    }

    /// Adds a receipt to the next write.
    pub(super) fn add(&mut self, line: u64, id: &RecordId, offset: Offset) {
        // Writing to a text cannot fail.
        let _ = writeln!(self.lines, "{line}\t{id}\t{offset}");
    }

    /// Writes what was added.
    pub(super) fn write(&mut self) -> Result<(), Failure> {
        let written = self.file.write_all(self.lines.as_bytes());
        self.lines.clear();
        written.map_err(|error| {
            Failure::file("write", &self.path, &error)
                .with_help("what was appended is durable, also where it has no line in that file")
        })
    }
}
