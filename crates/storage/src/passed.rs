//! What of the log was passed without having been read, because somebody has said so.

use annals_record::Offset;

/// A range of the log that did not verify and was passed: what stood there is not in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Where it begins.
    pub offset: Offset,
    /// How many bytes of the log it covers.
    pub len: u64,
    /// What was found there. What goes beyond 512 bytes is cut off when it is stored.
    pub detail: String,
}

impl Passed {
    /// The first place behind it.
    #[must_use]
    pub fn end(&self) -> Offset {
        Offset::new(self.offset.get().saturating_add(self.len))
    }
}
