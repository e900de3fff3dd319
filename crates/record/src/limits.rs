//! What a record may hold: the limits, and the one error that names what passes them.
//!
//! | what | limit |
//! |---|---|
//! | subject, predicate, qualifier key, entity, unit, language, source, agent, voter, epoch name, author | 1 to 1,024 bytes, no control characters |
//! | sources, qualifiers, links, supersessions | 1,024 of each, none twice |
//! | decimal | 1,000 digits |
//! | time, instant | years -9999 to 9999, microseconds |
//! | confidence, weight | 1,000,000 ppm, 1,000,000,000 ppm |
//! | text, reason, description | any UTF-8, kept as it is |
//! | the whole record | 1 MiB as payload, and 1 MiB as the line of JSON that exports it |

use crate::{Kind, Time, time};

pub(crate) mod line;

/// The most bytes of a name: a subject, a predicate, a source and their like. At least one is needed.
pub const MAX_NAME: usize = 1_024;
/// The most entries of one list: sources, qualifiers, links, supersessions.
pub const MAX_ITEMS: usize = 1_024;
/// The most digits of a [`Decimal`](crate::Decimal).
pub const MAX_DIGITS: usize = 1_000;
/// Full confidence, in parts per million.
pub const MAX_CONFIDENCE_PPM: u32 = 1_000_000;
/// The largest weight of a vote, in parts per million of one vote: a thousand votes.
pub const MAX_WEIGHT_PPM: u32 = 1_000_000_000;
/// The most bytes of a payload: 1 MiB.
pub const MAX_PAYLOAD: usize = 1 << 20;
/// The most bytes of a record's line of JSON, its line break not counted: 1 MiB.
pub const MAX_LINE: usize = 1 << 20;

/// Why a record is not valid: which field, and which limit it passes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitError {
    /// A name without a byte.
    #[error("{field} is empty; it takes 1 to {MAX_NAME} bytes")]
    Empty {
        /// Which field.
        field: &'static str,
    },
    /// A name with too many bytes.
    #[error("{field} has {bytes} bytes, at most {limit} are allowed")]
    TooLong {
        /// Which field.
        field: &'static str,
        /// How many bytes it has.
        bytes: usize,
        /// How many it may have.
        limit: usize,
    },
    /// A name with a control character (Unicode category Cc).
    #[error("{field} has the control character U+{code:04X} at byte {at}; only texts may have any", code = u32::from(*character))]
    Control {
        /// Which field.
        field: &'static str,
        /// The character.
        character: char,
        /// Where it begins.
        at: usize,
    },
    /// A list with too many entries.
    #[error("{field} has {count} entries, at most {limit} are allowed")]
    TooMany {
        /// Which list.
        field: &'static str,
        /// How many entries it has.
        count: usize,
        /// How many it may have.
        limit: usize,
    },
    /// A list that says the same thing twice.
    #[error("{field} has the same entry twice; say it once")]
    Repeated {
        /// Which list.
        field: &'static str,
    },
    /// A number beyond its range.
    #[error("{field} is {found} ppm, at most {limit} ppm are allowed")]
    OutOfRange {
        /// Which field.
        field: &'static str,
        /// What it is, in parts per million.
        found: u32,
        /// What it may be at most, in parts per million.
        limit: u32,
    },
    /// A decimal number that is none.
    #[error("{field}: {source}")]
    Decimal {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        source: crate::DecimalError,
    },
    /// A time that is none.
    #[error("{field}: {source}")]
    Time {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        source: crate::TimeError,
    },
    /// A stretch of time whose end lies before its beginning.
    #[error("{field} ends before it begins")]
    Backwards {
        /// Which field.
        field: &'static str,
    },
    /// A record too large for a payload or for its line of JSON.
    #[error(
        "the record takes {bytes} bytes as {form}, at most {limit} are allowed; keep large content elsewhere and name it"
    )]
    RecordTooLarge {
        /// `a payload` or `a line of JSON`.
        form: &'static str,
        /// How many bytes it takes.
        bytes: usize,
        /// How many it may take.
        limit: usize,
    },
}

impl LimitError {
    /// What to do next: always [`Kind::Fix`].
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::Fix
    }
}

/// Checks a name: 1 to 1,024 bytes without control characters.
///
/// # Errors
/// [`LimitError::Empty`], [`LimitError::TooLong`] or [`LimitError::Control`], with `field` as its name.
pub fn check_name(field: &'static str, name: &str) -> Result<(), LimitError> {
    if name.is_empty() {
        return Err(LimitError::Empty { field });
    }
    if name.len() > MAX_NAME {
        return Err(LimitError::TooLong { field, bytes: name.len(), limit: MAX_NAME });
    }
    // Almost every name is plain ASCII, which takes no decoding.
    if name.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Ok(());
    }
    match name.char_indices().find(|(_, character)| character.is_control()) {
        Some((at, character)) => Err(LimitError::Control { field, character, at }),
        None => Ok(()),
    }
}

/// Checks that a list is not too long.
pub(crate) fn check_count(field: &'static str, count: usize) -> Result<(), LimitError> {
    if count > MAX_ITEMS {
        return Err(LimitError::TooMany { field, count, limit: MAX_ITEMS });
    }
    Ok(())
}

/// Checks a time that may be absent.
pub(crate) fn check_time(field: &'static str, time: Option<Time>) -> Result<(), LimitError> {
    time.map_or(Ok(()), Time::check).map_err(|source| LimitError::Time { field, source })
}

/// Checks an instant that may be absent.
pub(crate) fn check_instant(field: &'static str, micros: Option<i64>) -> Result<(), LimitError> {
    micros.map_or(Ok(()), time::check_instant).map_err(|source| LimitError::Time { field, source })
}

#[cfg(test)]
mod tests;
