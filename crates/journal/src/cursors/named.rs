//! A cursor that is held: where it stands, and moving it.

use std::fmt;
use std::sync::Arc;

use annals_record::{Applied, Cursor, Offset};

use super::slots::{Place, Slots};
use crate::disk::Held;
use crate::error::Error;
use crate::view::View;

/// A durable cursor, held by this consumer alone until it is dropped.
///
/// Keep effects idempotent, or note the offset with them: a crash between an effect and [`NamedCursor::advance`] leaves
/// the cursor before it, and the record comes again.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// use annals_journal::{Journal, Offset};
///
/// let journal = Journal::open(dir.path().join("journal"))?;
/// journal.append("to be mailed")?;
/// let mut cursor = journal.cursor_at("mailer", Offset::ZERO)?;
/// for batch in journal.tail(cursor.position()) {
///     let batch = batch?;
///     // ... mail them, then:
///     cursor.advance(batch.next(), None)?;
/// }
/// assert_eq!(journal.cursors()?[0].position, Some(journal.durable()));
/// # Ok(())
/// # }
/// ```
pub struct NamedCursor {
    view: Arc<dyn View>,
    name: String,
    place: Place,
    slots: Slots,
    _held: Box<dyn Held>,
}

impl fmt::Debug for NamedCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamedCursor").field("name", &self.name).field("place", &self.place).finish()
    }
}

impl NamedCursor {
    pub(super) fn new(
        view: Arc<dyn View>,
        name: &str,
        place: Place,
        slots: Slots,
        held: Box<dyn Held>,
    ) -> Self {
        Self { view, name: name.to_owned(), place, slots, _held: held }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next offset to read: from here on nothing is purged.
    #[must_use]
    pub fn position(&self) -> Offset {
        self.place.cursor.next
    }

    /// All it says: log, term, next offset, last record.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.place.cursor
    }

    /// Moves to `to`, an offset that a batch or an append gave, and returns once that is durable: one sync. `last` is
    /// the record that was applied last, if the consumer wants the log compared with it at the next open. Moving to where
    /// it stands does nothing.
    ///
    /// # Errors
    /// [`Error::CursorBack`] if `to` lies before the position; [`Error::Beyond`] if it is not durable in the log.
    /// [`Error::Io`] or [`Error::Full`]: it is unknown whether the cursor has moved; open it again to find out, later
    /// calls get [`Error::Poisoned`].
    pub fn advance(&mut self, to: Offset, last: Option<Applied>) -> Result<(), Error> {
        let position = self.position();
        if to < position {
            return Err(Error::CursorBack { name: self.name.clone(), position, to });
        }
        if to == position {
            return Ok(());
        }
        let (durable, term) = self.view.end()?;
        if to > durable {
            return Err(Error::Beyond { wanted: to, durable });
        }
        self.write(Cursor { next: to, term, last, ..self.place.cursor })
    }

    /// Moves back to `to`, so that what stands behind it is read again. Returns once that is durable.
    ///
    /// # Errors
    /// [`Error::Gap`] if `to` is not held any more; [`Error::Beyond`] if it lies behind the position: use
    /// [`NamedCursor::advance`]. Otherwise as there.
    pub fn rewind(&mut self, to: Offset) -> Result<(), Error> {
        let position = self.position();
        if to > position {
            return Err(Error::Beyond { wanted: to, durable: position });
        }
        let source = self.view.source();
        // C2: no purge passes `to` between the look and the write.
        let _moving = super::hold(&*source.disk, &source.dir)?;
        source.refresh()?;
        let oldest = source.oldest();
        if to < oldest {
            return Err(Error::Gap { wanted: to, oldest });
        }
        let (_, term) = self.view.end()?;
        let back = Cursor { next: to, term, last: None, ..self.place.cursor };
        self.write(back)?;
        // Both slots: if one is lost, the other must not stand ahead.
        self.write(back)
    }

    fn write(&mut self, cursor: Cursor) -> Result<(), Error> {
        let place = Place { cursor, moved_at_micros: self.view.clock().now_micros() };
        self.slots.write(&place)?;
        self.place = place;
        Ok(())
    }
}
