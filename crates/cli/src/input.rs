//! What `import` reads: records, one after the other, each with the line it stands on.
//!
//!   file | stdin -> stream (gzip, zstd) -> lines -> JSONL | N-Triples | N-Quads -> records
//!                                      '-> Turtle ---------------------------'
//!
//! I1: every line that is not blank gives one item: a record, or a reason why it is none. Comments are blank.
//! I2: a line that is no record spoils no other line. Only what makes the rest unreadable ends the reading.
//! I3: the same text under the same options gives the same records, byte for byte, whenever and wherever it is read.

use std::io::{self, BufRead};
use std::path::Path;

use annals::limits::MAX_LINE;
use annals::{Record, RecordId};

use blank::BlankNames;
use claim::Claims;
use lines::Lines;
use rows::{RowFormat, Rows};
use statements::Statements;
use stream::{Compression, Stream};
use turtle::{Turtle, TurtleError};

mod blank;
mod claim;
mod error;
mod format;
mod lines;
mod literal;
mod rows;
mod statements;
mod stream;
mod triples;
mod turtle;

pub(crate) use error::InputError;
pub(crate) use format::Format;
pub(crate) use stream::Progress;

type Text = Box<dyn BufRead + Send>;

/// How to read a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Its format. Default: what its name says; JSONL for standard input.
    pub(crate) format: Option<Format>,
    /// The source of what it says. RDF's statements have no other. An assertion in JSON takes it where it names none,
    /// unless the line gives an `id`, which settles what the record is. It is also the scope of blank nodes; without
    /// it, the file's name is. Default: none.
    pub(crate) source: Option<String>,
}

/// One line's worth of input.
#[derive(Debug)]
pub(crate) struct Item {
    /// The number of the line, from 1; of the line that completes it, where a statement spans lines.
    pub(crate) line: u64,
    /// What stands there.
    pub(crate) outcome: Result<Accepted, Reject>,
}

/// A record that keeps every limit.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// Its bytes.
    pub(crate) payload: Vec<u8>,
    /// The BLAKE3 of its bytes.
    pub(crate) id: RecordId,
}

/// A line that is no record.
#[derive(Debug)]
pub(crate) struct Reject {
    /// Why.
    pub(crate) reason: String,
    /// The line without its line break; of a line that is too long, the first MiB. A statement of Turtle stands here as
    /// N-Triples.
    pub(crate) raw: Vec<u8>,
}

/// The records of a file.
pub(crate) struct Input {
    name: String,
    compression: Compression,
    progress: Progress,
    body: Body,
    ended: bool,
}

/// The two ways to go through a text.
enum Body {
    Rows(Rows<Text>),
    Statements(Box<Statements<Text>>),
}

impl Input {
    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    /// The file cannot be opened, its format is not known, or its first bytes cannot be read.
    pub(crate) fn open(path: &Path, options: Options) -> Result<Self, InputError> {
        let name = path.display().to_string();
        let failed = |source| InputError::Open { name: name.clone(), source };
        if path == Path::new("-") {
            let stream = Stream::over(io::stdin(), None).map_err(failed)?;
            return Self::over("stdin", options.format.unwrap_or(Format::Jsonl), options.source, stream);
        }
        // Nothing is opened before it is known how it would be read.
        let Some(format) = options.format.or_else(|| Format::of(path)) else {
            return Err(InputError::UnknownFormat { name });
        };
        let stream = Stream::open(path).map_err(failed)?;
        Self::over(&name, format, options.source, stream)
    }

    /// Reads bytes that are in memory, under this name.
    ///
    /// # Errors
    /// As [`Input::open`].
    pub(crate) fn of_bytes(name: &str, options: Options, bytes: Vec<u8>) -> Result<Self, InputError> {
        let failed = |source| InputError::Open { name: name.to_owned(), source };
        let stream = Stream::over(io::Cursor::new(bytes), None).map_err(failed)?;
        Self::over(name, options.format.unwrap_or(Format::Jsonl), options.source, stream)
    }

    /// Reads what a stream gives; `name` stands in messages, and its last part is the scope of blank nodes where no
    /// source is given.
    fn over(name: &str, format: Format, source: Option<String>, stream: Stream) -> Result<Self, InputError> {
        let Stream { text, compression, progress } = stream;
        if let Compression::Foreign(compression) = compression {
            return Err(InputError::Compression { name: name.to_owned(), compression });
        }
        let text = stream::without_mark(text).map_err(|error| failure(name, compression, 0, error))?;
        let scope = source.clone().unwrap_or_else(|| scope_of(name));
        let rows = |text, format| Body::Rows(Rows::new(Lines::new(text, MAX_LINE), format));
        let body = match format {
            Format::Jsonl => rows(text, RowFormat::Jsonl { source }),
            Format::Nt => rows(text, RowFormat::Nt(Claims::new(BlankNames::labelled(scope), source))),
            Format::Nq => rows(text, RowFormat::Nq(Claims::new(BlankNames::labelled(scope), source))),
            Format::Ttl => {
                let claims = Claims::new(BlankNames::numbered(scope), source);
                Body::Statements(Box::new(Statements::new(Turtle::new(text), claims)))
            }
        };
        Ok(Self { name: name.to_owned(), compression, progress, body, ended: false })
    }

    /// How far the reading has come; it can be watched while the records are taken.
    pub(crate) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    fn next_item(&mut self) -> Result<Option<Item>, InputError> {
        match &mut self.body {
            Body::Rows(rows) => {
                rows.next_row().map_err(|error| failure(&self.name, self.compression, rows.number(), error))
            }
            Body::Statements(statements) => statements.next_statement().map_err(|error| match error {
                TurtleError::Read(error) => {
                    failure(&self.name, self.compression, statements.lines_read(), error)
                }
                TurtleError::Syntax { line, column, reason } => InputError::Turtle {
                    name: self.name.clone(),
                    line,
                    column,
                    reason,
                    triples: statements.read(),
                },
            }),
        }
    }
}

impl Iterator for Input {
    type Item = Result<Item, InputError>;

    /// The next item; nothing after an error.
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.next_item().transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

/// The record's bytes, if it keeps every limit.
fn accept(record: &Record) -> Result<Accepted, String> {
    match record.payload() {
        Ok(payload) => Ok(Accepted { id: RecordId::of(&payload), payload }),
        Err(error) => Err(error.to_string()),
    }
}

/// What a failed reading means: a compressed stream that just stops is a file that was not copied whole.
fn failure(name: &str, compression: Compression, line: u64, source: io::Error) -> InputError {
    let name = name.to_owned();
    if compression != Compression::Plain && source.kind() == io::ErrorKind::UnexpectedEof {
        return InputError::CutShort { name, line };
    }
    InputError::Read { name, line, source }
}

/// The scope of a file's blank nodes: its name without its directory and its compression.
fn scope_of(name: &str) -> String {
    let file = Path::new(name).file_name().map_or(name.into(), |file| file.to_string_lossy());
    format::uncompressed(&file).to_owned()
}

#[cfg(test)]
mod tests;
