//! The worker of a projection, seen as one of the workers over the journal: it rests and goes on like any other.

use std::sync::Arc;
use std::time::Duration;

use annals_ingest::State;
use annals_record::Offset;

use super::{Filled, Running};
use crate::consumers::{Attended, ConsumerKind, ConsumerState, Said};
use crate::error::Error;

/// Why a projection cannot be put elsewhere, and what to do instead.
pub(crate) const BUILT_ANEW: &str = "its cursor says what it holds; `annals projections rebuild` applies the journal again from its beginning";

/// Whoever fills a projection, if it can be filled.
pub(super) struct ProjectionWorker {
    /// The name of the projection's cursor in the journal.
    pub(super) name: String,
    pub(super) running: Arc<Running>,
}

impl ProjectionWorker {
    fn filled(&self) -> Option<&Filled> {
        self.running.filled.as_ref().ok()
    }
}

impl Attended for ProjectionWorker {
    fn name(&self) -> &str {
        &self.name
    }

    fn said(&self) -> Said {
        let kind = ConsumerKind::Projection;
        match &self.running.filled {
            Ok(Filled { ingestor, kept }) => {
                let said = Said::of(&self.name, kind, &ingestor.progress());
                Said { durable: said.durable.or(kept.held().map(Offset::get)), ..said }
            }
            Err(error) => {
                let (state, error) = (ConsumerState::Failed, Some(error.to_string()));
                Said { state, error, ..Said::nothing(&self.name, kind) }
            }
        }
    }

    fn is_paused(&self) -> bool {
        self.filled().is_some_and(|filled| filled.ingestor.is_paused())
    }

    fn set_paused(&self, paused: bool) {
        let Some(Filled { ingestor, .. }) = self.filled() else { return };
        if paused {
            ingestor.pause();
        } else {
            ingestor.resume();
            if ingestor.progress().state == State::Failed {
                ingestor.restart();
            }
        }
    }

    fn wait_until_paused(&self) {
        if let Some(filled) = self.filled() {
            // Whoever has it go on meanwhile wants that.
            let _ = filled.ingestor.wait_until_paused(Duration::MAX);
        }
    }

    fn seek(&self, _to: Offset) -> Result<Option<Offset>, Error> {
        let (kind, next) = (ConsumerKind::Projection, BUILT_ANEW);
        Err(Error::WrongKind { name: self.name.clone(), kind, done: "moved", next })
    }

    fn end(&self) -> Result<(), Error> {
        // It ends with the data, or when the projection is taken away.
        Ok(())
    }
}
