//! The header of a segment, in the layouts in which it may have been written.
//!
//! ```text
//!   packed,   28 bytes   magic:4 version:1 zero:3 id:u64 seq:u32 created:i64       as it is described
//!   as in C,  32 bytes   magic:4 version:1 zero:3 id:u64 seq:u32 pad:4 created:i64
//!   by size,  32 bytes   id:u64 created:i64 seq:u32 magic:4 version:1 zero:3 pad:4  as the compiler of the program lays it out
//! ```
//!
//! The order within the last is the compiler's to choose; id and time of creation stand in either order, and the file's
//! name, which has the id, tells which is which. Numbers are little-endian, as on every machine the program is known to run
//! on.

const MAGIC: &[u8] = b"LOPQ";
const VERSION: u8 = 1;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// How many bytes it has.
    pub(super) len: u64,
    /// When the segment was made, in seconds since 1970.
    pub(super) created: i64,
}

/// Reads the header at the beginning of `bytes`; `id` is what the file's name has.
pub(super) fn read(bytes: &[u8], id: Option<u64>) -> Option<Header> {
    let number = |at: usize| {
        let bytes = bytes.get(at..at + 8)?;
        Some(bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)))
    };
    let marked = |at: usize| {
        bytes.get(at..at + 4) == Some(MAGIC) && bytes.get(at + 4..at + 8) == Some(&[VERSION, 0, 0, 0])
    };
    let created = |at: usize| number(at).map(|number| number as i64);
    if marked(20) {
        let by_id = id.filter(|id| Some(*id) == number(8) && Some(*id) != number(0));
        let created = created(if by_id.is_some() { 0 } else { 8 })?;
        return (bytes.len() >= 32).then_some(Header { len: 32, created });
    }
    if !marked(0) {
        return None;
    }
    let (packed, padded) = (created(20), created(24));
    let frame = |at: usize| bytes.get(at..at + 4) == Some(b"LWF\0");
    // The segment was made in the second that its id is, or the next one.
    let near = |time: Option<i64>| {
        let id = id.or_else(|| number(8)).and_then(|id| i64::try_from(id).ok());
        time.zip(id).is_some_and(|(time, id)| time.abs_diff(id) <= 60)
    };
    let is_padded = !frame(28) && (frame(32) || !near(packed)) && near(padded);
    match is_padded {
        true => padded.map(|created| Header { len: 32, created }),
        false => packed.map(|created| Header { len: 28, created }),
    }
}
