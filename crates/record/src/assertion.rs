//! A claim.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::limits::{self, LimitError, MAX_CONFIDENCE_PPM, check_count, check_name};
use crate::{EpochId, RecordId, Time, Value};

/// A claim: somebody says that a subject has this object under this predicate. What was left out stays absent, so the
/// same claim has the same identity wherever and whenever it is written.
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Assertion {
    /// What the claim is about: 1 to 1,024 bytes without control characters.
    pub subject: String,
    /// What is said of it: 1 to 1,024 bytes without control characters.
    pub predicate: String,
    /// What it is said to be.
    pub object: Value,
    /// Whether it is affirmed or denied.
    pub polarity: Polarity,
    /// Further circumstances, none twice. Sorted by key, then by value: by kind, then by content.
    pub qualifiers: Vec<Qualifier>,
    /// When the claim holds, if it does not always.
    pub valid: Option<Interval>,
    /// How sure its author is, in parts per million: 0 to 1,000,000.
    pub confidence_ppm: Option<u32>,
    /// Where it comes from, in the order that was given, none twice: limits as for a subject.
    pub sources: Vec<String>,
    /// What it does to other assertions, none twice; sorted by kind, then by target.
    pub links: Vec<Link>,
    /// The paradigm it was made in.
    pub epoch: Option<EpochId>,
    /// Who made it: limits as for a subject.
    pub agent: Option<String>,
    /// When it was made, in microseconds since 1970-01-01T00:00:00Z.
    pub authored_at_micros: Option<i64>,
}

/// Whether a claim is affirmed or denied.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub enum Polarity {
    /// It is so.
    #[default]
    Affirm,
    /// It is not so.
    Deny,
}

/// A circumstance of a claim.
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Qualifier {
    /// Which circumstance: limits as for a predicate.
    pub key: String,
    /// What it is.
    pub value: Value,
}

/// A stretch of time; an absent end is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Interval {
    /// The first moment of it.
    pub from: Option<Time>,
    /// The first moment after it.
    pub until: Option<Time>,
}

/// What one assertion does to another.
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
pub struct Link {
    /// What it does.
    pub kind: LinkKind,
    /// To which assertion.
    pub target: RecordId,
}

/// What one assertion can do to another.
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
pub enum LinkKind {
    /// Takes its place.
    Supersedes,
    /// Says what it should have said.
    Corrects,
    /// Takes it back.
    Retracts,
    /// Follows from it.
    DerivedFrom,
}

impl Assertion {
    /// An affirmed claim with nothing else said.
    #[must_use]
    pub fn new(subject: impl Into<String>, predicate: impl Into<String>, object: Value) -> Self {
        Self {
            subject: subject.into(),
            predicate: predicate.into(),
            object,
            polarity: Polarity::Affirm,
            qualifiers: Vec::new(),
            valid: None,
            confidence_ppm: None,
            sources: Vec::new(),
            links: Vec::new(),
            epoch: None,
            agent: None,
            authored_at_micros: None,
        }
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

    /// Gives it the one form that is written: qualifiers and links sorted, each float that is not a number the same.
    pub fn canonicalize(&mut self) {
        self.object.canonicalize();
        for qualifier in &mut self.qualifiers {
            qualifier.value.canonicalize();
        }
        self.qualifiers.sort_by(Qualifier::stored_order);
        self.links.sort_unstable();
    }

    /// Whether it has the form that [`Assertion::canonicalize`] gives.
    pub(crate) fn is_canonical(&self) -> bool {
        self.object.is_canonical()
            && self.qualifiers.iter().all(|qualifier| qualifier.value.is_canonical())
            && self.qualifiers.is_sorted_by(|a, b| a.stored_order(b).is_le())
            && self.links.is_sorted()
    }

    /// Checks every limit of a claim in its canonical form.
    pub(crate) fn check(&self) -> Result<(), LimitError> {
        check_name("subject", &self.subject)?;
        check_name("predicate", &self.predicate)?;
        self.object.check()?;
        check_count("qualifiers", self.qualifiers.len())?;
        for qualifier in &self.qualifiers {
            check_name("qualifier key", &qualifier.key)?;
            qualifier.value.check()?;
        }
        if self.qualifiers.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(LimitError::Repeated { field: "qualifiers" });
        }
        if let Some(valid) = &self.valid {
            valid.check("valid")?;
        }
        if let Some(found) = self.confidence_ppm.filter(|ppm| *ppm > MAX_CONFIDENCE_PPM) {
            return Err(LimitError::OutOfRange { field: "confidence", found, limit: MAX_CONFIDENCE_PPM });
        }
        self.check_sources()?;
        check_count("links", self.links.len())?;
        if self.links.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(LimitError::Repeated { field: "links" });
        }
        self.agent.iter().try_for_each(|agent| check_name("agent", agent))?;
        limits::check_instant("authored_at", self.authored_at_micros)?;
        limits::line::check_assertion(self)
    }

    fn check_sources(&self) -> Result<(), LimitError> {
        check_count("sources", self.sources.len())?;
        self.sources.iter().try_for_each(|source| check_name("sources", source))?;
        let mut seen = HashSet::new();
        if self.sources.len() > 1 && !self.sources.iter().all(|source| seen.insert(source)) {
            return Err(LimitError::Repeated { field: "sources" });
        }
        Ok(())
    }
}

impl Qualifier {
    fn stored_order(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key).then_with(|| self.value.stored_order(&other.value))
    }
}

impl Interval {
    /// Checks both ends, and that they do not stand the wrong way round.
    pub(crate) fn check(&self, field: &'static str) -> Result<(), LimitError> {
        limits::check_time(field, self.from)?;
        limits::check_time(field, self.until)?;
        match (self.from, self.until) {
            (Some(from), Some(until)) if until.micros < from.micros => Err(LimitError::Backwards { field }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
