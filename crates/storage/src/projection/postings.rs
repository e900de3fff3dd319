//! Lists of records under a term, in the order of their offsets.
//!
//!   term | 0x00 | offset u64 (big-endian) -> id 32
//!
//! A text as a term holds no control character, and an epoch's id has a fixed length: no term is the beginning of another
//! one and its zero byte.

use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;

use annals_record::{Offset, RecordId};

use super::entries::{Entries, ProjectionEntry, Rows};
use crate::{Error, Listed};

/// How many entries are stepped over before the tree is asked for the place that is sought.
const STEPS: usize = 8;

/// The key under which a record is listed.
pub(crate) fn posting_key(term: &[u8], offset: Offset) -> Vec<u8> {
    let mut key = Vec::with_capacity(term.len() + 9);
    key.extend_from_slice(term);
    key.push(0);
    key.extend_from_slice(&offset.get().to_be_bytes());
    key
}

/// The records listed under one term, sought by their offsets. The log may hold a record more than once; it is listed as
/// often.
pub struct Postings {
    entries: Arc<Entries>,
    term: Vec<u8>,
    rows: Option<Peekable<Rows>>,
}

impl Postings {
    pub(super) fn new(entries: Arc<Entries>, term: &[u8]) -> Self {
        Self { entries, term: term.to_vec(), rows: None }
    }

    /// The first record at or behind an offset, which is never one before the last that was sought.
    ///
    /// # Errors
    /// When the file cannot be read; [`Error::Damaged`] if an entry is none.
    pub fn seek(&mut self, from: Offset) -> Result<Option<Listed>, Error> {
        let wanted = posting_key(&self.term, from);
        // What lies near is nearer by stepping there than by asking the tree.
        if let Some(rows) = &mut self.rows {
            for _ in 0..STEPS {
                match rows.peek() {
                    None => return Ok(None),
                    Some(Ok((key, _))) if *key < wanted => drop(rows.next()),
                    Some(Ok(entry)) => return read(&self.term, entry).map(Some),
                    Some(Err(_)) => break,
                }
            }
        }
        let last = posting_key(&self.term, Offset::new(u64::MAX));
        let rows = self.entries.rows(Bound::Included(&wanted), Bound::Included(&last))?;
        match self.rows.insert(rows.peekable()).peek() {
            None => Ok(None),
            Some(Ok(entry)) => read(&self.term, entry).map(Some),
            Some(Err(_)) => match self.rows.take().and_then(|mut rows| rows.next()) {
                Some(Err(error)) => Err(error),
                _ => Ok(None),
            },
        }
    }
}

fn read(term: &[u8], (key, value): &ProjectionEntry) -> Result<Listed, Error> {
    let offset = key.strip_prefix(term).and_then(|rest| rest.strip_prefix(&[0]));
    let offset = offset.and_then(|offset| Some(u64::from_be_bytes(offset.try_into().ok()?)));
    let id = <[u8; 32]>::try_from(value.as_slice()).ok();
    match offset.zip(id) {
        Some((offset, id)) => Ok(Listed { offset: Offset::new(offset), id: RecordId::from_bytes(id) }),
        None => Err(Error::Damaged {
            key: format!("posting {}", key.escape_ascii()),
            detail: "it is no offset and id".to_owned(),
        }),
    }
}
