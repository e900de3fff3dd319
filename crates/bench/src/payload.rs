//! Payloads that nothing can compress: random bytes from a seed.

/// A pool of random bytes from which payloads of one size are lent.
#[derive(Debug)]
pub(crate) struct Payloads {
    pool: Vec<u8>,
    size: usize,
    at: usize,
}

/// Small enough to stay in a core's cache: what is measured is the log, not the memory behind the payloads.
const POOL_BYTES: usize = 64 << 10;

impl Payloads {
    /// Payloads of `size` bytes, the same for the same seed.
    pub(crate) fn new(size: usize, seed: u64) -> Self {
        Self { pool: random(POOL_BYTES + size, seed), size, at: 0 }
    }

    /// A payload for each number, mostly another one than for the number before.
    #[cfg(feature = "async")]
    #[inline]
    pub(crate) fn nth(&self, number: usize) -> &[u8] {
        let at = number.wrapping_mul(1039) % POOL_BYTES;
        &self.pool[at..at + self.size]
    }

    /// The next payload: mostly another one than the last.
    #[inline]
    pub(crate) fn next(&mut self) -> &[u8] {
        self.at = (self.at + 1039) % POOL_BYTES;
        &self.pool[self.at..self.at + self.size]
    }
}

/// So many random bytes, the same for the same seed.
pub(crate) fn random(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fastrand::Rng::with_seed(seed ^ 0x5eed_0a22_a15b).fill(&mut bytes);
    bytes
}

/// A batch of payloads, each of `size` bytes, cut from `pool`.
pub(crate) fn cut(pool: &[u8], size: usize) -> Vec<&[u8]> {
    pool.chunks_exact(size).collect()
}
