//! A consumer's sink, and the journal's cursor of its name, which holds back retention for it.
//!
//!   checkpoint -> the sink, durable -> the journal's cursor, no farther
//!
//! CO3: The journal's cursor of a consumer never stands beyond what its sink has made durable.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annals_journal::{Journal, NamedCursor};
use annals_record::{Cursor, Offset};
use annals_storage::{Change, Error, Outcome, Passed, Sink};

/// A sink of which the journal knows how far it is.
pub(crate) struct Holding<S> {
    sink: Arc<S>,
    mark: Mutex<Mark>,
}

/// Where the journal is held.
struct Mark {
    journal: Journal,
    name: String,
    /// None after it could not be moved: then it is opened anew.
    cursor: Option<NamedCursor>,
}

impl<S: Sink> Holding<S> {
    /// Has the journal hold everything from `start`, where the sink stands durably.
    pub(crate) fn new(
        journal: &Journal,
        name: &str,
        sink: Arc<S>,
        start: Offset,
    ) -> Result<Self, annals_journal::Error> {
        let mut cursor = journal.cursor_at(name, start)?;
        if start < cursor.position() {
            cursor.rewind(start)?;
        }
        cursor.advance(start, None)?;
        let mark = Mark { journal: journal.clone(), name: name.to_owned(), cursor: Some(cursor) };
        Ok(Self { sink, mark: Mutex::new(mark) })
    }

    /// The journal need not hold what lies before `durable`. If it does all the same, that costs room and nothing else.
    fn release(&self, durable: Offset) {
        let mut mark = self.mark();
        if let Err(error) = mark.advance(durable) {
            tracing::warn!(%error, consumer = mark.name, "its cursor in the journal stays behind, and holds more than it has to");
            mark.cursor = None;
        }
    }

    fn mark(&self) -> MutexGuard<'_, Mark> {
        // A cursor moves as a whole.
        self.mark.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mark {
    fn cursor(&mut self) -> Result<&mut NamedCursor, annals_journal::Error> {
        match &mut self.cursor {
            Some(cursor) => Ok(cursor),
            none => Ok(none.insert(self.journal.cursor(&self.name)?)),
        }
    }

    fn advance(&mut self, durable: Offset) -> Result<(), annals_journal::Error> {
        let cursor = self.cursor()?;
        if durable > cursor.position() { cursor.advance(durable, None) } else { Ok(()) }
    }

    fn rewind(&mut self, to: Offset) -> Result<(), annals_journal::Error> {
        let cursor = self.cursor()?;
        if to < cursor.position() { cursor.rewind(to) } else { Ok(()) }
    }
}

impl<S: Sink> Sink for Holding<S> {
    fn cursor(&self) -> Result<Option<Cursor>, Error> {
        self.sink.cursor()
    }

    fn reach(&self) -> Result<Option<Cursor>, Error> {
        self.sink.reach()
    }

    fn apply(&self, changes: &[Change<'_>], cursor: &Cursor) -> Result<Outcome, Error> {
        self.sink.apply(changes, cursor)
    }

    fn pass(&self, passed: &Passed, cursor: &Cursor) -> Result<(), Error> {
        self.sink.pass(passed, cursor)
    }

    fn checkpoint(&self) -> Result<(), Error> {
        // Nobody else applies, so this is how far it is durable once it returns.
        let applied = self.sink.cursor()?;
        self.sink.checkpoint()?;
        if let Some(applied) = applied {
            self.release(applied.next);
        }
        Ok(())
    }

    fn checkpoint_to(&self, at_least: Offset) -> Result<Offset, Error> {
        let durable = self.sink.checkpoint_to(at_least)?;
        self.release(durable);
        Ok(durable)
    }

    fn seek(&self, cursor: &Cursor) -> Result<(), Error> {
        // Back: the journal holds it before the sink wants it. Forth: only once the sink does not want it any more.
        self.mark().rewind(cursor.next).map_err(|source| Error::Engine {
            engine: "journal",
            op: "move the cursor of a consumer",
            path: Path::new("journal/cursors").to_owned(),
            source: Box::new(source),
        })?;
        self.sink.seek(cursor)?;
        self.release(cursor.next);
        Ok(())
    }
}
