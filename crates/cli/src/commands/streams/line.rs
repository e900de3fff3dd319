//! Streams and what they hold, one line each.

use std::fmt;

use annals::format_instant;
use annals::streams::{SegmentManifest, Sums};
use serde::Serialize;

use crate::escape::Shown;
use crate::number::{Size, counted};

/// A stream with what it holds.
#[derive(Debug, Serialize)]
pub(super) struct StreamLine<'a> {
    pub(super) stream: &'a str,
    #[serde(flatten)]
    pub(super) sums: &'a Sums,
}

impl fmt::Display for StreamLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, sums } = self;
        let (records, segments) = (counted(sums.records, "record"), counted(sums.segment_count, "segment"));
        let codecs: Vec<&str> = sums.codecs.iter().map(String::as_str).collect();
        let (stored, bytes) = (Size(sums.stored_bytes), Size(sums.bytes));
        write!(f, "{}  {records}, {segments}, {bytes} as {stored} ({})", Shown(stream), codecs.join(", "))?;
        times(f, sums.min_micros, sums.max_micros)
    }
}

/// A segment.
pub(super) struct SegmentLine<'a>(pub(super) &'a SegmentManifest);

impl fmt::Display for SegmentLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let segment = self.0;
        let state = if segment.sealed { "sealed" } else { "active" };
        write!(f, "{}  {state}, ", Shown(&segment.segment_id))?;
        match segment.records {
            Some(records) => write!(f, "{}", counted(records, "record"))?,
            None => f.write_str("it does not verify")?,
        }
        write!(
            f,
            ", {} as {} ({})",
            Size(segment.bytes),
            Size(segment.stored_bytes.unwrap_or(0)),
            segment.codec
        )?;
        times(f, segment.min_micros, segment.max_micros)?;
        segment.flaw.as_ref().map_or(Ok(()), |flaw| write!(f, ", {}", Shown(flaw)))
    }
}

fn times(f: &mut fmt::Formatter<'_>, least: Option<i64>, greatest: Option<i64>) -> fmt::Result {
    match (least, greatest) {
        (Some(least), Some(greatest)) => {
            write!(f, ", {} to {}", format_instant(least), format_instant(greatest))
        }
        _ => Ok(()),
    }
}
