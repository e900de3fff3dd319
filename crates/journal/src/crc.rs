//! The CRC32C of a frame, in one pass over the part that lies in one piece.
//!
//!   [len] [crc] [words, body ...]    [log, term, offset]
//!     1           2: the bulk          3: the place
//!
//! The length word is four bytes and goes through a table; the bulk goes through the widest instructions the processor
//! has; the place is three words. F1: the place comes last, so the bulk is computed before the offset is known.

use crc_fast::{CrcAlgorithm, Digest};

/// CRC32C's polynomial, reflected.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// `TABLES[n][b]`: what byte `b` adds once `n` more bytes have passed.
const TABLES: [[u32; 256]; 4] = tables();

const fn tables() -> [[u32; 256]; 4] {
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
    let mut passed = 1;
    while passed < 4 {
        let mut byte = 0;
        while byte < 256 {
            let state = tables[passed - 1][byte];
            tables[passed][byte] = (state >> 8) ^ tables[0][(state & 0xff) as usize];
            byte += 1;
        }
        passed += 1;
    }
    tables
}

/// The CRC of a frame's length word followed by its words and body.
pub(crate) fn bulk(word: u32, covered: &[u8]) -> u32 {
    let [first, second, third, fourth] = (!word).to_le_bytes();
    let state = TABLES[3][usize::from(first)]
        ^ TABLES[2][usize::from(second)]
        ^ TABLES[1][usize::from(third)]
        ^ TABLES[0][usize::from(fourth)];
    let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc32Iscsi, u64::from(state));
    digest.update(covered);
    digest.finalize() as u32
}

/// The CRC of what `bulk` covers followed by the frame's place.
pub(crate) fn placed(bulk: u32, place: &[u8; 32]) -> u32 {
    crc32c::crc32c_append(bulk, place)
}

#[cfg(test)]
mod tests;
