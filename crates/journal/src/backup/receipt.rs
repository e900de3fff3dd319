//! What a journal knows of its backups: where each is, and how far it went when it was made.
//!
//! It is a hint for whoever plans a purge. A backup that was moved or lost since is still named, and one made where the
//! journal could not be written to is not.

use std::path::{Path, PathBuf};

use annals_record::{LogId, Offset, RecordId, Term};
use serde_json::{Value, json};

use super::manifest::Manifest;
use crate::disk::Disk;
use crate::error::Error;
use crate::sidecar;

/// The document's name in a journal's directory.
pub(crate) const FILE_NAME: &str = ".backups.json";
const SCHEMA: u64 = 1;
/// So many directories are remembered, those backed up into last.
const MOST: usize = 64;
const MAX_LEN: u64 = 1 << 20;

/// A backup of a journal, as it was when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupReceipt {
    /// Its directory, on the machine that made it.
    pub dir: PathBuf,
    /// What names it: the BLAKE3 of its manifest.
    pub manifest: RecordId,
    /// The log's term at its end.
    pub term: Term,
    /// The first place it holds.
    pub oldest: Offset,
    /// The first place it does not hold.
    pub durable: Offset,
    /// When it was made, microseconds since 1970-01-01T00:00:00Z.
    pub made_at_micros: i64,
    /// Whether all it holds was sound.
    pub sound: bool,
}

impl BackupReceipt {
    /// Whether it holds all from `base` to `end`, soundly.
    #[must_use]
    pub fn covers(&self, base: Offset, end: Offset) -> bool {
        self.sound && self.oldest <= base && end <= self.durable
    }

    fn encode(&self) -> Value {
        json!({
            "dir": self.dir.display().to_string(),
            "manifest": self.manifest.to_string(),
            "term": self.term.get(),
            "oldest": self.oldest.get(),
            "durable": self.durable.get(),
            "made_at_micros": self.made_at_micros,
            "sound": self.sound,
        })
    }

    fn decode(value: &Value) -> Option<Self> {
        Some(Self {
            dir: value["dir"].as_str()?.into(),
            manifest: value["manifest"].as_str()?.parse().ok()?,
            term: Term::new(value["term"].as_u64()?),
            oldest: Offset::new(value["oldest"].as_u64()?),
            durable: Offset::new(value["durable"].as_u64()?),
            made_at_micros: value["made_at_micros"].as_i64()?,
            sound: value["sound"].as_bool()?,
        })
    }
}

/// The backups that the journal in `dir` knows of, the one made last first. What cannot be read says nothing.
pub(crate) fn read(disk: &dyn Disk, dir: &Path, log: LogId) -> Vec<BackupReceipt> {
    let Ok(Some(document)) = sidecar::read(disk, &dir.join(FILE_NAME), MAX_LEN) else { return Vec::new() };
    if document["schema"] != SCHEMA || document["log"] != log.to_string() {
        return Vec::new();
    }
    let backups = document["backups"].as_array();
    backups.into_iter().flatten().filter_map(BackupReceipt::decode).collect()
}

/// Remembers a backup in the journal in `dir`, in the place of the one that was in the same directory before.
pub(crate) fn leave(disk: &dyn Disk, dir: &Path, backup: &Path, manifest: &Manifest) -> Result<(), Error> {
    let backup = std::path::absolute(backup).unwrap_or_else(|_| backup.to_owned());
    let receipt = BackupReceipt {
        dir: backup,
        manifest: manifest.id(),
        term: manifest.term,
        oldest: manifest.oldest,
        durable: manifest.durable,
        made_at_micros: manifest.made_at_micros,
        sound: manifest.damaged.is_empty(),
    };
    let before = read(disk, dir, manifest.log).into_iter().filter(|known| known.dir != receipt.dir);
    let backups: Vec<Value> =
        std::iter::once(receipt.clone()).chain(before).take(MOST).map(|known| known.encode()).collect();
    let document = json!({"schema": SCHEMA, "log": manifest.log.to_string(), "backups": backups});
    sidecar::replace(disk, &dir.join(FILE_NAME), &document)
}
