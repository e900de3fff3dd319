//! Lines made entries: what stands, and a report of what does not.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::scan::{Line, Tail, Tally, What};
use crate::line::{self, Ending, Wrong};
use crate::reading::{DamagedLine, Fault, Reading};

/// Gathers what lines hold. Lines of a batch wait for its last one.
pub(super) struct Collector<'a, T> {
    path: &'a Path,
    reading: Reading<T>,
    waiting: Vec<Waiting<T>>,
}

/// A line of a batch that is not finished yet.
struct Waiting<T> {
    found: Result<T, DamagedLine>,
    number: usize,
    byte: u64,
    len: u64,
}

impl<'a, T: DeserializeOwned> Collector<'a, T> {
    pub(super) fn new(path: &'a Path) -> Self {
        Self { path, reading: Reading::default(), waiting: Vec::new() }
    }

    pub(super) fn show(&mut self, line: &Line<'_>) {
        match line.what {
            What::Ended(Ending::Blank) | What::Tail(Tail::None) => {}
            What::Ended(Ending::More) => self.take(line),
            What::Ended(Ending::Last) => {
                self.take(line);
                self.commit();
            }
            What::Ended(Ending::Sealed) => {
                self.give_up();
                self.damage(line, 0, Fault::Torn, "its append was cut off; it was sealed off since");
            }
            What::Tail(Tail::Torn(_)) => {
                self.give_up();
                self.damage(line, line.len, Fault::Torn, "no newline ends it: its append was cut off");
            }
            What::Tail(Tail::Unended(_)) => {
                self.commit();
                self.damage(
                    line,
                    line.len - 1,
                    Fault::Damaged,
                    "it is whole, but something else is where its newline was",
                );
            }
        }
    }

    pub(super) fn end(mut self, tally: &Tally) -> Reading<T> {
        self.give_up();
        self.reading.count = tally.entries();
        self.reading
    }

    fn take(&mut self, line: &Line<'_>) {
        let found = match line.bytes {
            Some(bytes) => line::decode(bytes),
            None => {
                let reason = format!("it is longer than {} bytes", line::MAX_LINE_BYTES);
                Err(Wrong { at: line::MAX_LINE_BYTES, reason })
            }
        };
        let found = found.map_err(|wrong| {
            let at = line.byte + wrong.at as u64;
            self.damaged(
                line.number,
                line.byte,
                line.len,
                Fault::Damaged,
                format!("{}, at byte {at}", wrong.reason),
            )
        });
        self.waiting.push(Waiting { found, number: line.number, byte: line.byte, len: line.len });
    }

    fn commit(&mut self) {
        for waiting in self.waiting.drain(..) {
            match waiting.found {
                Ok(entry) => self.reading.entries.push(entry),
                Err(damaged) => {
                    let index = self.reading.entries.len();
                    self.reading.damaged.push(DamagedLine { index, ..damaged });
                }
            }
        }
    }

    /// The rest of the batch never came.
    fn give_up(&mut self) {
        for Waiting { number, byte, len, .. } in std::mem::take(&mut self.waiting) {
            let reason = "the batch it belongs to was cut off".to_owned();
            let torn = self.damaged(number, byte, len, Fault::Torn, reason);
            self.reading.damaged.push(torn);
        }
    }

    fn damage(&mut self, line: &Line<'_>, at: u64, what: Fault, reason: &str) {
        let reason = match at {
            0 => reason.to_owned(),
            at => format!("{reason}, at byte {}", line.byte + at),
        };
        let damaged = self.damaged(line.number, line.byte, line.len, what, reason);
        self.reading.damaged.push(damaged);
    }

    fn damaged(&self, line: usize, byte: u64, len: u64, what: Fault, reason: String) -> DamagedLine {
        let (path, index) = (self.path.to_owned(), self.reading.entries.len());
        DamagedLine { path, line, index, byte, len, what, reason }
    }
}
