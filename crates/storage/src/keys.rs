//! The keys of content, and the beginnings of ids that people type.
//!
//! Every key has a fixed length and its letter; so no key is the beginning of another, and a prefix ends at a
//! terminator. Numbers in keys are big-endian, for they sort.

use std::fmt;
use std::str::FromStr;

use annals_record::{EpochId, Offset, RecordId};

use crate::Error;

/// Where content says how far it reaches.
pub(crate) const REACH: &[u8] = b"R:";
/// The beginning of every assertion's key.
pub(crate) const ASSERTIONS: &[u8] = b"H:";
/// The beginning of every vote's key.
pub(crate) const VOTES: &[u8] = b"V:";
/// The beginning of every epoch record's key.
pub(crate) const EPOCHS: &[u8] = b"E:";
/// The beginning of every place's key.
pub(crate) const PLACES: &[u8] = b"I:";

const ID: usize = 32;
const EPOCH_PREFIX: usize = 2 + ID * 2 + 1;

/// `H:` id.
pub(crate) fn assertion_key(id: &RecordId) -> [u8; 2 + ID] {
    with_id(ASSERTIONS, id)
}

/// `I:` id: where a vote or an epoch record stands.
pub(crate) fn place_key(id: &RecordId) -> [u8; 2 + ID] {
    with_id(PLACES, id)
}

/// The id in a key of `H:` or `I:`; `None` if it is none.
pub(crate) fn id_of_key(key: &[u8]) -> Option<RecordId> {
    Some(RecordId::from_bytes(key.get(2..)?.try_into().ok()?))
}

/// `V:` assertion `:`, the beginning of all its votes.
pub(crate) fn votes_prefix(assertion: &RecordId) -> [u8; 3 + ID] {
    let mut key = [b':'; 3 + ID];
    key[..2 + ID].copy_from_slice(&with_id(VOTES, assertion));
    key
}

/// `V:` assertion `:` vote.
pub(crate) fn vote_key(assertion: &RecordId, vote: &RecordId) -> [u8; 3 + ID * 2] {
    let mut key = [0; 3 + ID * 2];
    key[..3 + ID].copy_from_slice(&votes_prefix(assertion));
    key[3 + ID..].copy_from_slice(vote.as_bytes());
    key
}

/// The assertion and the vote in a key of `V:`; `None` if it is none.
pub(crate) fn vote_of_key(key: &[u8]) -> Option<(RecordId, RecordId)> {
    let (assertion, rest) = key.get(2..)?.split_first_chunk::<ID>()?;
    let vote: [u8; ID] = rest.strip_prefix(b":")?.try_into().ok()?;
    Some((RecordId::from_bytes(*assertion), RecordId::from_bytes(vote)))
}

/// The assertion with which a key of `V:`, or the beginning of one, begins.
pub(crate) fn assertion_of_votes(key: &[u8]) -> Option<RecordId> {
    let (id, rest) = key.strip_prefix(VOTES)?.split_first_chunk::<ID>()?;
    rest.starts_with(b":").then_some(RecordId::from_bytes(*id))
}

/// The epoch with which a key of `E:`, or the beginning of one, begins.
pub(crate) fn epoch_of_versions(key: &[u8]) -> Option<EpochId> {
    let prefix = key.first_chunk::<EPOCH_PREFIX>()?;
    let hex = std::str::from_utf8(&prefix[2..EPOCH_PREFIX - 1]).ok()?;
    let epoch: EpochId = hex.parse().ok()?;
    (epoch_prefix(&epoch) == *prefix).then_some(epoch)
}

/// The last key that begins so: no key is longer than a vote's or an epoch's.
pub(crate) fn last_with(prefix: &[u8]) -> Vec<u8> {
    let mut last = prefix.to_vec();
    last.resize(EPOCH_PREFIX + 8, 0xff);
    last
}

/// `E:` epoch in hex `:`, the beginning of all its versions.
pub(crate) fn epoch_prefix(epoch: &EpochId) -> [u8; EPOCH_PREFIX] {
    let mut key = [b':'; EPOCH_PREFIX];
    key[..2].copy_from_slice(EPOCHS);
    key[2..EPOCH_PREFIX - 1].copy_from_slice(epoch.to_string().as_bytes());
    key
}

/// `E:` epoch in hex `:` offset.
pub(crate) fn epoch_key(epoch: &EpochId, offset: Offset) -> [u8; EPOCH_PREFIX + 8] {
    let mut key = [0; EPOCH_PREFIX + 8];
    key[..EPOCH_PREFIX].copy_from_slice(&epoch_prefix(epoch));
    key[EPOCH_PREFIX..].copy_from_slice(&offset.get().to_be_bytes());
    key
}

/// The epoch and the offset in a key of `E:`; `None` if it is none.
pub(crate) fn epoch_of_key(key: &[u8]) -> Option<(EpochId, Offset)> {
    let offset = Offset::new(u64::from_be_bytes(key.get(EPOCH_PREFIX..)?.try_into().ok()?));
    Some((epoch_of_versions(key)?, offset))
}

/// A content key for people: its letter, hex for raw ids, a number for an offset.
pub(crate) fn readable(key: &[u8]) -> String {
    let letter = key.get(..2).unwrap_or_default();
    match letter {
        b"V:" if let Some((assertion, vote)) = vote_of_key(key) => format!("V:{assertion}:{vote}"),
        b"E:" if let Some((epoch, offset)) = epoch_of_key(key) => format!("E:{epoch}:{offset}"),
        b"H:" if let Some(id) = id_of_key(key) => format!("H:{id}"),
        b"I:" if let Some(id) = id_of_key(key) => format!("I:{id}"),
        _ => format!("key {}", key.escape_ascii()),
    }
}

fn with_id(letter: &[u8], id: &RecordId) -> [u8; 2 + ID] {
    let mut key = [0; 2 + ID];
    key[..2].copy_from_slice(letter);
    key[2..].copy_from_slice(id.as_bytes());
    key
}

/// The beginning of an id: 8 to 64 hex digits of either case.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IdPrefix {
    /// The lowest id that begins so.
    low: [u8; ID],
    /// The highest.
    high: [u8; ID],
    digits: usize,
}

impl IdPrefix {
    /// The fewest digits that are asked for.
    pub const MIN_DIGITS: usize = 8;

    #[cfg(test)]
    pub(crate) fn of_everything() -> Self {
        Self { low: [0; ID], high: [0xff; ID], digits: 0 }
    }

    /// The one id there is, if all digits are given.
    pub(crate) fn whole(&self) -> Option<RecordId> {
        (self.digits == ID * 2).then_some(RecordId::from_bytes(self.low))
    }

    /// The first and the last id that begin so.
    #[must_use]
    pub fn bounds(&self) -> (RecordId, RecordId) {
        (RecordId::from_bytes(self.low), RecordId::from_bytes(self.high))
    }
}

impl FromStr for IdPrefix {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = || Error::NotAPrefix { text: text.chars().take(80).collect() };
        if !(Self::MIN_DIGITS..=ID * 2).contains(&text.len()) {
            return Err(refused());
        }
        let (mut low, mut high) = ([0; ID], [0xff; ID]);
        for (place, digit) in text.bytes().enumerate() {
            let digit = char::from(digit).to_digit(16).ok_or_else(refused)? as u8;
            let (shift, rest) = if place % 2 == 0 { (4, 0x0f) } else { (0, 0xf0) };
            low[place / 2] |= digit << shift;
            high[place / 2] = high[place / 2] & rest | digit << shift;
        }
        Ok(Self { low, high, digits: text.len() })
    }
}

impl fmt::Display for IdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = RecordId::from_bytes(self.low).to_string();
        f.write_str(&id[..self.digits])
    }
}

impl fmt::Debug for IdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
