//! What may be said of each stream, kept beside it.
//!
//! ```text
//!   store=gps/stream.json    {"schema_version":1, ..., "blake3":"..."}    replaced whole; none: the root's defaults
//! ```

use std::path::Path;
use std::time::Duration;

use annals_journal::{Bucket, Disk, Keep, Offset, SealPolicy, SyncPolicy, sidecar};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::codec::Codec;
use crate::error::Error;
use crate::partitioned::SETTINGS;

/// The newest schema of the documents here.
pub(crate) const SCHEMA: u64 = 1;
/// Longer than any document we write.
const MAX_LEN: u64 = 64 << 10;

/// The settings of one stream. Plain data: [`crate::Streams::set`] checks it, writes it down, and it counts from the next
/// append on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// In which form sealed segments are kept. The active one is always plain. Default: plain.
    pub codec: Codec,
    /// When an append is durable. Default: always, before it returns. An interval of less than 10 ms is taken for 10 ms.
    pub sync: SyncPolicy,
    /// A segment is sealed before it would grow past so many bytes. Default: 64 MiB. At least 4 KiB, at most 4 GiB.
    pub segment_bytes: u64,
    /// The stretch of journal time that a segment does not span, and the directory it lies in. Default: a day, UTC.
    pub bucket: Bucket,
    /// What [`crate::Streams::purge`] leaves. Default: everything, which is no policy: such a stream is passed over when all
    /// are purged.
    pub keep: Keep,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            codec: Codec::default(),
            sync: SyncPolicy::Always,
            segment_bytes: 64 << 20,
            bucket: Bucket::Day,
            keep: Keep::Everything,
        }
    }
}

impl Settings {
    /// Checks what the journal would refuse, and raises an interval to the least one.
    pub(crate) fn checked(mut self) -> Result<Self, Error> {
        let (least, most) = (4 << 10, 4 << 30);
        if !(least..=most).contains(&self.segment_bytes) {
            let (option, value) = ("segment_bytes", self.segment_bytes);
            return Err(Error::Option { option, value, least, most });
        }
        match &mut self.sync {
            SyncPolicy::Every(0) => {
                let most = u32::MAX.into();
                return Err(Error::Option { option: "sync: every", value: 0, least: 1, most });
            }
            SyncPolicy::Interval(interval) => *interval = (*interval).max(SyncPolicy::LEAST_INTERVAL),
            _ => {}
        }
        Ok(self)
    }

    /// The interval in which the root's thread syncs the stream.
    pub(crate) fn interval(&self) -> Option<Duration> {
        if let SyncPolicy::Interval(interval) = self.sync { Some(interval) } else { None }
    }

    /// The options of the stream's journal.
    pub(crate) fn journal(&self, reserve_bytes: u64) -> annals_journal::Options {
        annals_journal::Options {
            segment_bytes: self.segment_bytes,
            // Intervals are the root's: one thread for all.
            sync: if self.interval().is_some() { SyncPolicy::OnDemand } else { self.sync },
            seal: SealPolicy { age: None, bucket: self.bucket },
            fill_ahead: false,
            reserve_bytes,
            own_thread: false,
            ..annals_journal::Options::default()
        }
    }

    /// What the stream in `dir` says; none if it says nothing.
    pub(crate) fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<Self>, Error> {
        let path = dir.join(SETTINGS);
        let refused = |reason: String| Error::Settings { path: path.clone(), reason };
        let document = match sidecar::read(disk, &path, MAX_LEN) {
            Err(annals_journal::Error::Sidecar { reason, .. }) => return Err(refused(reason)),
            Err(annals_journal::Error::Io { op, path, source }) => {
                return Err(Error::Io { op, path, source });
            }
            Err(other) => return Err(refused(other.to_string())),
            Ok(None) => return Ok(None),
            Ok(Some(document)) => document,
        };
        check_schema(&document, &path)?;
        let written: Written =
            serde_json::from_value(document).map_err(|error| refused(error.to_string()))?;
        written
            .settings()
            .ok_or_else(|| refused("it has a codec that is not known here".to_owned()))?
            .checked()
            .map(Some)
    }

    /// Puts this in the place of what the stream in `dir` says, durably.
    pub(crate) fn write(&self, disk: &dyn Disk, dir: &Path) -> Result<(), annals_journal::Error> {
        sidecar::replace(disk, &dir.join(SETTINGS), &self.to_json())
    }

    /// The document, as it stands in `stream.json`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::to_value(Written::of(self)).unwrap_or_default()
    }
}

/// Refuses a document that a newer version wrote.
fn check_schema(document: &Value, path: &Path) -> Result<(), Error> {
    match document.get("schema_version").and_then(Value::as_u64) {
        Some(SCHEMA) => Ok(()),
        Some(found) if found > SCHEMA => Err(Error::Newer { path: path.to_owned(), found, known: SCHEMA }),
        _ => Err(Error::Settings { path: path.to_owned(), reason: "it has no schema of ours".to_owned() }),
    }
}

/// The document's shape. Every field is written; one that is missing, or unknown, is an error.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    schema_version: u64,
    codec: String,
    sync: WrittenSync,
    segment_bytes: u64,
    bucket: WrittenBucket,
    keep: WrittenKeep,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "policy", deny_unknown_fields)]
enum WrittenSync {
    Always,
    Every { records: u32 },
    Interval { micros: u64 },
    OnDemand,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrittenBucket {
    None,
    Hour,
    Day,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "policy", deny_unknown_fields)]
enum WrittenKeep {
    Everything,
    Age { micros: u64 },
    Bytes { bytes: u64 },
    Segments { segments: u64 },
    Newest,
    From { offset: u64 },
}

/// A time in whole microseconds; what is more than half a million years is as good as for ever.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Written {
    fn of(settings: &Settings) -> Self {
        Self {
            schema_version: SCHEMA,
            codec: settings.codec.name().to_owned(),
            sync: match settings.sync {
                SyncPolicy::Always => WrittenSync::Always,
                SyncPolicy::Every(records) => WrittenSync::Every { records },
                SyncPolicy::Interval(interval) => WrittenSync::Interval { micros: micros(interval) },
                SyncPolicy::OnDemand => WrittenSync::OnDemand,
            },
            segment_bytes: settings.segment_bytes,
            bucket: match settings.bucket {
                Bucket::None => WrittenBucket::None,
                Bucket::Hour => WrittenBucket::Hour,
                Bucket::Day => WrittenBucket::Day,
            },
            keep: match settings.keep {
                Keep::Everything => WrittenKeep::Everything,
                Keep::Age(age) => WrittenKeep::Age { micros: micros(age) },
                Keep::Bytes(bytes) => WrittenKeep::Bytes { bytes },
                Keep::Segments(segments) => WrittenKeep::Segments { segments },
                Keep::Newest => WrittenKeep::Newest,
                Keep::From(offset) => WrittenKeep::From { offset: offset.get() },
            },
        }
    }

    fn settings(&self) -> Option<Settings> {
        Some(Settings {
            codec: Codec::ALL.into_iter().find(|codec| codec.name() == self.codec)?,
            sync: match self.sync {
                WrittenSync::Always => SyncPolicy::Always,
                WrittenSync::Every { records } => SyncPolicy::Every(records),
                WrittenSync::Interval { micros } => SyncPolicy::Interval(Duration::from_micros(micros)),
                WrittenSync::OnDemand => SyncPolicy::OnDemand,
            },
            segment_bytes: self.segment_bytes,
            bucket: match self.bucket {
                WrittenBucket::None => Bucket::None,
                WrittenBucket::Hour => Bucket::Hour,
                WrittenBucket::Day => Bucket::Day,
            },
            keep: match self.keep {
                WrittenKeep::Everything => Keep::Everything,
                WrittenKeep::Age { micros } => Keep::Age(Duration::from_micros(micros)),
                WrittenKeep::Bytes { bytes } => Keep::Bytes(bytes),
                WrittenKeep::Segments { segments } => Keep::Segments(segments),
                WrittenKeep::Newest => Keep::Newest,
                WrittenKeep::From { offset } => Keep::From(Offset::new(offset)),
            },
        })
    }
}

#[cfg(test)]
mod tests;
