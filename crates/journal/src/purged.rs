//! How far a journal was purged: the document that tells a purged segment from a lost one.
//!
//!   plan -> .purged.json, durable -> the list of segments -> files removed, oldest first
//!
//! R1: what a purge removes is written down, durably, before the first file goes. A crash anywhere in between leaves a
//! state that the next open finishes.

use std::io;
use std::path::Path;

use annals_record::{LogId, Offset};
use serde_json::{Value, json};

use crate::disk::Disk;
use crate::error::Error;
use crate::receipts::{self, Receipt};
use crate::segment;
use crate::sidecar;

/// The document's name in a journal's directory.
pub(crate) const FILE_NAME: &str = ".purged.json";
/// The newest schema known here, of this document and of the archives of receipts.
pub(crate) const SCHEMA: u64 = 1;
/// Larger than any document we write: receipts beyond a number go to archives.
const MAX_LEN: u64 = 1 << 20;

/// How far a log was purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Purged {
    pub(crate) log: LogId,
    /// The base of the first segment that was kept.
    pub(crate) oldest: Offset,
    /// The end of the last group that was purged: between here and `oldest` stood no record.
    pub(crate) records_end: Offset,
    /// How many records were purged.
    pub(crate) records_before: u64,
    /// The hash over their ids, with which the first kept segment's header begins.
    pub(crate) chain: [u8; 32],
    /// The newest receipts, oldest first.
    pub(crate) receipts: Vec<Receipt>,
}

impl Purged {
    /// What the directory says; none if nothing was ever purged.
    ///
    /// # Errors
    /// [`Error::Sidecar`] if it does not verify, [`Error::NewerFormat`].
    pub(crate) fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<Self>, Error> {
        let path = dir.join(FILE_NAME);
        let Some(document) = sidecar::read(disk, &path, MAX_LEN)? else {
            return Ok(None);
        };
        check_schema(&document, &path)?;
        Self::from_json(&document)
            .map(Some)
            .ok_or_else(|| Error::Sidecar { path, reason: "a field is missing or malformed".to_owned() })
    }

    /// Puts this in the place of what the directory said, durably.
    pub(crate) fn write(&self, disk: &dyn Disk, dir: &Path) -> Result<(), Error> {
        sidecar::replace(disk, &dir.join(FILE_NAME), &self.to_json())
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "schema": SCHEMA,
            "log": self.log.to_string(),
            "oldest": self.oldest.get(),
            "records_end": self.records_end.get(),
            "records_before": self.records_before,
            "chain": receipts::hex(&self.chain),
            "receipts": self.receipts.iter().map(Receipt::to_json).collect::<Vec<_>>(),
        })
    }

    fn from_json(document: &Value) -> Option<Self> {
        let number = |key: &str| document.get(key)?.as_u64();
        let purged = Self {
            log: document.get("log")?.as_str()?.parse().ok()?,
            oldest: Offset::new(number("oldest")?),
            records_end: Offset::new(number("records_end")?),
            records_before: number("records_before")?,
            chain: receipts::unhex(document.get("chain")?.as_str()?)?,
            receipts: document
                .get("receipts")?
                .as_array()?
                .iter()
                .map(Receipt::from_json)
                .collect::<Option<_>>()?,
        };
        (purged.records_end <= purged.oldest).then_some(purged)
    }
}

/// Refuses a document that a newer version wrote.
pub(crate) fn check_schema(document: &Value, path: &Path) -> Result<(), Error> {
    match document.get("schema").and_then(Value::as_u64) {
        Some(SCHEMA) => Ok(()),
        Some(found) if found > SCHEMA => Err(Error::NewerFormat {
            path: path.to_owned(),
            found: u32::try_from(found).unwrap_or(u32::MAX),
            known: SCHEMA as u32,
        }),
        _ => Err(Error::Sidecar { path: path.to_owned(), reason: "it has no schema of ours".to_owned() }),
    }
}

/// The bases of the segment files of `dir`, rising.
pub(crate) fn bases(disk: &dyn Disk, dir: &Path) -> Result<Vec<Offset>, Error> {
    let listed = disk.list(dir).map_err(|error| Error::io("list", dir, error))?;
    let mut bases: Vec<Offset> = listed.iter().filter_map(|listed| segment::base_of(&listed.name)).collect();
    bases.sort_unstable();
    Ok(bases)
}

/// Removes the segment files below `oldest`, oldest first, and says how many there were. That they go must be durable
/// already.
pub(crate) fn remove_below(disk: &dyn Disk, dir: &Path, oldest: Offset) -> Result<u64, Error> {
    let mut removed = 0;
    for base in bases(disk, dir)?.into_iter().take_while(|base| *base < oldest) {
        let path = dir.join(segment::file_name(base));
        match disk.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &path, error));
            }
            _ => removed += 1,
        }
    }
    if removed > 0 {
        disk.sync_dir(dir).map_err(|error| Error::io("sync", dir, error))?;
    }
    Ok(removed)
}

/// Finishes a purge that was cut off. What does not verify decides nothing: then the files stay.
pub(crate) fn finish(disk: &dyn Disk, dir: &Path, log: LogId) -> Result<(), Error> {
    match Purged::read(disk, dir) {
        Ok(Some(purged)) if purged.log == log => {
            let removed = remove_below(disk, dir, purged.oldest)?;
            if removed > 0 {
                tracing::info!(oldest = %purged.oldest, removed, "finished a purge that was cut off");
            }
            Ok(())
        }
        Ok(_) | Err(Error::Sidecar { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
