//! Names of streams, and the names of their directories.
//!
//! ```text
//!   Météo/Süd 1  <->  store=%4d%c3%a9t%c3%a9o%2f%53%c3%bcd%201
//! ```
//!
//! N1: two names never share a directory, on no file system: lower-case letters, digits, `-`, `_` and a dot that is not
//! the first character stand for themselves, every other byte as `%` and two digits. What is not written exactly so is
//! no directory of ours.

use std::fmt;
use std::sync::Arc;

use crate::error::Error;

/// What the name of a stream's directory begins with.
const PREFIX: &str = "store=";
/// The longest directory name that every file system takes is 255 bytes.
const MOST: usize = 240;

/// The checked name of a stream: 1 character or more of UTF-8, none of them a control character, so few that its directory's
/// name has at most 240 bytes behind `store=`: 240 plain ones, 80 others at least.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(Arc<str>);

impl StreamName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`Error::Name`].
    pub fn new(name: &str) -> Result<Self, Error> {
        let refused = |reason| {
            let cut: String = name.chars().take(80).collect();
            Err(Error::Name { name: cut, reason })
        };
        if name.is_empty() {
            return refused("it is empty");
        }
        if name.chars().any(char::is_control) {
            return refused("it has a control character");
        }
        if encoded_len(name) > MOST {
            return refused(
                "it is too long: 240 of a to z, 0 to 9, dot, underscore and hyphen, and three for each other byte",
            );
        }
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the stream's directory.
    #[must_use]
    pub fn directory(&self) -> String {
        let mut directory = String::with_capacity(PREFIX.len() + encoded_len(&self.0));
        directory.push_str(PREFIX);
        for (at, byte) in self.0.bytes().enumerate() {
            if is_plain(at, byte) {
                directory.push(char::from(byte));
            } else {
                directory.push('%');
                directory.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
                directory.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
            }
        }
        directory
    }

    /// The stream whose directory has this name; none if it is no name of ours.
    #[must_use]
    pub fn of_directory(directory: &str) -> Option<Self> {
        let encoded = directory.strip_prefix(PREFIX)?;
        let mut bytes = Vec::with_capacity(encoded.len());
        let mut rest = encoded.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'%' => digit(rest.next()?)? << 4 | digit(rest.next()?)?,
                byte => byte,
            });
        }
        let name = Self::new(std::str::from_utf8(&bytes).ok()?).ok()?;
        (name.directory() == directory).then_some(name)
    }
}

fn is_plain(at: usize, byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_') || (byte == b'.' && at > 0)
}

fn encoded_len(name: &str) -> usize {
    name.bytes().enumerate().map(|(at, byte)| if is_plain(at, byte) { 1 } else { 3 }).sum()
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::borrow::Borrow<str> for StreamName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests;
