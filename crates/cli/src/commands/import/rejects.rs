//! Lines that are no records: told, counted, kept.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::escape::Shown;
use crate::exit::Failure;
use crate::input::Reject;
use crate::number::{Count, counted};
use crate::output;
use crate::progress::Progress;

/// The most reasons that people are told one by one. JSON tells them all.
const TOLD: u64 = 20;

/// The rejected lines of an import.
pub(super) struct Rejects {
    json: bool,
    file: Option<(PathBuf, BufWriter<File>)>,
    /// How many there are.
    pub(super) count: u64,
}

impl Rejects {
    /// None yet.
    pub(super) fn new(json: bool) -> Self {
        Self { json, file: None, count: 0 }
    }

    /// Keeps them in this file, which is made, or emptied.
    pub(super) fn create(&mut self, path: Option<&Path>) -> Result<(), Failure> {
        if let Some(path) = path {
            let file = File::create(path).map_err(|error| Failure::file("create", path, &error))?;
            self.file = Some((path.to_owned(), BufWriter::new(file)));
        }
        Ok(())
    }

    /// Tells why a line is rejected, and keeps it as it came.
    pub(super) fn add(&mut self, line: u64, reject: &Reject, progress: &Progress) -> Result<(), Failure> {
        if let Some((path, file)) = &mut self.file {
            let written = file.write_all(&reject.raw).and_then(|()| file.write_all(b"\n"));
            written.map_err(|error| Failure::file("write", path, &error))?;
        }
        self.count += 1;
        if self.json {
            #[derive(Serialize)]
            struct Rejected<'a> {
                line: u64,
                reason: &'a str,
            }
            let rejected = output::json(&Rejected { line, reason: &reject.reason });
            progress.say(format_args!("{{\"rejected\":{rejected}}}"));
        } else if self.count <= TOLD {
            progress.say(format_args!("line {}: {}", Count(line), Shown(&reject.reason)));
        }
        Ok(())
    }

    /// Says how many were not told one by one.
    pub(super) fn tell_rest(&self) {
        if !self.json && self.count > TOLD {
            let hint = if self.file.is_some() { "" } else { "; --rejects FILE keeps all of them" };
            output::say(format_args!("… and {} more{hint}", counted(self.count - TOLD, "line")));
        }
    }

    /// Hands over what was kept.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        match &mut self.file {
            Some((path, file)) => file.flush().map_err(|error| Failure::file("write", path, &error)),
            None => Ok(()),
        }
    }
}
