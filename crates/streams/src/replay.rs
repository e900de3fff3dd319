//! The records of many streams in one order: by time, and each stream in its own.
//!
//! ```text
//!   gps   [skipped][ r r r r ][ r r        \
//!   chat  [ r r r ][skipped][ r r           >--  least time first  -->  since <= time <= as_of
//!   mail  [skipped][ r r r r r r r         /
//! ```
//!
//! V1: within a stream records come in the order they were appended, whatever way a clock went; a record whose time went
//! back comes as soon as those before it have.
//! V2: exactly the records within the bounds come. Whole segments outside them are not read, where that is known.
//! V3: in memory is a little of each stream: at least one batch as it was appended, and [`Query::memory_bytes`] for all.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::sync::Arc;

use annals_journal::{Batch, LogError, Offset, ReadLimit};
use annals_record::RecordId;

use crate::crew;
use crate::error::Error;
use crate::name::StreamName;
use crate::source::{Source, Streamed};
use crate::span;

/// So many readers of closed streams are kept while they may be wanted again: two descriptors each.
const READERS: usize = 32;
const LEAST_BYTES: usize = 4 << 10;
const MOST_BYTES: usize = 1 << 20;

/// Which records are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Of these streams; none means all there are.
    pub streams: Option<Vec<String>>,
    /// Of this time or later, in microseconds since 1970-01-01T00:00:00Z.
    pub since_micros: Option<i64>,
    /// Of this time or earlier.
    pub as_of_micros: Option<i64>,
    /// About so many bytes of payloads are in memory at once, shared among the streams. A stream has at least one batch in
    /// memory, as it was appended. Default: 16 MiB.
    pub memory_bytes: usize,
}

impl Default for Query {
    fn default() -> Self {
        Self { streams: None, since_micros: None, as_of_micros: None, memory_bytes: 16 << 20 }
    }
}

impl Query {
    /// All records of one stream.
    #[must_use]
    pub fn of(stream: &str) -> Self {
        Self { streams: Some(vec![stream.to_owned()]), ..Self::default() }
    }

    fn has(&self, micros: i64) -> bool {
        self.since_micros.is_none_or(|since| since <= micros)
            && self.as_of_micros.is_none_or(|as_of| micros <= as_of)
    }
}

/// A record of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The stream it is in.
    pub stream: StreamName,
    /// Its place in it.
    pub offset: Offset,
    /// Its identity: the BLAKE3 of its payload.
    pub id: RecordId,
    /// Its time, by the root's timeline.
    pub micros: i64,
    /// What was appended.
    pub payload: Vec<u8>,
}

/// An iterator over records of one stream or of many. What was durable when it was made is what it gives.
///
/// What cannot be read of a stream is an item, [`Error::Read`], with its range; the next items are what follows, of this
/// stream and of the others.
pub struct Replay {
    shelf: Arc<dyn Streamed>,
    query: Query,
    limit: ReadLimit,
    lanes: Vec<Lane>,
    /// The time of the next record of each stream that has one.
    next: BinaryHeap<Reverse<(i64, usize)>>,
    errors: VecDeque<Error>,
    readers: VecDeque<(usize, Source)>,
    batch: Batch,
    times: Vec<(Offset, i64)>,
    skipped: u64,
}

/// A stream on its way.
struct Lane {
    name: StreamName,
    /// What is still to be read, in order.
    ranges: VecDeque<(Offset, Offset)>,
    ready: VecDeque<Record>,
}

impl Lane {
    /// What is to be read of a stream, and how many segments are not.
    fn new(shelf: &dyn Streamed, query: &Query, name: StreamName) -> Result<(Self, u64), Error> {
        let source = shelf.source(&name)?;
        let (oldest, durable) = source.bounds().map_err(|error| Error::read(name.as_str(), error))?;
        let sealed = source.sealed().map_err(|error| Error::of(name.as_str(), error))?;
        let mut ranges: VecDeque<(Offset, Offset)> = VecDeque::new();
        let mut want = |from: Offset, to: Offset| {
            let (from, to) = (from.max(oldest), to.min(durable));
            match ranges.back_mut() {
                _ if from >= to => {}
                Some((_, end)) if *end == from => *end = to,
                _ => ranges.push_back((from, to)),
            }
        };
        let (since, as_of) = (query.since_micros, query.as_of_micros);
        let (mut end, mut skipped) = (oldest, 0);
        for segment in &sealed {
            let bounded = since.is_some() || as_of.is_some();
            let span = bounded.then(|| span::known(shelf, &name, &source, segment)).flatten();
            match span {
                Some(span) if !span.meets(since, as_of) => skipped += 1,
                _ => want(segment.base, segment.end),
            }
            end = segment.end;
        }
        want(end, durable);
        Ok((Self { name, ranges, ready: VecDeque::new() }, skipped))
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("query", &self.query)
            .field("streams", &self.lanes.len())
            .finish_non_exhaustive()
    }
}

impl Replay {
    /// `errors` come first.
    pub(crate) fn new(
        shelf: Arc<dyn Streamed>,
        query: &Query,
        errors: VecDeque<Error>,
    ) -> Result<Self, Error> {
        let names = match &query.streams {
            None => shelf.names()?,
            Some(names) => {
                let mut names: Vec<StreamName> =
                    names.iter().map(|name| StreamName::new(name)).collect::<Result<_, _>>()?;
                names.sort_unstable();
                names.dedup();
                names
            }
        };
        let mut replay = Self {
            limit: ReadLimit {
                records: 4096,
                bytes: (query.memory_bytes / names.len().max(1)).clamp(LEAST_BYTES, MOST_BYTES),
            },
            shelf,
            query: query.clone(),
            lanes: Vec::with_capacity(names.len()),
            next: BinaryHeap::with_capacity(names.len()),
            errors,
            readers: VecDeque::new(),
            batch: Batch::default(),
            times: Vec::new(),
            skipped: 0,
        };
        let (shelf, asked) = (&*replay.shelf, &replay.query);
        for lane in crew::each(&names, shelf.at_once(), |name| Lane::new(shelf, asked, name.clone())) {
            match lane {
                Ok((lane, skipped)) => {
                    replay.lanes.push(lane);
                    replay.skipped += skipped;
                }
                Err(Error::NoStream { .. }) if query.streams.is_none() => {}
                Err(error @ (Error::NoStream { .. } | Error::Closed)) => return Err(error),
                Err(error) => replay.errors.push_back(error),
            }
        }
        for lane in 0..replay.lanes.len() {
            replay.advance(lane);
        }
        Ok(replay)
    }

    /// How many whole segments were passed over, for nothing in them lies within the bounds.
    #[must_use]
    pub fn skipped_segments(&self) -> u64 {
        self.skipped
    }

    /// Sees that the stream's next record is known, and when it is from.
    fn advance(&mut self, at: usize) {
        if self.lanes[at].ready.is_empty() {
            self.fill(at);
        }
        if let Some(record) = self.lanes[at].ready.front() {
            self.next.push(Reverse((record.micros, at)));
        }
    }

    /// Reads on in a stream until there is a record, or nothing more.
    fn fill(&mut self, at: usize) {
        while let Some((from, to)) = self.lanes[at].ranges.front().copied()
            && self.lanes[at].ready.is_empty()
        {
            let goes_on = match self.read(at, from, to) {
                Ok(next) => next,
                Err(error) => {
                    // What is wrong is told once; behind it the stream goes on.
                    let behind = match &error {
                        Error::Read { source, .. } => behind(source),
                        _ => None,
                    };
                    self.errors.push_back(error);
                    match behind {
                        Some(next) => next,
                        None => {
                            self.lanes[at].ranges.clear();
                            return;
                        }
                    }
                }
            };
            let ranges = &mut self.lanes[at].ranges;
            ranges.pop_front();
            if from < goes_on && goes_on < to {
                ranges.push_front((goes_on, to));
            }
        }
    }

    /// Reads a little, and says where it goes on.
    fn read(&mut self, at: usize, from: Offset, to: Offset) -> Result<Offset, Error> {
        let source = self.source(at)?;
        let lane = &mut self.lanes[at];
        let read = source.read(from, self.limit, &mut self.batch, &mut self.times);
        self.readers.extend(matches!(source, Source::Beside(..)).then_some((at, source)));
        read.map_err(|error| Error::read(lane.name.as_str(), error))?;
        for (entry, journal) in
            span::timed(&self.batch, &self.times).take_while(|(entry, _)| entry.offset < to)
        {
            let micros = self.shelf.timeline().time_of(lane.name.as_str(), entry.payload, journal);
            if self.query.has(micros) {
                let (stream, payload) = (lane.name.clone(), entry.payload.to_vec());
                lane.ready.push_back(Record { stream, offset: entry.offset, id: entry.id, micros, payload });
            }
        }
        Ok(self.batch.next())
    }

    /// A stream to read from: one that was kept, or another. The last ones used are kept.
    fn source(&mut self, at: usize) -> Result<Source, Error> {
        let kept = self.readers.iter().position(|(lane, _)| *lane == at);
        if let Some((_, source)) = kept.and_then(|kept| self.readers.remove(kept)) {
            return Ok(source);
        }
        if self.readers.len() >= READERS {
            self.readers.pop_front();
        }
        self.shelf.source(&self.lanes[at].name)
    }
}

/// Where reading goes on behind what cannot be read.
fn behind(error: &LogError) -> Option<Offset> {
    match error {
        LogError::Damaged { offset, len, .. } | LogError::Hole { offset, len } => {
            Some(Offset::new(offset.get().saturating_add(*len)))
        }
        LogError::Gap { oldest, .. } => Some(*oldest),
        _ => None,
    }
}

impl Iterator for Replay {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.errors.pop_front() {
            return Some(Err(error));
        }
        let Reverse((_, at)) = self.next.pop()?;
        let record = self.lanes[at].ready.pop_front();
        self.advance(at);
        record.map(Ok)
    }
}

#[cfg(test)]
mod tests;
