//! What the command line reads and writes, without a process: bytes of an import, and lines for people.
//!
//!   bytes -> import -> records | reasons         payload | segment -> lines for a terminal
//!
//! For `crates/hostile`, which throws bytes at it. No part of any promise to other crates.

use std::path::Path;

use annals::RecordId;
use annals::journal::Error;
use annals::journal::dump::SegmentFile;

use crate::commands::log::dump;
use crate::commands::log_walk::{Said, said};
use crate::commands::tail;
use crate::escape::Shown;
use crate::input::{Format, Input, Options};
use crate::render;

/// The formats of an import, by the names that `--format` takes.
pub const FORMATS: [&str; 4] = ["jsonl", "nt", "nq", "ttl"];

/// What a line of an import came to: the number of the line, and the record's id and payload or why it is none, as
/// people are told.
pub type Line = (u64, Result<(RecordId, Vec<u8>), String>);

/// Reads these bytes as an import would; `format` counts into [`FORMATS`]. Ends with why the reading ended early, as people
/// are told, if it did.
#[must_use]
pub fn import(format: usize, source: Option<&str>, bytes: &[u8]) -> (Vec<Line>, Option<String>) {
    let format = [Format::Jsonl, Format::Nt, Format::Nq, Format::Ttl].get(format).copied();
    let options = Options { format, source: source.map(str::to_owned) };
    let mut lines = Vec::new();
    let input = match Input::of_bytes("hostile", options, bytes.to_vec()) {
        Ok(input) => input,
        Err(error) => return (lines, Some(Shown(&error.to_string()).to_string())),
    };
    for item in input {
        match item {
            Ok(item) => {
                let outcome = item.outcome.map(|accepted| (accepted.id, accepted.payload));
                lines.push((item.line, outcome.map_err(|reject| Shown(&reject.reason).to_string())));
            }
            Err(error) => return (lines, Some(Shown(&error.to_string()).to_string())),
        }
    }
    (lines, None)
}

/// Every line in which people are shown what a payload says: in a list, and by itself.
#[must_use]
pub fn shown(payload: &[u8]) -> Vec<String> {
    let said = said(payload);
    let mut lines = vec![tail::text(payload, &said)];
    if let Said::Record(record) = &said {
        lines.extend(render::fields(record).into_iter().map(|(name, text)| format!("{name} {text}")));
    }
    lines
}

/// Every line that people are shown of a segment's file.
///
/// # Errors
/// If the file cannot be read.
pub fn dumped(file: &SegmentFile, path: &Path) -> Result<Vec<String>, Error> {
    dump::texts(file, path)
}
