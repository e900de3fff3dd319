//! One record of the model: what a payload of ours holds.

use crate::{Assertion, DecodeError, Epoch, LimitError, RecordError, RecordId, RecordType, Vote};
use crate::{payload, serialize_assertion, serialize_epoch, serialize_vote};

/// One record of the model: what a payload of ours holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A claim.
    Assertion(Assertion),
    /// A voice on a claim.
    Vote(Vote),
    /// A paradigm.
    Epoch(Epoch),
}

impl Record {
    /// Its type.
    #[must_use]
    pub fn record_type(&self) -> RecordType {
        match self {
            Self::Assertion(_) => RecordType::Assertion,
            Self::Vote(_) => RecordType::Vote,
            Self::Epoch(_) => RecordType::Epoch,
        }
    }

    /// Checks every limit.
    ///
    /// # Errors
    /// The first limit that is passed, with its field.
    pub fn validate(&self) -> Result<(), LimitError> {
        match self {
            Self::Assertion(assertion) => assertion.validate(),
            Self::Vote(vote) => vote.validate(),
            Self::Epoch(epoch) => epoch.validate(),
        }
    }

    /// Gives it the one form that is written, in which [`Record::decode`] returns it.
    pub fn canonicalize(&mut self) {
        match self {
            Self::Assertion(assertion) => assertion.canonicalize(),
            Self::Vote(_) => {}
            Self::Epoch(epoch) => epoch.canonicalize(),
        }
    }

    /// Whether it has that form.
    #[cfg(feature = "json")]
    pub(crate) fn is_canonical(&self) -> bool {
        match self {
            Self::Assertion(assertion) => assertion.is_canonical(),
            Self::Vote(_) => true,
            Self::Epoch(epoch) => epoch.is_canonical(),
        }
    }

    /// Its bytes: the same for the same record, on every machine and in every build.
    ///
    /// # Errors
    /// [`RecordError::Invalid`] when a limit is passed, [`RecordError::Encoding`] when this build encodes differently.
    pub fn payload(&self) -> Result<Vec<u8>, RecordError> {
        match self {
            Self::Assertion(assertion) => serialize_assertion(assertion),
            Self::Vote(vote) => serialize_vote(vote),
            Self::Epoch(epoch) => serialize_epoch(epoch),
        }
    }

    /// Its identity: the BLAKE3 of its payload.
    ///
    /// # Errors
    /// As [`Record::payload`].
    pub fn id(&self) -> Result<RecordId, RecordError> {
        self.payload().map(|payload| RecordId::of(&payload))
    }

    /// Reads a payload, whoever wrote it. What it accepts encodes to the same bytes again.
    ///
    /// # Errors
    /// [`DecodeError`] says what is wrong with the bytes; it never panics. A payload of another type than the three of
    /// the model is [`DecodeError::Reserved`] or [`DecodeError::Application`].
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        payload::decode(payload)
    }
}

impl From<Assertion> for Record {
    fn from(assertion: Assertion) -> Self {
        Self::Assertion(assertion)
    }
}

impl From<Vote> for Record {
    fn from(vote: Vote) -> Self {
        Self::Vote(vote)
    }
}

impl From<Epoch> for Record {
    fn from(epoch: Epoch) -> Self {
        Self::Epoch(epoch)
    }
}
