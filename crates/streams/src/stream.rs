//! A handle to one stream: a name, and a log for whoever reads or follows it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use annals_journal::{
    AppendOptions, Appended, Batch, Bounds, Journal, Log, LogError, LogId, Offset, ReadLimit, Tail,
};
use annals_record::{Durability, Lag, TermStart};

use crate::error::Error;
use crate::pool::Entry;
use crate::source::Source;
use crate::streams::Streams;

/// So long a stream that is waited on keeps its journal at most; between two waits it may go.
const PINNED: Duration = Duration::from_millis(50);

/// One stream of a root. It is the name and holds nothing open: the stream may be closed and opened beneath it.
///
/// It is a [`Log`]: an ingest worker, a tail or a cursor takes it as any other. As a log it is made by the first question.
#[derive(Clone, Debug)]
pub struct Stream {
    streams: Streams,
    entry: Arc<Entry>,
}

impl Stream {
    pub(crate) fn new(streams: Streams, entry: Arc<Entry>) -> Self {
        Self { streams, entry }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.entry.name.as_str()
    }

    /// Appends payloads as one atomic batch: see [`Streams::write`].
    ///
    /// # Errors
    /// As [`Streams::write`].
    pub fn append<P: AsRef<[u8]>>(&self, payloads: &[P]) -> Result<Vec<Appended>, Error> {
        self.append_with(payloads, &AppendOptions::default())
    }

    /// Appends payloads as `how` says: see [`Streams::write_with`].
    ///
    /// # Errors
    /// As [`Streams::write_with`].
    pub fn append_with<P: AsRef<[u8]>>(
        &self,
        payloads: &[P],
        how: &AppendOptions<'_>,
    ) -> Result<Vec<Appended>, Error> {
        self.streams.append(&self.entry, payloads, how)
    }

    /// A reader that follows the stream from `from` on, an offset that an append or a batch gave, or zero.
    #[must_use]
    pub fn tail(&self, from: Offset) -> Tail<Self> {
        Tail::new(self.clone(), from)
    }

    /// Asks the stream's journal something that is not asked here. The journal must not be kept: what is asked of a clone
    /// once the stream was closed beneath it is an error.
    ///
    /// # Errors
    /// As [`Streams::write`]; what `ask` says.
    pub fn with_journal<T>(
        &self,
        ask: impl FnOnce(&Journal) -> Result<T, annals_journal::Error>,
    ) -> Result<T, Error> {
        let lease = self.streams.core.lease(&self.entry)?;
        ask(&lease.journal).map_err(|error| Error::of(self.name(), error))
    }

    fn source(&self) -> Result<Source, Error> {
        match self.streams.core.source_of(&self.entry) {
            Err(Error::NoStream { .. }) => self.streams.core.lease(&self.entry).map(Source::Open),
            source => source,
        }
    }
}

impl Log for Stream {
    fn identity(&self) -> LogId {
        match self.source() {
            Ok(source) => source.log(),
            Err(error) => {
                tracing::error!(stream = self.name(), %error, "the stream cannot say which log it is");
                LogId::from_bytes([0; 16])
            }
        }
    }

    fn terms(&self) -> Vec<TermStart> {
        match self.source() {
            Ok(Source::Open(lease)) => lease.journal.terms(),
            Ok(Source::Beside(reader, _)) => reader.terms(),
            Err(error) => {
                tracing::error!(stream = self.name(), %error, "the stream cannot say its terms");
                vec![TermStart { term: annals_record::Term::FIRST, start: Offset::ZERO }]
            }
        }
    }

    fn bounds(&self) -> Result<Bounds, LogError> {
        let (oldest, durable) = self.source()?.bounds()?;
        Ok(Bounds { oldest, durable })
    }

    fn durability(&self) -> Durability {
        let settings = self.streams.settings(self.name());
        match settings.map(|settings| settings.sync) {
            Ok(annals_journal::SyncPolicy::Always) => Durability::Synced,
            _ => Durability::Memory,
        }
    }

    fn append(&self, payloads: &[&[u8]]) -> Result<Vec<Appended>, LogError> {
        Ok(Self::append(self, payloads)?)
    }

    fn read_into(&self, from: Offset, limit: ReadLimit, batch: &mut Batch) -> Result<(), LogError> {
        match self.source() {
            Ok(Source::Open(lease)) => lease.journal.read_into(from, limit, batch),
            Ok(Source::Beside(reader, _)) => reader.read_into(from, limit, batch),
            Err(error) => {
                batch.clear(from);
                Err(error.into())
            }
        }
    }

    fn wait(&self, known: Offset, timeout: Duration) -> Result<Bounds, LogError> {
        let until = Instant::now() + timeout;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let bounds = match self.entry.lease_open() {
                Some(lease) => lease.journal.wait(known, left.min(PINNED)),
                None => {
                    let bounds = self.bounds()?;
                    if bounds.durable <= known {
                        self.entry.wait_opened(left.min(PINNED));
                    }
                    Ok(bounds)
                }
            };
            match bounds {
                Ok(bounds) if bounds.durable > known => return Ok(bounds),
                Ok(_) if left.is_zero() => return self.bounds(),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
            if self.streams.core.is_closed() {
                return Err(Error::Closed.into());
            }
        }
    }

    fn lag(&self, from: Offset) -> Result<Lag, LogError> {
        match self.source()? {
            Source::Open(lease) => lease.journal.lag(from),
            Source::Beside(reader, _) => reader.lag(from),
        }
    }
}
