//! What a worker needs from where it puts what it reads.

use annals_record::{Cursor, Offset};

use crate::{Change, Counts, Digests, Error, Passed};

/// Where a worker puts what it reads from a log: a store, or a projection.
///
/// Effects and cursor move together: after a crash the cursor never covers a record whose effects are gone, and a
/// record applied again changes nothing.
pub trait Sink: Send + Sync {
    /// The cursor of the last `apply`; `None` before the first. Work resumes here.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn cursor(&self) -> Result<Option<Cursor>, Error>;

    /// The farthest place of the log of which anything may be in the store: the cursor, or a place beyond it after a
    /// crash between content and index. It has to fit the log as the cursor has, or bytes of another past would show.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn reach(&self) -> Result<Option<Cursor>, Error>;

    /// Applies changes in the log's order and moves the cursor, all or nothing. Visible on return, durable at the next
    /// checkpoint. `changes` are all records from the present cursor up to `cursor.next`.
    ///
    /// # Errors
    /// Kind Fix if changes or cursor do not follow the present cursor; kind Stop if a write failed: nothing more is
    /// written until the store is opened again.
    fn apply(&self, changes: &[Change<'_>], cursor: &Cursor) -> Result<Outcome, Error>;

    /// Moves the cursor behind a range of the log that does not verify, and notes the range: both durable on return.
    ///
    /// # Errors
    /// As [`Sink::apply`].
    fn pass(&self, passed: &Passed, cursor: &Cursor) -> Result<(), Error>;

    /// Makes everything applied durable, the cursor last. Cheap if nothing was applied since.
    ///
    /// # Errors
    /// Kind Stop: nothing more is written until the store is opened again.
    fn checkpoint(&self) -> Result<(), Error>;

    /// Has at least everything before `at_least` made durable, in the way that costs the store least, and says how far it is
    /// durable now. That may be less: a store that has begun to fold what was applied ends that first, on a thread of its
    /// own, and whoever asks again sees it. [`Sink::checkpoint`] waits.
    ///
    /// # Errors
    /// As [`Sink::checkpoint`].
    fn checkpoint_to(&self, at_least: Offset) -> Result<Offset, Error>;

    /// Puts the cursor elsewhere, durably on return: back, and records that were applied come again; forth, and what
    /// lies between never comes. Nothing is applied meanwhile. A sink that allows it has to bear both, and a log of which
    /// the part before `cursor.next` is gone; one whose content is to be all of the log refuses, as this does unless it
    /// is overridden.
    ///
    /// # Errors
    /// [`Error::NoSeek`]; otherwise as [`Sink::checkpoint`].
    fn seek(&self, cursor: &Cursor) -> Result<(), Error> {
        Err(Error::NoSeek { to: cursor.next })
    }
}

/// A sink that keeps assertions, votes and epochs, and can say how much it holds.
pub trait KvStore: Sink {
    /// How much the store holds.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn counts(&self) -> Result<Counts, Error>;

    /// What the store holds, as sums to compare.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn digests(&self) -> Result<Digests, Error>;
}

/// What became of the changes of one `apply`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Assertions, votes and epoch records that were not there before.
    pub fresh: u64,
    /// Assertions, votes and epoch records that were.
    pub duplicates: u64,
    /// Parked.
    pub dead_letters: u64,
    /// The application's own.
    pub application: u64,
}
