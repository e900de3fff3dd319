//! The times a sealed segment spans, learnt by reading it once and kept beside it.
//!
//! ```text
//!   {base}.wal  --read once-->  first and last time, by the timeline  -->  {base}.wal.manifest.json
//!                                                     `-- replay passes over segments outside its bounds
//! ```
//!
//! M1: the sidecar is a hint: it counts only if its checksum holds and it names this segment (log, base, end, records, and the
//! hash over all ids up to its end) and this timeline; otherwise the segment is read.
//! M2: the bounds are those of all records that can be read, whatever way the clock went; a segment in which something does
//! not verify has none.

use annals_journal::{Batch, LogError, Offset, ReadLimit, RosterEntry, sidecar};
use annals_record::RecordId;
use serde_json::{Value, json};

use crate::error::Error;
use crate::name::StreamName;
use crate::partitioned::{MANIFEST, segment_name};
use crate::settings::SCHEMA;
use crate::source::{Source, Streamed};

/// Longer than any sidecar we write.
const MAX_LEN: u64 = 64 << 10;
/// How much is read at once to learn the bounds.
const PIECE: ReadLimit = ReadLimit { records: 4096, bytes: 1 << 20 };

/// What a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) records: u64,
    /// The least and the greatest time of its records; none if it holds none.
    pub(crate) times: Option<(i64, i64)>,
}

impl Span {
    /// Whether a record of the segment may lie within these bounds, both of which are within.
    pub(crate) fn meets(&self, since: Option<i64>, as_of: Option<i64>) -> bool {
        self.times.is_some_and(|(least, greatest)| {
            since.is_none_or(|since| greatest >= since) && as_of.is_none_or(|as_of| least <= as_of)
        })
    }
}

/// What is known of a sealed segment without reading it.
pub(crate) fn known(
    shelf: &dyn Streamed,
    name: &StreamName,
    source: &Source,
    segment: &RosterEntry,
) -> Option<Span> {
    if segment.records == Some(0) {
        return Some(Span { records: 0, times: None });
    }
    let base = segment.base.get();
    let place = source.disk().place(base).ok()?;
    let path = source.disk().path(&place, base, MANIFEST);
    let document = match sidecar::read(source.disk().disk(), &path, MAX_LEN) {
        Ok(document) => document?,
        Err(error) => {
            tracing::warn!(%error, "the segment is read instead");
            return None;
        }
    };
    let identity = identity(shelf, name, source, segment)?;
    let fits = identity.as_object()?.iter().all(|(key, value)| document.get(key) == Some(value));
    let (least, greatest) = (document.get("min_micros")?.as_i64()?, document.get("max_micros")?.as_i64()?);
    (fits && least <= greatest)
        .then(|| Span { records: segment.records.unwrap_or(0), times: Some((least, greatest)) })
}

/// What a segment holds between two places, by reading it; none if something there does not verify.
pub(crate) fn read(
    shelf: &dyn Streamed,
    name: &StreamName,
    source: &Source,
    (from, to): (Offset, Offset),
) -> Result<Option<Span>, Error> {
    let (mut at, mut span) = (from, Span { records: 0, times: None });
    let (mut batch, mut times) = (Batch::default(), Vec::new());
    while at < to {
        match source.read(at, PIECE, &mut batch, &mut times) {
            Ok(()) => {}
            // Lost, and listed as lost: it never comes back.
            Err(LogError::Hole { offset, len }) if offset.get() + len > at.get() => {
                at = Offset::new(offset.get() + len);
                continue;
            }
            Err(LogError::Gap { oldest, .. }) if oldest > at => {
                at = oldest;
                continue;
            }
            Err(LogError::Damaged { .. }) => return Ok(None),
            Err(error) => return Err(Error::read(name.as_str(), error)),
        }
        if batch.next() <= at {
            break;
        }
        for (entry, journal) in timed(&batch, &times).take_while(|(entry, _)| entry.offset < to) {
            let time = shelf.timeline().time_of(name.as_str(), entry.payload, journal);
            let (least, greatest) = span.times.unwrap_or((time, time));
            span.times = Some((least.min(time), greatest.max(time)));
            span.records += 1;
        }
        at = batch.next();
    }
    Ok(Some(span))
}

/// The records of a batch, each with the journal time of its group.
pub(crate) fn timed<'a>(
    batch: &'a Batch,
    times: &'a [(Offset, i64)],
) -> impl Iterator<Item = (annals_journal::Entry<'a>, i64)> {
    let mut groups = times.iter().peekable();
    batch.iter().filter_map(move |entry| {
        while groups.next_if(|(end, _)| *end <= entry.offset).is_some() {}
        groups.peek().map(|(_, micros)| (entry, *micros))
    })
}

/// What a sealed segment holds, from its sidecar, or by reading it; then the sidecar is written, if that is allowed.
pub(crate) fn written(
    shelf: &dyn Streamed,
    name: &StreamName,
    source: &Source,
    segment: &RosterEntry,
) -> Result<Option<Span>, Error> {
    if let Some(span) = known(shelf, name, source, segment) {
        return Ok(Some(span));
    }
    let Some(span) = read(shelf, name, source, (segment.base, segment.end))? else { return Ok(None) };
    if shelf.writes()
        && let Some((least, greatest)) = span.times
        && let Err(error) = write(shelf, name, source, segment, (least, greatest))
    {
        // It is derived again when it is wanted.
        tracing::warn!(stream = %name, base = %segment.base, %error, "the segment's manifest could not be written");
    }
    Ok(Some(span))
}

fn write(
    shelf: &dyn Streamed,
    name: &StreamName,
    source: &Source,
    segment: &RosterEntry,
    (least, greatest): (i64, i64),
) -> Result<(), Error> {
    let base = segment.base.get();
    let Some(mut document) = identity(shelf, name, source, segment) else { return Ok(()) };
    let place = source.disk().place(base);
    let place = place.map_err(|error| Error::io("find", segment.path.as_path(), error))?;
    document["segment_id"] = segment_id(name, &place.bucket, base).into();
    document["min_micros"] = least.into();
    document["max_micros"] = greatest.into();
    document["bytes"] = segment.file_bytes.into();
    document["created_micros"] = segment.created_micros.into();
    let path = source.disk().path(&place, base, MANIFEST);
    let written = sidecar::replace(source.disk().disk(), &path, &document);
    source.disk().keep_beside(&place, base);
    written.map_err(|error| Error::of(name.as_str(), error))
}

/// What a sidecar has to say of a segment so that it is its own; none if the segment does not verify.
fn identity(
    shelf: &dyn Streamed,
    name: &StreamName,
    source: &Source,
    segment: &RosterEntry,
) -> Option<Value> {
    let chain = RecordId::from_bytes(segment.chain?).to_string();
    Some(json!({
        "schema_version": SCHEMA,
        "store": name.as_str(),
        "log": source.log().to_string(),
        "base": segment.base.get(),
        "end": segment.end.get(),
        "records": segment.records?,
        "chain": chain,
        "timeline": shelf.timeline().name(),
    }))
}

/// The name of a segment among all of a root: `store/bucket/base`.
pub(crate) fn segment_id(name: &StreamName, bucket: &str, base: u64) -> String {
    let segment = segment_name(base);
    format!("{name}/{}/{}", crate::bucket::label(bucket), segment.trim_end_matches(".wal"))
}
