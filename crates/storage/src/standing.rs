//! Where a store stands: how far it has applied the log, and what it holds by then.

use annals_record::{Cursor, Offset};

use crate::{Counts, Digests};

/// A cursor, and what everything before it amounts to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Standing {
    /// `None` before anything was applied.
    pub(crate) cursor: Option<Cursor>,
    pub(crate) counts: Counts,
    pub(crate) digests: Digests,
}

impl Standing {
    /// The next offset to apply.
    pub(crate) fn next(&self) -> Offset {
        self.cursor.map_or(Offset::ZERO, |cursor| cursor.next)
    }
}
