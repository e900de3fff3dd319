//! The works: what is done in a repetition, and in what unit it is told.

#[cfg(feature = "async")]
pub(crate) mod asynchronous;
pub(crate) mod batch;
pub(crate) mod buffered;
pub(crate) mod bytes;
pub(crate) mod durable;
pub(crate) mod reopen;
pub(crate) mod scan;

use clap::ValueEnum;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Work {
    /// Single appends, each returning once it is durable, from so many threads.
    Durable,
    /// The same with two busy processes beside it.
    DurableHogs,
    /// The same with 0 to 400 µs of thought between a thread's appends.
    DurableThink,
    /// 512 durable appends in flight from one task.
    Async,
    /// Batches of 1000 records, one sync each, from one thread.
    Batch,
    /// Appends without a sync, from one thread.
    Buffered,
    /// Records read from first to last, checksums checked, warm.
    Replay,
    /// The same with every record's hash checked, on all cores.
    ReplayHash,
    /// Opening a log after an unclean stop, warm.
    Open,
    /// Bytes in files per record, records appended one by one.
    Bytes,
    /// Bytes in files per record, records appended in batches of 1000.
    BytesBatch,
}

impl Work {
    /// As the command line and the output name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::DurableHogs => "durable-hogs",
            Self::DurableThink => "durable-think",
            Self::Async => "async",
            Self::Batch => "batch",
            Self::Buffered => "buffered",
            Self::Replay => "replay",
            Self::ReplayHash => "replay-hash",
            Self::Open => "open",
            Self::Bytes => "bytes",
            Self::BytesBatch => "bytes-batch",
        }
    }

    /// The unit of its values.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Replay | Self::ReplayHash => "GB/s",
            Self::Open => "ms",
            Self::Bytes | Self::BytesBatch => "B/record",
            _ => "records/s",
        }
    }

    /// Whether a repetition reads a log that was written once for all repetitions.
    pub(crate) fn is_prepared(self) -> bool {
        matches!(self, Self::Replay | Self::ReplayHash | Self::Open)
    }

    /// Whether every repetition would give the same.
    pub(crate) fn is_exact(self) -> bool {
        matches!(self, Self::Bytes | Self::BytesBatch)
    }

    /// Whether more is better.
    pub(crate) fn is_rate(self) -> bool {
        !matches!(self, Self::Open | Self::Bytes | Self::BytesBatch)
    }
}
