//! Bytes in memory that begin where a block of a disk may begin, so that a write can go past the page cache.
//!
//! Such a write hands the disk the memory itself, in as many pieces as its pages are scattered over: 256 for a mebibyte, and a disk
//! may take half of its time for their number alone. So what is large lies in huge pages, if the system has any to give.

use std::alloc::{Layout, handle_alloc_error};

use memmap2::{MmapMut, MmapOptions};

/// Positions and lengths of whole-block writes are multiples of this, and so are their addresses in memory.
pub(crate) const BLOCK: usize = 4096;

/// As much as a small append takes: two pieces at most.
const SMALL: usize = 2 * BLOCK;
/// Of most systems. Where they are larger, or there are none, a write is only slower.
const HUGE_PAGE: usize = 2 << 20;
/// One of many has no huge page for as much as this or less.
const LARGE: usize = 256 << 10;

/// A growing run of bytes whose first one is aligned to [`BLOCK`].
#[derive(Debug)]
pub(crate) struct Blocks {
    memory: Memory,
    /// Where the first byte is.
    start: usize,
    end: usize,
    /// What needs more than so many bytes goes into huge pages.
    small: usize,
}

impl Default for Blocks {
    /// For one of many: it has no huge page before it is large.
    fn default() -> Self {
        Self::with_small(LARGE)
    }
}

#[derive(Debug)]
enum Memory {
    Heap(Vec<u8>),
    Mapped(MmapMut),
}

impl Default for Memory {
    fn default() -> Self {
        Self::Heap(Vec::new())
    }
}

impl Memory {
    /// Zeros, at least so many of them from where the first is aligned to `.1` on.
    fn new(capacity: usize, small: usize) -> (Self, usize) {
        if capacity <= small {
            let len = capacity.next_power_of_two().max(SMALL);
            return (Self::Heap(vec![0; len + BLOCK]), BLOCK);
        }
        let len = capacity.next_power_of_two().max(HUGE_PAGE) + HUGE_PAGE;
        let Ok(mapped) = MmapOptions::new().len(len).map_anon() else {
            // As a vector that finds no memory.
            handle_alloc_error(Layout::array::<u8>(len).unwrap_or(Layout::new::<u8>()))
        };
        // Where there are none the small ones do. Miri does not know the call.
        #[cfg(all(target_os = "linux", not(miri)))]
        let _ = mapped.advise(memmap2::Advice::HugePage);
        (Self::Mapped(mapped), HUGE_PAGE)
    }

    fn all(&self) -> &[u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::Mapped(bytes) => bytes,
        }
    }

    fn all_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::Mapped(bytes) => bytes,
        }
    }
}

impl Blocks {
    /// For one that writes much: in huge pages as soon as it holds more than two blocks.
    pub(crate) fn in_huge_pages() -> Self {
        Self::with_small(SMALL)
    }

    /// An empty one of the same kind.
    pub(crate) fn fresh(&self) -> Self {
        Self::with_small(self.small)
    }

    fn with_small(small: usize) -> Self {
        Self { memory: Memory::default(), start: 0, end: 0, small }
    }

    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.memory.all()[self.start..self.end]
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.memory.all_mut()[self.start..self.end]
    }

    /// How many bytes it can hold without growing: what was asked for, and what was not needed to align it.
    fn capacity(&self) -> usize {
        self.memory.all().len() - self.start
    }

    /// Forgets what it holds but for its first `len` bytes, which are to be written over: of what it held, or zeros. Its
    /// memory stays, up to `most` bytes.
    pub(crate) fn forget(&mut self, len: usize, most: usize) {
        if self.capacity().saturating_sub(HUGE_PAGE) > most {
            *self = self.fresh();
        }
        self.end = self.end.min(self.start + len);
        self.fill_to(len);
    }

    /// Appends pieces, one behind the other.
    pub(crate) fn extend<const N: usize>(&mut self, pieces: [&[u8]; N]) {
        let all = pieces.iter().map(|piece| piece.len()).sum();
        self.reserve(all);
        let mut rest = &mut self.memory.all_mut()[self.end..][..all];
        for piece in pieces {
            let (place, behind) = rest.split_at_mut(piece.len());
            place.copy_from_slice(piece);
            rest = behind;
        }
        self.end += all;
    }

    /// Appends zeros until it is `len` bytes long.
    pub(crate) fn fill_to(&mut self, len: usize) {
        let more = len.saturating_sub(self.len());
        self.reserve(more);
        self.memory.all_mut()[self.end..][..more].fill(0);
        self.end += more;
    }

    /// Makes room for `more` bytes.
    pub(crate) fn reserve(&mut self, more: usize) {
        let needed = self.len() + more;
        if needed <= self.capacity() {
            return;
        }
        let (mut memory, alignment) = Memory::new(needed, self.small);
        let all = memory.all_mut();
        let start = all.as_ptr().align_offset(alignment).min(alignment);
        all[start..][..self.len()].copy_from_slice(self.as_slice());
        *self = Self { memory, start, end: start + self.len(), ..*self };
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
        blocks.forget(7, usize::MAX);
        assert_eq!(blocks.as_slice(), &expected[..7]);
        blocks.forget(0, usize::MAX);
        assert_eq!(blocks.len(), 0);
        blocks.extend([b"aga", b"in"]);
        assert_eq!(blocks.as_slice(), b"again");
        assert_eq!(blocks.as_slice().as_ptr().align_offset(BLOCK), 0);
    }

    #[test]
    fn what_writes_much_is_in_huge_pages_from_its_third_block_on_and_keeps_its_bytes_on_the_way_there() {
        let mut blocks = Blocks::in_huge_pages();
        blocks.extend([&[1; SMALL]]);
        assert!(matches!(blocks.memory, Memory::Heap(_)));
        blocks.extend([&[2; BLOCK + 1]]);
        assert!(matches!(blocks.memory, Memory::Mapped(_)));
        assert_eq!(blocks.as_slice().as_ptr().align_offset(HUGE_PAGE), 0);
        assert!(blocks.capacity() >= HUGE_PAGE, "{}", blocks.capacity());
        assert!(blocks.as_slice()[..SMALL] == [1; SMALL] && blocks.as_slice()[SMALL..] == [2; BLOCK + 1]);
        let mapped = blocks.as_slice().as_ptr();
        blocks.forget(1, HUGE_PAGE);
        assert_eq!((blocks.as_slice().as_ptr(), blocks.as_slice()), (mapped, &[1][..]), "it is not kept");
        blocks.fill_to(HUGE_PAGE);
        // Under Miri a mebibyte takes minutes.
        let step = if cfg!(miri) { 1021 } else { 1 };
        let mut behind = blocks.as_slice()[1..].iter().step_by(step);
        assert!(behind.all(|byte| *byte == 0), "what it held before is seen");
        blocks.fill_to(2 * HUGE_PAGE + 1);
        assert!(blocks.capacity() >= 4 * HUGE_PAGE, "{}", blocks.capacity());
        blocks.forget(3, 4 * HUGE_PAGE);
        assert!(blocks.capacity() >= 4 * HUGE_PAGE, "{}", blocks.capacity());
        blocks.forget(3, HUGE_PAGE / 2);
        assert!(blocks.capacity() < HUGE_PAGE, "{}", blocks.capacity());
        assert_eq!(blocks.as_slice(), [0; 3]);
    }

    #[test]
    fn one_of_many_has_no_huge_page_before_it_is_large() {
        let mut blocks = Blocks::default();
        blocks.fill_to(LARGE - BLOCK);
        blocks.extend([&[3; BLOCK]]);
        assert!(matches!(blocks.memory, Memory::Heap(_)));
        blocks.extend([&[4; BLOCK + 1]]);
        assert!(matches!(blocks.memory, Memory::Mapped(_)));
        assert!(blocks.as_slice()[LARGE - BLOCK..LARGE] == [3; BLOCK] && blocks.len() == LARGE + BLOCK + 1);
        assert_eq!((blocks.fresh().small, blocks.fresh().len()), (LARGE, 0));
        blocks.forget(0, HUGE_PAGE);
        assert!(matches!(blocks.memory, Memory::Mapped(_)), "it is not kept");
    }
}
