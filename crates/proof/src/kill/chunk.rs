//! What is imported: chunks of lines, each of which says which line of which chunk it is.
//!
//!   (chunk, line) -> a line of JSON -> the binary -> a record of JSON -> (chunk, line), and that it is whole

use serde_json::Value;

/// Which line of which chunk a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Tag {
    pub(super) chunk: u32,
    pub(super) line: u32,
}

impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "c{}.{}", self.chunk, self.line)
    }
}

/// What a record has that its line leaves out.
const LEFT_OUT: [&str; 5] = ["id", "offset", "type", "weight", "seq"];

impl Tag {
    /// The line: an assertion, every seventh a vote, and now and then an epoch or a long text.
    pub(super) fn text(self) -> String {
        let Self { chunk, line } = self;
        if line % 7 == 5 {
            // What is voted on comes later or never; so each vote has a tally of its own.
            return format!(
                r#"{{"type":"vote","assertion":"{:064x}","voter":"{self}","stance":1}}"#,
                u64::from(chunk) << 32 | u64::from(line / 3)
            );
        }
        if line % 31 == 30 {
            return format!(r#"{{"type":"epoch","name":"e{}","description":"{self}"}}"#, line % 3);
        }
        let long = if line % 17 == 16 { 40 * (line as usize + 10) } else { 8 };
        let object = "x".repeat(long);
        format!(
            r#"{{"subject":"s{}","predicate":"p{}","object":"{object}","agent":"{self}"}}"#,
            line % 13,
            chunk % 3
        )
    }

    /// Which line a record says it is; none if it is not one of ours, or differs from that line in anything.
    pub(super) fn of(record: &Value) -> Option<Self> {
        let said = ["agent", "voter", "description"].iter().find_map(|key| record.get(key)?.as_str())?;
        let (chunk, line) = said.strip_prefix('c')?.split_once('.')?;
        let tag = Self { chunk: chunk.parse().ok()?, line: line.parse().ok()? };
        let expected: Value = serde_json::from_str(&tag.text()).ok()?;
        let (expected, found) = (expected.as_object()?, record.as_object()?);
        let whole = expected.iter().all(|(key, value)| found.get(key) == Some(value))
            && found.keys().all(|key| expected.contains_key(key) || LEFT_OUT.contains(&key.as_str()));
        whole.then_some(tag)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_a_line_only_if_nothing_of_it_differs() {
        for line in 0..100 {
            let tag = Tag { chunk: 7, line };
            let mut record: Value = serde_json::from_str(&tag.text()).unwrap();
            record["id"] = json!("ab");
            record["offset"] = json!(3);
            assert_eq!(Tag::of(&record), Some(tag));
            let keys: Vec<String> = record.as_object().unwrap().keys().cloned().collect();
            for key in keys.iter().filter(|key| !LEFT_OUT.contains(&key.as_str())) {
                let mut other = record.clone();
                other[key] = json!("another");
                assert_eq!(Tag::of(&other), None, "{key}");
            }
            record["more"] = json!(1);
            assert_eq!(Tag::of(&record), None);
        }
    }
}
