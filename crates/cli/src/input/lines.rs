//! Lines of a text, each within a bound.
//!
//!   bytes -> [ line 1 | line 2 | too long ... | line 4 ]
//!
//! L1: no more than a line's limit is ever held, however long the line is.
//! L2: every line that is not blank is given out exactly once, with its number in the text, or the reading fails.

use std::io::{self, BufRead, Read};

/// One line, without its line break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Its number in the text, from 1. Blank lines count.
    pub(super) number: u64,
    /// Its bytes; the first of them if it is too long.
    pub(super) bytes: &'a [u8],
    /// Whether the line is longer than the limit.
    pub(super) too_long: bool,
}

/// The lines of a text. A line ends with `\n` or `\r\n`, the last one also with the text.
pub(super) struct Lines<R> {
    reader: R,
    limit: usize,
    number: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// The lines of this text; `limit` is the most bytes of one, its line break not counted.
    pub(super) fn new(reader: R, limit: usize) -> Self {
        Self { reader, limit, number: 0, buffer: Vec::new() }
    }

    /// The number of the last line that was read whole; 0 before the first.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The next line that is not blank; none at the end. What stands before a failure is not given out as a line.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            let Some(length) = self.fill()? else { return Ok(None) };
            self.number += 1;
            let text = without_break(&self.buffer).len();
            let too_long = length - (self.buffer.len() - text) as u64 > self.limit as u64;
            if too_long || !self.buffer.trim_ascii().is_empty() {
                let bytes = &self.buffer[..text.min(self.limit)];
                return Ok(Some(Line { number: self.number, bytes, too_long }));
            }
        }
    }

    /// Reads up to and with the next `\n`, keeps what a line within the limit can have, and returns how many bytes
    /// were passed; none at the end of the text.
    fn fill(&mut self) -> io::Result<Option<u64>> {
        // The line break comes on top of the limit.
        let keep = self.limit.saturating_add(2) as u64;
        self.buffer.clear();
        let kept = self.reader.by_ref().take(keep).read_until(b'\n', &mut self.buffer)? as u64;
        let rest =
            if kept == keep && !self.buffer.ends_with(b"\n") { self.reader.skip_until(b'\n')? } else { 0 };
        Ok((kept > 0).then_some(kept + rest as u64))
    }
}

fn without_break(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests;
