//! A record of the stress: it says who wrote it, as its how-many-eth, when, and in which batch, and holds a checksum of it all.
//!
//!   crc:u32 run:u32 lane:u32 nth:u16 of:u16 seq:u64 micros:i64 filler
//!
//! Little-endian. The CRC32C is over everything behind it, and is the stress's own: what the journal checks of a record it
//! checks besides.

use crate::outcome::Outcome;

/// The bytes before the filler.
pub(crate) const HEAD: usize = 32;
/// More lanes than any run has: a number that was read is bounded before anything is allocated by it.
pub(crate) const MAX_LANES: u32 = 1 << 16;

/// What a record says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The run that wrote it.
    pub(crate) run: u32,
    /// Who wrote it: a lane has one append under way at a time, so its records stand in the order of their numbers.
    pub(crate) lane: u32,
    /// Its place in its batch, from 0.
    pub(crate) nth: u16,
    /// The records of its batch; 1 if it was appended alone.
    pub(crate) of: u16,
    /// Its number within its lane, from 0.
    pub(crate) seq: u64,
    /// When it was made, before it was appended: microseconds since the epoch.
    pub(crate) micros: i64,
}

impl Head {
    /// The record, with so many random bytes behind the head.
    pub(crate) fn with_filler(&self, bytes: usize, random: &mut fastrand::Rng) -> Vec<u8> {
        let mut record = Vec::with_capacity(HEAD + bytes);
        record.extend([0; 4]);
        record.extend(self.run.to_le_bytes());
        record.extend(self.lane.to_le_bytes());
        record.extend(self.nth.to_le_bytes());
        record.extend(self.of.to_le_bytes());
        record.extend(self.seq.to_le_bytes());
        record.extend(self.micros.to_le_bytes());
        record.resize(HEAD + bytes, 0);
        random.fill(&mut record[HEAD..]);
        let crc = crc32c::crc32c(&record[4..]);
        record[..4].copy_from_slice(&crc.to_le_bytes());
        record
    }

    /// What a record of this run says of itself, if it is sound.
    pub(crate) fn read(payload: &[u8], run: u32) -> Outcome<Self> {
        if payload.len() < HEAD {
            return Err(format!("{} bytes are no record of the stress", payload.len()).into());
        }
        let (found, computed) = (u32::from_le_bytes(cut(payload, 0)), crc32c::crc32c(&payload[4..]));
        if found != computed {
            return Err(format!("its checksum is {found:08x}, expected {computed:08x}").into());
        }
        let head = Self {
            run: u32::from_le_bytes(cut(payload, 4)),
            lane: u32::from_le_bytes(cut(payload, 8)),
            nth: u16::from_le_bytes(cut(payload, 12)),
            of: u16::from_le_bytes(cut(payload, 14)),
            seq: u64::from_le_bytes(cut(payload, 16)),
            micros: i64::from_le_bytes(cut(payload, 24)),
        };
        if head.run != run || head.lane >= MAX_LANES || head.nth >= head.of {
            return Err(format!("it is none of this run: {head:?}").into());
        }
        Ok(head)
    }
}

/// `N` bytes from `at` on; the length was checked.
fn cut<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut cut = [0; N];
    cut.copy_from_slice(&bytes[at..at + N]);
    cut
}

#[cfg(test)]
mod tests;
