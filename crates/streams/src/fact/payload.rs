//! The payload of a fact's assertion, laid down directly: docs/payload.md, for the one shape that a fact has.
//!
//! ```text
//!   [header: 8][key][store][value][texts of qualifiers][0 to 7][qualifiers: 48 each][producer][0 to 7][root: 216]
//!                (texts of more than eight bytes; shorter ones stand in place)
//! ```
//!
//! A codec that has a fact's fields gets its payload without an allocation or two for each. It is held to what
//! `serialize_assertion` writes by the tests, and by every encoding, which compares.

use annals_record::limits::check_name;

use super::Cause;

/// The qualifiers' keys, in their order: each of up to eight bytes, so that it stands in place.
pub(super) mod key {
    /// The fact that it follows: its offset, or 16 bytes of a foreign UUID.
    pub(crate) const CAUSE: &str = "cause";
    /// How it was derived, a text of JSON.
    pub(crate) const DERIVED: &str = "derived";
    /// Its foreign UUID, 16 bytes.
    pub(crate) const ID: &str = "id";
    /// The producer, if it cannot be an agent's name.
    pub(crate) const PRODUCER: &str = "producer";
    /// The schema's version, if it is not 1.
    pub(crate) const SCHEMA: &str = "schema";
    /// The transaction time, if microseconds do not hold its bits.
    pub(crate) const TIME: &str = "time";
    /// The valid time, likewise.
    pub(crate) const VALID: &str = "valid";
}

/// The microseconds of years -9999 to 9999.
const MICROS: std::ops::RangeInclusive<f64> = -377_705_116_800_000_000.0..=253_402_300_799_999_000.0;

const HEADER: usize = 8;
const ROOT: usize = 216;
const QUALIFIER: usize = 48;
/// A text of up to so many bytes stands in place.
const INLINE: usize = 8;
/// The number of a microsecond among the precisions.
const MICROSECOND: u8 = 6;

/// Kinds of values.
const TEXT: u8 = 1;
const INT: u8 = 3;
const FLOAT: u8 = 5;
const BYTES: u8 = 8;

/// A time as an assertion keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instant {
    /// The nearest microsecond, if it is in the calendar.
    pub(crate) micros: Option<i64>,
    /// Whether the seconds come again of it, bit for bit.
    pub(crate) exact: bool,
}

impl Instant {
    pub(crate) fn of(seconds: f64) -> Self {
        let micros = (seconds * 1e6).round();
        if !MICROS.contains(&micros) {
            return Self { micros: None, exact: false };
        }
        let micros = micros as i64;
        Self { micros: Some(micros), exact: (micros as f64 / 1e6).to_bits() == seconds.to_bits() }
    }
}

/// A fact's fields, wherever they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) id: Option<[u8; 16]>,
    pub(crate) store: &'a [u8],
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) cause: Option<Cause>,
    pub(crate) transaction_time: f64,
    pub(crate) valid_time: Option<f64>,
    pub(crate) schema_version: i64,
    pub(crate) producer: Option<&'a [u8]>,
    /// Whether the producer [is a name](is_name).
    pub(crate) producer_names: bool,
    pub(crate) derivation: Option<&'a [u8]>,
}

/// Whether a producer can be an agent's name.
pub(crate) fn is_name(producer: &[u8]) -> bool {
    std::str::from_utf8(producer).is_ok_and(|producer| check_name("agent", producer).is_ok())
}

/// What a qualifier says.
#[derive(Clone, Copy, Debug)]
enum Said<'a> {
    Text(&'a [u8]),
    Bytes([u8; 16]),
    Int(i64),
    Float(f64),
}

impl<'a> View<'a> {
    /// The producer, if it is an agent's name.
    fn agent(&self) -> Option<&'a [u8]> {
        self.producer.filter(|_| self.producer_names)
    }

    /// Its qualifiers, in their order.
    fn qualifiers(&self, agent: Option<&[u8]>, mut each: impl FnMut(&'static str, Said<'a>)) {
        match self.cause {
            Some(Cause::Fact(offset)) => each(key::CAUSE, Said::Int(offset.get() as i64)),
            Some(Cause::Foreign(uuid)) => each(key::CAUSE, Said::Bytes(uuid.into_bytes())),
            None => {}
        }
        if let Some(derivation) = self.derivation {
            each(key::DERIVED, Said::Text(derivation));
        }
        if let Some(id) = self.id {
            each(key::ID, Said::Bytes(id));
        }
        if let (Some(producer), None) = (self.producer, agent) {
            each(key::PRODUCER, Said::Text(producer));
        }
        if self.schema_version != 1 {
            each(key::SCHEMA, Said::Int(self.schema_version));
        }
        if !Instant::of(self.transaction_time).exact {
            each(key::TIME, Said::Float(self.transaction_time));
        }
        if let Some(valid) = self.valid_time.filter(|valid| !Instant::of(*valid).exact) {
            each(key::VALID, Said::Float(valid));
        }
    }

    /// The length of its payload.
    pub(crate) fn len(&self) -> usize {
        let agent = self.agent();
        let mut len = HEADER + outside(self.key) + outside(self.store) + outside(self.value);
        let mut qualifiers = 0;
        self.qualifiers(agent, |_, said| {
            qualifiers += 1;
            len += match said {
                Said::Text(text) => outside(text),
                Said::Bytes(bytes) => bytes.len(),
                Said::Int(_) | Said::Float(_) => 0,
            };
        });
        len = len.next_multiple_of(8) + QUALIFIER * qualifiers;
        (len + agent.map_or(0, outside)).next_multiple_of(8) + ROOT
    }

    /// Adds its payload to `out`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let agent = self.agent();
        let begin = out.len();
        out.extend_from_slice(&[0; HEADER]);
        let key = Text::put(self.key, begin, out);
        let store = Text::put(self.store, begin, out);
        let value = Text::put(self.value, begin, out);
        let mut texts = [Text::NONE; 7];
        let mut count = 0;
        self.qualifiers(agent, |_, said| {
            texts[count] = match said {
                Said::Text(text) => Text::put(text, begin, out),
                Said::Bytes(bytes) => {
                    let at = out.len() - begin;
                    out.extend_from_slice(&bytes);
                    Text { inline: [0; INLINE], at, len: bytes.len() }
                }
                Said::Int(_) | Said::Float(_) => Text::NONE,
            };
            count += 1;
        });
        align(begin, out);
        let entries = out.len() - begin;
        let mut texts = texts.iter();
        self.qualifiers(agent, |key, said| {
            let at = out.len() - begin;
            let mut entry = [0; QUALIFIER];
            entry[..INLINE].copy_from_slice(&inline(key.as_bytes()));
            let text = texts.next().unwrap_or(&Text::NONE);
            match said {
                Said::Text(_) => {
                    entry[8] = TEXT;
                    entry[12..20].copy_from_slice(&text.string(at + 12));
                }
                Said::Bytes(_) => {
                    entry[8] = BYTES;
                    entry[12..20].copy_from_slice(&list(at + 12, text.at, text.len));
                }
                Said::Int(number) => {
                    entry[8] = INT;
                    entry[16..24].copy_from_slice(&number.to_le_bytes());
                }
                Said::Float(number) => {
                    entry[8] = FLOAT;
                    entry[16..24].copy_from_slice(&number.to_le_bytes());
                }
            }
            out.extend_from_slice(&entry);
        });
        let behind = out.len() - begin;
        let agent = agent.map(|agent| Text::put(agent, begin, out));
        align(begin, out);
        let at = out.len() - begin;
        let mut root = [0; ROOT];
        root[..8].copy_from_slice(&key.string(at));
        root[8..16].copy_from_slice(&store.string(at + 8));
        root[16] = TEXT;
        root[20..28].copy_from_slice(&value.string(at + 20));
        root[60..68].copy_from_slice(&list(at + 60, entries, count));
        if let Some(micros) = self.valid_time.and_then(|valid| Instant::of(valid).micros) {
            (root[72], root[80], root[96]) = (1, 1, MICROSECOND);
            root[88..96].copy_from_slice(&micros.to_le_bytes());
        }
        root[136..144].copy_from_slice(&list(at + 136, behind, 0));
        root[144..152].copy_from_slice(&list(at + 144, behind, 0));
        if let Some(agent) = agent {
            root[188] = 1;
            root[192..200].copy_from_slice(&agent.string(at + 192));
        }
        if let Some(micros) = Instant::of(self.transaction_time).micros {
            root[200] = 1;
            root[208..].copy_from_slice(&micros.to_le_bytes());
        }
        out.extend_from_slice(&root);
    }
}

/// A text's place: in place, or where its bytes stand.
#[derive(Clone, Copy, Debug)]
struct Text {
    inline: [u8; INLINE],
    at: usize,
    len: usize,
}

impl Text {
    const NONE: Self = Self { inline: [0; INLINE], at: 0, len: 0 };

    /// Adds the text's bytes to `out`, if they do not stand in place.
    fn put(text: &[u8], begin: usize, out: &mut Vec<u8>) -> Self {
        let at = out.len() - begin;
        if text.len() <= INLINE {
            return Self { inline: inline(text), at, len: text.len() };
        }
        out.extend_from_slice(text);
        Self { inline: [0; INLINE], at, len: text.len() }
    }

    /// The eight bytes of the string that stands at `place`.
    fn string(&self, place: usize) -> [u8; 8] {
        if self.len <= INLINE {
            return self.inline;
        }
        let len = self.len as u32;
        let length = (len & 0x3f) | 0x80 | (len >> 6) << 8;
        let mut string = [0; 8];
        string[..4].copy_from_slice(&length.to_le_bytes());
        string[4..].copy_from_slice(&distance(place, self.at));
        string
    }
}

/// A list that stands at `place`.
fn list(place: usize, entries: usize, count: usize) -> [u8; 8] {
    let mut list = [0; 8];
    list[..4].copy_from_slice(&distance(place, entries));
    list[4..].copy_from_slice(&(count as u32).to_le_bytes());
    list
}

fn distance(place: usize, to: usize) -> [u8; 4] {
    (to as i32).wrapping_sub(place as i32).to_le_bytes()
}

/// What a text needs outside.
fn outside(text: &[u8]) -> usize {
    if text.len() > INLINE { text.len() } else { 0 }
}

fn inline(text: &[u8]) -> [u8; INLINE] {
    let mut inline = [0xff; INLINE];
    inline[..text.len()].copy_from_slice(text);
    inline
}

fn align(begin: usize, out: &mut Vec<u8>) {
    out.resize(begin + (out.len() - begin).next_multiple_of(8), 0);
}
