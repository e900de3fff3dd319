//! The keys that every peer keeps the records under.
//!
//! | key | bytes | value |
//! |---|---|---|
//! | `H:` id | 34 | the assertion's payload |
//! | `V:` assertion `:` vote | 67 | the vote's payload |
//! | `E:` epoch offset | 42 | the payload of that version |
//! | `S:` subject, a zero byte, id | 51 | nothing |
//! | `cursor` | 6 | the place in the log that the batch reaches |

use annals_record::RecordId;

/// `H:` id.
pub(crate) fn assertion(key: &mut Vec<u8>, id: &RecordId) {
    key.extend_from_slice(b"H:");
    key.extend_from_slice(id.as_bytes());
}

/// `V:` assertion `:` vote.
pub(crate) fn vote(key: &mut Vec<u8>, on: &[u8; 32], id: &RecordId) {
    key.extend_from_slice(b"V:");
    key.extend_from_slice(on);
    key.push(b':');
    key.extend_from_slice(id.as_bytes());
}

/// `E:` epoch offset.
pub(crate) fn epoch(key: &mut Vec<u8>, epoch: &[u8; 32], offset: u64) {
    key.extend_from_slice(b"E:");
    key.extend_from_slice(epoch);
    key.extend_from_slice(&offset.to_be_bytes());
}
