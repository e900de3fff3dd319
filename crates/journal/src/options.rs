//! What a caller may choose, checked once.

use crate::{Error, frame};

/// A journal's settings: plain data, checked by `open`. Components (disk, clock) are arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// A segment is sealed before it would grow past this size, in bytes. Larger means fewer files; smaller means that
    /// damage, retention and recovery have smaller units. An atomic batch larger than this gets a segment of its own.
    /// Default: 64 MiB. At least 4 KiB, at most 4 GiB.
    pub segment_bytes: u64,
    /// The largest atomic batch, frames included, in bytes. Larger ones are refused as [`Error::TooLarge`]. It bounds
    /// the memory that one append, and one read, can take. Default: 256 MiB + 64 KiB, which holds one record of the
    /// largest size. At least 4 KiB, at most 2 GiB.
    pub max_batch_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, max_batch_bytes: frame::MAX_PAYLOAD as u64 + (64 << 10) }
    }
}

impl Options {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let within = |option, value, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(Error::Option { option, value, least, most })
            }
        };
        within("segment_bytes", self.segment_bytes, 4 << 10, 4 << 30)?;
        within("max_batch_bytes", self.max_batch_bytes, 4 << 10, 2 << 30)
    }
}
