//! A record's place in the whole log.

use std::fmt;

/// A record's place in the whole log: opaque, ordered, and never computed with.
///
/// In the embedded journal it is a logical byte address over all segments; another log may count messages. Only the
/// log that gave an offset knows what lies between two of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(u64);

impl Offset {
    /// The first place of any log.
    pub const ZERO: Self = Self(0);

    /// The offset with this number, as it was printed or stored.
    #[must_use]
    pub const fn new(raw: u64) -> Self {
        Self(raw)
    }

    /// The number to print or store.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
