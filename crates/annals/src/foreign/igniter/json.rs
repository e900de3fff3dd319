//! A fact as JSON: every field spelt out, as the store wrote it.

use std::collections::BTreeMap;

use annals_streams::{Cause, Fact, FactId};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::Note;

/// A fact, and what is to be known of it.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) fact: Fact,
    pub(super) notes: Vec<Note>,
}

type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// Reads one.
pub(super) fn read(body: &[u8]) -> Result<Read, String> {
    let mut fields: Fields<'_> = serde_json::from_slice(body).map_err(|error| format!("no JSON: {error}"))?;
    let mut notes = Vec::new();
    let store = needed_text(&mut fields, "store")?;
    let key = needed_text(&mut fields, "key")?;
    let Some(value) = fields.remove("value") else { return Err("it has no `value`".to_owned()) };
    // Older stores say `timestamp`.
    let time = fields.remove("transaction_time").or_else(|| fields.remove("timestamp"));
    let Some(time) = time else { return Err("it has no `transaction_time`".to_owned()) };
    let mut fact = Fact::new(store, key, value.get(), seconds("transaction_time", time)?);
    let id = needed_text(&mut fields, "id")?;
    fact.id = FactId::Foreign(Uuid::try_parse(&id).map_err(|_| format!("its id {id:?} is no UUID"))?);
    fact.valid_time = match said(&mut fields, "valid_time") {
        Some(time) => Some(seconds("valid_time", time)?),
        None => None,
    };
    if let Some(version) = said(&mut fields, "schema_version") {
        let parsed = version.get().parse();
        fact.schema_version =
            parsed.map_err(|_| format!("its schema_version {version} is no whole number"))?;
    }
    if let Some(causation) = said(&mut fields, "causation") {
        match text(causation).and_then(|text| Uuid::try_parse(&text).ok()) {
            Some(uuid) => fact.causation = Some(Cause::Foreign(uuid)),
            None => notes.push(Note::CausationLeftOut),
        }
    }
    if let Some(producer) = said(&mut fields, "producer") {
        fact.producer = Some(text(producer).unwrap_or_else(|| {
            notes.push(Note::ProducerAsText);
            producer.get().to_owned()
        }));
    }
    fact.derivation = said(&mut fields, "derivation").map(|derivation| derivation.get().to_owned());
    if let Some(hash) = said(&mut fields, "value_hash")
        && text(hash) != Some(hex(&fact.value_hash().map_err(|error| error.to_string())?))
    {
        notes.push(Note::HashDiffers);
    }
    if fields.values().any(|value| value.get() != "null") {
        notes.push(Note::FieldsLeftOut);
    }
    Ok(Read { fact, notes })
}

/// A field that is there and not null.
fn said<'a>(fields: &mut Fields<'a>, key: &str) -> Option<&'a RawValue> {
    fields.remove(key).filter(|value| value.get() != "null")
}

fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

fn needed_text(fields: &mut Fields<'_>, key: &str) -> Result<String, String> {
    fields.remove(key).and_then(text).ok_or_else(|| format!("its `{key}` is missing, or no text"))
}

/// Rust reads a number to the nearest float, so the bits are the ones that were written.
fn seconds(field: &str, value: &RawValue) -> Result<f64, String> {
    let digits = |text: &str| text.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    let number = Some(value.get()).filter(|text| digits(text)).and_then(|text| text.parse().ok());
    number.ok_or_else(|| format!("its {field} {value} is no number"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
