//! The log, as a worker sees it: ordered payloads, named by opaque offsets, readable below a durable watermark.
//!
//!   oldest ... cursor ... durable
//!   |          |          `- first place not (yet) durable; nothing at or beyond it is ever read
//!   |          `- next offset to apply
//!   `- first place that retention left

use std::error::Error as StdError;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::{Kind, LogId, Offset, RecordId, Term};

/// An ordered, append-only, durable sequence of payloads.
///
/// The embedded journal is one; a replicated log may be another. A worker needs nothing else.
///
/// L1: `read` never returns a record at or beyond `bounds().durable`.
/// L2: records come in the order of their offsets, each once, and all records of an atomic append or none.
/// L3: what is missing or damaged is an error that names its place, never a silent jump.
pub trait Log: Send + Sync {
    /// Which log this is.
    fn identity(&self) -> LogId;

    /// Each term and the offset at which it began, oldest first; at least one.
    fn terms(&self) -> Vec<TermStart>;

    /// The oldest place still held and the first place not durable.
    ///
    /// # Errors
    /// [`LogError::Failed`] when the log cannot tell.
    fn bounds(&self) -> Result<Bounds, LogError>;

    /// What an acknowledgement of this log means.
    fn durability(&self) -> Durability;

    /// Appends payloads as one atomic group and returns once they are durable.
    ///
    /// # Errors
    /// [`LogError::Failed`]; nothing of the group will be served, unless the kind is [`Kind::Stop`]: then it is unknown.
    fn append(&self, payloads: &[&[u8]]) -> Result<Vec<Appended>, LogError>;

    /// Reads whole atomic groups from `from` on, at least one if there is one, up to about `limit`.
    ///
    /// An empty batch means that `from` is the durable end. `from` must be an offset this log gave.
    ///
    /// # Errors
    /// [`LogError::Gap`] below the oldest place, [`LogError::Damaged`] where checksums fail, [`LogError::Hole`] where
    /// that was acknowledged.
    fn read(&self, from: Offset, limit: ReadLimit) -> Result<Batch, LogError>;

    /// Blocks until something beyond `known` is durable, the log is closed, or `timeout` has passed, and returns the
    /// bounds then.
    ///
    /// # Errors
    /// As [`Log::bounds`].
    fn wait(&self, known: Offset, timeout: Duration) -> Result<Bounds, LogError>;

    /// How far a reader at `from` is behind the durable end. May read a segment: for reports, not for loops.
    ///
    /// # Errors
    /// As [`Log::read`].
    fn lag(&self, from: Offset) -> Result<Lag, LogError>;
}

impl<L: Log + ?Sized> Log for Arc<L> {
    fn identity(&self) -> LogId {
        (**self).identity()
    }

    fn terms(&self) -> Vec<TermStart> {
        (**self).terms()
    }

    fn bounds(&self) -> Result<Bounds, LogError> {
        (**self).bounds()
    }

    fn durability(&self) -> Durability {
        (**self).durability()
    }

    fn append(&self, payloads: &[&[u8]]) -> Result<Vec<Appended>, LogError> {
        (**self).append(payloads)
    }

    fn read(&self, from: Offset, limit: ReadLimit) -> Result<Batch, LogError> {
        (**self).read(from, limit)
    }

    fn wait(&self, known: Offset, timeout: Duration) -> Result<Bounds, LogError> {
        (**self).wait(known, timeout)
    }

    fn lag(&self, from: Offset) -> Result<Lag, LogError> {
        (**self).lag(from)
    }
}

/// A term and the offset at which it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermStart {
    /// The term.
    pub term: Term,
    /// The first offset of it.
    pub start: Offset,
}

/// The readable part of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The first place that is still held.
    pub oldest: Offset,
    /// The first place that is not durable: the end of what can be read.
    pub durable: Offset,
}

/// What an acknowledged append has survived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Handed to the operating system: survives a killed process, not a power cut.
    PageCache,
    /// Synced to the medium: survives a power cut.
    Synced,
}

/// The receipt of one appended record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Where the record stands.
    pub offset: Offset,
    /// The place after it: wait for this to see the record applied.
    pub next: Offset,
    /// Its identity.
    pub id: RecordId,
}

/// How much one read may return. At least one atomic group is returned, however large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimit {
    /// Stop after the group that reaches this many records.
    pub records: usize,
    /// Stop after the group that reaches this many payload bytes.
    pub bytes: usize,
}

impl Default for ReadLimit {
    /// 10,000 records or 8 MiB.
    fn default() -> Self {
        Self { records: 10_000, bytes: 8 << 20 }
    }
}

/// How far a reader is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lag {
    /// Records between the reader and the durable end.
    pub records: u64,
    /// Bytes of log between them.
    pub bytes: u64,
    /// The age of the oldest record not yet read, in seconds of the log's clock; 0 when there is none.
    pub seconds: f64,
}

/// Records read from a log: one buffer, and where each payload lies in it.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    entries: Vec<(Offset, RecordId, Range<usize>)>,
    next: Offset,
}

/// One record of a batch; its payload is lent, not copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Where it stands in the log.
    pub offset: Offset,
    /// Its identity, as the log holds it.
    pub id: RecordId,
    /// Its payload.
    pub payload: &'a [u8],
}

impl Batch {
    /// A batch over `bytes`; each entry names the range of its payload. `next` is where the following read begins.
    ///
    /// # Panics
    /// If a range lies outside `bytes` or offsets do not rise: a bug of the log.
    #[must_use]
    pub fn new(bytes: Vec<u8>, entries: Vec<(Offset, RecordId, Range<usize>)>, next: Offset) -> Self {
        let mut last = None;
        for (offset, _, range) in &entries {
            assert!(
                range.start <= range.end && range.end <= bytes.len(),
                "L2: payload {range:?} outside the batch"
            );
            assert!(last < Some(*offset) && *offset < next, "L2: offset {offset} out of order");
            last = Some(*offset);
        }
        Self { bytes, entries, next }
    }

    /// The records, in the log's order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Entry<'_>> {
        self.entries.iter().map(|(offset, id, range)| Entry {
            offset: *offset,
            id: *id,
            payload: &self.bytes[range.clone()],
        })
    }

    /// The part of this batch before `end`, which becomes where the following read begins if it lies within.
    #[must_use]
    pub fn until(mut self, end: Offset) -> Self {
        self.entries.truncate(self.entries.partition_point(|(offset, ..)| *offset < end));
        self.next = self.next.min(end);
        self
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none: the reader has reached the durable end, if `next` is where it began.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where the following read begins.
    #[must_use]
    pub fn next(&self) -> Offset {
        self.next
    }
}

/// Why a log could not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The wanted place is gone: retention has removed it.
    #[error(
        "offset {wanted} is no longer in the log, which begins at {oldest}; rebuild from a backup that covers it"
    )]
    Gap {
        /// What was asked for.
        wanted: Offset,
        /// The first place still held.
        oldest: Offset,
    },
    /// Bytes below the durable end do not verify.
    #[error("damaged at offset {offset}, {len} bytes up to {resume}: {detail}", resume = offset.get() + len)]
    Damaged {
        /// The first place that cannot be served.
        offset: Offset,
        /// How many bytes of the log cannot be served; reading can go on after them.
        len: u64,
        /// File, place and what was found there.
        detail: String,
    },
    /// The place was lost and is listed as lost: somebody has salvaged the log, and reading goes on behind it.
    #[error("{len} bytes at offset {offset} are lost: a salvage listed them as a hole; go on with skip_to({resume})", resume = offset.get() + len)]
    Hole {
        /// Where the hole begins.
        offset: Offset,
        /// How many bytes of the log it covers; reading can go on after them.
        len: u64,
    },
    /// The place is not one this log gave, or lies beyond its end.
    #[error("offset {wanted} is beyond the durable end {durable} of this log")]
    Beyond {
        /// What was asked for.
        wanted: Offset,
        /// The first place that is not durable.
        durable: Offset,
    },
    /// The log itself failed.
    #[error("{0}")]
    Failed(#[source] Box<dyn StdError + Send + Sync>, Kind),
}

impl LogError {
    /// What to do next.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Gap { .. } | Self::Damaged { .. } | Self::Hole { .. } | Self::Beyond { .. } => Kind::Stop,
            Self::Failed(_, kind) => *kind,
        }
    }
}
