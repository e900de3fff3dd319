//! A subject's assertions as runs: many small values, of which only the last one grows.
//!
//!   subject 0 run 0 -> entries 0..100 | subject 0 run 1 -> entries 100..200 | ... | the last run, partly filled
//!
//! One value per subject would be written again as a whole for each assertion, quadratically for a subject that
//! everyone talks of. A run is full at 100 entries: 4,000 bytes and the key fit a page of 4 KiB, one more and every
//! full run would take two.

use annals_record::{Offset, RecordId};

/// How many entries a full run has.
pub(crate) const RUN_ENTRIES: u64 = 100;
/// The length of an entry: offset (u64, little-endian), id.
pub(crate) const ENTRY_BYTES: usize = 8 + 32;

/// One assertion of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where it stands in the log.
    pub offset: Offset,
    /// Its identity.
    pub id: RecordId,
}

/// Subject, zero byte, run number (big-endian). The zero byte ends a subject, so `foo` is no beginning of `foo:bar`.
pub(crate) fn run_key(subject: &str, run: u32) -> Vec<u8> {
    let mut key = Vec::with_capacity(subject.len() + 5);
    key.extend_from_slice(subject.as_bytes());
    key.push(0);
    key.extend_from_slice(&run.to_be_bytes());
    key
}

/// The subject and the run number in a key; `None` if it is none.
pub(crate) fn run_of_key(key: &[u8]) -> Option<(&str, u32)> {
    let (rest, run) = key.split_last_chunk::<4>()?;
    let subject = std::str::from_utf8(rest.strip_suffix(&[0])?).ok()?;
    (!subject.is_empty() && !subject.contains('\0')).then_some((subject, u32::from_be_bytes(*run)))
}

/// The entries of a run; `None` if the value holds no whole number of them, none at all, or too many.
pub(crate) fn entries(value: &[u8]) -> Option<impl DoubleEndedIterator<Item = Listed> + ExactSizeIterator> {
    let (entries, rest) = value.as_chunks::<ENTRY_BYTES>();
    if !rest.is_empty() || entries.is_empty() || entries.len() as u64 > RUN_ENTRIES {
        return None;
    }
    Some(entries.iter().map(|entry| {
        let (mut offset, mut id) = ([0; 8], [0; 32]);
        offset.copy_from_slice(&entry[..8]);
        id.copy_from_slice(&entry[8..]);
        Listed { offset: Offset::new(u64::from_le_bytes(offset)), id: RecordId::from_bytes(id) }
    }))
}

/// Adds an entry to a run's value.
pub(crate) fn push(value: &mut Vec<u8>, entry: &Listed) {
    value.extend_from_slice(&entry.offset.get().to_le_bytes());
    value.extend_from_slice(entry.id.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_no_beginning_of_a_longer_one() {
        let (short, long) = (run_key("foo", u32::MAX), run_key("foo:bar", 0));
        assert!(short < long);
        assert!(!long.starts_with(b"foo\0"));
        assert_eq!(run_of_key(&short), Some(("foo", u32::MAX)));
        assert_eq!(run_of_key(&long), Some(("foo:bar", 0)));
    }

    #[test]
    fn what_is_no_run_is_not_taken_for_one() {
        assert_eq!(run_of_key(b"foo\0\0\0\x01"), None);
        assert_eq!(run_of_key(b"\0\0\0\0\x01"), None);
        assert!(entries(&[]).is_none());
        assert!(entries(&[0; ENTRY_BYTES + 1]).is_none());
        assert!(entries(&[0; ENTRY_BYTES * 101]).is_none());
    }

    #[test]
    fn entries_read_back_as_they_were_pushed() {
        let pushed = [
            Listed { offset: Offset::new(1), id: RecordId::of(b"a") },
            Listed { offset: Offset::new(u64::MAX), id: RecordId::of(b"b") },
        ];
        let mut value = Vec::new();
        pushed.iter().for_each(|entry| push(&mut value, entry));
        assert_eq!(entries(&value).unwrap().collect::<Vec<_>>(), pushed);
    }
}
