//! How far a store has ever been durable, kept outside of it: so an older copy that was put in its place is noticed.
//!
//!   checkpoint durable -> seen: the store's id, its log, its next offset      one write, not synced
//!   open               -> the same id, but less applied: an older copy
//!
//! A hint: it may lag, it never leads, for it is written after what it speaks of is durable. A file that is missing, does
//! not verify or speaks of another store says nothing.
//!
//!   "annalsSN" 8 | store id 16 | log id 16 | term u64 | next u64 | zeros 8 | BLAKE3 of these 64 bytes    (little-endian)

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use annals_record::{Cursor, LogId, Offset, Term};

use crate::identity::StoreId;
use crate::{Error, plain};

const MAGIC: &[u8; 8] = b"annalsSN";
const WORDS: usize = 64;
const BYTES: usize = WORDS + 32;

/// What was seen of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    pub(crate) store: StoreId,
    pub(crate) log: LogId,
    pub(crate) term: Term,
    pub(crate) next: Offset,
}

impl Sight {
    /// A store whose cursor is durable here.
    pub(crate) fn of(store: StoreId, cursor: &Cursor) -> Self {
        Self { store, log: cursor.log, term: cursor.term, next: cursor.next }
    }

    fn to_bytes(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..24].copy_from_slice(self.store.as_bytes());
        bytes[24..40].copy_from_slice(self.log.as_bytes());
        bytes[40..48].copy_from_slice(&self.term.get().to_le_bytes());
        bytes[48..56].copy_from_slice(&self.next.get().to_le_bytes());
        let sum = blake3::hash(&bytes[..WORDS]);
        bytes[WORDS..].copy_from_slice(sum.as_bytes());
        bytes
    }

    /// `None` if it is none, or does not verify.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let (words, sum) = bytes.split_at(WORDS);
        if !words.starts_with(MAGIC) || blake3::hash(words).as_bytes() != sum {
            return None;
        }
        let number = |at: usize| words[at..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        Some(Self {
            store: StoreId::from_bytes(&words[8..24])?,
            log: LogId::from_bytes(words[24..40].try_into().ok()?),
            term: Term::new(number(40)?),
            next: Offset::new(number(48)?),
        })
    }
}

/// The file that is kept up to date.
pub(crate) struct Seen {
    path: PathBuf,
    /// Opened when there is something to write.
    file: OnceLock<File>,
}

impl Seen {
    /// What a file says; `None` if it is missing or says nothing.
    pub(crate) fn look(path: &Path) -> Result<Option<Sight>, Error> {
        let bytes = match plain::read(path, BYTES as u64 + 1) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        let sight = Sight::from_bytes(&bytes);
        if sight.is_none() && !bytes.is_empty() {
            tracing::warn!(path = %path.display(), "it does not say how far the store was: an older copy of the store would not be noticed");
        }
        Ok(sight)
    }

    /// A file that is written at the next checkpoint.
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: OnceLock::new() }
    }

    /// Writes down where a store stands, or that nothing is known; it says so after a power cut too.
    pub(crate) fn put(&self, sight: Option<Sight>) -> Result<(), Error> {
        let written = match sight {
            Some(sight) => self.write(sight),
            None => self.open().and_then(|file| file.set_len(0)),
        };
        written.and_then(|()| self.open()?.sync_all()).map_err(Error::io("write", &self.path))
    }

    /// Writes down what is durable. It is a hint: a failure is told, and does not stop the store.
    pub(crate) fn note(&self, sight: Sight) {
        if let Err(error) = self.write(sight) {
            tracing::warn!(%error, path = %self.path.display(), "how far the store is cannot be written down");
        }
    }

    fn write(&self, sight: Sight) -> io::Result<()> {
        self.open()?.write_all_at(&sight.to_bytes(), 0)
    }

    fn open(&self) -> io::Result<&File> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        let file = plain::open_or_create(&self.path)?;
        // What is longer is none of ours, and would never verify.
        if file.metadata()?.len() > BYTES as u64 {
            file.set_len(0)?;
        }
        Ok(self.file.get_or_init(|| file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sight_reads_back_as_it_was_written_and_nothing_else_does() {
        let store = StoreId::from_bytes(&[3; 16]).unwrap();
        let sight =
            Sight { store, log: LogId::from_bytes([4; 16]), term: Term::new(5), next: Offset::new(1 << 40) };
        let bytes = sight.to_bytes();
        assert_eq!(Sight::from_bytes(&bytes), Some(sight));
        assert_eq!(Sight::from_bytes(&bytes[..95]), None);
        for at in 0..bytes.len() {
            let mut odd = bytes;
            odd[at] ^= 1;
            assert_eq!(Sight::from_bytes(&odd), None, "byte {at}");
        }
    }
}
