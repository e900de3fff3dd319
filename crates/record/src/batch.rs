//! Records read from a log, lent from one buffer that the next read uses again.
//!
//!   bytes:  ... id:32 payload ... id:32 payload ...
//!   places:           ^start,len          ^start,len
//!
//! A log whose records lie like this where it keeps them reads them in as they are; no payload is copied.

use crate::{Offset, RecordId};

/// The bytes of an id, which lie directly before its payload.
const ID: usize = 32;

/// Records read from a log: one buffer, and where each payload lies in it. Its memory only grows, so a batch that is read
/// into again and again soon allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    places: Vec<Place>,
    next: Offset,
}

/// Where one record of a batch lies: its payload is `bytes[start..start + len]`, its id the 32 bytes before that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where it stands in the log.
    pub offset: Offset,
    /// Its payload's first byte in the buffer; at least 32.
    pub start: u32,
    /// Its payload's length in bytes.
    pub len: u32,
}

/// One record of a batch; its payload is lent, not copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Where it stands in the log.
    pub offset: Offset,
    /// Its identity, as the log holds it.
    pub id: RecordId,
    /// Its payload.
    pub payload: &'a [u8],
}

impl Batch {
    /// A batch over `bytes`. `next` is where the following read begins.
    ///
    /// # Panics
    /// If a record lies outside `bytes` or offsets do not rise: a bug of the log.
    #[must_use]
    pub fn new(bytes: Vec<u8>, places: Vec<Place>, next: Offset) -> Self {
        let mut least = Offset::ZERO;
        for Place { offset, start, len } in &places {
            let (start, len) = (*start as usize, *len as usize);
            assert!(
                start >= ID && start + len <= bytes.len(),
                "L2: a payload of {len} bytes at {start} outside the batch"
            );
            assert!(least <= *offset && *offset < next, "L2: offset {offset} out of order");
            least = Offset::new(offset.get() + 1);
        }
        Self { bytes, places, next }
    }

    /// Takes the buffer, with whatever it still holds, and the places, emptied, to be filled and made a batch again.
    #[must_use]
    pub fn take_parts(&mut self) -> (Vec<u8>, Vec<Place>) {
        self.places.clear();
        (std::mem::take(&mut self.bytes), std::mem::take(&mut self.places))
    }

    /// Forgets the records, not the memory. `next` is where the following read begins.
    pub fn clear(&mut self, next: Offset) {
        self.places.clear();
        self.next = next;
    }

    /// Adds a copy of a record, for a log that keeps its records in another shape; [`Batch::set_next`] follows.
    ///
    /// # Panics
    /// If offsets do not rise, or the batch would pass 4 GiB: a bug of the log.
    pub fn push(&mut self, offset: Offset, id: &RecordId, payload: &[u8]) {
        let last = self.places.last().map(|last| last.offset);
        assert!(last < Some(offset), "L2: offset {offset} out of order");
        if self.places.is_empty() {
            self.bytes.clear();
        }
        self.bytes.extend_from_slice(id.as_bytes());
        let start = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        assert!(u32::try_from(self.bytes.len()).is_ok(), "L2: a batch of {} bytes", self.bytes.len());
        self.places.push(Place { offset, start: start as u32, len: payload.len() as u32 });
    }

    /// Says where the following read begins: behind all that was pushed.
    pub fn set_next(&mut self, next: Offset) {
        let last = self.places.last().map(|last| last.offset);
        assert!(last < Some(next), "L2: offset {next} out of order");
        self.next = next;
    }

    /// The records, in the log's order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Entry<'_>> + DoubleEndedIterator {
        self.places.iter().map(|place| {
            let start = place.start as usize;
            let mut id = [0; ID];
            id.copy_from_slice(&self.bytes[start - ID..start]);
            Entry {
                offset: place.offset,
                id: RecordId::from_bytes(id),
                payload: &self.bytes[start..start + place.len as usize],
            }
        })
    }

    /// The part of this batch before `end`, which becomes where the following read begins if it lies within.
    #[must_use]
    pub fn until(mut self, end: Offset) -> Self {
        self.cut(end);
        self
    }

    /// Keeps the part of this batch before `end`, which becomes where the following read begins if it lies within.
    pub fn cut(&mut self, end: Offset) {
        self.places.truncate(self.places.partition_point(|place| place.offset < end));
        self.next = self.next.min(end);
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none: the reader has reached the durable end, if `next` is where it began.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Where the following read begins.
    #[must_use]
    pub fn next(&self) -> Offset {
        self.next
    }
}

#[cfg(test)]
mod tests;
