//! A projection as of one offset, to ask.

use std::ops::Bound;
use std::sync::Arc;

use annals_record::{Cursor, Offset};

use super::entries::{Entries, ProjectionEntry, prefix_bounds};
use super::postings::Postings;
use crate::Error;

/// A projection as of one offset: everything before its cursor, nothing behind it, whatever is applied meanwhile.
///
/// It keeps pages of the file from being used again, and the file from being opened again, so take one per question.
pub struct ProjectionView {
    pub(super) entries: Arc<Entries>,
    pub(super) cursor: Option<Cursor>,
    pub(super) version: u32,
    pub(super) complete: bool,
}

impl ProjectionView {
    /// The offset it reflects: everything before it, nothing at or after it.
    #[must_use]
    pub fn as_of(&self) -> Offset {
        self.cursor.map_or(Offset::ZERO, |cursor| cursor.next)
    }

    /// Its cursor; `None` before anything was applied.
    #[must_use]
    pub fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// The version that answers: the one before, while a new one has not come up with the log.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Whether that version has come up with the log once. False while the first one is being built.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The value of a key; `None` if there is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.entries.get(key)
    }

    /// Entries in the order of their keys' bytes: the first `limit` between two bounds.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn range(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Vec<ProjectionEntry>, Error> {
        self.entries.page(from, to, limit)
    }

    /// Entries whose keys begin with `prefix`, in the order of their bytes: at most `limit`, those behind the key `after`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn prefix(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<ProjectionEntry>, Error> {
        let mut end = Vec::new();
        let (from, to) = prefix_bounds(prefix, after, &mut end);
        self.entries.page(from, to, limit)
    }

    /// How many entries there are.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn entries(&self) -> Result<u64, Error> {
        self.entries.len()
    }

    /// The records that a projection of our own ([`crate::BuiltIn`]) lists under a term, in the order of their offsets.
    #[must_use]
    pub fn postings(&self, term: &[u8]) -> Postings {
        Postings::new(Arc::clone(&self.entries), term)
    }
}
