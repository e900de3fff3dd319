//! What is imported and appended: each record says which line of which chunk it is, so that any log can be judged.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value as Json;

/// Subjects of each chunk.
pub(super) const SUBJECTS: u64 = 17;
/// A record of a wide chunk is so much longer: several mebibytes of them are folded into tables.
const WIDE: usize = 6000;

/// Lines that no other chunk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) number: u64,
    pub(super) lines: u64,
    pub(super) wide: bool,
}

impl Chunk {
    /// Writes it as JSON lines.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = String::new();
        for line in 0..self.lines {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{}", self.line(line));
        }
        fs::write(path, text)
    }

    fn line(&self, line: u64) -> String {
        let chunk = self.number;
        if line % 13 == 12 {
            return format!(
                r#"{{"type":"epoch","name":"chunk {chunk}","starts":"2025-01-01","description":"{line}"}}"#
            );
        }
        let long = if self.wide { WIDE } else { (line % 50 * 3) as usize };
        let pad = char::from(b'a' + (line % 26) as u8).to_string().repeat(long);
        format!(
            r#"{{"subject":"s{}","predicate":"p{}","object":"{line} {pad}","agent":"chunk {chunk}","source":"f{}"}}"#,
            line % SUBJECTS,
            line % 3,
            line % 5
        )
    }
}

/// Where a record of a log comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// A line of a chunk.
    Line(u64, u64),
    /// An append of this number: an assertion or a vote.
    Alone(u64),
}

/// Whose record a line of `annals tail --json` is; none: nobody's.
pub(super) fn origin(record: &Json) -> Option<Origin> {
    let text = |key: &str| record[key].as_str();
    match text("type")? {
        "epoch" => Some(Origin::Line(
            text("name")?.strip_prefix("chunk ")?.parse().ok()?,
            text("description")?.parse().ok()?,
        )),
        "vote" => Some(Origin::Alone(text("voter")?.strip_prefix("voter ")?.parse().ok()?)),
        "assertion" if text("subject") == Some("alone") => Some(Origin::Alone(record["object"].as_u64()?)),
        "assertion" => {
            let line: u64 = text("object")?.split(' ').next()?.parse().ok()?;
            let chunk: u64 = text("agent")?.strip_prefix("chunk ")?.parse().ok()?;
            let wide = text("object")?.len() > WIDE;
            let whole = Chunk { number: chunk, lines: 0, wide }.line(line);
            let whole: Json = serde_json::from_str(&whole).ok()?;
            // Every byte of it is as it was.
            let same = ["subject", "predicate", "object", "agent", "source"]
                .iter()
                .all(|key| whole[key] == record[key]);
            same.then_some(Origin::Line(chunk, line))
        }
        _ => None,
    }
}
