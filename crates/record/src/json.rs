//! The JSON form: what a person writes by hand, one record a line.
//!
//!   line -> fields -> record -> payload -> id          from_json
//!   record -> line                                     to_json
//!
//! J1: what a line leaves out stays absent; no clock and no default enters a record, but for a vote's weight and `seq`.
//! J2: `from_json(to_json(r))` is `r` in its canonical form, with the same payload and id, for every valid record.
//! J3: every digit of a number is kept or refused; no fraction passes through binary floating point unasked.

use crate::limits::MAX_LINE;
use crate::{Offset, Record, RecordId};

mod assertion;
mod epoch;
mod error;
mod field;
mod fields;
mod line;
mod value;
mod vote;

pub use error::JsonError;
use fields::Fields;
use line::Line;

/// A record read from a line, with the bytes to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonRecord {
    /// The record, in its canonical form.
    pub record: Record,
    /// Its payload.
    pub payload: Vec<u8>,
    /// Its identity: the BLAKE3 of the payload. Where the line gave an `id`, it was this one.
    pub id: RecordId,
}

/// Every key a line may have, of whatever type.
const KEYS: &[&str] = &[
    "type",
    "id",
    "offset",
    "subject",
    "predicate",
    "object",
    "polarity",
    "confidence",
    "source",
    "sources",
    "agent",
    "epoch",
    "qualifiers",
    "valid",
    "supersedes",
    "corrects",
    "retracts",
    "derived_from",
    "authored_at",
    "assertion",
    "voter",
    "stance",
    "weight",
    "seq",
    "reason",
    "cast_at",
    "name",
    "description",
    "starts",
    "ends",
    "author",
];

impl Record {
    /// Reads one line: an assertion, or what its key `type` says.
    ///
    /// `offset` is ignored; `id`, where given, must be the record's own. `null` is refused: what is not known is left
    /// out. An empty list is as if left out. docs/json.md lists the keys and the forms.
    ///
    /// ```
    /// use annals_record::{Record, Value};
    ///
    /// let line = r#"{"subject":"Everest","predicate":"height","object":{"quantity":"8848.86","unit":"m"}}"#;
    /// let read = Record::from_json(line)?;
    /// assert_eq!(Record::decode(&read.payload)?, read.record);
    /// assert_eq!(Record::from_json(&read.record.to_json())?, read);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`JsonError`] names the key and what is wrong with it.
    pub fn from_json(line: &str) -> Result<JsonRecord, JsonError> {
        let line = line.trim_end_matches(['\r', '\n']);
        if line.len() > MAX_LINE {
            return Err(JsonError::LineTooLong { bytes: line.len() });
        }
        let mut fields = Fields::read(line, KEYS)?;
        let record_type = fields.take("type").map(|field| field.text()).transpose()?;
        let claimed = fields.take("id").map(|field| field.id::<RecordId>()).transpose()?;
        fields.take("offset");
        let record = match record_type.as_deref() {
            None | Some("assertion") => Self::Assertion(assertion::read(&mut fields)?),
            Some("vote") => Self::Vote(vote::read(&mut fields)?),
            Some("epoch") => Self::Epoch(epoch::read(&mut fields)?),
            Some(found) => return Err(JsonError::UnknownType { found: error::excerpt(found) }),
        };
        fields.finish()?;
        let payload = record.payload()?;
        let id = RecordId::of(&payload);
        match claimed {
            Some(claimed) if claimed != id => Err(JsonError::IdMismatch { claimed, computed: id }),
            _ => Ok(JsonRecord { record, payload, id }),
        }
    }

    /// The line that [`Record::from_json`] reads back as the same record: without a line break, keys in a fixed order,
    /// `type` first. An epoch that was given by name is written as its id, for nothing else is stored.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.to_json_at(None, None)
    }

    /// As [`Record::to_json`], with `id` and `offset` first, where they are known.
    #[must_use]
    pub fn to_json_at(&self, id: Option<RecordId>, offset: Option<Offset>) -> String {
        if self.is_canonical() {
            return Line { record: self, id, offset }.to_string();
        }
        let mut sorted = self.clone();
        sorted.canonicalize();
        Line { record: &sorted, id, offset }.to_string()
    }
}

#[cfg(test)]
mod tests;
