//! Who a record is, and which log it stands in.

use std::fmt;
use std::str::FromStr;

/// A record's identity: the BLAKE3 of its payload. Integrity in the journal, key in the store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "model", derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize))]
pub struct RecordId([u8; 32]);

impl RecordId {
    /// The identity of this payload.
    #[must_use]
    pub fn of(payload: &[u8]) -> Self {
        Self(*blake3::hash(payload).as_bytes())
    }

    /// The identity whose 32 bytes were stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0[..8])
    }
}

impl FromStr for RecordId {
    type Err = ParseIdError;

    /// Reads 64 hex digits of either case.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse_hex(text).map(Self)
    }
}

/// Which log this is: 16 random bytes given at its creation. A cursor of another log is refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId([u8; 16]);

impl LogId {
    /// The identity whose 16 bytes were stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for LogId {
    /// As a UUID is written: `8-4-4-4-12`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in
            [&self.0[..4], &self.0[4..6], &self.0[6..8], &self.0[8..10], &self.0[10..]].iter().enumerate()
        {
            if i > 0 {
                f.write_str("-")?;
            }
            write_hex(f, part)?;
        }
        Ok(())
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for LogId {
    type Err = ParseIdError;

    /// Reads the form that `Display` writes.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse_hex(&text.replace('-', "")).map(Self)
    }
}

/// Raised whenever a log's future forks from its past: a cut, a salvage, a restore. Not the domain's epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(u64);

impl Term {
    /// The term a log is born in.
    pub const FIRST: Self = Self(1);

    /// The term with this number.
    #[must_use]
    pub const fn new(raw: u64) -> Self {
        Self(raw)
    }

    /// The number to print or store.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is no identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseIdError {
    /// Too few or too many digits.
    #[error("{found} hex digits, expected {expected}")]
    Length {
        /// How many digits there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// Something that is no hex digit.
    #[error("not a hex digit at position {0}")]
    Digit(usize),
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], ParseIdError> {
    if text.len() != N * 2 {
        return Err(ParseIdError::Length { found: text.chars().count(), expected: N * 2 });
    }
    let mut bytes = [0; N];
    for (i, pair) in text.as_bytes().chunks_exact(2).enumerate() {
        let digit =
            |place: usize| char::from(pair[place]).to_digit(16).ok_or(ParseIdError::Digit(i * 2 + place));
        bytes[i] = (digit(0)? * 16 + digit(1)?) as u8;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
