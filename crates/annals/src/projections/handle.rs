//! A projection, to ask while it is being filled.

use std::ops::Bound;
use std::sync::{Arc, Weak};
use std::time::Duration;

use annals_record::{Cursor, Offset};
use annals_storage::{ProjectionEntry, ProjectionView};

use super::{Projections, Running};
use crate::error::Error;

/// A projection that is filled in the background, to ask. It may be cloned, and does not keep the data open: once that is
/// closed, or the projection disabled, every call is [`Error::NoProjection`].
#[derive(Clone)]
pub struct ProjectionHandle {
    projections: Weak<Projections>,
    name: String,
}

impl ProjectionHandle {
    pub(super) fn new(projections: &Arc<Projections>, name: String) -> Self {
        Self { projections: Arc::downgrade(projections), name }
    }

    /// The projection's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Everything the version that answers has applied, as of one offset. For several questions whose answers are to
    /// agree; let go of it soon.
    ///
    /// # Errors
    /// [`Error::NoProjection`]; [`Error::Projection`] if its file could not be opened, [`Error::Store`] if it cannot be
    /// read. One whose worker has stopped answers as of where that was: see [`ProjectionHandle::wait_for`].
    pub fn view(&self) -> Result<ProjectionView, Error> {
        self.running()?.view()
    }

    /// The value of a key; none if there is none.
    ///
    /// # Errors
    /// As [`ProjectionHandle::view`].
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.view()?.get(key)?)
    }

    /// Entries in the order of their keys' bytes: the first `limit` between two bounds.
    ///
    /// # Errors
    /// As [`ProjectionHandle::view`].
    pub fn range(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Vec<ProjectionEntry>, Error> {
        Ok(self.view()?.range(from, to, limit)?)
    }

    /// Entries whose keys begin with `prefix`, in the order of their bytes: at most `limit`, those behind the key `after`.
    ///
    /// # Errors
    /// As [`ProjectionHandle::view`].
    pub fn prefix(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<ProjectionEntry>, Error> {
        Ok(self.view()?.prefix(prefix, after, limit)?)
    }

    /// How far the version that answers has applied the journal; none before anything was.
    ///
    /// # Errors
    /// As [`ProjectionHandle::view`].
    pub fn cursor(&self) -> Result<Option<Cursor>, Error> {
        Ok(self.view()?.cursor())
    }

    /// The version that answers: the one before, until a new one has come up with the journal.
    ///
    /// # Errors
    /// As [`ProjectionHandle::view`].
    pub fn version(&self) -> Result<u32, Error> {
        Ok(self.view()?.version())
    }

    /// Waits until everything before `offset` is applied and can be asked for: with the `next` of an append's receipt, that
    /// record; with the journal's durable end, all of it, by the version that was handed in.
    ///
    /// # Errors
    /// [`Error::Timeout`] if it takes longer; [`Error::Projection`] with the worker's reason if it has stopped.
    pub fn wait_for(&self, offset: Offset, timeout: Duration) -> Result<(), Error> {
        self.running()?.wait_for(offset, timeout)
    }

    fn running(&self) -> Result<Arc<Running>, Error> {
        let gone = || Error::NoProjection { name: self.name.clone() };
        self.projections.upgrade().ok_or_else(gone)?.running(&self.name)
    }
}
