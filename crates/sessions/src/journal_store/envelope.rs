//! What one record of the journal holds: whose it is, and the JSON of an entry.
//!
//! ```text
//!   "SE" version:1 what:1   session:16   segment:16   number:8   micros:8   JSON ...
//!   `- 4                    `- 4         `- 20        `- 36      `- 44      `- 52
//! ```
//!
//! Integers are little-endian. `number` is the entry's place in its segment, so that what damage has taken is missed by the
//! segment it was taken from; of a segment that is made, it is how many entries it is made with.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::line;
use crate::{SegmentId, SessionId, StoreError};

const MARK: [u8; 3] = [b'S', b'E', 1];
const HEAD: usize = 52;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// An entry of a log.
    Entry,
    /// An entry of a trace.
    Trace,
    /// A segment is made; its entries follow in the same batch.
    Made,
    /// A session is deleted, with all that stands before.
    Deleted,
}

/// Whose a record is, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) what: What,
    pub(super) session: SessionId,
    pub(super) segment: SegmentId,
    pub(super) number: u64,
    /// When it was written, in microseconds since the epoch.
    pub(super) micros: u64,
}

impl Head {
    /// A record without an entry.
    pub(super) fn alone(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + 256);
        bytes.extend_from_slice(&MARK);
        bytes.push(match self.what {
            What::Entry => 1,
            What::Trace => 2,
            What::Made => 3,
            What::Deleted => 4,
        });
        bytes.extend_from_slice(self.session.as_bytes());
        bytes.extend_from_slice(self.segment.as_bytes());
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.micros.to_le_bytes());
        bytes
    }

    /// A record with an entry.
    pub(super) fn with<T: Serialize>(self, entry: &T) -> Result<Vec<u8>, StoreError> {
        let mut bytes = self.alone();
        serde_json::to_writer(&mut bytes, entry)?;
        line::check_depth(&bytes[HEAD..])?;
        Ok(bytes)
    }

    /// The head of a record, and its JSON; none if the record is no session's, or of a later version.
    pub(super) fn of(record: &[u8]) -> Option<(Self, &[u8])> {
        let (head, json) = record.split_at_checked(HEAD)?;
        let what = match head[3] {
            1 => What::Entry,
            2 => What::Trace,
            3 => What::Made,
            4 => What::Deleted,
            _ => return None,
        };
        let head = Self {
            what,
            session: SessionId::from_bytes(head[4..20].try_into().ok()?),
            segment: SegmentId::from_bytes(head[20..36].try_into().ok()?),
            number: u64::from_le_bytes(head[36..44].try_into().ok()?),
            micros: u64::from_le_bytes(head[44..52].try_into().ok()?),
        };
        (record[..3] == MARK).then_some((head, json))
    }
}

/// The entry of a record.
pub(super) fn entry<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    serde_json::from_slice(json).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
