//! Facts: what a key of a store holds from a moment on, as a partitioned fact store keeps them, as assertions of a stream.
//!
//! ```text
//!   Fact { store, key, value, causation, times, ... }  <->  Assertion { subject = key, predicate = store,
//!                                                                       object = value, ... }  <->  payload
//! ```
//!
//! Nothing is lost either way: the JSON text of a value stays as it was given, a time keeps its bits. What can be derived
//! is not stored: the hash of the value, and the id of a fact that was born here, which is its place in the log.
//! The table of fields is in docs/codecs.md.

use std::fmt;

use annals_journal::{LogId, Offset};
use uuid::Uuid;

mod assertion;
mod error;
mod line;
pub(crate) mod payload;
mod place;
mod value_hash;

pub use error::FactError;
pub use line::frame;
pub(crate) use payload::View;
pub use place::{id_at, place_of};

/// What a key of a store holds from a moment on.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Its id: its place in the log, or one that was given elsewhere.
    pub id: FactId,
    /// The store it belongs to: 1 to 1,024 bytes without control characters.
    pub store: String,
    /// The key: limits as for the store.
    pub key: String,
    /// The value: any JSON, kept as it was written.
    pub value: String,
    /// The fact that this one follows, if it follows one.
    pub causation: Option<Cause>,
    /// When it was written, in seconds since 1970-01-01T00:00:00Z. Every bit is kept; only what is not a number is refused.
    pub transaction_time: f64,
    /// Since when it holds, in the same seconds, if that is known.
    pub valid_time: Option<f64>,
    /// By which version of its store's schema it is to be read. Usually 1.
    pub schema_version: i64,
    /// Who or what wrote it, if that is known.
    pub producer: Option<String>,
    /// How it was derived, if it was: any JSON, kept as it was written.
    pub derivation: Option<String>,
}

/// Who a fact is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FactId {
    /// Born here: its place in the log says who it is, as [`id_at`] shows it.
    #[default]
    Native,
    /// Given elsewhere, and kept.
    Foreign(Uuid),
}

/// The fact that another one follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The one at this place of the same log.
    Fact(Offset),
    /// One with an id that was given elsewhere.
    Foreign(Uuid),
}

impl Fact {
    /// A fact that is born here, with nothing else said.
    #[must_use]
    pub fn new(
        store: impl Into<String>,
        key: impl Into<String>,
        value: impl Into<String>,
        transaction_time: f64,
    ) -> Self {
        Self {
            id: FactId::Native,
            store: store.into(),
            key: key.into(),
            value: value.into(),
            causation: None,
            transaction_time,
            valid_time: None,
            schema_version: 1,
            producer: None,
            derivation: None,
        }
    }

    /// Its id, as it stands at `offset` of `log`.
    #[must_use]
    pub fn uuid(&self, log: LogId, offset: Offset) -> Uuid {
        match self.id {
            FactId::Native => id_at(log, offset),
            FactId::Foreign(uuid) => uuid,
        }
    }

    /// The SHA-256 of its value with the keys of every object sorted and nothing between the parts; numbers as they are
    /// written. Computed, never stored.
    ///
    /// # Errors
    /// [`FactError::Value`] if the value is no JSON.
    pub fn value_hash(&self) -> Result<[u8; 32], FactError> {
        value_hash::of(&self.value)
    }

    fn view(&self) -> View<'_> {
        View {
            id: match self.id {
                FactId::Native => None,
                FactId::Foreign(uuid) => Some(uuid.into_bytes()),
            },
            store: self.store.as_bytes(),
            key: self.key.as_bytes(),
            value: self.value.as_bytes(),
            cause: self.causation,
            transaction_time: self.transaction_time,
            valid_time: self.valid_time,
            schema_version: self.schema_version,
            producer: self.producer.as_deref().map(str::as_bytes),
            producer_names: self
                .producer
                .as_deref()
                .is_some_and(|producer| payload::is_name(producer.as_bytes())),
            derivation: self.derivation.as_deref().map(str::as_bytes),
        }
    }
}

impl Cause {
    /// Its id, in `log`.
    #[must_use]
    pub fn uuid(self, log: LogId) -> Uuid {
        match self {
            Self::Fact(offset) => id_at(log, offset),
            Self::Foreign(uuid) => uuid,
        }
    }
}

impl fmt::Display for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native => f.write_str("native"),
            Self::Foreign(uuid) => write!(f, "{uuid}"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
