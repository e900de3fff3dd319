//! What retention and cursors need to see of a journal, whoever opened it: the writer's process or a reader.

use std::sync::Arc;

use annals_record::{LogId, Offset, Term};

use crate::catalog::{self, Segment};
use crate::clock::Clock;
use crate::error::Error;
use crate::source::Source;
use crate::{journal, reader};

/// A journal, seen from either side.
pub(crate) trait View: Send + Sync {
    fn log(&self) -> LogId;

    fn clock(&self) -> &dyn Clock;

    fn source(&self) -> &Source;

    /// The durable end and the newest term.
    fn end(&self) -> Result<(Offset, Term), Error>;

    /// The durable end and the segments. The list is never older than the end.
    fn look(&self) -> Result<(Offset, Vec<Arc<Segment>>), Error>;
}

impl View for journal::Core {
    fn log(&self) -> LogId {
        self.log
    }

    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn source(&self) -> &Source {
        &self.source
    }

    fn end(&self) -> Result<(Offset, Term), Error> {
        Ok((self.watermark.get(), catalog::newest_term(&self.source.segments())))
    }

    fn look(&self) -> Result<(Offset, Vec<Arc<Segment>>), Error> {
        let durable = self.watermark.get();
        Ok((durable, self.source.segments()))
    }
}

impl View for reader::Core {
    fn log(&self) -> LogId {
        self.log
    }

    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn source(&self) -> &Source {
        &self.source
    }

    fn end(&self) -> Result<(Offset, Term), Error> {
        self.mark()
    }

    fn look(&self) -> Result<(Offset, Vec<Arc<Segment>>), Error> {
        // In this order: the list of segments is never older than the watermark.
        let (durable, _) = self.mark()?;
        self.source.refresh()?;
        Ok((durable, self.source.segments()))
    }
}
