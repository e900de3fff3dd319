//! The account of long runs: a file of lines, each a block of numbers that were tried.
//!
//!   {"trial":"crash","from":0,"to":500,"program":"5f…","seconds":3.1,"figures":{"images":9000},"failures":[]}
//!
//! L1: a line is written once its block is done, by one write at the end of the file, so several processes share a file, and what
//! was cut off costs its block and nothing else.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::figures::Figures;

/// One block of numbers that were tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The trial's name.
    pub(crate) trial: String,
    /// The first number.
    pub(crate) from: u64,
    /// The number behind the last one.
    pub(crate) to: u64,
    /// Which program it was: the beginning of the BLAKE3 of its file, and of other programs that were tried.
    pub(crate) program: String,
    /// How long it took, on one thread.
    pub(crate) seconds: f64,
    /// What was counted.
    pub(crate) figures: Figures,
    /// What did not hold.
    pub(crate) failures: Vec<Failure>,
}

/// One number that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// The number that repeats it.
    pub(crate) number: u64,
    /// What does not hold.
    pub(crate) what: String,
}

/// Every entry of a file. A line that was cut off is left out, and the number of such lines is told.
pub(crate) fn read(path: &Path) -> Outcome<(Vec<Entry>, usize)> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (mut entries, mut broken) = (Vec::new(), 0);
    for line in text.lines().filter(|line| !line.is_empty()) {
        match serde_json::from_str(line) {
            Ok(entry) => entries.push(entry),
            Err(_) => broken += 1,
        }
    }
    Ok((entries, broken))
}

/// A ledger that is written to, and what it held when it was opened.
#[derive(Debug)]
pub(crate) struct Ledger {
    file: File,
    done: BTreeSet<(u64, u64)>,
}

impl Ledger {
    /// Opens or creates a ledger for one trial.
    pub(crate) fn open(path: &Path, trial: &str) -> Outcome<Self> {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let text = fs::read_to_string(path)?;
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n")?; // What was cut off stays a line of its own.
        }
        let entries = read(path)?.0.into_iter().filter(|entry| entry.trial == trial);
        Ok(Self { file, done: entries.map(|entry| (entry.from, entry.to)).collect() })
    }

    /// Whether a block was tried already, by whichever program.
    pub(crate) fn has(&self, from: u64, to: u64) -> bool {
        self.done.contains(&(from, to))
    }

    pub(crate) fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_string(entry)?;
        line.push('\n');
        self.file.write_all(line.as_bytes())
    }
}

#[cfg(test)]
mod tests;
