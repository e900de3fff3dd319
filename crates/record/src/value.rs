//! What an assertion says of its subject.

use std::cmp::Ordering;

use crate::limits::{LimitError, check_name};
use crate::{Decimal, RecordId, Time};

/// The object of an assertion or the value of a qualifier. Nothing in it is trimmed, normalised or rounded.
///
/// Two floats are equal when their bits are; all that are not a number are one value, so a value always equals itself.
#[derive(Clone, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
#[non_exhaustive]
pub enum Value {
    /// Another subject, by name: limits as for a subject.
    Entity(String),
    /// A text, with its language (a BCP 47 tag) if it is known.
    Text {
        /// The text as it came: any characters, or none.
        text: String,
        /// Its language: 1 to 1,024 bytes without control characters.
        language: Option<String>,
    },
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// An exact decimal number.
    Decimal(Decimal),
    /// A binary floating-point number; compared by its bits, never summed.
    Float(f64),
    /// A point in time.
    Time(Time),
    /// An amount with its unit.
    Quantity {
        /// How much.
        amount: Decimal,
        /// Of what: 1 to 1,024 bytes without control characters.
        unit: String,
    },
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// Another assertion.
    Assertion(RecordId),
    /// There is a value, but it is unknown.
    SomeValue,
    /// There is no value.
    NoValue,
}

/// The one pattern that stands for all floats that are not a number: bytes on disk differ only where values do.
const NAN_BITS: u64 = 0x7ff8_0000_0000_0000;

/// A float's bits, with all that are not a number as one.
fn bits(float: f64) -> u64 {
    if float.is_nan() { NAN_BITS } else { float.to_bits() }
}

impl Value {
    /// A text whose language is not known.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into(), language: None }
    }

    /// Another subject, by name.
    #[must_use]
    pub fn entity(name: impl Into<String>) -> Self {
        Self::Entity(name.into())
    }

    /// Whether everything in it keeps its limit.
    pub(crate) fn check(&self) -> Result<(), LimitError> {
        let decimal =
            |field, amount: &Decimal| amount.check().map_err(|source| LimitError::Decimal { field, source });
        match self {
            Self::Entity(name) => check_name("entity", name),
            Self::Text { language: Some(language), .. } => check_name("language", language),
            Self::Decimal(number) => decimal("decimal", number),
            Self::Quantity { amount, unit } => {
                decimal("quantity", amount).and_then(|()| check_name("unit", unit))
            }
            Self::Time(time) => time.check().map_err(|source| LimitError::Time { field: "time", source }),
            Self::Text { language: None, .. }
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Bytes(_)
            | Self::Assertion(_)
            | Self::SomeValue
            | Self::NoValue => Ok(()),
        }
    }

    /// Whether it has the one form that is written.
    pub(crate) fn is_canonical(&self) -> bool {
        !matches!(self, Self::Float(float) if float.is_nan() && float.to_bits() != NAN_BITS)
    }

    /// Gives it the one form that is written.
    pub(crate) fn canonicalize(&mut self) {
        if let Self::Float(float) = self {
            *float = f64::from_bits(bits(*float));
        }
    }

    /// An order for bytes on disk, not for meaning: by kind as the kinds are listed, then by content; texts by their
    /// bytes, absent before present, floats by their bits.
    pub(crate) fn stored_order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Entity(a), Self::Entity(b)) => a.cmp(b),
            (Self::Text { text: a, language: x }, Self::Text { text: b, language: y }) => {
                a.cmp(b).then_with(|| x.cmp(y))
            }
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Decimal(a), Self::Decimal(b)) => a.as_str().cmp(b.as_str()),
            (Self::Float(a), Self::Float(b)) => bits(*a).cmp(&bits(*b)),
            (Self::Time(a), Self::Time(b)) => a.micros.cmp(&b.micros).then(a.precision.cmp(&b.precision)),
            (Self::Quantity { amount: a, unit: x }, Self::Quantity { amount: b, unit: y }) => {
                a.as_str().cmp(b.as_str()).then_with(|| x.cmp(y))
            }
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            (Self::Assertion(a), Self::Assertion(b)) => a.cmp(b),
            _ => self.kind_number().cmp(&other.kind_number()),
        }
    }

    /// The number of the kind, as it stands in a payload.
    pub(crate) fn kind_number(&self) -> u8 {
        match self {
            Self::Entity(_) => 0,
            Self::Text { .. } => 1,
            Self::Bool(_) => 2,
            Self::Int(_) => 3,
            Self::Decimal(_) => 4,
            Self::Float(_) => 5,
            Self::Time(_) => 6,
            Self::Quantity { .. } => 7,
            Self::Bytes(_) => 8,
            Self::Assertion(_) => 9,
            Self::SomeValue => 10,
            Self::NoValue => 11,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.stored_order(other).is_eq()
    }
}

impl Eq for Value {}

impl From<&str> for Value {
    /// A text whose language is not known.
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<Decimal> for Value {
    fn from(number: Decimal) -> Self {
        Self::Decimal(number)
    }
}

impl From<Time> for Value {
    fn from(time: Time) -> Self {
        Self::Time(time)
    }
}

#[cfg(test)]
mod tests;
