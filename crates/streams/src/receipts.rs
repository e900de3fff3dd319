//! What was taken out of streams, and when: receipts outlive what they are for.

use annals_record::RecordId;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::manifest::{self, Unreadable};
use crate::settings::SCHEMA;
use crate::source::Streamed;

/// Which receipts are wanted. By default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of this stream; none means all.
    pub stream: Option<String>,
    /// Of this time or later, microseconds since 1970-01-01T00:00:00Z.
    pub since_micros: Option<i64>,
    /// Of this time or earlier.
    pub until_micros: Option<i64>,
    /// At most so many, the oldest.
    pub limit: Option<usize>,
}

impl Wanted {
    fn has(&self, micros: i64) -> bool {
        self.since_micros.is_none_or(|since| since <= micros)
            && self.until_micros.is_none_or(|until| micros <= until)
    }
}

/// Receipts of one kind, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Receipts<R> {
    /// The schema of this document: 1.
    pub schema_version: u64,
    /// In the order of their times.
    pub receipts: Vec<R>,
    /// Files of receipts, of either kind, that do not verify, and streams that could not be looked into: what they would
    /// have said is missing here.
    pub unreadable: Vec<Unreadable>,
}

/// A segment that retention removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PurgeReceipt {
    /// The stream.
    pub store: String,
    /// The offset of its first frame: no other segment of the stream ever has it.
    pub base: u64,
    /// The base of the segment after it.
    pub end: u64,
    /// How many records it held.
    pub records: u64,
    /// How many bytes it had as the journal read it.
    pub bytes: u64,
    /// The journal time of its first group; none if it held none.
    pub first_micros: Option<i64>,
    /// The journal time of its last group.
    pub last_micros: Option<i64>,
    /// The hash over the ids of all records of the stream up to its end, as hex digits.
    pub chain: String,
    /// When it was purged, microseconds since 1970-01-01T00:00:00Z.
    pub purged_at_micros: i64,
    /// By which policy.
    pub reason: String,
}

/// Bytes that were taken out of a stream, or written over, and kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QuarantineReceipt {
    /// The stream.
    pub store: String,
    /// Why: `torn`, `lost`, `mended`, `holes`.
    pub kind: String,
    /// From which place.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
    /// Their BLAKE3, as hex digits.
    pub blake3: String,
    /// When, microseconds since 1970-01-01T00:00:00Z.
    pub quarantined_at_micros: i64,
    /// The file that keeps them.
    pub path: std::path::PathBuf,
}

impl PurgeReceipt {
    pub(crate) fn of(store: &str, receipt: &annals_journal::Receipt) -> Self {
        Self {
            store: store.to_owned(),
            base: receipt.base.get(),
            end: receipt.end.get(),
            records: receipt.records,
            bytes: receipt.bytes,
            first_micros: receipt.times.map(|(first, _)| first),
            last_micros: receipt.times.map(|(_, last)| last),
            chain: RecordId::from_bytes(receipt.chain).to_string(),
            purged_at_micros: receipt.purged_at_micros,
            reason: receipt.reason.clone(),
        }
    }
}

impl QuarantineReceipt {
    fn of(store: &str, receipt: &annals_journal::QuarantineReceipt) -> Self {
        Self {
            store: store.to_owned(),
            kind: receipt.kind.name().to_owned(),
            offset: receipt.offset.get(),
            bytes: receipt.bytes,
            blake3: receipt.blake3.to_string(),
            quarantined_at_micros: receipt.quarantined_at_micros,
            path: receipt.path.clone(),
        }
    }
}

pub(crate) fn purged(shelf: &dyn Streamed, wanted: &Wanted) -> Result<Receipts<PurgeReceipt>, Error> {
    collect(
        shelf,
        wanted,
        |receipt: &PurgeReceipt| receipt.purged_at_micros,
        |store, receipts| receipts.purged.iter().map(|receipt| PurgeReceipt::of(store, receipt)).collect(),
    )
}

pub(crate) fn quarantined(
    shelf: &dyn Streamed,
    wanted: &Wanted,
) -> Result<Receipts<QuarantineReceipt>, Error> {
    collect(
        shelf,
        wanted,
        |receipt: &QuarantineReceipt| receipt.quarantined_at_micros,
        |store, receipts| {
            receipts.quarantined.iter().map(|receipt| QuarantineReceipt::of(store, receipt)).collect()
        },
    )
}

fn collect<R>(
    shelf: &dyn Streamed,
    wanted: &Wanted,
    time: impl Fn(&R) -> i64,
    of: impl Fn(&str, &annals_journal::Receipts) -> Vec<R>,
) -> Result<Receipts<R>, Error> {
    let mut found = Receipts { schema_version: SCHEMA, receipts: Vec::new(), unreadable: Vec::new() };
    let (mut receipts, mut files) = (Vec::new(), Vec::new());
    manifest::each(shelf, wanted.stream.as_deref(), &mut found.unreadable, |name, source| {
        let kept = source.receipts().map_err(|error| Error::of(name.as_str(), error))?;
        receipts.extend(of(name.as_str(), &kept).into_iter().filter(|receipt| wanted.has(time(receipt))));
        let unreadable = kept.unreadable.into_iter();
        files.extend(unreadable.map(|(path, reason)| Unreadable::new(path.display().to_string(), reason)));
        Ok(())
    })?;
    // Stable: those of one moment stay by stream.
    receipts.sort_by_key(&time);
    receipts.truncate(wanted.limit.unwrap_or(usize::MAX));
    found.receipts = receipts;
    found.unreadable.extend(files);
    Ok(found)
}
