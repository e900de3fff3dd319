//! Why reading a file ended before the file.

use std::io;

/// Why reading a file ended before the file. What is wrong with a single line is a [`Reject`](super::Reject), and the
/// reading goes on. The command line makes an exit code of it; what a caller could do next is in each sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum InputError {
    /// The file cannot be opened.
    #[error("cannot open {name}: {source}")]
    Open {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The file's name does not tell its format.
    #[error("cannot tell the format of {name} from its name; say --format jsonl, nt, nq or ttl")]
    UnknownFormat {
        /// The file.
        name: String,
    },
    /// The file is compressed in a way that is not read here.
    #[error(
        "{name} is compressed with {compression}, which is not read here; decompress it, and pipe it in with `-`"
    )]
    Compression {
        /// The file.
        name: String,
        /// How it is compressed.
        compression: &'static str,
    },
    /// The compressed stream stops in its middle.
    #[error(
        "{name}: the compressed stream ended early, after line {line}; the file is incomplete, fetch it again"
    )]
    CutShort {
        /// The file.
        name: String,
        /// The last line that was whole.
        line: u64,
    },
    /// Reading failed.
    #[error("{name}: cannot read on after line {line}: {source}")]
    Read {
        /// The file.
        name: String,
        /// The last line that was whole.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// The text is no Turtle from some place on.
    #[error(
        "{name}, line {line}, column {column}: {reason}; triples read before it: {triples}, after it: none"
    )]
    Turtle {
        /// The file.
        name: String,
        /// The line of the mistake, from 1.
        line: u64,
        /// Its column, from 1.
        column: u64,
        /// What is wrong.
        reason: String,
        /// How many triples were read before it.
        triples: u64,
    },
}
