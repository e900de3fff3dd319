//! The one place where a segment file is looked at before it is read: its first bytes say in which form it is kept.
//!
//! ```text
//!   file under a segment's name -> first bytes -> plain: itself      the journal sees the plain bytes, either way
//!                                              -> encoded: decoder
//! ```

use std::io;

use annals_journal::DiskFile;

/// In which form a sealed segment is kept. The active one is always plain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// As the journal wrote it.
    #[default]
    Plain,
}

impl Codec {
    /// All of them.
    pub const ALL: [Self; 1] = [Self::Plain];

    /// Its name: `plain`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
        }
    }
}

/// A segment file as the journal is to see it, and in which form it is kept.
pub(crate) fn open(file: Box<dyn DiskFile>) -> io::Result<(Box<dyn DiskFile>, Codec)> {
    Ok((file, Codec::Plain))
}
