//! Which language a file speaks: from its name, or as the user says.
//!
//!   people.jsonl.gz -> people.jsonl -> jsonl -> Format::Jsonl

use std::path::Path;

/// A language that `import` reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// One record per line, as JSON.
    Jsonl,
    /// N-Triples: one triple per line.
    Nt,
    /// N-Quads: one triple per line, with the graph it stands in.
    Nq,
    /// Turtle: a statement may span lines.
    Ttl,
}

impl Format {
    /// The format that a file's name ends with, `.gz` and `.zst` set aside. Any case of letters will do.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        match uncompressed(path.file_name()?.to_str()?).rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "nt" => Some(Self::Nt),
            "nq" => Some(Self::Nq),
            "ttl" => Some(Self::Ttl),
            _ => None,
        }
    }
}

/// A file's name without the ending that says how it is compressed.
pub(crate) fn uncompressed(name: &str) -> &str {
    let Some((stem, ending)) = name.rsplit_once('.') else { return name };
    if stem.is_empty() || !["gz", "zst"].contains(&ending.to_ascii_lowercase().as_str()) {
        return name;
    }
    stem
}

#[cfg(test)]
mod tests;
