//! The store's worker, seen as one of the workers over the journal: it rests and goes on like any other.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use annals_record::Offset;

use super::running::Attended;
use super::said::Said;
use super::{ConsumerKind, KEEPS_ITS_PLACE};
use crate::annals::{STORE_CURSOR, Serving};
use crate::error::Error;

/// Whichever worker fills the store that answers; a rebuild may put another one in its place.
pub(crate) struct StoreWorker(pub(crate) Arc<RwLock<Serving>>);

impl StoreWorker {
    fn serving(&self) -> Serving {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Attended for StoreWorker {
    fn name(&self) -> &str {
        STORE_CURSOR
    }

    fn said(&self) -> Said {
        let serving = self.serving();
        let said = Said::of(STORE_CURSOR, ConsumerKind::Store, &serving.ingestor.progress());
        let durable = serving.store.durable_cursor().ok().flatten().map(|cursor| cursor.next.get());
        Said { durable, ..said }
    }

    fn is_paused(&self) -> bool {
        self.serving().ingestor.is_paused()
    }

    fn set_paused(&self, paused: bool) {
        match paused {
            true => self.serving().ingestor.pause(),
            // A store that has failed is opened again, with the data.
            false => self.serving().ingestor.resume(),
        }
    }

    fn wait_until_paused(&self) {
        // Whoever has it go on meanwhile wants that.
        let _ = self.serving().ingestor.wait_until_paused(Duration::MAX);
    }

    fn seek(&self, _to: Offset) -> Result<Option<Offset>, Error> {
        let (kind, next) = (ConsumerKind::Store, KEEPS_ITS_PLACE);
        Err(Error::WrongKind { name: STORE_CURSOR.to_owned(), kind, done: "moved", next })
    }

    fn end(&self) -> Result<(), Error> {
        // It ends with the data.
        Ok(())
    }
}
