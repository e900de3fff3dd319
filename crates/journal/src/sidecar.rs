//! Small documents beside the segments: JSON for people, checksummed for us, replaced whole.
//!
//!   {"schema":1, ... ,"blake3":"<64 hex digits>"}\n
//!   |<-- covered -->||<-- the last 78 bytes --->|
//!
//! D1: a document verifies as it was written, or is an error that names it; a crash leaves the old one or the new one.

use std::io;
use std::path::Path;

use annals_record::RecordId;
use serde_json::Value;

use crate::disk::{self, Disk, Mode};
use crate::error::Error;

/// What stands between the covered bytes and the hash, and behind it.
const BEFORE: &str = ",\"blake3\":\"";
const AFTER: &str = "\"}\n";
const HEX: usize = 64;
const TRAILER: usize = BEFORE.len() + HEX + AFTER.len();

/// The document at `path`, without its checksum; none if there is no such file.
///
/// # Errors
/// [`Error::Sidecar`] if it is longer than `max_len` bytes, does not verify, or is no JSON object.
pub fn read(disk: &dyn Disk, path: &Path, max_len: u64) -> Result<Option<Value>, Error> {
    let failed = |error| Error::io("read", path, error);
    let refused = |reason: String| Error::Sidecar { path: path.to_owned(), reason };
    let file = match disk.open(path, Mode::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| Error::io("open", path, error))?,
    };
    let len = file.len().map_err(failed)?;
    if len > max_len {
        return Err(refused(format!("it has {len} bytes, expected at most {max_len}")));
    }
    let mut bytes = vec![0; len as usize];
    let read = disk::read_full(&*file, &mut bytes, 0).map_err(failed)?;
    decode(&bytes[..read]).map(Some).map_err(refused)
}

/// Puts `document` in the place of what is at `path`, durably. It must be a JSON object that is not empty.
///
/// # Errors
/// Above all [`Error::Full`]; then the old document stands.
pub fn replace(disk: &dyn Disk, path: &Path, document: &Value) -> Result<(), Error> {
    disk::replace(disk, path, &encode(document)).map_err(|error| Error::io("write", path, error))
}

/// The document's bytes, its checksum included.
pub(crate) fn encode(document: &Value) -> Vec<u8> {
    let text = document.to_string();
    assert!(document.as_object().is_some_and(|object| !object.is_empty()), "D1: no document: {text}");
    let covered = text.strip_suffix('}').unwrap_or(&text);
    format!("{covered}{BEFORE}{}{AFTER}", RecordId::of(covered.as_bytes())).into_bytes()
}

fn decode(bytes: &[u8]) -> Result<Value, String> {
    let at = bytes.len().checked_sub(TRAILER).ok_or_else(|| format!("it has {} bytes", bytes.len()))?;
    let (covered, trailer) = bytes.split_at(at);
    if trailer != format!("{BEFORE}{}{AFTER}", RecordId::of(covered)).as_bytes() {
        return Err("its checksum does not verify".to_owned());
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(mut object)) => {
            object.remove("blake3");
            Ok(Value::Object(object))
        }
        Ok(_) => Err("it is no JSON object".to_owned()),
        Err(error) => Err(format!("it is no JSON: {error}")),
    }
}

#[cfg(test)]
mod tests;
