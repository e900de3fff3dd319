//! Hurting bytes: what a fuzzer does to an input, drawn from a seed.

use fastrand::Rng;

/// Values at which arithmetic breaks.
const EDGES: [u64; 10] =
    [0, 1, 7, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, i64::MAX as u64, 1 << 63, u64::MAX];

/// Hurts some bytes in up to four ways, or in none; `other` is what is spliced in.
pub fn mutate(bytes: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    for _ in 0..rng.u32(..5) {
        if bytes.is_empty() {
            bytes.push(rng.u8(..));
        }
        let at = rng.usize(..bytes.len());
        let end = (at + rng.usize(1..33)).min(bytes.len());
        match rng.u32(..9) {
            0 => bytes[at] ^= 1 << rng.u8(..8),
            1 => bytes[at] = rng.u8(..),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => bytes[at..end].fill(0),
            5 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            6 => {
                let from = rng.usize(..=other.len());
                let until = rng.usize(from..=other.len());
                bytes.splice(at..end, other[from..until].iter().copied());
            }
            7 => bytes.extend((0..rng.usize(1..9)).map(|_| rng.u8(..))),
            _ => {
                let edge = EDGES[rng.usize(..EDGES.len())].wrapping_sub(rng.u64(..2) * 8).to_le_bytes();
                let len = [4, 8][rng.usize(..2)].min(bytes.len() - at);
                bytes[at..at + len].copy_from_slice(&edge[..len]);
            }
        }
    }
}
