//! Hostile bytes: what is thrown at every reader of bytes in Annals, and what each of them is held to.
//!
//!   libFuzzer | a seed | a committed corpus -> bytes -> [`Target::run`] -> returns, or panics with the promise that broke
//!
//! H1: whatever the bytes, no reader panics, hangs, or takes memory that the bytes do not warrant.
//! H2: no reader gives out what it cannot prove: a record's checksum holds at its place, an id is the hash of its bytes.
//!
//! A target is an ordinary function. `fuzz/` gives it to libFuzzer, which needs a nightly compiler; the tests here replay
//! `corpus/` and `regressions/` and draw inputs from seeds on the stable one.

#[cfg(feature = "cli")]
pub mod encoded;
pub mod every_byte;
#[cfg(feature = "cli")]
pub mod foreign;
pub mod forge;
pub mod frames;
#[cfg(feature = "cli")]
pub mod imports;
pub mod life;
#[cfg(feature = "cli")]
pub mod lines;
mod mutation;
pub mod payloads;
pub mod recovery;
pub mod sidecars;
#[cfg(feature = "cli")]
mod terminal;

pub use mutation::mutate;

use fastrand::Rng;

/// Something that reads bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is also that of its corpus and of its binary in `fuzz/`.
    pub name: &'static str,
    /// Throws bytes at it.
    pub run: fn(&[u8]),
    /// Draws bytes that lead deep into it.
    pub draw: fn(&mut Rng) -> Vec<u8>,
    /// How many inputs are drawn for it in a test, as a share of those asked for.
    pub share: u64,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "frames", run: frames::run, draw: frames::draw, share: 100 },
    Target { name: "payloads", run: payloads::run, draw: payloads::draw, share: 100 },
    Target { name: "sidecars", run: sidecars::run, draw: sidecars::draw, share: 50 },
    Target { name: "recovery", run: recovery::run, draw: recovery::draw, share: 5 },
    #[cfg(feature = "cli")]
    Target { name: "encoded", run: encoded::run, draw: encoded::draw, share: 10 },
    #[cfg(feature = "cli")]
    Target { name: "foreign", run: foreign::run, draw: foreign::draw, share: 10 },
    #[cfg(feature = "cli")]
    Target { name: "imports", run: imports::run, draw: imports::draw, share: 20 },
    #[cfg(feature = "cli")]
    Target { name: "lines", run: lines::run, draw: lines::draw, share: 50 },
];

#[cfg(test)]
mod tests;
