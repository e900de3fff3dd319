//! Other systems' stores, read and never written to.
//!
//! ```text
//!   directory -> files, links not followed -> frames that verify -> items, each with its place
//!                                             `- what does not: a loss, with file, offset, bytes and reason
//!                                                the search goes on behind it, to the next frame that verifies
//!   items -> a journal | a queue | a ledger | a store of sessions, each once however often it is taken
//! ```
//!
//! FO1: nothing in the foreign directory is written, made, renamed or locked. FO2: every byte of a data file is either kept
//! or told as lost: [`Receipt::bytes`] is `kept_bytes` + `lost_bytes`. FO3: an item is given only if its own checksum
//! verifies, wherever the format has one. FO4: whatever the bytes are, no more is allocated than a frame may have, nothing
//! waits, and nothing panics. FO5: the same bytes give the same items, so taking them twice takes nothing twice.
//!
//! What each format is taken to be, and what it has lost before we come, is in `docs/import.md`.

use std::path::Path;
use std::sync::Arc;

mod decode;
pub mod fact;
mod frames;
pub mod igniter;
mod journal;
mod ledger;
pub mod opq;
mod pages;
mod queue;
mod reading;
mod receipt;
mod root;
pub mod sessions;
pub mod stemedb;

pub use journal::OwnRecords;
pub use ledger::into_ledger;
pub use queue::into_queue;
pub use reading::{Foreign, Placed};
pub use receipt::{Document, DocumentKind, Format, Loss, Note, Noted, Receipt};

/// The longest frame that is read, in bytes: as long as the longest record of a journal.
pub const MAX_FRAME: u64 = 16 << 20;

/// What a reading finds next.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<T> {
    /// An item, and where it stands.
    Item(Placed<T>),
    /// A stretch of a file that gives none.
    Lost(Loss),
}

/// Where something stands in a foreign store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as seen from the store's directory.
    pub file: Arc<Path>,
    /// The first byte of its frame.
    pub offset: u64,
    /// How many bytes the frame has.
    pub bytes: u64,
    /// Which of the frame's items it is, from 0.
    pub index: u32,
}

/// What became of the items that were taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// How many were appended.
    pub appended: u64,
    /// How many stood there already.
    pub duplicates: u64,
    /// How many were not appended, for something else stands where they belong. Each such place is told as a loss.
    pub refused: u64,
}

#[cfg(test)]
mod tests;
