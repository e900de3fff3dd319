//! The bytes under a key: lent from a table's cache, or from the chunk of a layer.

use std::ops::Deref;
use std::sync::Arc;

use fjall::Slice;

/// Bytes that others hold too.
#[derive(Clone)]
pub(crate) enum Value {
    /// From a table.
    Stored(Slice),
    /// From a chunk, from this byte on, so many.
    Lent(Arc<Vec<u8>>, u32, u32),
}

impl Deref for Value {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Stored(slice) => slice,
            Self::Lent(chunk, start, len) => &chunk[*start as usize..][..*len as usize],
        }
    }
}

impl From<Slice> for Value {
    fn from(slice: Slice) -> Self {
        Self::Stored(slice)
    }
}
