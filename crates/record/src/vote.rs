//! A voice on a claim.

use crate::limits::{self, LimitError, MAX_WEIGHT_PPM, check_name};
use crate::{EpochId, RecordId};

/// A voter's stance on an assertion. Per voter the vote with the highest `seq` stands, then the one with the larger id.
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Vote {
    /// The assertion that is voted on; it need not exist yet.
    pub assertion: RecordId,
    /// Who votes: 1 to 1,024 bytes without control characters.
    pub voter: String,
    /// For, against, or neither.
    pub stance: Stance,
    /// How much the voice counts, in parts per million of one vote: 0 to 1,000,000,000.
    pub weight_ppm: u32,
    /// The voter's own count of votes on this assertion: the highest stands.
    pub seq: u64,
    /// Why.
    pub reason: Option<String>,
    /// The paradigm it was cast in.
    pub epoch: Option<EpochId>,
    /// When it was cast, in microseconds since 1970-01-01T00:00:00Z.
    pub cast_at_micros: Option<i64>,
}

/// For, against, or neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum Stance {
    /// -1: it is not so.
    Against,
    /// 0: withdrawn, or undecided.
    Neutral,
    /// +1: it is so.
    For,
}

impl Vote {
    /// A vote of weight 1, the voter's first on this assertion (`seq` 0), with nothing else said.
    #[must_use]
    pub fn new(assertion: RecordId, voter: impl Into<String>, stance: Stance) -> Self {
        Self {
            assertion,
            voter: voter.into(),
            stance,
            weight_ppm: 1_000_000,
            seq: 0,
            reason: None,
            epoch: None,
            cast_at_micros: None,
        }
    }

    /// Checks every limit.
    ///
    /// # Errors
    /// The first limit that is passed, with its field.
    pub fn validate(&self) -> Result<(), LimitError> {
        check_name("voter", &self.voter)?;
        if self.weight_ppm > MAX_WEIGHT_PPM {
            return Err(LimitError::OutOfRange {
                field: "weight",
                found: self.weight_ppm,
                limit: MAX_WEIGHT_PPM,
            });
        }
        limits::check_instant("cast_at", self.cast_at_micros)?;
        limits::line::check_vote(self)
    }
}

impl Stance {
    /// -1, 0 or 1.
    #[must_use]
    pub const fn number(self) -> i8 {
        match self {
            Self::Against => -1,
            Self::Neutral => 0,
            Self::For => 1,
        }
    }

    /// The stance with this number; none but -1, 0 and 1 is one.
    #[must_use]
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            -1 => Some(Self::Against),
            0 => Some(Self::Neutral),
            1 => Some(Self::For),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
