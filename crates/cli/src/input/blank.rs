//! Names for nodes that have none.
//!
//!   _:alice of people.nt  -> _:people.nt/alice       [ … ] of people.ttl -> _:people.ttl/#1
//!
//! A blank node is known within its file only: `_:b0` of one file is not `_:b0` of another. Its name here therefore
//! carries a scope. B1: the same file under the same scope gives the same names, whenever it is read.

use std::collections::HashMap;

use oxrdf::BlankNode;

/// The fewest hex digits that a label made up by the parser has: it draws 128 bits, and a draw this small has a chance
/// of one in 2^32.
const DRAWN_DIGITS: usize = 24;

/// The names of one file's blank nodes.
pub(super) struct BlankNames {
    scope: String,
    /// The numbers of those without a label, in the order in which they came up; none where every node has one.
    drawn: Option<HashMap<u128, u64>>,
}

impl BlankNames {
    /// Names for a file in which every blank node has a label.
    pub(super) fn labelled(scope: String) -> Self {
        Self { scope, drawn: None }
    }

    /// Names for a file in which blank nodes may stand without a label. The parser labels these at random, anew at
    /// each reading, so they are numbered instead. A label that looks like a random one is numbered as well: no other
    /// file knows it.
    pub(super) fn numbered(scope: String) -> Self {
        Self { scope, drawn: Some(HashMap::new()) }
    }

    /// The name of a node.
    pub(super) fn name(&mut self, node: &BlankNode) -> String {
        if let (Some(drawn), Some(id)) = (&mut self.drawn, node.as_ref().unique_id())
            && node.as_str().len() >= DRAWN_DIGITS
        {
            let next = drawn.len() as u64 + 1;
            let number = drawn.entry(id).or_insert(next);
            // No label has a `#`.
            return format!("_:{}/#{number}", self.scope);
        }
        format!("_:{}/{}", self.scope, node.as_str())
    }
}

#[cfg(test)]
mod tests;
