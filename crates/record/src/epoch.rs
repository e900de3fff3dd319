//! A paradigm.

use std::fmt;

use crate::limits::{self, LimitError, check_count, check_name};
use crate::{Interval, ParseIdError, RecordId, Time};

/// A paradigm in which claims are made. Its identity is its name; a later record of the same name is a new version.
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Epoch {
    /// Its name: 1 to 1,024 bytes without control characters.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// Which paradigms it follows, none twice; sorted by kind, then by epoch.
    pub supersedes: Vec<Supersession>,
    /// When it begins.
    pub starts: Option<Time>,
    /// The first moment after it.
    pub ends: Option<Time>,
    /// Who declared it: limits as for its name.
    pub author: Option<String>,
    /// When it was declared, in microseconds since 1970-01-01T00:00:00Z.
    pub authored_at_micros: Option<i64>,
}

/// A paradigm that is followed by another, and how.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct Supersession {
    /// How.
    pub kind: SupersessionKind,
    /// Which.
    pub epoch: EpochId,
}

/// How one paradigm follows another.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub enum SupersessionKind {
    /// It takes its place.
    Replaces,
    /// It says the same more precisely.
    Refines,
    /// It covers more.
    Extends,
}

/// An epoch's identity: the BLAKE3 of its name.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct EpochId([u8; 32]);

impl EpochId {
    /// The identity of the epoch with this name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self(*blake3::hash(name.as_bytes()).as_bytes())
    }

    /// The identity whose 32 bytes were stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for EpochId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RecordId::from_bytes(self.0).fmt(f)
    }
}

impl fmt::Debug for EpochId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&RecordId::from_bytes(self.0), f)
    }
}

impl std::str::FromStr for EpochId {
    type Err = ParseIdError;

    /// Reads 64 hex digits of either case.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.parse::<RecordId>().map(|id| Self(*id.as_bytes()))
    }
}

impl Epoch {
    /// An epoch of which nothing but the name is known.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            description: None,
            supersedes: Vec::new(),
            starts: None,
            ends: None,
            author: None,
            authored_at_micros: None,
        }
    }

    /// Its identity.
    #[must_use]
    pub fn id(&self) -> EpochId {
        EpochId::of(&self.name)
    }
    /// Checks every limit. What is sorted when it is written need not be sorted yet.
    ///
    /// # Errors
    /// The first limit that is passed, with its field.
    pub fn validate(&self) -> Result<(), LimitError> {
        if self.is_canonical() {
            return self.check();
        }
        let mut sorted = self.clone();
        sorted.canonicalize();
        sorted.check()
    }

    /// Gives it the one form that is written: supersessions sorted.
    pub fn canonicalize(&mut self) {
        self.supersedes.sort_unstable();
    }

    /// Whether it has the form that [`Epoch::canonicalize`] gives.
    pub(crate) fn is_canonical(&self) -> bool {
        self.supersedes.is_sorted()
    }

    /// Checks every limit of an epoch in its canonical form.
    pub(crate) fn check(&self) -> Result<(), LimitError> {
        check_name("name", &self.name)?;
        check_count("supersedes", self.supersedes.len())?;
        if self.supersedes.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(LimitError::Repeated { field: "supersedes" });
        }
        limits::check_time("starts", self.starts)?;
        limits::check_time("ends", self.ends)?;
        Interval { from: self.starts, until: self.ends }.check("the epoch")?;
        self.author.iter().try_for_each(|author| check_name("author", author))?;
        limits::check_instant("authored_at", self.authored_at_micros)?;
        limits::line::check_epoch(self)
    }
}

#[cfg(test)]
mod tests;
