//! Stretches of bytes through zstd, or as they are where that is shorter.
//!
//! ```text
//!   [how: u8][length: varint][stored length: varint, if zstd][bytes]
//! ```

use std::fmt;
use std::io;

use super::bytes::{Bytes, Flaw, put_varint};

/// Higher ones take much longer for a few per cent; a reader does not care.
pub(crate) const LEVEL: i32 = 9;
/// To see what zstd makes of something at least.
pub(crate) const QUICK: i32 = 1;

const STORED: u8 = 0;
const ZSTD: u8 = 1;
/// The first byte, so many times.
const SAME: u8 = 2;

/// How many bytes of columns come of a byte of the plain block at most, and how many beside: a scalar of one byte is a
/// number of eight, and its planes are eight more.
const MOST_OF_PLAIN: usize = 32;
const MOST_BESIDE: usize = 1 << 20;

/// zstd writes 128 KiB in three bytes at best: what claims to be longer than that is not believed.
const MOST_FROM_A_BYTE: usize = 44_000;

/// A zstd that is set up once and used for many stretches.
pub(crate) struct Packer(zstd::bulk::Compressor<'static>);

/// The other way.
pub(crate) struct Unpacker {
    zstd: zstd::bulk::Decompressor<'static>,
    /// How many bytes may still come of the block that is read.
    left: usize,
}

impl Packer {
    pub(crate) fn new(level: i32) -> io::Result<Self> {
        zstd::bulk::Compressor::new(level).map(Self)
    }

    /// Adds a stretch to `out`.
    pub(crate) fn pack(&mut self, raw: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        if let Some((first, rest)) = raw.split_first()
            && rest.iter().all(|byte| byte == first)
        {
            out.push(SAME);
            put_varint(out, raw.len() as u64);
            out.push(*first);
            return Ok(());
        }
        let packed = self.0.compress(raw)?;
        let shorter = packed.len() + 3 < raw.len();
        out.push(if shorter { ZSTD } else { STORED });
        put_varint(out, raw.len() as u64);
        if shorter {
            put_varint(out, packed.len() as u64);
        }
        out.extend_from_slice(if shorter { &packed } else { raw });
        Ok(())
    }

    /// A stretch by itself.
    pub(crate) fn packed(&mut self, raw: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        self.pack(raw, &mut out)?;
        Ok(out)
    }
}

impl Unpacker {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { zstd: zstd::bulk::Decompressor::new()?, left: MOST_BESIDE })
    }

    /// Begins with a block of so many plain bytes: what comes of it is bounded by that, in all.
    pub(crate) fn allow(&mut self, plain: usize) {
        self.left = plain.saturating_mul(MOST_OF_PLAIN).saturating_add(MOST_BESIDE);
    }

    /// Takes so many bytes of memory for the block, if they are still allowed.
    pub(crate) fn spend(&mut self, bytes: usize) -> Result<(), Flaw> {
        self.left = self.left.checked_sub(bytes).ok_or("more bytes than can come of a block")?;
        Ok(())
    }

    /// The next stretch of `bytes`, which is at most `most` bytes long.
    pub(crate) fn unpack(&mut self, bytes: &mut Bytes<'_>, most: usize) -> Result<Vec<u8>, Flaw> {
        let mut raw = Vec::new();
        self.unpack_into(bytes, most, &mut raw)?;
        Ok(raw)
    }

    /// The same in the place of what `raw` holds.
    pub(crate) fn unpack_into(
        &mut self,
        bytes: &mut Bytes<'_>,
        most: usize,
        raw: &mut Vec<u8>,
    ) -> Result<(), Flaw> {
        raw.clear();
        let how = bytes.byte()?;
        let len = bytes.size(most)?;
        self.spend(len)?;
        match how {
            STORED => raw.extend_from_slice(bytes.take(len)?),
            SAME => raw.resize(len, bytes.byte()?),
            ZSTD => {
                let packed_len = bytes.size(most)?;
                let packed = bytes.take(packed_len)?;
                if len > packed.len().saturating_mul(MOST_FROM_A_BYTE) {
                    return Err("a stretch that claims to be longer than it can be");
                }
                raw.reserve_exact(len);
                let found =
                    self.zstd.decompress_to_buffer(packed, raw).map_err(|_| "bytes that zstd refuses")?;
                if found != len || raw.len() != len {
                    return Err("a stretch of another length than it says");
                }
            }
            _ => return Err("a stretch packed in an unknown way"),
        }
        Ok(())
    }
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Packer")
    }
}

impl fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unpacker")
    }
}

#[cfg(test)]
mod tests;
