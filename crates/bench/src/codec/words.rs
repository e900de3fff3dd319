//! Real text for histories: the shipped set of `examples/data`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::outcome::Outcome;

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/unihan-readings.jsonl.zst");

/// An assertion of the shipped set.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) subject: String,
    pub(crate) predicate: String,
    /// The object, as JSON.
    pub(crate) object: String,
    pub(crate) language: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) epoch: Option<String>,
}

/// All assertions of the shipped set, in its order.
pub(crate) fn statements() -> Outcome<Vec<Statement>> {
    let text = zstd::decode_all(&*fs::read(Path::new(SHIPPED))?)?;
    let text = String::from_utf8(text)?;
    let mut statements = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("{\"subject\"")) {
        let read: Value = serde_json::from_str(line)?;
        let field = |value: &Value, key: &str| value[key].as_str().map(str::to_owned);
        let object = &read["object"];
        let plain = match object {
            Value::Object(fields) => fields.get("text").or_else(|| fields.get("entity")).unwrap_or(object),
            other => other,
        };
        statements.push(Statement {
            subject: field(&read, "subject").ok_or("an assertion without its subject")?,
            predicate: field(&read, "predicate").ok_or("an assertion without its predicate")?,
            object: plain.to_string(),
            language: field(object, "language"),
            source: field(&read, "source"),
            epoch: field(&read, "epoch"),
        });
    }
    Ok(statements)
}

/// The English definitions of the shipped set, without quotes.
pub(crate) fn definitions() -> Outcome<Vec<String>> {
    let found = statements()?.into_iter().filter(|statement| statement.predicate == "definition");
    found.map(|statement| Ok(serde_json::from_str(&statement.object)?)).collect()
}
