//! RDF's statements as assertions.
//!
//!   subject predicate object (graph) -> Assertion { subject, predicate, object, qualifiers, sources }
//!
//! IRIs and blank nodes become names: of the subject, or of an entity. A literal's datatype that its value does not
//! tell, and a named graph, become qualifiers.

use annals::{Assertion, Qualifier, Value};
use oxrdf::{GraphName, NamedOrBlankNode, Quad, Term};

use super::blank::BlankNames;
use super::literal;

/// Makes assertions of one file's statements.
pub(super) struct Claims {
    names: BlankNames,
    source: Option<String>,
}

impl Claims {
    /// `source` becomes the source of every assertion.
    pub(super) fn new(names: BlankNames, source: Option<String>) -> Self {
        Self { names, source }
    }

    /// The assertion that a statement makes.
    pub(super) fn assertion(&mut self, quad: Quad) -> Assertion {
        let subject = match quad.subject {
            NamedOrBlankNode::NamedNode(node) => node.into_string(),
            NamedOrBlankNode::BlankNode(node) => self.names.name(&node),
        };
        let (object, datatype) = match quad.object {
            Term::NamedNode(node) => (Value::Entity(node.into_string()), None),
            Term::BlankNode(node) => (Value::Entity(self.names.name(&node)), None),
            Term::Literal(literal) => literal::value(literal),
        };
        let graph = match quad.graph_name {
            GraphName::NamedNode(node) => Some(node.into_string()),
            GraphName::BlankNode(node) => Some(self.names.name(&node)),
            GraphName::DefaultGraph => None,
        };
        let mut assertion = Assertion::new(subject, quad.predicate.into_string(), object);
        assertion.qualifiers = [("datatype", datatype), ("graph", graph)]
            .into_iter()
            .filter_map(|(key, name)| Some(Qualifier { key: key.to_owned(), value: Value::Entity(name?) }))
            .collect();
        assertion.sources.extend(self.source.clone());
        assertion
    }
}
