//! What a worker hands to a store: records of the log, reduced to what their keys need.

use std::fmt;

use annals_record::{EpochId, Offset, RecordId};

/// One record of the log, and what it does to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// Where it stands in the log.
    pub offset: Offset,
    /// Its identity: the BLAKE3 of `payload`.
    pub id: RecordId,
    /// Its payload, as it stands in the log.
    pub payload: &'a [u8],
    /// What it does.
    pub effect: Effect,
}

/// What a record does to a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Kept under its id and listed under its subject.
    Assertion {
        /// What it is about.
        subject: Subject,
    },
    /// Kept under the assertion it votes on, which need not be there yet.
    Vote {
        /// The assertion.
        assertion: RecordId,
    },
    /// Kept as a version of its epoch.
    Epoch {
        /// The epoch.
        epoch: EpochId,
    },
    /// Counted; the application's own projections take it from the log.
    Application,
    /// Parked with its reason, and counted.
    DeadLetter {
        /// Why it cannot be applied. What goes beyond 512 bytes is cut off when it is stored.
        reason: String,
    },
}

/// A subject that can stand in a key: 1 to 1,024 bytes, no zero byte among them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(String);

impl Subject {
    /// The longest subject, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// Takes a subject as it is, or says why it cannot stand in a key.
    ///
    /// # Errors
    /// [`SubjectError`] if it is empty, too long, or holds a zero byte.
    pub fn new(subject: String) -> Result<Self, SubjectError> {
        if subject.is_empty() {
            return Err(SubjectError::Empty);
        }
        if subject.len() > Self::MAX_BYTES {
            return Err(SubjectError::TooLong { bytes: subject.len() });
        }
        match subject.bytes().position(|byte| byte == 0) {
            Some(place) => Err(SubjectError::Zero { place }),
            None => Ok(Self(subject)),
        }
    }

    /// The subject as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Why a text cannot stand in a key as a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// There is nothing.
    #[error("the subject is empty")]
    Empty,
    /// It is too long.
    #[error("the subject has {bytes} bytes, at most {} can be indexed", Subject::MAX_BYTES)]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// It holds the byte that ends a subject in a key.
    #[error("the subject holds a zero byte at position {place}")]
    Zero {
        /// Where.
        place: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_that_could_end_early_in_a_key_is_refused() {
        assert_eq!(Subject::new(String::new()), Err(SubjectError::Empty));
        assert_eq!(Subject::new("a\0b".into()), Err(SubjectError::Zero { place: 1 }));
        assert_eq!(Subject::new("x".repeat(1025)), Err(SubjectError::TooLong { bytes: 1025 }));
        assert_eq!(Subject::new("x".repeat(1024)).unwrap().as_str().len(), 1024);
    }
}
