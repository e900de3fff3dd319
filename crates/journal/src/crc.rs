//! The CRC32C of a frame, in one pass over the part that lies in one piece.
//!
//!   [len] [crc] [words, body ...]    [log, term, offset]
//!     1           2: the bulk          3: the place
//!
//! The length word and the place are a few bytes and go through tables; the bulk goes through the widest instructions the
//! processor has. Of a small frame a copy in one piece, length word and all, costs less. F1: the place comes last, so the bulk
//! is computed before the offset is known.

use annals_record::seeded::{self, Bug};
use annals_record::{LogId, Offset, Term};
use crc_fast::{CrcAlgorithm, Digest};

/// CRC32C's polynomial, reflected.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// From so many bytes on the widest instructions are worth their beginning.
const WIDE: usize = 512;

/// A frame of at most so many bytes, its checksum apart, is put into one piece.
const SMALL: usize = 256;
/// Length word and words.
const BEFORE_BODY: usize = 36;

/// Below so many bytes nothing is gained by remembering: the commit frames between records are such.
const NARROW: usize = 64;

/// `WORD[n][b]`: what byte `b` adds once `n` more bytes have passed.
const WORD: [[u32; 256]; 4] = word_tables();

/// `PLACE[n][b]`: what byte `b`, the `n`th of a state, becomes once the 32 bytes of a place have passed.
const PLACE: [[u32; 256]; 4] = place_tables();

const fn word_tables() -> [[u32; 256]; 4] {
    let mut tables = [[0; 256]; 4];
    let mut byte = 0;
    while byte < 256 {
        let mut state = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            state = (state >> 1) ^ (POLYNOMIAL & 0_u32.wrapping_sub(state & 1));
            bit += 1;
        }
        tables[0][byte] = state;
        byte += 1;
    }
    let mut n = 1;
    while n < 4 {
        let mut byte = 0;
        while byte < 256 {
            let state = tables[n - 1][byte];
            tables[n][byte] = (state >> 8) ^ tables[0][(state & 0xff) as usize];
            byte += 1;
        }
        n += 1;
    }
    tables
}

const fn place_tables() -> [[u32; 256]; 4] {
    let mut tables = [[0; 256]; 4];
    let mut n = 0;
    while n < 4 {
        let mut byte = 0;
        while byte < 256 {
            let mut state = (byte as u32) << (8 * n);
            let mut passed = 0;
            while passed < 32 {
                state = (state >> 8) ^ WORD[0][(state & 0xff) as usize];
                passed += 1;
            }
            tables[n][byte] = state;
            byte += 1;
        }
        n += 1;
    }
    tables
}

/// The state once the four bytes of `state` have passed: those of a word, mixed with the state before it.
fn pass(state: u32) -> u32 {
    let [first, second, third, fourth] = state.to_le_bytes().map(usize::from);
    WORD[3][first] ^ WORD[2][second] ^ WORD[1][third] ^ WORD[0][fourth]
}

/// The state once the eight bytes of a word have passed.
fn pass_long(state: u32, long: u64) -> u32 {
    pass(pass(state ^ long as u32) ^ (long >> 32) as u32)
}

/// The CRC of a frame's length word followed by its words and body.
pub(crate) fn bulk(word: u32, covered: &[u8]) -> u32 {
    let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc32Iscsi, u64::from(pass(!word)));
    digest.update(covered);
    digest.finalize() as u32
}

/// The length word of the frame before, and what it adds to the CRC: the CRC is linear, so that depends on the word and on
/// how many bytes follow it, and on nothing else. Where frames are of one length the bulk then goes the shortest way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastWord {
    word: u32,
    /// How many bytes followed it; never none.
    len: usize,
    /// Unknown until it comes a second time: frames of many lengths are gone over once.
    adds: Option<u32>,
}

impl LastWord {
    /// As [`bulk`], for frames that come one after the other.
    pub(crate) fn bulk(&mut self, word: u32, covered: &[u8]) -> u32 {
        if covered.len() < NARROW {
            return crc32c::crc32c_append(!pass(!word), covered);
        }
        if (self.word, self.len) != (word, covered.len()) {
            *self = Self { word, len: covered.len(), adds: None };
            return bulk(word, covered);
        }
        let alone = crc_fast::crc32_iscsi(covered);
        let adds = *self.adds.get_or_insert_with(|| alone ^ bulk(word, covered));
        alone ^ adds
    }
}

/// The same of words and a body that do not lie in one piece. Of small ones a copy is made that does: it takes less than the
/// second call.
pub(crate) fn bulk_of(word: u32, words: &[u8; 32], body: &[u8]) -> u32 {
    if body.len() <= SMALL - BEFORE_BODY {
        let mut piece = [0; SMALL];
        let piece = &mut piece[..BEFORE_BODY + body.len()];
        piece[..4].copy_from_slice(&word.to_le_bytes());
        piece[4..BEFORE_BODY].copy_from_slice(words);
        piece[BEFORE_BODY..].copy_from_slice(body);
        return crc_fast::crc32_iscsi(piece);
    }
    if body.len() < WIDE {
        let crc = crc32c::crc32c_append(!pass(!word), words);
        return crc32c::crc32c_append(crc, body);
    }
    let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc32Iscsi, u64::from(pass(!word)));
    digest.update(words);
    digest.update(body);
    digest.finalize() as u32
}

/// What a log and a term add to the CRC of every frame in them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp(u32);

impl Stamp {
    pub(crate) fn new(log: &LogId, term: Term) -> Self {
        let (words, _) = log.as_bytes().as_chunks::<8>();
        let state = words.iter().fold(0, |state, word| pass_long(state, u64::from_le_bytes(*word)));
        // The offset's eight bytes are still to pass.
        Self(pass_long(pass_long(state, term.get()), 0))
    }

    /// The CRC of what `bulk` covers followed by the frame's place: log, term and offset.
    pub(crate) fn placed(self, bulk: u32, offset: Offset) -> u32 {
        let offset = if seeded::is_on(Bug::CrcWithoutOffset) { Offset::ZERO } else { offset };
        let [first, second, third, fourth] = (!bulk).to_le_bytes().map(usize::from);
        let bulk = PLACE[0][first] ^ PLACE[1][second] ^ PLACE[2][third] ^ PLACE[3][fourth];
        !(bulk ^ self.0 ^ pass_long(0, offset.get()))
    }
}

#[cfg(test)]
mod tests;
