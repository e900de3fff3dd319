//! Bytes in memory that begin where a block of a disk may begin, so that a write can go past the page cache.

/// Positions and lengths of whole-block writes are multiples of this, and so are their addresses in memory.
pub(crate) const BLOCK: usize = 4096;

/// A growing run of bytes whose first one is aligned to [`BLOCK`].
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    bytes: Vec<u8>,
    /// Where the first byte is.
    start: usize,
}

impl Blocks {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }

    /// Forgets what it holds but for its first `len` bytes, which are to be written over: of what it held, or zeros. Its
    /// memory stays, up to `most` bytes.
    pub(crate) fn forget(&mut self, len: usize, most: usize) {
        if self.bytes.capacity() > most + BLOCK {
            *self = Self::default();
        }
        self.bytes.truncate(self.start + len);
        self.fill_to(len);
    }

    /// Appends pieces, one behind the other.
    pub(crate) fn extend<const N: usize>(&mut self, pieces: [&[u8]; N]) {
        self.reserve(pieces.iter().map(|piece| piece.len()).sum());
        pieces.into_iter().for_each(|piece| self.bytes.extend_from_slice(piece));
    }

    /// Appends zeros until it is `len` bytes long.
    pub(crate) fn fill_to(&mut self, len: usize) {
        self.reserve(len.saturating_sub(self.len()));
        self.bytes.resize(self.start + len, 0);
    }

    /// Makes room for `more` bytes. A vector that grows by itself would move, and lose its alignment.
    pub(crate) fn reserve(&mut self, more: usize) {
        if self.bytes.capacity() - self.bytes.len() >= more {
            return;
        }
        let capacity = (self.len() + more).next_power_of_two().max(16 * BLOCK);
        let mut bytes: Vec<u8> = Vec::with_capacity(capacity + BLOCK);
        let start = bytes.as_ptr().align_offset(BLOCK).min(BLOCK);
        bytes.resize(start, 0);
        bytes.extend_from_slice(self.as_slice());
        *self = Self { bytes, start };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_aligned_and_keeps_its_bytes_however_it_grows() {
        let mut blocks = Blocks::default();
        let mut expected = Vec::new();
        for i in 1..2_000_usize {
            let piece = vec![i as u8; i * 7 % 300];
            blocks.extend([&piece]);
            expected.extend_from_slice(&piece);
            assert_eq!(blocks.as_slice().as_ptr().align_offset(BLOCK), 0, "after {i} pieces");
        }
        assert!(blocks.as_slice() == expected);
        blocks.fill_to(expected.len() + 5000);
        assert!(blocks.as_slice()[expected.len()..].iter().all(|byte| *byte == 0));
        blocks.forget(7, usize::MAX - BLOCK);
        assert_eq!(blocks.as_slice(), &expected[..7]);
        blocks.forget(0, usize::MAX - BLOCK);
        assert_eq!(blocks.len(), 0);
        blocks.extend([b"aga", b"in"]);
        assert_eq!(blocks.as_slice(), b"again");
        assert_eq!(blocks.as_slice().as_ptr().align_offset(BLOCK), 0);
    }
}
