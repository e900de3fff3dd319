//! Why something is no fact, or a fact cannot be kept.

use annals_record::{DecodeError, Kind, RecordError};

/// Why something is no fact, or a fact cannot be kept. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FactError {
    /// The value, or the derivation, is no JSON.
    #[error("the {field} is no JSON: {reason}; nothing was written")]
    Value {
        /// `value` or `derivation`.
        field: &'static str,
        /// What was found, and where.
        reason: String,
    },
    /// A time that is not a number.
    #[error("the {field} is not a number; give it in seconds since 1970")]
    Time {
        /// `transaction time` or `valid time`.
        field: &'static str,
    },
    /// A place beyond the end of all places.
    #[error("a causation at {offset} is beyond what a log can hold")]
    Cause {
        /// The place.
        offset: u64,
    },
    /// A limit of assertions is passed: the key is the subject, the store the predicate.
    #[error("a fact's key is its assertion's subject, its store the predicate: {0}")]
    Record(#[from] RecordError),
    /// A payload that is no record of ours.
    #[error("no fact: {0}")]
    Payload(#[from] DecodeError),
    /// A record that says what no fact says: it is kept as the record that it is.
    #[error("no fact: {reason}")]
    Other {
        /// What it says.
        reason: &'static str,
    },
}

impl FactError {
    /// What to do next: always [`Kind::Fix`].
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::Fix
    }
}
