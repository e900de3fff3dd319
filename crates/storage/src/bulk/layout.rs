//! Where a record goes while a store is built: bins whose keys follow each other, so that each is sorted alone.
//!
//!   E 00.. E f0.. | H 00.. ... H ff.. | I 00.. ... I fc.. | V 00.. ... V ff.. | dead letters
//!
//! Ids are hashes, so the bins of a kind are about even. In a bin a record is
//!
//!   length of the rest u32 | key | offset u64 | rest                                              (little-endian)
//!
//! The key has the length of its kind and is the key of content, but for epoch records: their key holds an offset, which is
//! not known to be the first one yet, so epoch and id stand for it.

use crate::Error;

/// The bytes before a record's key.
pub(super) const LEN: usize = 4;
/// The bytes of an offset.
pub(super) const OFFSET: usize = 8;
/// No block is planned larger than this, or smaller than the other.
const LARGEST_BLOCK: usize = 64 << 10;
const SMALLEST_BLOCK: usize = 1 << 10;
/// Bins by more than a whole byte would be too small to be worth a file's block each.
const MOST_BITS: u8 = 8;

/// What a bin holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Epochs,
    Assertions,
    Places,
    Votes,
    DeadLetters,
}

impl Kind {
    /// Those of content, in the order of their keys.
    pub(super) const SORTED: [Self; 4] = [Self::Epochs, Self::Assertions, Self::Places, Self::Votes];

    /// The length of a key.
    pub(super) const fn key_bytes(self) -> usize {
        match self {
            Self::Epochs => 64,
            Self::Assertions | Self::Places => 34,
            Self::Votes => 67,
            Self::DeadLetters => 0,
        }
    }

    /// Where in a key its id begins.
    pub(super) const fn id_at(self) -> usize {
        match self {
            Self::Epochs | Self::DeadLetters => 0,
            Self::Assertions | Self::Places | Self::Votes => 2,
        }
    }
}

/// How many bins there are, and how much of each is collected before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    bits: u8,
    block: usize,
}

impl Layout {
    /// As many bins as fit into so much memory with a block each.
    pub(super) fn within(bytes: usize) -> Self {
        let mut layout = Self { bits: MOST_BITS, block: LARGEST_BLOCK };
        while layout.bins() * layout.block > bytes && (layout.block > SMALLEST_BLOCK || layout.bits > 0) {
            if layout.block > SMALLEST_BLOCK {
                layout.block /= 2;
            } else {
                layout.bits -= 1;
            }
        }
        layout
    }

    /// The stored form.
    pub(super) fn to_bytes(self) -> [u8; 8] {
        (u64::from(self.bits) << 32 | self.block as u64).to_le_bytes()
    }

    /// Reads the stored form; `None` if it is none.
    pub(super) fn from_bytes(bytes: [u8; 8]) -> Option<Self> {
        let word = u64::from_le_bytes(bytes);
        let (bits, block) = (u8::try_from(word >> 32).ok()?, (word & 0xffff_ffff) as usize);
        (bits <= MOST_BITS && (SMALLEST_BLOCK..=LARGEST_BLOCK).contains(&block))
            .then_some(Self { bits, block })
    }

    /// How much of a bin is collected.
    pub(super) fn block(self) -> usize {
        self.block
    }

    /// How many bins there are.
    pub(super) fn bins(self) -> usize {
        self.dead_letters() + 1
    }

    /// The bin of a record whose id begins with this byte.
    pub(super) fn bin(self, kind: Kind, first: u8) -> usize {
        self.first(kind) + (usize::from(first) >> (8 - self.bits_of(kind)))
    }

    /// The bins of a kind, in the order of their keys.
    pub(super) fn bins_of(self, kind: Kind) -> std::ops::Range<usize> {
        let first = self.first(kind);
        first..first + (1 << self.bits_of(kind))
    }

    /// The bin of dead letters.
    pub(super) fn dead_letters(self) -> usize {
        self.first(Kind::DeadLetters)
    }

    fn bits_of(self, kind: Kind) -> u8 {
        match kind {
            Kind::Epochs => self.bits.min(4),
            Kind::Assertions | Kind::Votes => self.bits,
            Kind::Places => self.bits.min(6),
            Kind::DeadLetters => 0,
        }
    }

    fn first(self, kind: Kind) -> usize {
        let before = Kind::SORTED.into_iter().take_while(|other| *other != kind);
        before.map(|other| 1_usize << self.bits_of(other)).sum()
    }
}

/// One record in a bin.
#[derive(Clone, Copy)]
pub(super) struct Binned<'b> {
    pub(super) key: &'b [u8],
    /// Offset and rest: the value in content.
    pub(super) value: &'b [u8],
}

impl<'b> Binned<'b> {
    /// The record at the beginning of `bytes`, and how many of them it takes.
    pub(super) fn read(kind: Kind, bytes: &'b [u8]) -> Result<(Self, usize), Error> {
        let read = || {
            let (len, rest) = bytes.split_first_chunk::<LEN>()?;
            let (key, rest) = rest.split_at_checked(kind.key_bytes())?;
            let value = rest.get(..OFFSET + u32::from_le_bytes(*len) as usize)?;
            Some((Self { key, value }, LEN + key.len() + value.len()))
        };
        read().ok_or_else(|| super::damaged("a record in it is cut off"))
    }

    /// Where it stands in the log.
    pub(super) fn offset(&self) -> u64 {
        self.value.first_chunk().map_or(0, |offset| u64::from_le_bytes(*offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_follow_each_other_in_the_order_of_keys_whatever_memory_there_is() {
        for bytes in [0, 10_000, 1 << 20, 48 << 20, usize::MAX >> 8] {
            let layout = Layout::within(bytes);
            assert_eq!(Layout::from_bytes(layout.to_bytes()), Some(layout));
            let mut next = 0;
            for kind in Kind::SORTED {
                let bins = layout.bins_of(kind);
                assert_eq!(bins.start, next);
                let met: Vec<_> = (0..=255).map(|byte| layout.bin(kind, byte)).collect();
                assert!(met.is_sorted() && met[0] == bins.start && met[255] + 1 == bins.end, "{met:?}");
                next = bins.end;
            }
            assert_eq!((layout.dead_letters(), layout.bins()), (next, next + 1));
            assert!(bytes < 10_000 || layout.bins() * layout.block() <= bytes);
        }
    }
}
