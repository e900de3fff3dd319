//! The id of a fact that was born here: a UUID of version 8 that is its place.
//!
//! ```text
//!   xxxxxxxx-xxxx-8xxx-yooo-oooooooooooo      x: 60 bits of the BLAKE3 of the log id
//!                                             y: the variant's two bits, then o: the offset, 62 bits
//! ```
//!
//! So it is found from the place, and the place from it, without looking anything up.

use annals_journal::{LogId, Offset};
use uuid::Uuid;

/// All offsets are below this.
const OFFSETS_END: u64 = 1 << 62;
const VERSION: u128 = 8 << 76;
const VARIANT: u128 = 2 << 62;

/// The id of the fact at `offset` of `log`. Offsets are below 2^62.
#[must_use]
pub fn id_at(log: LogId, offset: Offset) -> Uuid {
    let hash = blake3::hash(log.as_bytes());
    let mut high = [0; 8];
    high.copy_from_slice(&hash.as_bytes()[..8]);
    let tag = u128::from(u64::from_be_bytes(high) >> 4);
    // 48 bits before the version, 12 behind it.
    let high = (tag >> 12) << 80 | VERSION | (tag & 0xfff) << 64;
    Uuid::from_u128(high | VARIANT | u128::from(offset.get() & (OFFSETS_END - 1)))
}

/// The place in `log` of which `id` is the id; none if it is of another log, or was given elsewhere.
#[must_use]
pub fn place_of(log: LogId, id: Uuid) -> Option<Offset> {
    let offset = Offset::new(id.as_u128() as u64 & (OFFSETS_END - 1));
    (id_at(log, offset) == id).then_some(offset)
}
