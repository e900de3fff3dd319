//! What a root holds, segment by segment.

use std::path::{Path, PathBuf};

use annals_journal::RosterEntry;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::name::StreamName;
use crate::root::Foreign;
use crate::settings::SCHEMA;
use crate::source::{Source, Streamed};
use crate::span;

/// The segments of one stream, or of all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    /// The schema of this document: 1.
    pub schema_version: u64,
    /// When it was made, microseconds since 1970-01-01T00:00:00Z.
    pub generated_at_micros: i64,
    /// By name.
    pub streams: Vec<StreamManifest>,
    /// Streams that could not be looked into, and why.
    pub unreadable: Vec<Unreadable>,
}

/// The segments of one stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StreamManifest {
    /// The stream.
    pub store: String,
    /// Which log it is.
    pub log: String,
    /// Oldest first; the last one is written to.
    pub segments: Vec<SegmentManifest>,
    /// What stands among them and is not ours. It is left alone.
    pub foreign: Vec<Foreign>,
}

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SegmentManifest {
    /// `store/bucket/base`: no other segment of the root ever has it.
    pub segment_id: String,
    /// The stream.
    pub store: String,
    /// In which form it is kept.
    pub codec: String,
    /// The offset of its first frame.
    pub base: u64,
    /// The offset behind its last one, as far as it is durable.
    pub end: u64,
    /// How many durable records it holds; none if it does not verify.
    pub records: Option<u64>,
    /// How many bytes it has as the journal reads it; of the active one as if it were cut to its end.
    pub bytes: u64,
    /// How many its file has, reserved space included; none if it is missing.
    pub stored_bytes: Option<u64>,
    /// The least time of its records; none if it has none, or does not verify.
    pub min_micros: Option<i64>,
    /// The greatest time of its records.
    pub max_micros: Option<i64>,
    /// Whether another one follows it.
    pub sealed: bool,
    /// When that one began.
    pub sealed_at_micros: Option<i64>,
    /// What is wrong with it.
    pub flaw: Option<String>,
    /// Its file.
    pub path: PathBuf,
}

/// Something that could not be read, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Unreadable {
    /// The stream, or the file.
    pub what: String,
    /// Why not.
    pub reason: String,
}

impl Unreadable {
    pub(crate) fn new(what: String, reason: String) -> Self {
        Self { what, reason }
    }
}

pub(crate) fn manifest(shelf: &dyn Streamed, stream: Option<&str>) -> Result<Manifest, Error> {
    let mut manifest = Manifest {
        schema_version: SCHEMA,
        generated_at_micros: shelf.clock().now_micros(),
        streams: Vec::new(),
        unreadable: Vec::new(),
    };
    each(shelf, stream, &mut manifest.unreadable, |name, source| {
        let log = source.log().to_string();
        let store = name.to_string();
        let strangers = source.disk().strangers();
        let foreign = strangers.map_err(|error| Error::io("list the files of", Path::new(&store), error))?;
        let segments = segments(shelf, name, source)?;
        manifest.streams.push(StreamManifest { store, log, segments, foreign });
        Ok(())
    })?;
    Ok(manifest)
}

/// Looks into one stream, whose error is the caller's, or into all, whose errors are listed.
pub(crate) fn each(
    shelf: &dyn Streamed,
    stream: Option<&str>,
    unreadable: &mut Vec<Unreadable>,
    mut look: impl FnMut(&StreamName, &Source) -> Result<(), Error>,
) -> Result<(), Error> {
    if let Some(stream) = stream {
        let name = StreamName::new(stream)?;
        return look(&name, &shelf.source(&name)?);
    }
    for name in shelf.names()? {
        match shelf.source(&name).and_then(|source| look(&name, &source)) {
            Ok(()) | Err(Error::NoStream { .. }) => {}
            Err(Error::Closed) => return Err(Error::Closed),
            Err(error) => unreadable.push(Unreadable::new(name.to_string(), error.to_string())),
        }
    }
    Ok(())
}

/// The segments of a stream.
pub(crate) fn segments(
    shelf: &dyn Streamed,
    name: &StreamName,
    source: &Source,
) -> Result<Vec<SegmentManifest>, Error> {
    let roster = source.roster().map_err(|error| Error::of(name.as_str(), error))?;
    let began: Vec<Option<i64>> = roster.iter().map(|segment| segment.created_micros).collect();
    let followers = began.into_iter().skip(1).chain([None]);
    roster
        .iter()
        .zip(followers)
        .map(|(segment, follower)| one(shelf, name, source, segment, follower))
        .collect()
}

fn one(
    shelf: &dyn Streamed,
    name: &StreamName,
    source: &Source,
    segment: &RosterEntry,
    sealed_at_micros: Option<i64>,
) -> Result<SegmentManifest, Error> {
    let (base, end) = (segment.base.get(), segment.end.get());
    let place = source.disk().place(base).ok();
    let span = match segment.sealed {
        true => span::written(shelf, name, source, segment)?,
        false => span::read(shelf, name, source, (segment.base, segment.end))?,
    };
    let times = span.and_then(|span| span.times);
    let bucket = place.as_ref().map_or("", |place| &place.bucket);
    Ok(SegmentManifest {
        segment_id: span::segment_id(name, bucket, base),
        store: name.to_string(),
        codec: place.as_ref().map(|place| place.codec).unwrap_or_default().name().to_owned(),
        base,
        end,
        records: segment.records,
        bytes: 4096 + (end - base),
        stored_bytes: segment.file_bytes.map(|bytes| match &place {
            Some(place) if segment.sealed => place.stored,
            _ => bytes,
        }),
        min_micros: times.map(|(least, _)| least),
        max_micros: times.map(|(_, greatest)| greatest),
        sealed: segment.sealed,
        sealed_at_micros: sealed_at_micros.filter(|_| segment.sealed),
        flaw: segment.flaw.clone(),
        path: place.map_or_else(|| segment.path.clone(), |place| source.disk().path(&place, base, "")),
    })
}
