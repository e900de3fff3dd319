//! A projection whose needs the journal knows: a named cursor follows what it has applied durably.

use std::sync::{Mutex, MutexGuard, PoisonError};

use annals_journal::{Journal, NamedCursor};
use annals_record::{Cursor, Log, Offset};
use annals_storage::{Change, Error as StoreError, Outcome, Passed, ProjectionStore, Sink};

use crate::error::Error;

/// What the names of these cursors begin with.
const PREFIX: &str = "projection.";

/// The name of the journal's cursor that stands for a projection.
pub(super) fn cursor_name(projection: &str) -> String {
    format!("{PREFIX}{projection}")
}

/// The projection for which a cursor of the journal stands.
pub(super) fn projection_of(cursor: &str) -> Option<&str> {
    cursor.strip_prefix(PREFIX)
}

/// Lets go of what a projection held of the journal.
pub(super) fn release(journal: &Journal, projection: &str) -> Result<(), Error> {
    match journal.remove_cursor(&cursor_name(projection)) {
        Ok(()) | Err(annals_journal::Error::NoCursor { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A projection and its cursor in the journal (PJ6).
pub(super) struct Kept {
    store: ProjectionStore,
    /// None where it cannot be held: the projection is filled all the same.
    cursor: Mutex<Option<NamedCursor>>,
}

impl Kept {
    /// A projection that was opened and nothing applied to since.
    pub(super) fn new(store: ProjectionStore, journal: &Journal) -> Result<Self, StoreError> {
        let at = store.cursor()?;
        let cursor = hold(journal, store.name(), at).inspect_err(|error| {
            tracing::warn!(%error, projection = store.name(), "the journal does not hold what this projection needs");
        });
        Ok(Self { store, cursor: Mutex::new(cursor.ok()) })
    }

    pub(super) fn store(&self) -> &ProjectionStore {
        &self.store
    }

    /// From where on the journal is held.
    pub(super) fn held(&self) -> Option<Offset> {
        self.cursor().as_ref().map(NamedCursor::position)
    }

    /// Makes durable what is applied, and lets go of the cursor, which stays in the journal.
    pub(super) fn let_go(&self) {
        if let Err(error) = self.checkpoint() {
            // What was not kept is applied again.
            tracing::warn!(%error, projection = self.store.name(), "a projection was closed without a checkpoint");
        }
        *self.cursor() = None;
    }

    fn cursor(&self) -> MutexGuard<'_, Option<NamedCursor>> {
        self.cursor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is applied durably need not be held any more.
    fn follow(&self, durable: Offset) {
        if let Some(cursor) = &mut *self.cursor()
            && cursor.position() < durable
            && let Err(error) = cursor.advance(durable, None)
        {
            // It holds more than is needed; the next open sets it right.
            tracing::warn!(%error, cursor = cursor.name(), "the cursor of a projection does not move");
        }
    }
}

/// The projection's cursor in the journal, moved to where the projection stands: this one is the truth.
fn hold(journal: &Journal, projection: &str, at: Option<Cursor>) -> Result<NamedCursor, Error> {
    let name = cursor_name(projection);
    let wanted = match at {
        Some(cursor) => cursor.next,
        None => journal.bounds()?.oldest,
    };
    let mut cursor = match journal.cursor_at(&name, wanted) {
        // Of another past of the log, or damaged: nothing depends on what it says.
        Err(annals_journal::Error::Cursor { .. } | annals_journal::Error::Sidecar { .. }) => {
            journal.remove_cursor(&name)?;
            journal.cursor_at(&name, wanted)?
        }
        opened => opened?,
    };
    if cursor.position() > wanted {
        cursor.rewind(wanted)?;
    } else {
        cursor.advance(wanted, None)?;
    }
    Ok(cursor)
}

impl Sink for Kept {
    fn cursor(&self) -> Result<Option<Cursor>, StoreError> {
        self.store.cursor()
    }

    fn reach(&self) -> Result<Option<Cursor>, StoreError> {
        self.store.reach()
    }

    fn apply(&self, changes: &[Change<'_>], cursor: &Cursor) -> Result<Outcome, StoreError> {
        self.store.apply(changes, cursor)
    }

    fn pass(&self, passed: &Passed, cursor: &Cursor) -> Result<(), StoreError> {
        self.store.pass(passed, cursor)
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        self.store.checkpoint()?;
        self.follow(self.store.checkpoint_to(Offset::ZERO)?);
        Ok(())
    }

    fn checkpoint_to(&self, at_least: Offset) -> Result<Offset, StoreError> {
        let durable = self.store.checkpoint_to(at_least)?;
        self.follow(durable);
        Ok(durable)
    }
}
