//! A cursor on disk: 73 bytes, the same in both engines; and the reach of content, a cursor and the store's id.
//!
//!   log 16 | term u64 | next u64 | 1 if a record was applied, else 0 | its offset u64 | its id 32     (little-endian)

use annals_record::{Applied, Cursor, LogId, Offset, RecordId, Term};

use crate::identity::StoreId;

/// The length of a stored cursor.
pub(crate) const CURSOR_BYTES: usize = 16 + 8 + 8 + 1 + 8 + 32;

/// The stored form of a cursor.
pub(crate) fn cursor_to_bytes(cursor: &Cursor) -> [u8; CURSOR_BYTES] {
    let mut bytes = [0; CURSOR_BYTES];
    bytes[..16].copy_from_slice(cursor.log.as_bytes());
    bytes[16..24].copy_from_slice(&cursor.term.get().to_le_bytes());
    bytes[24..32].copy_from_slice(&cursor.next.get().to_le_bytes());
    if let Some(last) = cursor.last {
        bytes[32] = 1;
        bytes[33..41].copy_from_slice(&last.offset.get().to_le_bytes());
        bytes[41..].copy_from_slice(last.id.as_bytes());
    }
    bytes
}

/// Reads the stored form; `None` if it is none.
pub(crate) fn cursor_from_bytes(bytes: &[u8]) -> Option<Cursor> {
    let (log, rest) = bytes.split_first_chunk::<16>()?;
    let (term, rest) = rest.split_first_chunk::<8>()?;
    let (next, rest) = rest.split_first_chunk::<8>()?;
    let (flag, rest) = rest.split_first()?;
    let (offset, rest) = rest.split_first_chunk::<8>()?;
    let id: [u8; 32] = rest.try_into().ok()?;
    let last = match flag {
        0 => None,
        1 => Some(Applied { offset: Offset::new(u64::from_le_bytes(*offset)), id: RecordId::from_bytes(id) }),
        _ => return None,
    };
    Some(Cursor {
        log: LogId::from_bytes(*log),
        term: Term::new(u64::from_le_bytes(*term)),
        next: Offset::new(u64::from_le_bytes(*next)),
        last,
    })
}

/// How far content reaches, and whose content it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) cursor: Cursor,
    /// `None` as format 1 wrote it.
    pub(crate) store: Option<StoreId>,
}

impl Reach {
    /// The stored form: the cursor, then the id if there is one.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = cursor_to_bytes(&self.cursor).to_vec();
        bytes.extend(self.store.iter().flat_map(StoreId::as_bytes));
        bytes
    }

    /// Reads the stored form; `None` if it is none.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (cursor, id) = bytes.split_at_checked(CURSOR_BYTES)?;
        let store = if id.is_empty() { None } else { Some(StoreId::from_bytes(id)?) };
        Some(Self { cursor: cursor_from_bytes(cursor)?, store })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_as_it_was_stored_and_nothing_else_does() {
        let mut cursor = Cursor::start(LogId::from_bytes([3; 16]), Term::new(5), Offset::new(u64::MAX - 1));
        assert_eq!(cursor_from_bytes(&cursor_to_bytes(&cursor)), Some(cursor));
        cursor.last = Some(Applied { offset: Offset::new(9), id: RecordId::of(b"x") });
        let bytes = cursor_to_bytes(&cursor);
        assert_eq!(cursor_from_bytes(&bytes), Some(cursor));
        assert_eq!(cursor_from_bytes(&bytes[..72]), None);
        let mut odd = bytes;
        odd[32] = 2;
        assert_eq!(cursor_from_bytes(&odd), None);

        for store in [None, StoreId::from_bytes(&[7; 16])] {
            let reach = Reach { cursor, store };
            let bytes = reach.to_bytes();
            assert_eq!(bytes.len(), if store.is_some() { 89 } else { 73 });
            assert_eq!(Reach::from_bytes(&bytes), Some(reach));
            assert_eq!(Reach::from_bytes(&bytes[..bytes.len() - 1]), None);
        }
    }
}
