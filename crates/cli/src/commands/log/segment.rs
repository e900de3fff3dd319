//! A segment in words and in JSON: the same wherever one is listed.

use annals::journal::{PlannedSegment, Receipt, RosterEntry};
use annals::{Offset, format_instant};
use serde::Serialize;

use crate::number::{Size, counted};

/// A segment as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Segment {
    /// Its file's name without `.wal`: what `dump` takes.
    pub(super) segment: String,
    pub(super) base: u64,
    pub(super) end: u64,
    /// Null where its header or its seal does not verify.
    pub(super) records: Option<u64>,
    /// Of its file; null where there is none.
    pub(super) bytes: Option<u64>,
    /// The journal times of its first and its last group.
    pub(super) first: Option<String>,
    pub(super) last: Option<String>,
}

impl Segment {
    fn new(
        (base, end): (Offset, Offset),
        records: Option<u64>,
        bytes: Option<u64>,
        times: Option<(i64, i64)>,
    ) -> Self {
        Self {
            segment: name(base),
            base: base.get(),
            end: end.get(),
            records,
            bytes,
            first: times.map(|(first, _)| format_instant(first)),
            last: times.map(|(_, last)| format_instant(last)),
        }
    }

    /// A line for people.
    pub(super) fn line(&self) -> String {
        let records =
            self.records.map_or_else(|| "? records".to_owned(), |records| counted(records, "record"));
        let bytes = self.bytes.map_or_else(|| "no file".to_owned(), |bytes| Size(bytes).to_string());
        let times = match (&self.first, &self.last) {
            (Some(first), Some(last)) => format!("{first} to {last}"),
            _ => "no times".to_owned(),
        };
        let range = format!("{} to {}", self.base, self.end);
        format!("{}  {range:<24} {records:>16} {bytes:>10}  {times}", self.segment)
    }
}

/// A segment's name: its base in hex, as in its file's name.
pub(super) fn name(base: Offset) -> String {
    format!("{:016x}", base.get())
}

impl From<&RosterEntry> for Segment {
    fn from(entry: &RosterEntry) -> Self {
        Self::new((entry.base, entry.end), entry.records, entry.file_bytes, entry.times)
    }
}

impl From<&PlannedSegment> for Segment {
    fn from(planned: &PlannedSegment) -> Self {
        Self::new((planned.base, planned.end), planned.records, Some(planned.bytes), planned.times)
    }
}

impl From<&Receipt> for Segment {
    fn from(receipt: &Receipt) -> Self {
        Self::new((receipt.base, receipt.end), Some(receipt.records), Some(receipt.bytes), receipt.times)
    }
}
