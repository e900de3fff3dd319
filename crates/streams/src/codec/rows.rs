//! The payloads of a block as they are, one after the other: the form for anything.
//!
//! ```text
//!   [lengths: a column][payloads: zstd]
//! ```

use std::io;

use super::bytes::{Bytes, Flaw};
use super::ints;
use super::packing::{Packer, Unpacker};

/// The payloads of a block, decoded.
#[derive(Debug)]
pub(crate) struct Rows {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<u32>,
}

/// Adds the payloads to `out`.
pub(crate) fn pack(payloads: &[&[u8]], packer: &mut Packer, out: &mut Vec<u8>) -> io::Result<()> {
    let lens: Vec<i64> = payloads.iter().map(|payload| payload.len() as i64).collect();
    ints::pack(&lens, &[], packer, out)?;
    packer.pack(&payloads.concat(), out)
}

impl Rows {
    /// Reads `count` payloads of at most `most` bytes in all.
    pub(crate) fn unpack(
        bytes: &mut Bytes<'_>,
        count: usize,
        most: usize,
        unpacker: &mut Unpacker,
    ) -> Result<Self, Flaw> {
        let lens = ints::unpack(bytes, count, &[], unpacker)?;
        let payloads = unpacker.unpack(bytes, most)?;
        let mut end = 0_usize;
        let mut ends = Vec::with_capacity(count);
        for len in lens {
            let len = usize::try_from(len).map_err(|_| "a payload of fewer than no bytes")?;
            end = end.checked_add(len).filter(|end| *end <= payloads.len()).ok_or("payloads that are cut")?;
            ends.push(end as u32);
        }
        if end != payloads.len() {
            return Err("bytes behind the last payload");
        }
        Ok(Self { bytes: payloads, ends })
    }

    pub(crate) fn len(&self, record: usize) -> usize {
        self.get(record).len()
    }

    pub(crate) fn get(&self, record: usize) -> &[u8] {
        let start = record.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start as usize..self.ends[record] as usize]
    }
}
