//! Holes: ranges of the log that were lost and are listed as lost, so that everything around them goes on.
//!
//!   damage -> salvage -> .holes.json -> readers: `Hole` instead of `Damaged`, and on behind it
//!
//! H1: what is listed was copied to quarantine before, as far as there was anything; the list is replaced whole.
//! H2: a list that does not verify lists nothing: its ranges are damage again, and nothing is written to the journal.
//! H3: a hole covers whole groups. Damage beside it is damage, not more of the hole.

use std::io;
use std::path::Path;
use std::sync::Arc;

use annals_record::{LogId, Offset, RecordId, Term};
use serde_json::{Value, json};

use crate::disk::Disk;
use crate::error::{Damage, Error};
use crate::segment::SegmentHeader;
use crate::sidecar;

/// The list's file in a journal's directory.
pub(crate) const FILE_NAME: &str = ".holes.json";
/// No list is longer: some hundred thousand holes.
const MAX_LEN: u64 = 64 << 20;

/// A range of the log that is lost, and listed as lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// The first place that is lost.
    pub offset: Offset,
    /// How many bytes of the log are lost; 0 where a segment of which nothing was known to be durable is missing.
    pub len: u64,
    /// What was found there.
    pub reason: String,
    /// The file in quarantine that keeps the damaged bytes, and their BLAKE3; none if there were no bytes to keep.
    pub kept: Option<(String, RecordId)>,
    /// When it was listed, in microseconds since the epoch.
    pub at_micros: i64,
    /// The term that began with it.
    pub term: Term,
    /// Whether the segment had its seal when this was listed: that seal's sums then count what is lost, too.
    pub(crate) sealed: bool,
}

impl Hole {
    /// The first place behind it: where reading goes on.
    #[must_use]
    pub fn end(&self) -> Offset {
        Offset::new(self.offset.get() + self.len)
    }
}

/// The holes of a journal, by offset; none overlaps another. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holes {
    list: Arc<[Hole]>,
    /// Why there is no list although there is a file.
    pub(crate) flaw: Option<String>,
}

impl Holes {
    /// A list of these, which are in order.
    pub(crate) fn new(list: Vec<Hole>) -> Self {
        Self { list: list.into(), flaw: None }
    }

    /// Reads the list of log `log`; an empty one if there is no file. What does not verify is a flaw of the list.
    pub(crate) fn load(disk: &dyn Disk, dir: &Path, log: LogId) -> Result<Self, Error> {
        let flawed = |flaw| Ok(Self { list: Arc::default(), flaw: Some(flaw) });
        match sidecar::read(disk, &dir.join(FILE_NAME), MAX_LEN) {
            Ok(None) => Ok(Self::default()),
            Ok(Some(document)) => match decode(&document, log) {
                Ok(list) => Ok(Self::new(list)),
                Err(flaw) => flawed(flaw),
            },
            Err(Error::Sidecar { reason, .. }) => flawed(reason),
            Err(error) => Err(error),
        }
    }

    /// Whether there is a list, of whatever log and in whatever state.
    pub(crate) fn exist(disk: &dyn Disk, dir: &Path) -> Result<bool, Error> {
        match disk.list(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            listed => Ok(listed
                .map_err(|error| Error::io("list", dir, error))?
                .iter()
                .any(|listed| listed.name == FILE_NAME)),
        }
    }

    /// Replaces the list on disk, durably.
    pub(crate) fn replace(&self, disk: &dyn Disk, dir: &Path, log: LogId) -> Result<(), Error> {
        let holes: Vec<Value> = self.list.iter().map(encode).collect();
        let document = json!({"schema": 1, "log": log.to_string(), "holes": holes});
        sidecar::replace(disk, &dir.join(FILE_NAME), &document)
    }

    /// All of them, by offset.
    pub(crate) fn list(&self) -> &[Hole] {
        &self.list
    }

    /// This list with more in it.
    pub(crate) fn with(&self, more: Vec<Hole>) -> Self {
        let mut list = self.list.to_vec();
        list.extend(more);
        list.sort_by_key(|hole| (hole.offset, hole.len));
        Self::new(list)
    }

    /// The hole in which `offset` lies.
    pub(crate) fn at(&self, offset: Offset) -> Option<&Hole> {
        let before = &self.list[..self.list.partition_point(|hole| hole.offset <= offset)];
        before.iter().rev().find(|hole| hole.len > 0).filter(|hole| offset < hole.end())
    }

    /// The hole that begins at `offset`, even if it is empty; of several the one with the newest term.
    pub(crate) fn beginning(&self, offset: Offset) -> Option<&Hole> {
        self.list.iter().filter(|hole| hole.offset == offset).max_by_key(|hole| hole.term)
    }

    /// Where the next hole behind `offset` begins.
    pub(crate) fn next(&self, offset: Offset) -> Offset {
        let behind = &self.list[self.list.partition_point(|hole| hole.offset <= offset)..];
        behind.iter().find(|hole| hole.len > 0).map_or(Offset::new(u64::MAX), |hole| hole.offset)
    }

    /// The first place at or behind `offset` that lies in no hole.
    pub(crate) fn bridge(&self, mut offset: Offset) -> Offset {
        while let Some(hole) = self.at(offset) {
            offset = hole.end();
        }
        offset
    }

    /// The holes that begin in this range.
    pub(crate) fn within(&self, from: Offset, to: Offset) -> &[Hole] {
        let at = |offset| self.list.partition_point(|hole| hole.offset < offset);
        &self.list[at(from)..at(to).max(at(from))]
    }

    /// The newest term that began with a hole.
    pub(crate) fn term(&self) -> Option<Term> {
        self.list.iter().map(|hole| hole.term).max()
    }

    /// Whether the segment's seal, if it has one that verifies, counts what is served and nothing else.
    pub(crate) fn sums_agree(&self, header: &SegmentHeader, end: Offset) -> bool {
        self.within(header.base, end).iter().all(|hole| !hole.sealed)
    }

    /// The list's own damage.
    pub(crate) fn damage(&self) -> Option<Damage> {
        self.flaw.as_ref().map(|flaw| Damage {
            offset: Offset::ZERO,
            len: 0,
            detail: format!(
                "{FILE_NAME}: {flaw}; what it listed as lost is damage again until it is salvaged anew"
            ),
        })
    }
}

fn encode(hole: &Hole) -> Value {
    let (file, blake3) = match &hole.kept {
        Some((file, blake3)) => (Some(file), Some(blake3.to_string())),
        None => (None, None),
    };
    json!({
        "offset": hole.offset.get(),
        "len": hole.len,
        "reason": hole.reason,
        "file": file,
        "blake3": blake3,
        "at_micros": hole.at_micros,
        "term": hole.term.get(),
        "sealed": hole.sealed,
    })
}

fn decode(document: &Value, log: LogId) -> Result<Vec<Hole>, String> {
    if document["schema"] != 1 {
        return Err(format!("schema {}, this version reads 1", document["schema"]));
    }
    if document["log"] != log.to_string() {
        return Err(format!("it is of log {}", document["log"]));
    }
    let listed = document["holes"].as_array().ok_or("it lists nothing")?;
    let mut list: Vec<Hole> = Vec::with_capacity(listed.len());
    for (i, value) in listed.iter().enumerate() {
        let hole = decode_one(value).ok_or_else(|| format!("hole {i} is none"))?;
        if list.last().is_some_and(|last| last.end() > hole.offset) {
            return Err(format!("hole {i} overlaps the one before it"));
        }
        list.push(hole);
    }
    Ok(list)
}

fn decode_one(value: &Value) -> Option<Hole> {
    let (offset, len) = (value["offset"].as_u64()?, value["len"].as_u64()?);
    if offset % 8 != 0 || len % 8 != 0 || offset.checked_add(len).is_none() {
        return None;
    }
    let kept = match (value["file"].as_str(), value["blake3"].as_str()) {
        (Some(file), Some(blake3)) => Some((file.to_owned(), blake3.parse().ok()?)),
        _ => None,
    };
    Some(Hole {
        offset: Offset::new(offset),
        len,
        reason: value["reason"].as_str()?.to_owned(),
        kept,
        at_micros: value["at_micros"].as_i64()?,
        term: Term::new(value["term"].as_u64()?),
        sealed: value["sealed"].as_bool()?,
    })
}

#[cfg(test)]
mod tests;
