//! The works of the ingest bench, and in what unit each is told.

use clap::ValueEnum;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Work {
    /// From the journal into a store that is synced once, at the end.
    Ingest,
    /// The same, synced every second and at the end.
    #[value(name = "ingest-1s")]
    IngestSecond,
    /// The same, synced every 50 ms and at the end.
    #[value(name = "ingest-50ms")]
    IngestMoment,
    /// A store made anew from a journal, as `annals rebuild` does.
    Rebuild,
    /// Records by ids that are there, at random, warm.
    Get,
    /// Ids that are not there.
    Absent,
    /// The ids of a subject's assertions, subjects at random.
    Subject,
    /// The same for the subject of which most is said.
    Hot,
    /// An open after the process that wrote was killed.
    Reopen,
    /// From an append that is durable to its record in an answer.
    Visible,
    /// What the process had the disk write.
    BytesWritten,
    /// What the closed store takes on disk.
    BytesDisk,
}

impl Work {
    /// All of them, in the order of the tables.
    pub(crate) const ALL: [Self; 12] = [
        Self::Ingest,
        Self::IngestSecond,
        Self::IngestMoment,
        Self::Rebuild,
        Self::Get,
        Self::Absent,
        Self::Subject,
        Self::Hot,
        Self::Reopen,
        Self::Visible,
        Self::BytesWritten,
        Self::BytesDisk,
    ];

    /// As the command line and the output name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::IngestSecond => "ingest-1s",
            Self::IngestMoment => "ingest-50ms",
            Self::Rebuild => "rebuild",
            Self::Get => "get",
            Self::Absent => "absent",
            Self::Subject => "subject",
            Self::Hot => "hot",
            Self::Reopen => "reopen",
            Self::Visible => "visible",
            Self::BytesWritten => "bytes-written",
            Self::BytesDisk => "bytes-disk",
        }
    }

    /// The work of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|work| work.name() == name)
    }

    /// The unit of its values.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Ingest | Self::IngestSecond | Self::IngestMoment | Self::Rebuild => "records/s",
            Self::Get | Self::Absent => "gets/s",
            Self::Subject | Self::Hot => "lists/s",
            Self::Reopen | Self::Visible => "ms",
            Self::BytesWritten | Self::BytesDisk => "B/record",
        }
    }

    /// Whether more is better.
    pub(crate) fn is_rate(self) -> bool {
        !matches!(self, Self::Reopen | Self::Visible | Self::BytesWritten | Self::BytesDisk)
    }
}
