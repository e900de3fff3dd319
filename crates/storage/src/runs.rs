//! A subject's assertions: a row with the newest of them, and full runs of the others.
//!
//!   subject -> count u64 | first offset u64 | last offset u64 | the newest entries, 0 to 99         (little-endian)
//!   subject 0 run 0 -> entries 0..100 | subject 0 run 1 -> entries 100..200 | ...
//!
//! One look answers for nearly every subject. One value for all of a subject's entries would be written again as a whole
//! each time, quadratically for a subject that everyone talks of. A run has 100 entries: 4,000 bytes and the key fit a
//! page of 4 KiB, one more and every run would take two.

use annals_record::{Offset, RecordId};

/// How many entries a full run has.
pub(crate) const RUN_ENTRIES: u64 = 100;
/// The length of an entry: offset (u64, little-endian), id.
pub(crate) const ENTRY_BYTES: usize = 8 + 32;

/// The length of a row before its entries.
const ROW_HEAD: usize = 3 * 8;

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

/// The entries of a run; `None` if the value holds another number of them than a run has.
pub(crate) fn entries(value: &[u8]) -> Option<impl DoubleEndedIterator<Item = Listed> + ExactSizeIterator> {
    let (entries, rest) = value.as_chunks::<ENTRY_BYTES>();
    if !rest.is_empty() || entries.len() as u64 != RUN_ENTRIES {
        return None;
    }
    Some(entries.iter().map(Listed::read))
}

/// A subject's row, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row<'r> {
    /// How many entries there are.
    pub(crate) count: u64,
    /// Where the first stands.
    pub(crate) first: Offset,
    /// Where the last stands.
    pub(crate) last: Offset,
    /// Those that fill no run yet.
    pub(crate) tail: &'r [u8],
}

impl<'r> Row<'r> {
    /// Takes a row apart; `None` if its parts do not fit each other.
    pub(crate) fn read(value: &'r [u8]) -> Option<Self> {
        let (head, tail) = value.split_first_chunk::<ROW_HEAD>()?;
        let mut fields = head.as_chunks::<8>().0.iter().map(|field| u64::from_le_bytes(*field));
        let mut field = || fields.next().unwrap_or_default();
        let (count, first, last) = (field(), Offset::new(field()), Offset::new(field()));
        let fits =
            tail.len() as u64 == count % RUN_ENTRIES * ENTRY_BYTES as u64 && count > 0 && first <= last;
        fits.then_some(Self { count, first, last, tail })
    }

    /// The newest entries.
    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = Listed> + ExactSizeIterator + use<'r> {
        self.tail.as_chunks::<ENTRY_BYTES>().0.iter().map(Listed::read)
    }

    /// How many full runs there are.
    pub(crate) fn runs(&self) -> u64 {
        self.count / RUN_ENTRIES
    }

    /// Writes a row.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ROW_HEAD + self.tail.len());
        for field in [self.count, self.first.get(), self.last.get()] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        bytes.extend_from_slice(self.tail);
        bytes
    }
}

impl Listed {
    pub(crate) fn read(entry: &[u8; ENTRY_BYTES]) -> Self {
        let (mut offset, mut id) = ([0; 8], [0; 32]);
        offset.copy_from_slice(&entry[..8]);
        id.copy_from_slice(&entry[8..]);
        Self { offset: Offset::new(u64::from_le_bytes(offset)), id: RecordId::from_bytes(id) }
    }
}

/// Adds an entry to a run's or a row's value.
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
        assert!(entries(&[0; ENTRY_BYTES * 99]).is_none());
        assert!(entries(&[0; ENTRY_BYTES * 100 + 1]).is_none());
        assert!(entries(&[0; ENTRY_BYTES * 101]).is_none());
    }

    #[test]
    fn rows_and_runs_read_back_as_they_were_written_and_nothing_else_does() {
        let pushed: Vec<_> = (1..=100)
            .map(|n| Listed { offset: Offset::new(n * u64::from(u32::MAX)), id: RecordId::of(&[n as u8]) })
            .collect();
        let mut value = Vec::new();
        pushed.iter().for_each(|entry| push(&mut value, entry));
        assert_eq!(entries(&value).unwrap().collect::<Vec<_>>(), pushed);

        let (first, last) = (pushed[0].offset, pushed[1].offset);
        let row = Row { count: 302, first, last, tail: &value[..2 * ENTRY_BYTES] };
        let bytes = row.to_bytes();
        let read = Row::read(&bytes).unwrap();
        assert_eq!(read, row);
        assert_eq!((read.runs(), read.entries().collect::<Vec<_>>()), (3, pushed[..2].to_vec()));
        assert_eq!(Row::read(&bytes[..bytes.len() - 1]), None);
        assert_eq!(Row::read(&Row { count: 303, ..row }.to_bytes()), None);
        assert_eq!(Row::read(&Row { count: 0, first, last, tail: &[] }.to_bytes()), None);
        assert_eq!(Row::read(&Row { first: last, last: first, ..row }.to_bytes()), None);
    }
}
