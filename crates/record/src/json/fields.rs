//! The keys of one JSON object: each known, each once, each taken by whoever reads it.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::JsonError;
use super::error::excerpt;
use super::field::Field;

/// The keys of an object that have not been taken yet.
pub(super) struct Fields<'a> {
    left: Vec<(&'static str, &'a RawValue)>,
}

impl<'a> Fields<'a> {
    /// Reads an object, all of whose keys are among these.
    pub(super) fn read(text: &'a str, known: &[&'static str]) -> Result<Self, JsonError> {
        let mut left: Vec<(&'static str, &'a RawValue)> = Vec::with_capacity(12);
        each_key(text, |key, value| {
            let Some(key) = known.iter().find(|name| **name == key) else {
                return Err(JsonError::UnknownKey { key: excerpt(key) });
            };
            if left.iter().any(|(name, _)| name == key) {
                return Err(JsonError::RepeatedKey { key: (*key).to_owned() });
            }
            left.push((key, value));
            Ok(())
        })?;
        Ok(Self { left })
    }

    /// Takes a key, if it is there.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Field<'a>> {
        let at = self.left.iter().position(|(name, _)| *name == key)?;
        // In order, so that what is left over is named as it stands in the line.
        let (key, value) = self.left.remove(at);
        Some(Field::new(key, value))
    }

    /// Takes a key that must be there.
    pub(super) fn need(&mut self, key: &'static str) -> Result<Field<'a>, JsonError> {
        self.take(key).ok_or_else(|| JsonError::Missing { key: key.to_owned() })
    }

    /// Refuses what nobody took.
    pub(super) fn finish(self) -> Result<(), JsonError> {
        match self.left.first() {
            Some((key, _)) => Err(JsonError::UnknownKey { key: (*key).to_owned() }),
            None => Ok(()),
        }
    }
}

/// Calls `take` with each key of an object and its value, as it is written; the first refusal is the answer, unless the
/// text is no JSON at all.
pub(super) fn each_key<'a>(
    text: &'a str,
    take: impl FnMut(&str, &'a RawValue) -> Result<(), JsonError>,
) -> Result<(), JsonError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let outcome = serde::Deserializer::deserialize_map(&mut reader, EachKey { take });
    let outcome = outcome.and_then(|taken| reader.end().map(|()| taken));
    outcome.unwrap_or_else(|error| {
        if error.is_data() {
            return Err(JsonError::NotAnObject { found: noun(text.trim_start()) });
        }
        // One line, one column: `at line 1` would say nothing.
        Err(JsonError::Syntax { reason: error.to_string().replace(" at line 1 column ", " at column ") })
    })
}

/// What kind of JSON begins here.
pub(super) fn noun(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'"') => "a text",
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        _ => "a number",
    }
}

struct EachKey<F> {
    take: F,
}

/// A key: lent where it has no escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de, F: FnMut(&str, &'de RawValue) -> Result<(), JsonError>> Visitor<'de> for EachKey<F> {
    type Value = Result<(), JsonError>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut outcome = Ok(());
        // All of the text is read in any case: what is no JSON is called so.
        while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
            if outcome.is_ok() {
                outcome = (self.take)(&key, value);
            }
        }
        Ok(outcome)
    }
}
