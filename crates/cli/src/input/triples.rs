//! N-Triples and N-Quads, line by line: a line that is wrong says nothing of the next one.

use oxrdf::{GraphName, Quad};
use oxttl::{NQuadsParser, NTriplesParser, TurtleSyntaxError};

/// The statement on a line of N-Triples; none if it holds but a comment.
///
/// # Errors
/// What is wrong with the line, and at which character.
pub(super) fn triple(line: &str) -> Result<Option<Quad>, String> {
    only(
        NTriplesParser::new()
            .for_slice(line)
            .map(|triple| triple.map(|triple| triple.in_graph(GraphName::DefaultGraph))),
    )
}

/// The statement on a line of N-Quads; none if it holds but a comment.
///
/// # Errors
/// As [`triple`].
pub(super) fn quad(line: &str) -> Result<Option<Quad>, String> {
    only(NQuadsParser::new().for_slice(line))
}

/// The one statement. The parser goes on after a mistake; here any mistake spoils the line.
fn only(statements: impl Iterator<Item = Result<Quad, TurtleSyntaxError>>) -> Result<Option<Quad>, String> {
    let mut found = None;
    for statement in statements {
        let statement = statement.map_err(|error| {
            let column = error.location().start.column + 1;
            format!("column {column}: {}", error.message())
        })?;
        if found.replace(statement).is_some() {
            return Err("more than one statement on a line".to_owned());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
