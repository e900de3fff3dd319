//! What it gives to sync streams that are due together at once: the time until all are durable, one by one and by several
//! threads.
//!
//! `cargo run --release -p annals-streams --example together -- [DIR]`

#![allow(clippy::print_stdout, reason = "it reports")]

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use annals_streams::{Options, Settings, Streams, SyncPolicy};

const STREAMS: usize = 100;
const ROUNDS: usize = 15;

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let dir = std::env::args().nth(1).map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    println!("{STREAMS} streams with one record of 100 bytes each to sync; the middle of {ROUNDS} rounds");
    for at_once in [1, 2, 4, 8, 16] {
        let defaults = Settings { sync: SyncPolicy::OnDemand, ..Settings::default() };
        let options = Options { defaults, at_once, ..Options::default() };
        let streams = Streams::open_with(dir.join(format!("root-{at_once}")), options)?;
        let mut times = Vec::new();
        for _ in 0..=ROUNDS {
            for i in 0..STREAMS {
                streams.write(&format!("s{i}"), &[[b'x'; 100]])?;
            }
            let began = Instant::now();
            streams.sync(None)?;
            times.push(began.elapsed());
        }
        // The first round writes to fresh files.
        let mut times: Vec<Duration> = times.split_off(1);
        times.sort_unstable();
        println!("{at_once:>2} at once: {:>7.1} ms", times[ROUNDS / 2].as_secs_f64() * 1e3);
        streams.close()?;
    }
    Ok(())
}
