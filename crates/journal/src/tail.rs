//! Following a log: an iterator below the watermark that crosses segments and can wait for more.

use std::time::Duration;

#[cfg(feature = "tokio")]
mod stream;

#[cfg(feature = "tokio")]
pub use stream::TailStream;

use annals_record::{Batch, Log, LogError, Offset, ReadLimit};

/// What a core's own cache holds, headers and all: a batch that is larger is slower to read, and no faster to use.
const CACHED: ReadLimit = ReadLimit { records: 10_000, bytes: 1_000_000 };

/// Follows a log from an offset on. As an iterator it gives batches up to the durable end and then ends; it can be asked
/// again later. [`Tail::next_batch`] waits for more.
///
/// Damage is an error that names its range; [`Tail::skip_to`] goes on behind it.
#[derive(Debug)]
pub struct Tail<L> {
    log: L,
    next: Offset,
    limit: ReadLimit,
}

impl<L: Log> Tail<L> {
    /// Follows `log` from `from` on.
    #[must_use]
    pub fn new(log: L, from: Offset) -> Self {
        Self { log, next: from, limit: CACHED }
    }

    /// Bounds each batch. Default: 10,000 records or 1,000,000 bytes.
    #[must_use]
    pub fn with_limit(self, limit: ReadLimit) -> Self {
        Self { limit, ..self }
    }

    /// The next batch, waiting up to `timeout` for one; none if nothing came.
    ///
    /// # Errors
    /// As [`Log::read`] and [`Log::wait`]. The tail stays where it is.
    pub fn next_batch(&mut self, timeout: Duration) -> Result<Option<Batch>, LogError> {
        let mut batch = Batch::default();
        Ok(self.next_into(&mut batch, timeout)?.then_some(batch))
    }

    /// As [`Tail::next_batch`], into a batch whose memory is used again: the fast way to read a whole log. Whether there
    /// was one.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let journal = annals_journal::Journal::open(dir.path().join("journal"))?;
    /// use annals_journal::{Batch, Offset};
    /// # journal.append_batch(&["a", "bc"])?;
    ///
    /// let (mut tail, mut batch) = (journal.tail(Offset::ZERO), Batch::default());
    /// let mut bytes = 0;
    /// while tail.next_into(&mut batch, std::time::Duration::ZERO)? {
    ///     bytes += batch.iter().map(|record| record.payload.len()).sum::<usize>();
    /// }
    /// assert_eq!(bytes, 3);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Tail::next_batch`]; the batch is then empty.
    pub fn next_into(&mut self, batch: &mut Batch, timeout: Duration) -> Result<bool, LogError> {
        loop {
            if self.read_into(batch)? {
                return Ok(true);
            }
            if self.log.wait(self.next, timeout)?.durable <= self.next {
                return Ok(false);
            }
        }
    }

    /// What is durable by now; whether that is anything.
    fn read_into(&mut self, batch: &mut Batch) -> Result<bool, LogError> {
        self.log.read_into(self.next, self.limit, batch)?;
        self.next = batch.next();
        Ok(!batch.is_empty())
    }

    /// Where the next batch begins.
    #[must_use]
    pub fn position(&self) -> Offset {
        self.next
    }

    /// Goes on at `offset`: the end of a damaged range, as its error names it.
    pub fn skip_to(&mut self, offset: Offset) {
        self.next = offset;
    }
}

impl<L: Log> Iterator for Tail<L> {
    type Item = Result<Batch, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut batch = Batch::default();
        self.read_into(&mut batch).map(|any| any.then_some(batch)).transpose()
    }
}
