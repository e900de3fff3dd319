//! What was taken out of a journal, and when: a receipt for each purged segment, and those of the quarantine.
//!
//!   newest purges: .purged.json    older ones: purged/{first base}-{last base}.json    cut bytes: quarantine/*.json
//!
//! R7: receipts are never dropped. An archive is durable before the document that leaves its receipts out; one that both
//! hold is listed once, for a base is given to one segment only.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use annals_record::{LogId, Offset, RecordId};
use serde_json::{Value, json};

use crate::disk::Disk;
use crate::error::Error;
use crate::journal::Journal;
use crate::purged::{self, Purged};
use crate::quarantine::{self, QuarantineReceipt};
use crate::reader::Reader;
use crate::sidecar;
use crate::view::View;

/// The directory, within the journal's, that keeps older receipts.
pub(crate) const ARCHIVES: &str = "purged";
/// So many receipts stay in `.purged.json` at most.
const KEPT: usize = 512;
/// So many go into one archive.
const ARCHIVED: usize = 256;
/// Larger than any archive we write.
const MAX_LEN: u64 = 1 << 20;

/// A segment that retention removed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The offset of its first frame.
    pub base: Offset,
    /// The base of the segment after it.
    pub end: Offset,
    /// How many records it held.
    pub records: u64,
    /// Its file's length in bytes.
    pub bytes: u64,
    /// The journal times of its first and its last group, microseconds since 1970-01-01T00:00:00Z; none if it held no
    /// group.
    pub times: Option<(i64, i64)>,
    /// The hash over the ids of all records of the log up to its end.
    pub chain: [u8; 32],
    /// When it was purged, microseconds since 1970-01-01T00:00:00Z.
    pub purged_at_micros: i64,
    /// By which policy.
    pub reason: String,
}

/// Which receipts are wanted. By default all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiptQuery {
    /// Those of this time or later, microseconds since 1970-01-01T00:00:00Z.
    pub since_micros: Option<i64>,
    /// Those of this time or earlier.
    pub until_micros: Option<i64>,
    /// At most so many of each kind, the newest.
    pub limit: Option<usize>,
}

/// Receipts, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipts {
    /// Of purged segments: the one purged last comes first.
    pub purged: Vec<Receipt>,
    /// Of the quarantine.
    pub quarantined: Vec<QuarantineReceipt>,
    /// Files of receipts that do not verify, and why: what they said is missing here.
    pub unreadable: Vec<(PathBuf, String)>,
}

impl Journal {
    /// The receipts of what was taken out of the journal, newest first.
    ///
    /// # Errors
    /// [`Error::Io`] if a directory or file cannot be read. One that does not verify is a part of the answer.
    pub fn receipts(&self, query: &ReceiptQuery) -> Result<Receipts, Error> {
        list(&**self.core, query)
    }
}

impl Reader {
    /// The receipts of what was taken out of the journal, newest first.
    ///
    /// # Errors
    /// As [`Journal::receipts`].
    pub fn receipts(&self, query: &ReceiptQuery) -> Result<Receipts, Error> {
        list(&*self.core, query)
    }
}

impl ReceiptQuery {
    fn wants(&self, micros: i64) -> bool {
        self.since_micros.is_none_or(|since| since <= micros)
            && self.until_micros.is_none_or(|until| micros <= until)
    }

    fn limit(&self) -> usize {
        self.limit.unwrap_or(usize::MAX)
    }
}

impl Receipt {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "base": self.base.get(),
            "end": self.end.get(),
            "records": self.records,
            "bytes": self.bytes,
            "first_micros": self.times.map(|(first, _)| first),
            "last_micros": self.times.map(|(_, last)| last),
            "chain": hex(&self.chain),
            "purged_at_micros": self.purged_at_micros,
            "reason": self.reason,
        })
    }

    pub(crate) fn from_json(document: &Value) -> Option<Self> {
        let number = |key: &str| document.get(key)?.as_u64();
        let micros = |key: &str| document.get(key)?.as_i64();
        Some(Self {
            base: Offset::new(number("base")?),
            end: Offset::new(number("end")?),
            records: number("records")?,
            bytes: number("bytes")?,
            times: micros("first_micros").zip(micros("last_micros")),
            chain: unhex(document.get("chain")?.as_str()?)?,
            purged_at_micros: micros("purged_at_micros")?,
            reason: document.get("reason")?.as_str()?.to_owned(),
        })
    }
}

/// Takes out of `receipts`, oldest first, what is more than the document holds, into archives that are durable.
pub(crate) fn archive(
    disk: &dyn Disk,
    journal: &Path,
    log: LogId,
    receipts: &mut Vec<Receipt>,
) -> Result<(), Error> {
    if receipts.len() <= KEPT {
        return Ok(());
    }
    let dir = journal.join(ARCHIVES);
    disk.create_dir(&dir).map_err(|error| Error::io("create", &dir, error))?;
    disk.sync_dir(journal).map_err(|error| Error::io("sync", journal, error))?;
    while receipts.len() > KEPT {
        let chunk: Vec<Receipt> = receipts.drain(..ARCHIVED).collect();
        let (first, last) = (chunk[0].base.get(), chunk[chunk.len() - 1].base.get());
        let document = json!({
            "schema": purged::SCHEMA,
            "log": log.to_string(),
            "receipts": chunk.iter().map(Receipt::to_json).collect::<Vec<_>>(),
        });
        sidecar::replace(disk, &dir.join(format!("{first:016x}-{last:016x}.json")), &document)?;
    }
    Ok(())
}

fn list(view: &dyn View, query: &ReceiptQuery) -> Result<Receipts, Error> {
    let (disk, dir) = (&*view.source().disk, &*view.source().dir);
    let mut found = Receipts::default();
    // By base: what is purged later lies higher.
    let mut purged: BTreeMap<Offset, Receipt> = BTreeMap::new();
    // An archive may name segments of a purge that was cut off and never came to be.
    let mut oldest = Offset::ZERO;
    match Purged::read(disk, dir) {
        Ok(None) => {}
        Ok(Some(document)) => {
            oldest = document.oldest;
            purged.extend(document.receipts.into_iter().map(|receipt| (receipt.base, receipt)));
        }
        Err(Error::Sidecar { path, reason }) => {
            oldest = Offset::new(u64::MAX);
            found.unreadable.push((path, reason));
        }
        Err(error) => return Err(error),
    }
    let archives = dir.join(ARCHIVES);
    for name in names(disk, &archives, ".json")? {
        if purged.values().filter(|receipt| query.wants(receipt.purged_at_micros)).count() >= query.limit() {
            break;
        }
        let path = archives.join(name);
        match read_archive(disk, &path, view.log()) {
            Ok(receipts) => {
                for receipt in receipts.into_iter().filter(|receipt| receipt.base < oldest) {
                    purged.entry(receipt.base).or_insert(receipt);
                }
            }
            Err(Error::Sidecar { path, reason }) => found.unreadable.push((path, reason)),
            Err(error) => return Err(error),
        }
    }
    let wanted = purged.into_values().rev().filter(|receipt| query.wants(receipt.purged_at_micros));
    found.purged = wanted.take(query.limit()).collect();
    list_quarantine(disk, &dir.join(quarantine::DIR), query, &mut found)?;
    Ok(found)
}

fn read_archive(disk: &dyn Disk, path: &Path, log: LogId) -> Result<Vec<Receipt>, Error> {
    let refused = |reason: &str| Error::Sidecar { path: path.to_owned(), reason: reason.to_owned() };
    let document = sidecar::read(disk, path, MAX_LEN)?.ok_or_else(|| refused("it is gone"))?;
    purged::check_schema(&document, path)?;
    if document.get("log").and_then(Value::as_str) != Some(&log.to_string()) {
        return Err(refused("it belongs to another log"));
    }
    let receipts = document.get("receipts").and_then(Value::as_array);
    receipts
        .and_then(|receipts| receipts.iter().map(Receipt::from_json).collect())
        .ok_or_else(|| refused("a field is missing or malformed"))
}

/// The quarantine's receipts are written for people and have no checksum: what can be read of them is listed.
fn list_quarantine(
    disk: &dyn Disk,
    dir: &Path,
    query: &ReceiptQuery,
    found: &mut Receipts,
) -> Result<(), Error> {
    for name in names(disk, dir, quarantine::RECEIPT)? {
        match quarantine::read_receipt(disk, dir, &name) {
            Ok(receipt) if query.wants(receipt.quarantined_at_micros) => found.quarantined.push(receipt),
            Ok(_) => {}
            Err(Error::Sidecar { path, reason }) => found.unreadable.push((path, reason)),
            Err(error) => return Err(error),
        }
    }
    found.quarantined.sort_by_key(|receipt| std::cmp::Reverse(receipt.quarantined_at_micros));
    found.quarantined.truncate(query.limit());
    Ok(())
}

/// The names of the files of `dir` that end in `suffix`, falling; none if there is no such directory.
fn names(disk: &dyn Disk, dir: &Path, suffix: &str) -> Result<Vec<String>, Error> {
    let listed = match disk.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(|error| Error::io("list", dir, error))?,
    };
    let mut names: Vec<String> =
        listed.into_iter().map(|listed| listed.name).filter(|name| name.ends_with(suffix)).collect();
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(names)
}

/// 32 bytes as hex digits, as ids are written.
pub(crate) fn hex(bytes: &[u8; 32]) -> String {
    RecordId::from_bytes(*bytes).to_string()
}

pub(crate) fn unhex(text: &str) -> Option<[u8; 32]> {
    text.parse::<RecordId>().ok().map(|id| *id.as_bytes())
}

#[cfg(test)]
mod tests;
