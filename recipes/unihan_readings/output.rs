//! The file that is written: lines of JSON, compressed.
//!
//! A line is written only once `Record::from_json` has read it; a vote's `assertion` is the id that it gave.

use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use annals::{Record, RecordId};
use serde::Serialize;

/// Small enough for a repository; it takes a few seconds.
const LEVEL: i32 = 19;

#[derive(Serialize)]
pub(crate) struct Claim<'a> {
    pub(crate) subject: &'a str,
    pub(crate) predicate: &'a str,
    pub(crate) object: Object<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) qualifiers: Option<BTreeMap<&'a str, &'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) epoch: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Object<'a> {
    Plain(&'a str),
    Number(u32),
    Text { text: &'a str, language: &'a str },
    Entity { entity: char },
}

#[derive(Serialize)]
pub(crate) struct VoteLine<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: &'a str,
    pub(crate) assertion: String,
    pub(crate) voter: &'a str,
    pub(crate) stance: i8,
    pub(crate) weight: f64,
    pub(crate) seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'a str>,
}

#[derive(Serialize)]
pub(crate) struct EpochLine<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) supersedes: Option<[Extends<'a>; 1]>,
    pub(crate) starts: &'a str,
}

#[derive(Serialize)]
pub(crate) struct Extends<'a> {
    pub(crate) extends: &'a str,
}

pub(crate) struct Output {
    lines: zstd::Encoder<'static, BufWriter<File>>,
    seen: HashSet<RecordId>,
    counts: BTreeMap<String, u64>,
}

impl Output {
    pub(crate) fn create(path: &Path) -> Result<Self, Box<dyn Error>> {
        let mut lines = zstd::Encoder::new(BufWriter::new(File::create(path)?), LEVEL)?;
        lines.include_checksum(true)?;
        Ok(Self { lines, seen: HashSet::new(), counts: BTreeMap::new() })
    }

    /// Writes a line, unless its record was written before; counts it as `what`, and gives the record's id.
    pub(crate) fn write(&mut self, what: &str, line: &impl Serialize) -> Result<RecordId, Box<dyn Error>> {
        let line = serde_json::to_string(line)?;
        let id = Record::from_json(&line)?.id;
        if self.seen.insert(id) {
            writeln!(self.lines, "{line}")?;
            *self.counts.entry(what.to_owned()).or_default() += 1;
        }
        Ok(id)
    }

    /// Completes the file, and says how many lines of what it has.
    pub(crate) fn finish(self) -> Result<BTreeMap<String, u64>, Box<dyn Error>> {
        self.lines.finish()?.flush()?;
        Ok(self.counts)
    }
}
