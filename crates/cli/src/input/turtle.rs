//! Turtle, statement by statement.
//!
//!   text -> one line after the other -> parser -> triples, each with the line that completed it
//!
//! T1: after the first mistake nothing more is read: what follows cannot be told from what was meant before it.
//! T2: what the parser holds is bounded: a triple is complete after at most 16 MiB of text.

use std::io::{self, BufRead};

use oxrdf::Triple;
use oxttl::TurtleParser;
use oxttl::turtle::LowLevelTurtleParser;

/// The most bytes that the parser is given without a triple coming back.
const MAX_UNANSWERED: usize = 16 << 20;
/// Up to so many bytes without a triple, the parser is given line by line. Beyond, twice as much each time: it goes
/// over an unfinished term from its beginning whenever more of it comes.
const BY_LINE: usize = 8 << 10;

/// The triples of a Turtle text.
pub(super) struct Turtle<R> {
    reader: R,
    parser: LowLevelTurtleParser,
    /// The number of the line that the parser was given last, whole or in part; 0 before the first.
    line: u64,
    at_line_start: bool,
    /// How many bytes the parser was given since its last triple.
    unanswered: usize,
    ended: bool,
}

/// Why the reading of a Turtle text ended before the text.
#[derive(Debug)]
pub(super) enum TurtleError {
    /// The text could not be read.
    Read(io::Error),
    /// The text is no Turtle from this place on.
    Syntax {
        /// The line of the mistake, from 1.
        line: u64,
        /// Its column, from 1.
        column: u64,
        /// What is wrong.
        reason: String,
    },
}

impl<R: BufRead> Turtle<R> {
    /// The triples of this text.
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            parser: TurtleParser::new().low_level(),
            line: 0,
            at_line_start: true,
            unanswered: 0,
            ended: false,
        }
    }

    /// The next triple, and the number of the line that completed it; none at the end.
    pub(super) fn next_triple(&mut self) -> Result<Option<(u64, Triple)>, TurtleError> {
        loop {
            match self.parser.parse_next() {
                Some(Ok(triple)) => {
                    self.unanswered = 0;
                    return Ok(Some((self.line, triple)));
                }
                Some(Err(error)) => {
                    let at = error.location().start;
                    let reason = error.message().to_owned();
                    return Err(TurtleError::Syntax { line: at.line + 1, column: at.column + 1, reason });
                }
                None if self.ended => return Ok(None),
                None => self.feed()?,
            }
        }
    }

    /// The number of the last line that was read whole; 0 before the first.
    pub(super) fn lines_read(&self) -> u64 {
        self.line - u64::from(!self.at_line_start)
    }

    /// Gives the parser a line more, or as much again as it has swallowed without an answer.
    fn feed(&mut self) -> Result<(), TurtleError> {
        let goal = if self.unanswered > BY_LINE { self.unanswered * 2 } else { 0 };
        while !self.ended {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(TurtleError::Read(error)),
            };
            let end = available.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let chunk = &available[..end.unwrap_or(available.len())];
            if chunk.is_empty() {
                self.parser.end();
                self.ended = true;
                break;
            }
            self.line += u64::from(self.at_line_start);
            self.at_line_start = end.is_some();
            self.unanswered += chunk.len();
            if self.unanswered > MAX_UNANSWERED {
                let reason = format!("no triple ends within {} MiB of text", MAX_UNANSWERED >> 20);
                return Err(TurtleError::Syntax { line: self.line, column: 1, reason });
            }
            self.parser.extend_from_slice(chunk);
            let used = chunk.len();
            self.reader.consume(used);
            if self.unanswered >= goal {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
