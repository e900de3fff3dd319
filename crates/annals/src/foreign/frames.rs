//! From frame to frame through a file, and over what is none.
//!
//! ```text
//!   [frame][frame][damaged, its length sound][frame][damaged......][frame][torn
//!                 `- passed as one                  `- searched    `- the next that verifies
//! ```
//!
//! A frame whose payload may hold the image of another one is believed behind damage only if what follows it looks like a
//! frame too, or the file ends there: so a copy within a damaged frame is not taken for the frame itself.

use std::io;

use super::decode::{Claim, Decode};
use super::pages::Pages;

/// So many bytes may be verified in vain for each byte of the file, and `FREE` besides, before a search is given up: bytes
/// made to look like the beginning of frames cost no more.
const PER_BYTE: u64 = 8;
const FREE: u64 = 64 << 20;

/// A part of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A frame that verifies.
    Frame { at: u64, len: u64 },
    /// What is none.
    Gap { at: u64, len: u64, reason: String },
}

/// What stands at a place.
enum Look {
    Sound(u64),
    Broken(u64, String),
    Torn(String),
    None(String),
}

/// A walk through a file.
#[derive(Debug)]
pub(super) struct Frames {
    pub(super) pages: Pages,
    at: u64,
    spent: u64,
}

impl Frames {
    pub(super) fn new(pages: Pages, from: u64) -> Self {
        Self { pages, at: from, spent: 0 }
    }

    /// The next part; none at the end.
    pub(super) fn next(&mut self, format: &impl Decode) -> Option<Piece> {
        if self.at >= self.pages.len() {
            return None;
        }
        let at = self.at;
        let piece = self.piece(format, at).unwrap_or_else(|error| Piece::Gap {
            at,
            // Whatever is behind it is not reached.
            len: self.pages.len().saturating_sub(at),
            reason: format!("it cannot be read: {error}"),
        });
        let (Piece::Frame { len, .. } | Piece::Gap { len, .. }) = &piece;
        if *len == 0 {
            return None;
        }
        self.at += len;
        Some(piece)
    }

    fn piece(&mut self, format: &impl Decode, at: u64) -> io::Result<Piece> {
        match self.look(format, at)? {
            Look::Sound(len) => Ok(Piece::Frame { at, len }),
            Look::Broken(len, reason) => {
                let behind = at + len;
                if behind == self.pages.len() || self.believes(format, behind)? {
                    return Ok(Piece::Gap { at, len, reason });
                }
                self.search(format, at, reason)
            }
            Look::Torn(reason) | Look::None(reason) => self.search(format, at, reason),
        }
    }

    fn look(&mut self, format: &impl Decode, at: u64) -> io::Result<Look> {
        let len = match format.claim(&mut self.pages, at)? {
            Claim::Frame(len) => len,
            Claim::Torn(reason) => return Ok(Look::Torn(reason)),
            Claim::None(reason) => return Ok(Look::None(reason)),
        };
        let bytes = self.pages.get(at, usize::try_from(len).unwrap_or(usize::MAX))?;
        if (bytes.len() as u64) < len {
            return Ok(Look::Torn("the file was cut while it was read".to_owned()));
        }
        self.spent = self.spent.saturating_add(len);
        Ok(match format.verify(bytes) {
            Ok(()) => Look::Sound(len),
            Err(reason) => Look::Broken(len, reason),
        })
    }

    /// Behind what is no frame: up to the next one that verifies, or to the end.
    fn search(&mut self, format: &impl Decode, at: u64, reason: String) -> io::Result<Piece> {
        let bound = self.pages.len().saturating_mul(PER_BYTE).saturating_add(FREE);
        let mut to = at + 1;
        while to < self.pages.len() {
            if self.spent > bound {
                let reason = format!(
                    "{reason}; too much behind it looks like a frame and is none, the search was given up"
                );
                return Ok(Piece::Gap { at, len: self.pages.len() - at, reason });
            }
            if self.believes(format, to)? {
                break;
            }
            to += 1;
        }
        Ok(Piece::Gap { at, len: to.min(self.pages.len()) - at, reason })
    }

    /// Whether the frame that verifies here, behind damage, is one of the file and no copy within another one.
    fn believes(&mut self, format: &impl Decode, at: u64) -> io::Result<bool> {
        match self.look(format, at)? {
            Look::Sound(len) => Ok(!format.nests(at) || self.follows(format, at + len)?),
            _ => Ok(false),
        }
    }

    /// Whether a frame may well have ended here.
    fn follows(&mut self, format: &impl Decode, at: u64) -> io::Result<bool> {
        if at >= self.pages.len() || self.pages.get(at, 8)?.iter().all(|byte| *byte == 0) {
            return Ok(true);
        }
        Ok(!matches!(self.look(format, at)?, Look::None(_)))
    }
}
