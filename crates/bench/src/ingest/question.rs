//! What the stores are asked, drawn while the journal is written, so that every contender is asked the same.

use std::fs;
use std::path::Path;

use annals_record::RecordId;
use fastrand::Rng;
use serde_json::{Value, json};

use super::set::{Made, Set};
use crate::outcome::Outcome;

/// At most so many records are asked for.
const IDS: usize = 100_000;
/// At most so many subjects are listed.
const SUBJECTS: usize = 50_000;

/// What is asked, and what is known about the set.
#[derive(Debug, PartialEq)]
pub(crate) struct Questions {
    /// Records in the journal.
    pub(crate) records: u64,
    /// Payload bytes of all of them.
    pub(crate) payload_bytes: u64,
    /// Assertions that are there, at random, each as likely as any other.
    pub(crate) ids: Vec<RecordId>,
    /// Subjects that are there, by rank, at random, each as likely as any other, and how many assertions they have.
    pub(crate) subjects: Vec<(u32, u32)>,
    /// How many assertions the subject has of which most is said.
    pub(crate) hot: u32,
}

impl Questions {
    /// Payload bytes of a record, on average.
    pub(crate) fn payload(&self) -> f64 {
        self.payload_bytes as f64 / self.records as f64
    }

    /// Ids that no record has.
    pub(crate) fn absent(&self) -> Vec<RecordId> {
        (0..self.ids.len() as u64).map(|number| RecordId::of(&number.to_le_bytes())).collect()
    }

    /// Reads what [`Draw::write`] has written.
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        let bytes = fs::read(path)?;
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("the questions have no head")?;
        let head: Value = serde_json::from_slice(&bytes[..end])?;
        let number =
            |name: &str| head.get(name).and_then(Value::as_u64).ok_or("the questions' head lacks a number");
        let (ids, subjects) = bytes[end + 1..].split_at(number("ids")? as usize * 32);
        let word = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
        let subjects = subjects.as_chunks::<4>().0.as_chunks::<2>().0;
        Ok(Self {
            records: number("records")?,
            payload_bytes: number("payload_bytes")?,
            ids: ids.as_chunks::<32>().0.iter().map(|id| RecordId::from_bytes(*id)).collect(),
            subjects: subjects.iter().map(|[rank, count]| (word(rank), word(count))).collect(),
            hot: number("hot")? as u32,
        })
    }
}

/// Draws the questions while the records go by.
pub(crate) struct Draw {
    rng: Rng,
    records: u64,
    payload_bytes: u64,
    assertions: u64,
    ids: Vec<RecordId>,
    counts: Vec<u32>,
}

impl Draw {
    /// For a set of so many records.
    pub(crate) fn new(records: u64) -> Self {
        Self {
            rng: Rng::with_seed(records ^ 0x0e57),
            records: 0,
            payload_bytes: 0,
            assertions: 0,
            ids: Vec::new(),
            counts: vec![0; Set::subjects(records)],
        }
    }

    /// Sees a record.
    pub(crate) fn see(&mut self, made: &Made) {
        self.records += 1;
        self.payload_bytes += made.payload.len() as u64;
        let Some(rank) = made.subject else { return };
        self.counts[rank] += 1;
        self.assertions += 1;
        if self.ids.len() < IDS {
            self.ids.push(made.id);
        } else {
            // Each of the assertions so far is one of the ids with the same chance.
            let place = self.rng.u64(..self.assertions) as usize;
            if let Some(id) = self.ids.get_mut(place) {
                *id = made.id;
            }
        }
    }

    /// The questions about what went by.
    pub(crate) fn end(mut self) -> Questions {
        let counted = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        let mut subjects: Vec<(u32, u32)> = counted.map(|(rank, count)| (rank as u32, *count)).collect();
        self.rng.shuffle(&mut subjects);
        subjects.truncate(SUBJECTS);
        self.rng.shuffle(&mut self.ids);
        Questions {
            records: self.records,
            payload_bytes: self.payload_bytes,
            ids: self.ids,
            subjects,
            hot: self.counts.first().copied().unwrap_or_default(),
        }
    }
}

impl Questions {
    /// Writes them where each contender's process finds them.
    pub(crate) fn write(&self, path: &Path) -> Outcome<()> {
        let head = json!({
            "records": self.records,
            "payload_bytes": self.payload_bytes,
            "ids": self.ids.len(),
            "hot": self.hot,
        });
        let mut bytes = format!("{head}\n").into_bytes();
        self.ids.iter().for_each(|id| bytes.extend_from_slice(id.as_bytes()));
        for (rank, count) in &self.subjects {
            bytes.extend_from_slice(&rank.to_le_bytes());
            bytes.extend_from_slice(&count.to_le_bytes());
        }
        Ok(fs::write(path, bytes)?)
    }
}

#[cfg(test)]
mod tests;
