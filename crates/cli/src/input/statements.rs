//! The format in which a statement may span lines.

use std::io::BufRead;

use oxrdf::GraphName;

use super::claim::Claims;
use super::turtle::{Turtle, TurtleError};
use super::{Item, Reject, accept};

/// The records of a Turtle text, triple by triple.
pub(super) struct Statements<R> {
    turtle: Turtle<R>,
    claims: Claims,
    read: u64,
}

impl<R: BufRead> Statements<R> {
    /// Makes assertions of these triples.
    pub(super) fn new(turtle: Turtle<R>, claims: Claims) -> Self {
        Self { turtle, claims, read: 0 }
    }

    /// How many triples were read.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// The number of the last line that was read whole; 0 before the first.
    pub(super) fn lines_read(&self) -> u64 {
        self.turtle.lines_read()
    }

    /// The next triple; none at the end. What keeps it from being a record spoils no other.
    pub(super) fn next_statement(&mut self) -> Result<Option<Item>, TurtleError> {
        let Some((line, triple)) = self.turtle.next_triple()? else { return Ok(None) };
        self.read += 1;
        let assertion = self.claims.assertion(triple.clone().in_graph(GraphName::DefaultGraph));
        let outcome = accept(&assertion.into())
            .map_err(|reason| Reject { reason, raw: format!("{triple} .").into_bytes() });
        Ok(Some(Item { line, outcome }))
    }
}
