//! What an assertion has to be, and which lists have those that are.

use annals_record::Assertion;
use annals_storage::BuiltIn;

use super::Query;

/// Criteria that all have to hold.
pub(super) struct Criteria {
    subject: Option<String>,
    /// A projection of ours, and the term that it has to list the assertion under.
    terms: Vec<(BuiltIn, Vec<u8>)>,
}

impl Criteria {
    pub(super) fn of(query: &Query) -> Self {
        let text = |text: &Option<String>| text.as_ref().map(|text| text.as_bytes().to_vec());
        let term = |built_in| match built_in {
            BuiltIn::Predicate => text(&query.predicate),
            BuiltIn::Object => text(&query.object),
            BuiltIn::Agent => text(&query.agent),
            BuiltIn::Source => text(&query.source),
            BuiltIn::Epoch => query.epoch.map(|epoch| epoch.as_bytes().to_vec()),
        };
        let terms =
            BuiltIn::ALL.into_iter().filter_map(|built_in| Some((built_in, term(built_in)?))).collect();
        Self { subject: query.subject.clone(), terms }
    }

    /// Whether everything holds of everything.
    pub(super) fn is_empty(&self) -> bool {
        self.subject.is_none() && self.terms.is_empty()
    }

    pub(super) fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The projections that list what is asked for.
    pub(super) fn built_in(&self) -> impl Iterator<Item = BuiltIn> {
        self.terms.iter().map(|(built_in, _)| *built_in)
    }

    /// Their names.
    pub(super) fn wanted(&self) -> Vec<&'static str> {
        self.built_in().map(BuiltIn::label).collect()
    }

    /// What is asked of a projection.
    pub(super) fn term(&self, of: BuiltIn) -> Option<&[u8]> {
        self.terms.iter().find(|(built_in, _)| *built_in == of).map(|(_, term)| term.as_slice())
    }

    /// Whether all of them hold.
    pub(super) fn hold(&self, assertion: &Assertion) -> bool {
        self.subject.as_ref().is_none_or(|subject| *subject == assertion.subject)
            && self
                .terms
                .iter()
                .all(|(built_in, wanted)| built_in.terms(assertion).any(|term| term == wanted.as_slice()))
    }
}
