//! The lines of a file, one after the other, and how many entries they are.
//!
//! ```text
//!   entry+ entry+ entry \n   blank \n   torn CAN \n   entry \n   torn
//!   `- a batch: counts 3     `- 0       `- 0          `- 1       `- 0, until it is sealed off
//! ```
//!
//! What is committed is told by the ends of lines alone, so that damage inside one changes no count: a writer's expectation
//! stays right, and the damage costs its line.

use std::io::{self, BufRead};

use crate::line::{self, Ending, MAX_LINE_BYTES};

/// How far a file was scanned, and what was counted up to there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Where the last newline ends.
    pub(super) end: u64,
    /// How many lines end there.
    pub(super) lines: usize,
    /// How many entries are committed.
    pub(super) count: usize,
    /// How many lines of a batch stand at the end that is not finished.
    pub(super) pending: usize,
    /// What stands behind the last newline.
    pub(super) tail: Tail,
}

/// What stands behind the last newline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing.
    #[default]
    None,
    /// The beginning of a line, of so many bytes: its append never ended.
    Torn(u64),
    /// A line, of so many bytes, that was committed: its newline is damaged, and nothing else.
    Unended(u64),
}

/// One line, without its newline.
pub(super) struct Line<'a> {
    /// From 1 on.
    pub(super) number: usize,
    /// Where it begins in its file.
    pub(super) byte: u64,
    /// How long it is.
    pub(super) len: u64,
    /// Its bytes; none if there are more than a line may have.
    pub(super) bytes: Option<&'a [u8]>,
    /// What it is.
    pub(super) what: What,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A line that ends as it should.
    Ended(Ending),
    /// The last one, which does not.
    Tail(Tail),
}

impl Tally {
    /// How many entries there are, a last one included that is committed and damaged.
    pub(super) fn entries(&self) -> usize {
        match self.tail {
            Tail::Unended(_) => self.count + self.pending + 1,
            Tail::None | Tail::Torn(_) => self.count,
        }
    }

    /// What has to be written first, so that the next line begins as one.
    pub(super) fn seal(&self) -> &'static [u8] {
        match self.tail {
            // The newline alone: it was committed, and goes on being counted and reported.
            Tail::Unended(_) => b"\n",
            Tail::Torn(_) => line::SEAL,
            Tail::None if self.pending > 0 => line::SEAL,
            Tail::None => b"",
        }
    }

    /// Goes on behind lines that were just written: `sealed` first, then `bytes` of `count` entries that are one batch.
    pub(super) fn wrote(&mut self, sealed: usize, bytes: usize, count: usize) {
        let tail = match self.tail {
            Tail::None => 0,
            Tail::Torn(len) | Tail::Unended(len) => len,
        };
        *self = Self {
            end: self.end + tail + (sealed + bytes) as u64,
            lines: self.lines + usize::from(sealed > 0) + count,
            count: self.entries() + count,
            pending: 0,
            tail: Tail::None,
        };
    }

    fn line(&mut self, len: u64, ending: Ending) {
        self.end += len + 1;
        self.lines += 1;
        match ending {
            Ending::Blank => {}
            Ending::Sealed => self.pending = 0,
            Ending::More => self.pending += 1,
            Ending::Last => {
                self.count += self.pending + 1;
                self.pending = 0;
            }
        }
    }
}

/// Reads on where `tally` ended, from a reader that stands there, and shows every line that is not blank.
pub(super) fn scan(
    reader: &mut impl BufRead,
    tally: &mut Tally,
    show: &mut dyn FnMut(&Line<'_>),
) -> io::Result<()> {
    tally.tail = Tail::None;
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let Next { len, ended, last } = next_line(reader, &mut bytes)?;
        if len == 0 && !ended {
            return Ok(());
        }
        let whole = bytes.len() as u64 == len;
        let what = if ended {
            // One that is too long for us is an entry, and damaged, unless it was sealed off.
            What::Ended(if whole { line::ending(&bytes) } else { line::ending(&last) })
        } else if whole && line::lost_its_newline(&bytes) {
            What::Tail(Tail::Unended(len))
        } else {
            What::Tail(Tail::Torn(len))
        };
        if what != What::Ended(Ending::Blank) {
            let bytes = whole.then_some(&*bytes);
            show(&Line { number: tally.lines + 1, byte: tally.end, len, bytes, what });
        }
        match what {
            What::Ended(ending) => tally.line(len, ending),
            What::Tail(tail) => {
                tally.tail = tail;
                return Ok(());
            }
        }
    }
}

/// What a line has turned out to be.
struct Next {
    len: u64,
    ended: bool,
    /// Its last two bytes.
    last: [u8; 2],
}

/// The next line into `bytes`, as far as a line may be long; how long it is, whether a newline ends it, and what it ends with.
fn next_line(reader: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<Next> {
    let mut next = Next { len: 0, ended: false, last: [0; 2] };
    loop {
        let found = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            found => found?,
        };
        if found.is_empty() {
            return Ok(next);
        }
        let newline = memchr::memchr(b'\n', found);
        let part = &found[..newline.unwrap_or(found.len())];
        let room = MAX_LINE_BYTES.saturating_sub(bytes.len());
        bytes.extend_from_slice(&part[..part.len().min(room)]);
        next.len += part.len() as u64;
        for byte in &part[part.len().saturating_sub(2)..] {
            next.last = [next.last[1], *byte];
        }
        let used = part.len() + usize::from(newline.is_some());
        reader.consume(used);
        if newline.is_some() {
            next.ended = true;
            return Ok(next);
        }
    }
}
