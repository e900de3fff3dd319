//! What a projection changes, before it is written: its changes over the entries there are.
//!
//!   put, delete -> changes, sorted --.
//!   get, range  <- changes over entries      written in the order of keys once the whole batch has gone well

use std::collections::BTreeMap;
use std::ops::Bound;

use super::entries::{Entries, ProjectionEntry, is_empty, prefix_bounds};
use crate::Error;

/// What a projection reads and changes: its own entries, keys and values of any bytes. Everything of a batch is written
/// with the cursor, or nothing.
///
/// Keys are at most 4 KiB long and values at most 1 MiB; beyond that [`crate::Projection::apply`] fails.
pub struct ProjectionTxn<'t> {
    base: &'t Entries,
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    refused: Option<String>,
}

/// The longest key.
const MAX_KEY: usize = 4 << 10;
/// The longest value.
const MAX_VALUE: usize = 1 << 20;

impl<'t> ProjectionTxn<'t> {
    pub(super) fn new(base: &'t Entries) -> Self {
        Self { base, changes: BTreeMap::new(), refused: None }
    }

    /// The changes, in the order of their keys.
    pub(super) fn into_changes(self) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
        self.changes
    }

    /// Why something that was put cannot be kept, if it cannot.
    pub(super) fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// The value of a key; `None` if there is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        match self.changes.get(key) {
            Some(changed) => Ok(changed.clone()),
            None => self.base.get(key),
        }
    }

    /// Gives a key a value, in the place of the one it has.
    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        if key.len() > MAX_KEY || value.len() > MAX_VALUE {
            let (key, value) = (key.len(), value.len());
            self.refused.get_or_insert_with(|| {
                format!("it puts a key of {key} bytes with a value of {value}; at most {MAX_KEY} and {MAX_VALUE} are kept")
            });
            return;
        }
        self.changes.insert(key.to_vec(), Some(value.to_vec()));
    }

    /// Takes a key away, if it is there.
    pub fn delete(&mut self, key: &[u8]) {
        self.changes.insert(key.to_vec(), None);
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
        if is_empty(from, to) {
            return Ok(Vec::new());
        }
        let mut base = self.base.rows(from, to)?.peekable();
        let mut changes = self.changes.range::<[u8], _>((from, to)).peekable();
        let mut found = Vec::new();
        while found.len() < limit {
            // A row that fails is taken from the base, and ends this.
            let base_first = match (base.peek(), changes.peek()) {
                (None, None) => break,
                (Some(Ok((below, _))), Some((above, _))) if below == *above => {
                    base.next();
                    false
                }
                (Some(Ok((below, _))), Some((above, _))) => below < *above,
                (Some(_), _) => true,
                (None, Some(_)) => false,
            };
            if base_first {
                found.extend(base.next().transpose()?);
            } else if let Some((key, Some(value))) = changes.next() {
                found.push((key.clone(), value.clone()));
            }
        }
        Ok(found)
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
        self.range(from, to, limit)
    }
}
