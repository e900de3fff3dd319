//! What can go wrong when a segment is encoded or compared.

use std::io;

use annals_record::Kind;

/// Why a segment was not encoded, or may not take the plain one's place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// No codec has this name.
    #[error("there is no codec {name:?}; there are `plain`, `zstd` and `delta`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// A plain segment is already in that form.
    #[error("a segment is plain as it is: encode it with another codec, or leave it")]
    Plain,
    /// What was to be encoded is no segment with a seal at its end.
    #[error("only a sealed segment is encoded: {reason}; seal it first, it stays as it is")]
    NotSealed {
        /// What was found.
        reason: String,
    },
    /// The encoded bytes are not those of the plain segment. The plain one must stay.
    #[error(
        "the encoded segment differs from the plain one at byte {at}; keep the plain one and report this"
    )]
    Differs {
        /// The first byte of the plain segment that does not come again.
        at: u64,
    },
    /// The encoded file does not verify.
    #[error("the encoded segment does not verify: {reason}; keep the plain one, and encode it again")]
    Damaged {
        /// What was found, and where.
        reason: String,
    },
    /// A file could not be read.
    #[error("reading a segment: {0}")]
    Read(#[source] io::Error),
    /// The encoded file could not be written.
    #[error("writing the encoded segment: {0}; the plain one is untouched")]
    Write(#[source] io::Error),
}

impl CodecError {
    /// What to do next. Nothing was changed by any of them.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Read(_) | Self::Write(_) => Kind::Retry,
            Self::Differs { .. } => Kind::Stop,
            Self::Unknown { .. } | Self::Plain | Self::NotSealed { .. } | Self::Damaged { .. } => Kind::Fix,
        }
    }
}
