//! The projections we bring: which assertions have this predicate, point at this entity, come from this agent or source,
//! or were made in this epoch.

use annals_record::{Assertion, Record, Value};

use super::postings::posting_key;
use super::{Projected, Projection, ProjectionError, ProjectionTxn};

/// A projection of our own: assertions by one of their parts, as [`super::Postings`].
///
/// What an assertion is about needs none: a store lists its subjects itself. Votes are not listed: they stand with the
/// assertion they are cast on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BuiltIn {
    /// By what is said.
    Predicate,
    /// By the entity that is the object: who points at it.
    Object,
    /// By who has made it.
    Agent,
    /// By each of its sources.
    Source,
    /// By the epoch it was made in; a term is the epoch's 32 bytes.
    Epoch,
}

impl BuiltIn {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Predicate, Self::Object, Self::Agent, Self::Source, Self::Epoch];

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|built_in| built_in.label() == name)
    }

    /// Its name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Predicate => "predicate",
            Self::Object => "object",
            Self::Agent => "agent",
            Self::Source => "source",
            Self::Epoch => "epoch",
        }
    }

    /// The terms under which it lists an assertion.
    pub fn terms(self, assertion: &Assertion) -> impl Iterator<Item = &[u8]> {
        let (one, many): (Option<&[u8]>, &[String]) = match self {
            Self::Predicate => (Some(assertion.predicate.as_bytes()), &[]),
            Self::Object => match &assertion.object {
                Value::Entity(entity) => (Some(entity.as_bytes()), &[]),
                _ => (None, &[]),
            },
            Self::Agent => (assertion.agent.as_deref().map(str::as_bytes), &[]),
            Self::Source => (None, &assertion.sources),
            Self::Epoch => (assertion.epoch.as_ref().map(|epoch| epoch.as_bytes().as_slice()), &[]),
        };
        one.into_iter().chain(many.iter().map(String::as_bytes))
    }
}

impl Projection for BuiltIn {
    fn name(&self) -> &str {
        self.label()
    }

    fn version(&self) -> u32 {
        1
    }

    fn apply(&self, record: &Projected<'_>, txn: &mut ProjectionTxn<'_>) -> Result<(), ProjectionError> {
        if let Some(Record::Assertion(assertion)) = record.record {
            for term in self.terms(assertion) {
                txn.put(&posting_key(term, record.offset), record.id.as_bytes());
            }
        }
        Ok(())
    }
}
