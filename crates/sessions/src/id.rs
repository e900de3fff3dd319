//! The names of sessions and segments: UUIDs of version 7, which sort by the time they were made.
//!
//! ```text
//!   018f3c1e-7a2b-7cde-8f01-23456789abcd
//!   `- milliseconds  `- random, rising within a process
//! ```
//!
//! In the name of a file or directory an id has one spelling, 36 characters in lower case: what is spelled otherwise is
//! not ours. An id of another UUID version is read too, so that no session is passed over for how it was named; only its
//! place in a list by creation means nothing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a text is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no id: a UUID is 36 characters, such as 018f3c1e-7a2b-7cde-8f01-23456789abcd")]
pub struct IdError {
    /// The text, cut if it is too long.
    pub text: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, greater than every one that this process has made before.
            #[must_use]
            #[allow(clippy::new_without_default, reason = "two defaults that differ would surprise")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id of these 16 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// Its 16 bytes; they sort as the ids do.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// As a UUID of the crate `uuid`.
            #[must_use]
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }

            /// When it was made, in milliseconds since the epoch, by the clock of who made it. None if its UUID is not of
            /// version 7.
            #[must_use]
            pub fn made_millis(&self) -> Option<u64> {
                let bytes = self.as_bytes();
                let high = [0, 0, bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]];
                (self.0.get_version_num() == 7).then(|| u64::from_be_bytes(high))
            }

            /// The id that a file or directory is named by, if the name is spelled as this crate spells it.
            pub(crate) fn from_name(name: &str) -> Option<Self> {
                let id: Self = name.parse().ok()?;
                (id.to_string() == name).then_some(id)
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.as_hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let parsed = Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
                parsed.map(Self).ok_or_else(|| IdError { text: text.chars().take(64).collect() })
            }
        }
    };
}

id! {
    /// A conversation: the root of its tree of forks. All segments of a session share it.
    SessionId
}

id! {
    /// One log of a session, from a start to where it was left: what is appended to.
    SegmentId
}

#[cfg(test)]
mod tests;
