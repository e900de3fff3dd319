//! A fact as a line of JSON with every field spelt out, and the frame around it: what others write, and what the size of
//! our own forms is held against.
//!
//! ```text
//!   [length: u32, big-endian][line][CRC-32 of the line: u32, big-endian]
//! ```

use std::fmt::Write as _;

use annals_journal::{LogId, Offset};
use crc_fast::CrcAlgorithm;

use super::Fact;
use super::error::FactError;

impl Fact {
    /// The line of this fact, as it stands at `offset` of `log`: all fields in the order in which [`Fact`] has them, the
    /// hash of the value behind the value.
    ///
    /// # Errors
    /// [`FactError::Value`] if the value is no JSON.
    pub fn line(&self, log: LogId, offset: Offset) -> Result<String, FactError> {
        let text = |text: &str| {
            serde_json::to_string(text)
                .map_err(|error| FactError::Value { field: "value", reason: error.to_string() })
        };
        let mut line = String::with_capacity(self.value.len() + 400);
        let _ = write!(line, r#"{{"id":"{}","store":"#, self.uuid(log, offset));
        line.push_str(&text(&self.store)?);
        line.push_str(r#","key":"#);
        line.push_str(&text(&self.key)?);
        line.push_str(r#","value":"#);
        line.push_str(&self.value);
        line.push_str(r#","value_hash":""#);
        for byte in self.value_hash()? {
            let _ = write!(line, "{byte:02x}");
        }
        line.push_str(r#"","causation":"#);
        match self.causation {
            Some(cause) => {
                let _ = write!(line, r#""{}""#, cause.uuid(log));
            }
            None => line.push_str("null"),
        }
        let _ = write!(line, r#","transaction_time":{:?},"valid_time":"#, self.transaction_time);
        match self.valid_time {
            Some(time) => {
                let _ = write!(line, "{time:?}");
            }
            None => line.push_str("null"),
        }
        let _ = write!(line, r#","schema_version":{},"producer":"#, self.schema_version);
        line.push_str(&self.producer.as_deref().map_or(Ok("null".to_owned()), text)?);
        line.push_str(r#","derivation":"#);
        line.push_str(self.derivation.as_deref().unwrap_or("null"));
        line.push('}');
        Ok(line)
    }
}

/// The frame around a line, as `json_crc32` has it.
#[must_use]
pub fn frame(line: &str) -> Vec<u8> {
    let crc = crc_fast::checksum(CrcAlgorithm::Crc32IsoHdlc, line.as_bytes()) as u32;
    let mut frame = Vec::with_capacity(line.len() + 8);
    frame.extend_from_slice(&(line.len() as u32).to_be_bytes());
    frame.extend_from_slice(line.as_bytes());
    frame.extend_from_slice(&crc.to_be_bytes());
    frame
}
