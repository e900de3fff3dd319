//! Which store this is: 16 random bytes, kept in the index and beside the reach of content.
//!
//! Two stores of one log hold the same keys and stand at the same offsets. Only this tells the content of one from the
//! content of the other, and an older copy of a store from another store.

use std::fmt;
use std::path::Path;

use rustix::rand::{GetRandomFlags, getrandom};

use crate::Error;

/// Which store this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoreId([u8; StoreId::BYTES]);

impl StoreId {
    /// The length of the stored form.
    pub(crate) const BYTES: usize = 16;

    /// One that no other store has.
    pub(crate) fn draw(path: &Path) -> Result<Self, Error> {
        let mut bytes = [0; Self::BYTES];
        let drawn = getrandom(&mut bytes, GetRandomFlags::empty());
        drawn.map_err(|errno| Error::io("draw an identity for", path)(errno.into()))?;
        Ok(Self(bytes))
    }

    /// Reads the stored form; `None` if it has another length.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The stored form.
    pub(crate) fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
