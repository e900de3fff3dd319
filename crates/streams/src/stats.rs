//! What a root adds up to: for whoever watches it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::manifest::{self, SegmentManifest, Unreadable};
use crate::settings::SCHEMA;
use crate::source::Streamed;

/// The sums over one stream, or over all and over each of them. No segment is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stats {
    /// The schema of this document: 1.
    pub schema_version: u64,
    /// When it was made, microseconds since 1970-01-01T00:00:00Z.
    pub generated_at_micros: i64,
    /// Over all streams here.
    pub total: Sums,
    /// By name.
    pub streams: BTreeMap<String, Sums>,
    /// Streams that could not be looked into, and why.
    pub unreadable: Vec<Unreadable>,
}

/// What some segments add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Sums {
    /// Segments, sealed and live.
    pub segment_count: u64,
    /// Those that another one follows.
    pub sealed_count: u64,
    /// Those that are written to: one for each stream.
    pub live_count: u64,
    /// The forms in which they are kept.
    pub codecs: BTreeSet<String>,
    /// Durable records that are held.
    pub records: u64,
    /// Bytes as journals read them.
    pub bytes: u64,
    /// Bytes of their files, reserved space included.
    pub stored_bytes: u64,
    /// The least time of a record.
    pub min_micros: Option<i64>,
    /// The greatest time of a record.
    pub max_micros: Option<i64>,
    /// Receipts of purged segments.
    pub purge_receipt_count: u64,
    /// Receipts of what was put into quarantine.
    pub quarantine_receipt_count: u64,
    /// Files of receipts that do not verify.
    pub unreadable_receipt_count: u64,
}

impl Sums {
    fn add_segment(&mut self, segment: &SegmentManifest) {
        self.segment_count += 1;
        self.sealed_count += u64::from(segment.sealed);
        self.live_count += u64::from(!segment.sealed);
        self.codecs.insert(segment.codec.clone());
        self.records += segment.records.unwrap_or(0);
        self.bytes += segment.bytes;
        self.stored_bytes += segment.stored_bytes.unwrap_or(0);
        self.add_times(segment.min_micros, segment.max_micros);
    }

    fn add_times(&mut self, least: Option<i64>, greatest: Option<i64>) {
        self.min_micros = self.min_micros.into_iter().chain(least).min();
        self.max_micros = self.max_micros.into_iter().chain(greatest).max();
    }

    fn add(&mut self, other: &Self) {
        self.segment_count += other.segment_count;
        self.sealed_count += other.sealed_count;
        self.live_count += other.live_count;
        self.codecs.extend(other.codecs.iter().cloned());
        self.records += other.records;
        self.bytes += other.bytes;
        self.stored_bytes += other.stored_bytes;
        self.add_times(other.min_micros, other.max_micros);
        self.purge_receipt_count += other.purge_receipt_count;
        self.quarantine_receipt_count += other.quarantine_receipt_count;
        self.unreadable_receipt_count += other.unreadable_receipt_count;
    }
}

pub(crate) fn stats(shelf: &dyn Streamed, stream: Option<&str>) -> Result<Stats, Error> {
    let mut stats = Stats {
        schema_version: SCHEMA,
        generated_at_micros: shelf.clock().now_micros(),
        total: Sums::default(),
        streams: BTreeMap::new(),
        unreadable: Vec::new(),
    };
    manifest::each(shelf, stream, &mut stats.unreadable, |name, source| {
        let mut sums = Sums::default();
        for segment in manifest::segments(shelf, name, source)? {
            sums.add_segment(&segment);
        }
        let receipts = source.receipts().map_err(|error| Error::of(name.as_str(), error))?;
        sums.purge_receipt_count = receipts.purged.len() as u64;
        sums.quarantine_receipt_count = receipts.quarantined.len() as u64;
        sums.unreadable_receipt_count = receipts.unreadable.len() as u64;
        stats.total.add(&sums);
        stats.streams.insert(name.to_string(), sums);
        Ok(())
    })?;
    Ok(stats)
}
