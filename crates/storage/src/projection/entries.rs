//! A projection's entries as of one commit, a page at a time.

use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;

use redb::{Range, ReadOnlyTable, ReadableTableMetadata};

use super::file::{At, ProjectionFile};
use crate::Error;

/// A key of a projection and its value.
pub type ProjectionEntry = (Vec<u8>, Vec<u8>);

/// The table of entries as of one commit; later ones do not change it.
pub(crate) struct Entries {
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
    path: PathBuf,
    /// Stays open as long as somebody reads, also where another version answers by now.
    _file: Option<Arc<ProjectionFile>>,
}

impl Entries {
    pub(super) fn new(table: ReadOnlyTable<&'static [u8], &'static [u8]>, path: PathBuf) -> Self {
        Self { table, path, _file: None }
    }

    /// The same, for whoever reads on after the store has let go of the file.
    pub(super) fn holding(self, file: Arc<ProjectionFile>) -> Self {
        Self { _file: Some(file), ..self }
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let value = self.table.get(key).at("read", &self.path)?;
        Ok(value.map(|value| value.value().to_vec()))
    }

    /// Entries in the order of their keys' bytes.
    pub(crate) fn rows(&self, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Result<Rows, Error> {
        let rows = match is_empty(from, to) {
            true => None,
            false => Some(self.table.range::<&[u8]>((from, to)).at("read", &self.path)?),
        };
        Ok(Rows { rows, path: self.path.clone() })
    }

    /// The first `limit` of them.
    pub(crate) fn page(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Vec<ProjectionEntry>, Error> {
        self.rows(from, to)?.take(limit).collect()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> Result<u64, Error> {
        self.table.len().at("read", &self.path)
    }
}

/// Entries, one after the other.
pub(crate) struct Rows {
    rows: Option<Range<'static, &'static [u8], &'static [u8]>>,
    path: PathBuf,
}

impl Iterator for Rows {
    type Item = Result<ProjectionEntry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rows.as_mut()?.next()?;
        let entry = row.at("read", &self.path);
        Some(entry.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())))
    }
}

/// Whether no key lies between: the engine and maps panic where a range ends before it begins.
pub(super) fn is_empty(from: Bound<&[u8]>, to: Bound<&[u8]>) -> bool {
    match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => {
            from >= to
        }
    }
}

/// The bounds of the keys that begin so, those behind `after` if that is given.
pub(super) fn prefix_bounds<'k>(
    prefix: &'k [u8],
    after: Option<&'k [u8]>,
    end: &'k mut Vec<u8>,
) -> (Bound<&'k [u8]>, Bound<&'k [u8]>) {
    let from = match after {
        Some(after) if after >= prefix => Bound::Excluded(after),
        _ => Bound::Included(prefix),
    };
    end.clear();
    end.extend_from_slice(prefix);
    // The first key that is greater than all that begin so; none if they begin with nothing but 0xff.
    while end.pop_if(|byte| *byte == 0xff).is_some() {}
    let to = match end.last_mut() {
        Some(last) => {
            *last += 1;
            Bound::Excluded(end.as_slice())
        }
        None => Bound::Unbounded,
    };
    (from, to)
}
