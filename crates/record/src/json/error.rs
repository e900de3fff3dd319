//! What can be wrong with a line.

use crate::limits::MAX_LINE;
use crate::{DecimalError, Kind, ParseIdError, RecordError, RecordId, TimeError};

/// Why a line is no record: the key, and what is wrong with it, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// More bytes than a line may have.
    #[error("the line has {bytes} bytes, at most {MAX_LINE} are allowed")]
    LineTooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// No JSON.
    #[error("not JSON: {reason}")]
    Syntax {
        /// What stands there, and in which column.
        reason: String,
    },
    /// JSON, but no object.
    #[error("the line is {found}, expected an object like {{\"subject\":…,\"predicate\":…,\"object\":…}}")]
    NotAnObject {
        /// What it is.
        found: &'static str,
    },
    /// A type that no record has.
    #[error("unknown type `{found}`; it is `assertion`, `vote` or `epoch`")]
    UnknownType {
        /// What was found.
        found: String,
    },
    /// A key that must be there.
    #[error("`{key}` is missing")]
    Missing {
        /// Which key.
        key: String,
    },
    /// A key that a record of this type does not have.
    #[error("unknown key `{key}`")]
    UnknownKey {
        /// Which key.
        key: String,
    },
    /// A key that stands there twice, or two keys of which only one may.
    #[error("`{key}` is given twice")]
    RepeatedKey {
        /// Which key.
        key: String,
    },
    /// A key whose value has another form.
    #[error("`{key}` is {found}, expected {expected}")]
    Form {
        /// Which key.
        key: String,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// A text with an escape that is no character.
    #[error("`{key}` is not a text: {reason}")]
    Text {
        /// Which key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A number that cannot be kept digit by digit.
    #[error("`{key}`: {source}")]
    Number {
        /// Which key.
        key: String,
        /// What is wrong with it.
        source: DecimalError,
    },
    /// A part of one that is finer than a millionth, or below zero.
    #[error("`{key}` is {found}, expected a number from 0 to {limit} in steps of 0.000001")]
    Parts {
        /// Which key.
        key: String,
        /// What was found.
        found: String,
        /// What it may be at most.
        limit: u32,
    },
    /// A time that is none.
    #[error("`{key}`: {source}")]
    Time {
        /// Which key.
        key: String,
        /// What is wrong with it.
        source: TimeError,
    },
    /// An identity that is none.
    #[error("`{key}` is not an id: {source}")]
    Id {
        /// Which key.
        key: String,
        /// What is wrong with it.
        source: ParseIdError,
    },
    /// A record that passes a limit, or a build that cannot write it.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// An `id` that is not the record's own.
    #[error(
        "`id` is {claimed}, but this record's own is {computed}; leave `id` out, or look for what was changed"
    )]
    IdMismatch {
        /// What the line says.
        claimed: RecordId,
        /// What it is.
        computed: RecordId,
    },
}

impl JsonError {
    /// What to do next.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Record(error) => error.kind(),
            _ => Kind::Fix,
        }
    }

    /// The same error, one level up: `unit` within `object` is `object.unit`.
    pub(super) fn within(mut self, outer: &str) -> Self {
        match &mut self {
            Self::Missing { key }
            | Self::UnknownKey { key }
            | Self::RepeatedKey { key }
            | Self::Form { key, .. }
            | Self::Text { key, .. }
            | Self::Number { key, .. }
            | Self::Parts { key, .. }
            | Self::Time { key, .. }
            | Self::Id { key, .. } => *key = format!("{}.{key}", excerpt(outer)),
            Self::LineTooLong { .. }
            | Self::Syntax { .. }
            | Self::NotAnObject { .. }
            | Self::UnknownType { .. }
            | Self::Record(_)
            | Self::IdMismatch { .. } => {}
        }
        self
    }
}

/// The beginning of a text from a line, fit for an error's one sentence.
pub(super) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut excerpt = String::new();
    for character in text.chars().take(LONGEST) {
        match character.is_control() {
            true => excerpt.extend(character.escape_default()),
            false => excerpt.push(character),
        }
    }
    if text.chars().nth(LONGEST).is_some() {
        excerpt.push('…');
    }
    excerpt
}
