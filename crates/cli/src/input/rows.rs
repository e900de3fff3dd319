//! The formats in which every record has a line of its own.

use std::io::{self, BufRead};

use annals::limits::MAX_LINE;
use annals::{JsonRecord, Record};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::claim::Claims;
use super::lines::{Line, Lines};
use super::{Accepted, Item, Reject, accept, triples};

/// A format in which every record has a line of its own.
pub(super) enum RowFormat {
    /// JSON; the source of assertions that name none.
    Jsonl { source: Option<String> },
    /// N-Triples.
    Nt(Claims),
    /// N-Quads.
    Nq(Claims),
}

/// The records of a text, line by line.
pub(super) struct Rows<R> {
    lines: Lines<R>,
    format: RowFormat,
}

impl<R: BufRead> Rows<R> {
    /// Reads these lines as this format.
    pub(super) fn new(lines: Lines<R>, format: RowFormat) -> Self {
        Self { lines, format }
    }

    /// The number of the last line that was read whole; 0 before the first.
    pub(super) fn number(&self) -> u64 {
        self.lines.number()
    }

    /// The next line that holds more than a comment; none at the end.
    pub(super) fn next_row(&mut self) -> io::Result<Option<Item>> {
        while let Some(line) = self.lines.next_line()? {
            let outcome = match self.format.read(line) {
                Ok(None) => continue,
                Ok(Some(accepted)) => Ok(accepted),
                Err(reason) => Err(Reject { reason, raw: line.bytes.to_owned() }),
            };
            return Ok(Some(Item { line: line.number, outcome }));
        }
        Ok(None)
    }
}

impl RowFormat {
    /// The record on a line; none if it holds but a comment. A reason if it is neither.
    fn read(&mut self, line: Line<'_>) -> Result<Option<Accepted>, String> {
        if line.too_long {
            return Err(format!("the line is longer than {} MiB", MAX_LINE >> 20));
        }
        let text = std::str::from_utf8(line.bytes)
            .map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to()))?;
        let (statement, claims) = match self {
            Self::Jsonl { source } => return json(text, source.as_deref()).map(Some),
            Self::Nt(claims) => (triples::triple(text)?, claims),
            Self::Nq(claims) => (triples::quad(text)?, claims),
        };
        statement.map(|quad| accept(&claims.assertion(quad).into())).transpose()
    }
}

/// The record of a line of JSON. An assertion that names no source takes this one, unless the line gives an `id`.
fn json(text: &str, source: Option<&str>) -> Result<Accepted, String> {
    let JsonRecord { record, payload, id } = Record::from_json(text).map_err(|error| error.to_string())?;
    match (record, source) {
        (Record::Assertion(mut assertion), Some(source))
            if assertion.sources.is_empty() && !names_id(text) =>
        {
            assertion.sources.push(source.to_owned());
            accept(&assertion.into())
        }
        _ => Ok(Accepted { payload, id }),
    }
}

/// Whether a line of JSON has the key `id`: what it says is then settled.
fn names_id(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Named {
        id: Option<IgnoredAny>,
    }
    serde_json::from_str(text).is_ok_and(|named: Named| named.id.is_some())
}

#[cfg(test)]
mod tests;
