//! Packed facts: a header for the segment, then batches that lean on those before them.
//!
//! ```text
//!   header: the fields of every value      batch: new keys, and for each fact [key, milliseconds since the fact before, values]
//! ```
//!
//! A batch that is lost takes the times of all behind it along, and the keys it was the first to name: nothing behind it
//! in its segment can be told for certain, so it is told as lost, fact by fact.

use std::collections::HashMap;
use std::io::Read as _;

use annals_streams::{Fact, FactId};
use flate2::read::ZlibDecoder;
use rmpv::Value;
use uuid::Uuid;

use super::{Note, Out, Place};

mod text;
mod weight;

use text::json;

/// A batch has 64 facts. Unpacked, it has no more bytes, and no more values, than this.
const UNPACKED: u64 = 16 << 20;
const VALUES: usize = 1 << 20;
const DEPTH: usize = 64;

/// What the batches of a segment lean on.
#[derive(Debug, Default)]
pub(super) struct Chain {
    header: Option<Header>,
    keys: HashMap<u64, String>,
    /// The time of the fact before, in milliseconds.
    last: Option<i64>,
    broken: bool,
}

#[derive(Debug)]
struct Header {
    store: String,
    /// Each as the text of its JSON.
    fields: Vec<String>,
    valid_time: Option<f64>,
    schema_version: i64,
}

impl Chain {
    /// A header: the batches behind it lean on it alone.
    pub(super) fn begin(&mut self, body: &[u8]) -> Result<(), String> {
        let header = unpack(body)?;
        let field = |name: &str| of(&header, name);
        let Some(store) = field("store").and_then(Value::as_str) else {
            return Err("a header without a store".to_owned());
        };
        let fields = field("fields").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let fields: Result<Vec<String>, String> = fields.iter().map(json).collect();
        let number = |value: &Value| value.as_f64().filter(|number| number.is_finite());
        let header = Header {
            store: store.to_owned(),
            fields: fields?,
            // Older stores say `term`, and read it as this.
            valid_time: field("valid_time").and_then(number).or_else(|| field("term").and_then(number)),
            schema_version: field("schema_version").and_then(Value::as_i64).unwrap_or(1),
        };
        *self = Self { header: Some(header), ..Self::default() };
        Ok(())
    }

    /// Something between this place and the last is lost.
    pub(super) fn breaks(&mut self) {
        self.broken = true;
    }

    /// The facts of a batch. Says how many there are.
    pub(super) fn batch(
        &mut self,
        place: &Place,
        body: &[u8],
        out: &mut Out<'_, Fact>,
    ) -> Result<u64, String> {
        let Some((count, packed)) = body.split_first_chunk::<4>() else {
            return Err("no batch is that short".to_owned());
        };
        let count = u64::from(u32::from_be_bytes(*count));
        let lost = |out: &mut Out<'_, Fact>, reason: &str| {
            out.lose_part(place, count, format!("{count} facts of a batch: {reason}"));
            Ok(count)
        };
        if self.header.is_none() {
            return lost(out, "the header of the segment, which names their store and fields, is lost");
        }
        if self.broken {
            return lost(out, "their times and keys lean on a batch before them that is lost");
        }
        let unpacked = inflate(packed).and_then(|bytes| unpack(&bytes));
        let batch = unpacked.inspect_err(|_| self.broken = true)?;
        for (index, key) in of(&batch, "km").and_then(Value::as_map).into_iter().flatten() {
            let number = index.as_str().and_then(|text| text.parse().ok()).or_else(|| index.as_u64());
            if let (Some(number), Some(key)) = (number, key.as_str()) {
                self.keys.insert(number, key.to_owned());
            }
        }
        let entries = of(&batch, "e").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let hash = blake3::hash(body);
        let mut given = 0;
        for (index, entry) in (0..).zip(entries) {
            if self.broken {
                let left = entries.len() as u64 - given;
                let reason = "their times lean on a fact before them that cannot be read";
                out.lose_part(place, left, format!("{left} facts of a batch: {reason}"));
                return Ok(entries.len() as u64);
            }
            given += 1;
            match self.fact(entry) {
                Ok(mut fact) => {
                    let place = Place { index, ..place.clone() };
                    fact.id = FactId::Foreign(id_of(&place, &hash));
                    match fact.to_payload() {
                        Ok(_) => {
                            out.note(Note::MadeId, &place.file, place.offset);
                            out.note(Note::NoProvenance, &place.file, place.offset);
                            out.item(place, fact);
                        }
                        Err(error) => out.lose_part(&place, 1, error.to_string()),
                    }
                }
                Err(reason) => out.lose_part(place, 1, format!("fact {index} of a batch: {reason}")),
            }
        }
        if count > given {
            let left = count - given;
            out.lose_part(place, left, format!("a batch says that it has {count} facts, and has {given}"));
        }
        Ok(count.max(given))
    }

    /// One fact. What makes its time unknown breaks the chain.
    fn fact(&mut self, entry: &Value) -> Result<Fact, String> {
        let parts = entry.as_array().map(Vec::as_slice).unwrap_or_default();
        let time = parts.get(1).and_then(Value::as_i64);
        let time = time.and_then(|delta| self.last.unwrap_or(0).checked_add(delta));
        let (Some(header), Some(time)) = (&self.header, time) else {
            self.broken = true;
            return Err("its time is no number".to_owned());
        };
        self.last = Some(time);
        let Some(key) = parts[0].as_u64().and_then(|index| self.keys.get(&index)) else {
            return Err("its key is not named in any batch".to_owned());
        };
        let values = parts.get(2).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut value = String::from("{");
        for (i, field) in header.fields.iter().enumerate() {
            let text = values.get(i).map_or(Ok("null".to_owned()), json)?;
            value.extend([if i == 0 { "" } else { "," }, field, ":", &text]);
        }
        value.push('}');
        let mut fact = Fact::new(&header.store, key, value, time as f64 / 1_000.0);
        fact.valid_time = header.valid_time;
        fact.schema_version = header.schema_version;
        Ok(fact)
    }
}

/// An id that the same bytes at the same place always get: a UUID of version 8.
fn id_of(place: &Place, batch: &blake3::Hash) -> Uuid {
    let mut hasher = blake3::Hasher::new();
    let path = place.file.as_os_str().as_encoded_bytes();
    hasher.update(b"annals foreign fact").update(&(path.len() as u64).to_le_bytes()).update(path);
    hasher.update(&place.offset.to_le_bytes()).update(&place.index.to_le_bytes()).update(batch.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    bytes[6] = 0x80 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    Uuid::from_bytes(bytes)
}

fn inflate(packed: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = ZlibDecoder::new(packed).take(UNPACKED + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("it does not unpack: {error}"))?;
    if bytes.len() as u64 > UNPACKED {
        return Err(format!("it unpacks to more than {UNPACKED} bytes"));
    }
    Ok(bytes)
}

fn unpack(bytes: &[u8]) -> Result<Value, String> {
    if weight::values(bytes) > VALUES {
        return Err(format!("it has more than {VALUES} values"));
    }
    let mut left = bytes;
    let value = rmpv::decode::read_value_with_max_depth(&mut left, DEPTH);
    let value = value.map_err(|error| format!("no MessagePack: {error}"))?;
    if left.is_empty() {
        Ok(value)
    } else {
        Err(format!("{} bytes stand behind its MessagePack", left.len()))
    }
}

/// What a map has under a name.
fn of<'a>(map: &'a Value, name: &str) -> Option<&'a Value> {
    map.as_map()?.iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
}
