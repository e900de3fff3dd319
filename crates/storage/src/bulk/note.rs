//! How far a build has come, as far as it can be gone on with: a small file beside the spill, replaced at once.
//!
//!   "annalsBL" 8 | rules u32 | 4 zeros | layout 8 | spill's length u64 | dead letters u64 | application u64 |
//!   sum over the spill's blocks 32 | 1 if there is a cursor u8 | cursor 73 | BLAKE3 of all this     (little-endian)
//!
//! It never speaks of more than the spill had when it was written, and the blocks of that have checksums: after a power cut
//! one that was not synced may say too much, and then the spill does not verify.

use std::io;
use std::path::Path;

use annals_record::Cursor;

use super::layout::Layout;
use crate::cursor_bytes::{CURSOR_BYTES, cursor_from_bytes, cursor_to_bytes};
use crate::directory::sync_directory;
use crate::index::PROJECTION;
use crate::{Error, plain};

const MAGIC: &[u8; 8] = b"annalsBL";
/// The version of what spills hold; one of another version, or of another projection, is not gone on with.
const SPILL: u32 = 1;
const NUMBERS: usize = 8 * 6;
const WORDS: usize = NUMBERS + 32 + 1 + CURSOR_BYTES;
const BYTES: usize = WORDS + 32;

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) layout: Layout,
    /// The length of the spill in bytes.
    pub(super) len: u64,
    /// The sum over its blocks.
    pub(super) sum: [u8; 32],
    pub(super) dead_letters: u64,
    pub(super) application: u64,
    pub(super) cursor: Option<Cursor>,
}

impl Note {
    /// What a note says; `None` if there is none, or it says nothing that counts here.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, Error> {
        match plain::read(path, BYTES as u64 + 1) {
            Ok(bytes) => Ok(Self::from_bytes(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    /// Puts it in the place of the one before; if `synced`, so that it survives a power cut.
    pub(super) fn write(&self, path: &Path, synced: bool) -> Result<(), Error> {
        let aside = path.with_extension("new");
        let written = plain::replace(&aside, path, &self.to_bytes(), synced);
        written.map_err(Error::io("write", &aside))?;
        match path.parent() {
            Some(directory) if synced => sync_directory(directory),
            _ => Ok(()),
        }
    }

    fn to_bytes(self) -> Vec<u8> {
        let rules = u64::from(SPILL << 16 | PROJECTION);
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&rules.to_le_bytes());
        bytes.extend_from_slice(&self.layout.to_bytes());
        for number in [self.len, self.dead_letters, self.application] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.sum);
        bytes.push(u8::from(self.cursor.is_some()));
        bytes.extend_from_slice(&self.cursor.map_or([0; CURSOR_BYTES], |cursor| cursor_to_bytes(&cursor)));
        let sum = blake3::hash(&bytes);
        bytes.extend_from_slice(sum.as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let (words, sum) = bytes.split_at(WORDS);
        if blake3::hash(words).as_bytes() != sum {
            return None;
        }
        let number = |place: usize| words[place * 8..].first_chunk().map(|word| u64::from_le_bytes(*word));
        let layout = Layout::from_bytes(number(2)?.to_le_bytes())?;
        let (sum, rest) = words[NUMBERS..].split_first_chunk::<32>()?;
        let cursor = match rest[0] {
            0 => None,
            _ => Some(cursor_from_bytes(&rest[1..])?),
        };
        let (len, dead_letters, application) = (number(3)?, number(4)?, number(5)?);
        let note = Self { layout, len, sum: *sum, dead_letters, application, cursor };
        // Anything else that stands in it, such as other rules, differs here.
        (note.to_bytes() == bytes).then_some(note)
    }
}

#[cfg(test)]
mod tests {
    use annals_record::{Applied, LogId, Offset, RecordId, Term};

    use super::*;

    #[test]
    fn a_note_reads_back_as_it_was_written_and_nothing_else_does() {
        let last = Some(Applied { offset: Offset::new(7), id: RecordId::of(b"x") });
        let cursor =
            Cursor { log: LogId::from_bytes([4; 16]), term: Term::new(5), next: Offset::new(9), last };
        for cursor in [None, Some(cursor)] {
            let layout = Layout::within(1 << 20);
            let note = Note { layout, len: 1 << 40, sum: [9; 32], dead_letters: 3, application: 4, cursor };
            let bytes = note.to_bytes();
            assert_eq!(Note::from_bytes(&bytes), Some(note));
            assert_eq!(Note::from_bytes(&bytes[..BYTES - 1]), None);
            for at in 0..bytes.len() {
                let mut odd = bytes.clone();
                odd[at] ^= 1;
                assert_eq!(Note::from_bytes(&odd), None, "byte {at}");
            }
        }
    }
}
