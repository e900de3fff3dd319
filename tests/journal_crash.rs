//! The journal on a disk that loses its power, flips bits, fills up, and fails; and is salvaged.
//!
//! The number of drawn cases is `ANNALS_CRASH_CASES` times the committed one, by default 1. A failure prints its seed.

mod asked;
mod backup;
mod cursors;
mod cuts;
mod damage;
mod faults;
mod history;
mod repair;
mod retention;
mod salvage;
mod tasks;
mod wreck;

/// The committed number of cases, or as many times more as the environment asks for.
fn cases(committed: u64) -> u64 {
    let times = std::env::var("ANNALS_CRASH_CASES").ok().and_then(|times| times.parse::<u64>().ok());
    committed.saturating_mul(times.unwrap_or(1))
}

/// Prints which case it was when a test fails within it.
struct Case(String);

impl Case {
    fn new(name: String) -> Self {
        Self(name)
    }
}

impl Drop for Case {
    #[expect(clippy::print_stderr, reason = "a failure without its seed cannot be repeated")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed case: {}", self.0);
        }
    }
}
