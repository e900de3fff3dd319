//! The log, as a worker sees it: ordered payloads, named by opaque offsets, readable below a durable watermark.
//!
//!   oldest ... cursor ... durable
//!   |          |          `- first place not (yet) durable; nothing at or beyond it is ever read
//!   |          `- next offset to apply
//!   `- first place that retention left

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::batch::Batch;
use crate::{Kind, LogId, Offset, RecordId, Term};

/// An ordered, append-only, durable sequence of payloads.
///
/// The embedded journal is one; a replicated log may be another. A worker needs nothing else.
///
/// L1: `read` never returns a record at or beyond `bounds().durable`.
/// L2: records come in the order of their offsets, each once, and all records of an atomic append or none.
/// L3: what is missing or damaged is an error that names its place, never a silent jump.
///
/// A new log begins at offset zero. What else is asked of an implementation is a suite that it can run: the module
/// `conformance` (feature `conformance`), explained in docs/log.md.
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

    /// Appends payloads as one atomic group and returns once they are durable: a receipt for each, in their order. No
    /// payloads are no group, and no error.
    ///
    /// # Errors
    /// [`LogError::Failed`]; nothing of the group will be served, unless the kind is [`Kind::Stop`]: then it is unknown.
    fn append(&self, payloads: &[&[u8]]) -> Result<Vec<Appended>, LogError>;

    /// Reads whole atomic groups from `from` on, at least one if there is one, up to about `limit`.
    ///
    /// An empty batch means that nothing stands between `from` and the durable end, which is its `next`. `from` must be an
    /// offset this log gave: of a record, behind one, or where a batch ended.
    ///
    /// # Errors
    /// [`LogError::Gap`] below the oldest place, [`LogError::Damaged`] where checksums fail, [`LogError::Hole`] where
    /// that was acknowledged, [`LogError::Beyond`] behind the durable end. A range that is missing may begin before `from`;
    /// reading goes on behind it.
    fn read(&self, from: Offset, limit: ReadLimit) -> Result<Batch, LogError> {
        let mut batch = Batch::default();
        self.read_into(from, limit, &mut batch)?;
        Ok(batch)
    }

    /// As [`Log::read`], into a batch whose memory is used again: what it held is gone. After an error it is empty.
    ///
    /// # Errors
    /// As [`Log::read`].
    fn read_into(&self, from: Offset, limit: ReadLimit, batch: &mut Batch) -> Result<(), LogError>;

    /// Blocks until something beyond `known` is durable, the log is closed, or `timeout` has passed, and returns the
    /// bounds then.
    ///
    /// # Errors
    /// As [`Log::bounds`]; a log may say with [`LogError::Failed`] that it is closed and nothing will come.
    fn wait(&self, known: Offset, timeout: Duration) -> Result<Bounds, LogError>;

    /// Has `waker` woken once something beyond `known` is durable or the log is closed, at once if that is so already; it
    /// may be woken more often. False if this log cannot: then [`Log::wait`] is to be called on a thread of its own.
    fn watch(&self, known: Offset, waker: &Waker) -> bool {
        let _ = (known, waker);
        false
    }

    /// How far a reader at `from`, an offset at which a batch begins or ends, is behind the durable end. May read a segment: for reports, not for loops.
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

    fn read_into(&self, from: Offset, limit: ReadLimit, batch: &mut Batch) -> Result<(), LogError> {
        (**self).read_into(from, limit, batch)
    }

    fn wait(&self, known: Offset, timeout: Duration) -> Result<Bounds, LogError> {
        (**self).wait(known, timeout)
    }

    fn watch(&self, known: Offset, waker: &Waker) -> bool {
        (**self).watch(known, waker)
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
    /// In the memory of the process that appends: survives nothing until it is synced.
    Memory,
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
    /// The term it was appended in. Once a later term has begun below `offset`, the offset may name another record.
    pub term: Term,
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

impl fmt::Display for Lag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records, {} bytes, {:.3} s", self.records, self.bytes, self.seconds)
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
