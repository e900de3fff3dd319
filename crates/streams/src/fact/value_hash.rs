//! The hash of a value: the SHA-256 of its JSON with sorted keys.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::error::FactError;

/// Deeper than this nothing is nested: as deep as `serde_json` reads.
const DEPTH: usize = 127;

pub(super) fn of(value: &str) -> Result<[u8; 32], FactError> {
    let mut sorted = String::with_capacity(value.len());
    sort(value, DEPTH, &mut sorted)?;
    Ok(Sha256::digest(sorted.as_bytes()).into())
}

/// Whether a text is JSON.
pub(super) fn check(field: &'static str, text: &str) -> Result<(), FactError> {
    serde_json::from_str::<&RawValue>(text).map(drop).map_err(|error| refused(field, &error.to_string()))
}

fn refused(field: &'static str, reason: &str) -> FactError {
    FactError::Value { field, reason: reason.to_owned() }
}

/// Adds the value to `out` with the keys of every object sorted; of two that are the same the later one counts. Strings
/// are written the one way, numbers as they are.
fn sort(value: &str, depth: usize, out: &mut String) -> Result<(), FactError> {
    let failed = |error: serde_json::Error| refused("value", &error.to_string());
    let value = value.trim_matches([' ', '\t', '\r', '\n']);
    let Some(deeper) = depth.checked_sub(1) else { return Err(refused("value", "it is nested too deeply")) };
    match value.as_bytes().first() {
        Some(b'{') => {
            let object: BTreeMap<String, &RawValue> = serde_json::from_str(value).map_err(failed)?;
            for (i, (key, value)) in object.iter().enumerate() {
                out.push(if i == 0 { '{' } else { ',' });
                out.push_str(&serde_json::to_string(key).map_err(failed)?);
                out.push(':');
                sort(value.get(), deeper, out)?;
            }
            out.push_str(if object.is_empty() { "{}" } else { "}" });
        }
        Some(b'[') => {
            let array: Vec<&RawValue> = serde_json::from_str(value).map_err(failed)?;
            for (i, value) in array.iter().enumerate() {
                out.push(if i == 0 { '[' } else { ',' });
                sort(value.get(), deeper, out)?;
            }
            out.push_str(if array.is_empty() { "[]" } else { "]" });
        }
        Some(b'"') => {
            let text: String = serde_json::from_str(value).map_err(failed)?;
            out.push_str(&serde_json::to_string(&text).map_err(failed)?);
        }
        _ => {
            let scalar: &RawValue = serde_json::from_str(value).map_err(failed)?;
            out.push_str(scalar.get());
        }
    }
    Ok(())
}
