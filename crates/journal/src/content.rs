//! The BLAKE3 of many payloads at once: as many beside each other as the processor has lanes.
//!
//!   payloads of as many blocks each -> one lane each -> chaining values -> a last, partial block each -> ids
//!
//! One small payload cannot fill the lanes that a large one fills by itself: alone it is five times slower, byte for byte.
//! A payload of up to 1,024 bytes is one chunk, and a chunk's blocks follow each other, so the lanes go to different
//! payloads. The result is `blake3::hash` of each, which the tests hold it to.
//!
//! `blake3::platform` is not documented: the version is pinned to the minor, and the tests are the proof that it still
//! does what is said here.

use annals_record::RecordId;
use blake3::IncrementCounter;
use blake3::platform::Platform;

/// A block, the unit of compression; a chunk, the most one lane takes.
const BLOCK: usize = 64;
pub(crate) const CHUNK: usize = 1024;
/// The most lanes any processor has.
pub(crate) const LANES: usize = 16;
/// Fewer payloads than this are hashed one by one.
const FEW: usize = 3;

/// BLAKE3's initial state and the marks of a chunk's first block, of its last, and of the last of all.
const IV: [u32; 8] =
    [0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19];
const START: u8 = 1;
const END: u8 = 2;
const ROOT: u8 = 8;

/// The id of one payload: of one chunk without the detours that `blake3::hash` makes for longer ones.
pub(crate) fn id(payload: &[u8]) -> RecordId {
    if payload.len() > CHUNK {
        return RecordId::of(payload);
    }
    let platform = Platform::detect();
    let (mut state, mut mark) = (IV, START);
    let mut rest = payload;
    while rest.len() > BLOCK
        && let Some((block, behind)) = rest.split_first_chunk()
    {
        platform.compress_in_place(&mut state, block, BLOCK as u8, 0, mark);
        (mark, rest) = (0, behind);
    }
    let mut block = [0; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    platform.compress_in_place(&mut state, &block, rest.len() as u8, 0, mark | END | ROOT);
    RecordId::from_bytes(bytes_of(&state))
}

/// Adds the id of each payload to `out`, in order.
pub(crate) fn ids(payloads: &[&[u8]], out: &mut Vec<RecordId>) {
    let before = out.len();
    out.resize(before + payloads.len(), RecordId::from_bytes([0; 32]));
    each(payloads.iter().copied(), |i, hash| out[before + i] = RecordId::from_bytes(hash));
}

/// Tells the BLAKE3 of each payload with its number, in any order.
pub(crate) fn each<'a>(
    payloads: impl ExactSizeIterator<Item = &'a [u8]>,
    mut found: impl FnMut(usize, [u8; 32]),
) {
    if payloads.len() < FEW {
        payloads.enumerate().for_each(|(i, payload)| found(i, *blake3::hash(payload).as_bytes()));
        return;
    }
    let platform = Platform::detect();
    // By the number of whole blocks; those that end with a whole block apart from those that do not.
    let mut partial = [const { Lanes::new() }; CHUNK / BLOCK];
    let mut whole = [const { Lanes::new() }; CHUNK / BLOCK + 1];
    for (i, payload) in payloads.enumerate() {
        if payload.len() > CHUNK {
            found(i, *blake3::hash(payload).as_bytes());
            continue;
        }
        let blocks = payload.len() / BLOCK;
        let lanes = match payload.len() % BLOCK {
            0 if blocks > 0 => &mut whole[blocks],
            _ => &mut partial[blocks],
        };
        if lanes.add(i, payload) == LANES {
            lanes.finish(platform, &mut found);
        }
    }
    partial.iter_mut().chain(&mut whole).for_each(|lanes| lanes.finish(platform, &mut found));
}

/// Payloads of as many blocks each, with their numbers.
struct Lanes<'a> {
    payloads: [&'a [u8]; LANES],
    numbers: [usize; LANES],
    len: usize,
}

impl<'a> Lanes<'a> {
    const fn new() -> Self {
        Self { payloads: [&[]; LANES], numbers: [0; LANES], len: 0 }
    }

    fn add(&mut self, number: usize, payload: &'a [u8]) -> usize {
        self.payloads[self.len] = payload;
        self.numbers[self.len] = number;
        self.len += 1;
        self.len
    }

    /// Hashes what there is and tells it.
    fn finish(&mut self, platform: Platform, found: &mut impl FnMut(usize, [u8; 32])) {
        let len = std::mem::take(&mut self.len);
        let (payloads, numbers) = (&self.payloads[..len], &self.numbers[..len]);
        let Some(first) = payloads.first() else { return };
        let (blocks, rest) = (first.len() / BLOCK, first.len() % BLOCK);
        let ends = rest == 0 && blocks > 0;
        let mut states = [0; LANES * 32];
        whole_blocks(platform, payloads, blocks, if ends { END | ROOT } else { 0 }, &mut states);
        let (states, _) = states.as_chunks::<32>();
        for ((payload, number), state) in payloads.iter().zip(numbers).zip(states) {
            found(*number, if ends { *state } else { last_block(platform, payload, blocks, state) });
        }
    }
}

/// The chaining values after the whole blocks of each payload; nothing if there is no such block.
fn whole_blocks(platform: Platform, payloads: &[&[u8]], blocks: usize, end: u8, states: &mut [u8]) {
    match blocks {
        1 => hash::<64>(platform, payloads, end, states),
        2 => hash::<128>(platform, payloads, end, states),
        3 => hash::<192>(platform, payloads, end, states),
        4 => hash::<256>(platform, payloads, end, states),
        5 => hash::<320>(platform, payloads, end, states),
        6 => hash::<384>(platform, payloads, end, states),
        7 => hash::<448>(platform, payloads, end, states),
        8 => hash::<512>(platform, payloads, end, states),
        9 => hash::<576>(platform, payloads, end, states),
        10 => hash::<640>(platform, payloads, end, states),
        11 => hash::<704>(platform, payloads, end, states),
        12 => hash::<768>(platform, payloads, end, states),
        13 => hash::<832>(platform, payloads, end, states),
        14 => hash::<896>(platform, payloads, end, states),
        15 => hash::<960>(platform, payloads, end, states),
        16 => hash::<1024>(platform, payloads, end, states),
        _ => {}
    }
}

fn hash<const N: usize>(platform: Platform, payloads: &[&[u8]], end: u8, states: &mut [u8]) {
    let mut inputs = [&[0; N]; LANES];
    for (input, payload) in inputs.iter_mut().zip(payloads.iter().filter_map(|payload| payload.first_chunk()))
    {
        *input = payload;
    }
    let inputs = &inputs[..payloads.len()];
    platform.hash_many(inputs, &IV, 0, IncrementCounter::No, 0, START, end, states);
}

/// Goes on from the chaining value after `blocks` whole blocks with the rest, which is no whole block.
fn last_block(platform: Platform, payload: &[u8], blocks: usize, state: &[u8; 32]) -> [u8; 32] {
    let rest = &payload[blocks * BLOCK..];
    let mut block = [0; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    let (words, _) = state.as_chunks::<4>();
    let mut state = IV;
    let mut start = START;
    if blocks > 0 {
        state.iter_mut().zip(words).for_each(|(state, word)| *state = u32::from_le_bytes(*word));
        start = 0;
    }
    platform.compress_in_place(&mut state, &block, rest.len() as u8, 0, start | END | ROOT);
    bytes_of(&state)
}

fn bytes_of(state: &[u32; 8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    let (words, _) = bytes.as_chunks_mut::<4>();
    words.iter_mut().zip(state).for_each(|(word, state)| *word = state.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests;
