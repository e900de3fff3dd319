//! The partitioned fact store's own codec for histories of high frequency, as its format is documented, for its size:
//! batches of 64 as MessagePack through zlib. It keeps key, milliseconds, and the values of the first fact's fields; no id,
//! causation, valid time, producer, version or derivation.
//!
//! ```text
//!   [length: u32][count: u32][zlib 9 of {km: {number: key}, e: [[number, ms since the one before, [values]]]}][CRC: u32]
//! ```

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::Value;

use super::histories::Drawn;
use crate::outcome::Outcome;

const BATCH: usize = 64;
/// Length, count and CRC of a batch.
const AROUND: usize = 12;

/// The bytes of these facts.
pub(crate) fn len(facts: &[Drawn]) -> Outcome<usize> {
    let mut all = 0;
    for batch in facts.chunks(BATCH) {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(&packed(batch)?)?;
        all += zlib.finish()?.len() + AROUND;
    }
    Ok(all)
}

fn packed(batch: &[Drawn]) -> Outcome<Vec<u8>> {
    let mut keys: Vec<&str> = Vec::new();
    let mut entries = Vec::new();
    put_len(&mut entries, 0x90, 0xdc, batch.len());
    let mut before = 0;
    for drawn in batch {
        let fact = &drawn.fact;
        let known = keys.iter().position(|key| *key == fact.key);
        let number = known.unwrap_or(keys.len());
        if known.is_none() {
            keys.push(&fact.key);
        }
        let ms = (fact.transaction_time * 1e3).round() as i64;
        let value: Value = serde_json::from_str(&fact.value)?;
        let fields: Vec<&Value> =
            value.as_object().map(|object| object.values().collect()).unwrap_or_default();
        entries.push(0x93);
        put_int(&mut entries, number as i64);
        put_int(&mut entries, ms - before);
        put_len(&mut entries, 0x90, 0xdc, fields.len());
        fields.into_iter().for_each(|field| put(&mut entries, field));
        before = ms;
    }
    let mut out = vec![0x82];
    put(&mut out, &Value::from("km"));
    put_len(&mut out, 0x80, 0xde, keys.len());
    for (number, key) in keys.into_iter().enumerate() {
        put_int(&mut out, number as i64);
        put(&mut out, &Value::from(key));
    }
    put(&mut out, &Value::from("e"));
    out.extend_from_slice(&entries);
    Ok(out)
}

/// A value as MessagePack; what is nested goes as its text.
fn put(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(truth) => out.push(0xc2 + u8::from(*truth)),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => put_int(out, whole),
            None => {
                out.push(0xcb);
                out.extend_from_slice(&number.as_f64().unwrap_or_default().to_be_bytes());
            }
        },
        Value::String(text) => put_text(out, text),
        nested => put_text(out, &nested.to_string()),
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    match text.len() {
        len @ 0..32 => out.push(0xa0 | len as u8),
        len @ 32..256 => out.extend_from_slice(&[0xd9, len as u8]),
        len => {
            out.push(0xda);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(text.as_bytes());
}

fn put_len(out: &mut Vec<u8>, short: u8, long: u8, len: usize) {
    if len < 16 {
        out.push(short | len as u8);
    } else {
        out.push(long);
        out.extend_from_slice(&(len as u16).to_be_bytes());
    }
}

fn put_int(out: &mut Vec<u8>, number: i64) {
    match number {
        0..128 => out.push(number as u8),
        128..256 => out.extend_from_slice(&[0xcc, number as u8]),
        256..65_536 => {
            out.push(0xcd);
            out.extend_from_slice(&(number as u16).to_be_bytes());
        }
        -32..0 => out.push(number as u8),
        _ => {
            out.push(0xd3);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}
