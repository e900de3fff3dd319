//! What can be wrong with a record that is to be written, or with bytes that are to be read.

use crate::limits::{LimitError, MAX_PAYLOAD};
use crate::{Kind, RecordId};

/// Why a record has no payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A limit is passed.
    #[error(transparent)]
    Invalid(#[from] LimitError),
    /// This build lays records out differently from all others.
    #[error(transparent)]
    Encoding(#[from] EncodingMismatch),
}

impl RecordError {
    /// What to do next.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Invalid(error) => error.kind(),
            Self::Encoding(error) => error.kind(),
        }
    }
}

/// Why bytes are no record of the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Fewer bytes than the header and the smallest record of the type take.
    #[error("the payload has {found} bytes, at least {needed} are needed")]
    TooShort {
        /// How many bytes there are.
        found: usize,
        /// How many there must be.
        needed: usize,
    },
    /// More bytes than a record may have.
    #[error("the payload has {found} bytes, at most {MAX_PAYLOAD} are allowed")]
    TooLong {
        /// How many bytes there are.
        found: usize,
    },
    /// A type that is not given out yet, 3 to 127: probably a newer version wrote it.
    #[error("record type {0} is not known to this version; a newer one may read it")]
    Reserved(u8),
    /// A type of the application's own, 128 to 255: not for the model to read.
    #[error("record type {0} is the application's own, not a record of the model")]
    Application(u8),
    /// A version of the type that is not known here: probably a newer version wrote it.
    #[error(
        "version {found} of record type {record_type} is not known to this version; a newer one may read it"
    )]
    UnknownVersion {
        /// The type.
        record_type: u8,
        /// Its version.
        found: u8,
    },
    /// Flags or padding of the header that are not zero: probably a newer version wrote it.
    #[error("byte {at} of the header is {found}, expected 0; a newer version may read it")]
    Header {
        /// Which byte of the payload.
        at: usize,
        /// What it is.
        found: u8,
    },
    /// Bytes after the header that are no archive of the type.
    // Without rkyv's own reason, which names addresses in memory: the same bytes are refused in the same words.
    #[error("no archive of record type {record_type}: a pointer, a tag or a text in it is not valid")]
    Archive {
        /// The type.
        record_type: u8,
    },
    /// A record that passes a limit.
    #[error("the record is not valid: {0}")]
    Invalid(#[from] LimitError),
    /// A valid record in other bytes than the one form that is written: with it, one record would have many identities.
    #[error("the bytes are not the one form of their record; its own identity is {expected}")]
    NotCanonical {
        /// The identity of the record when it is written as it should be.
        expected: RecordId,
    },
    /// This build lays records out differently from all others.
    #[error(transparent)]
    Encoding(#[from] EncodingMismatch),
}

impl DecodeError {
    /// What to do next.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Encoding(error) => error.kind(),
            _ => Kind::Fix,
        }
    }
}

/// This build lays records out differently from all others: what it wrote, no other could read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this build encodes a golden {record_type} as {found}, expected {expected}: a crate in it changes rkyv's layout \
     (features `unaligned`, `big_endian`, `pointer_width_16` or `pointer_width_64`); take that feature out"
)]
pub struct EncodingMismatch {
    /// `assertion`, `vote` or `epoch`.
    pub record_type: &'static str,
    /// The identity of the golden record in every good build, in hex digits.
    pub expected: &'static str,
    /// Its identity in this build.
    pub found: RecordId,
}

impl EncodingMismatch {
    /// What to do next: always [`Kind::Fix`].
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::Fix
    }
}
