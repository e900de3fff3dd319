//! For an application that keeps a state of its own, a bank's balances here: every event is in the write-ahead log before
//! it counts, a checkpoint holds the state now and then, and after a crash what came since is replayed.
//!
//!   event -> ledger, durable -> balances        checkpoint: the balances as they are
//!   crash -> the latest checkpoint -> events behind it -> the same balances
//!
//!   cargo run --example event_ledger

#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use annals::ledger::{Ledger, LedgerOptions, ReplayFrom};

/// What each account has.
type Balances = BTreeMap<String, i64>;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let wal = dir.path().join("wal");
    let options = LedgerOptions { max_file_bytes: 64 << 10, max_segments: 3, ..LedgerOptions::default() };

    let (ledger, mut balances) = recover(&wal, options)?;
    for index in 0..5_000 {
        let event = format!("{} {}", ["ann", "bob", "eve"][index % 3], index % 7);
        // In the log before it counts.
        ledger.write_entry(event.as_bytes())?;
        apply(&mut balances, &event)?;
        if index % 600 == 599 {
            ledger.create_checkpoint(&serde_json::to_vec(&balances)?)?;
        }
    }
    let segments = ledger.journal()?.status().segments;
    let oldest = segments.first().map_or(0, |segment| segment.base.get());
    println!("{balances:?}; the log holds {} segments, from offset {oldest} on", segments.len());
    assert!(segments.len() <= 4 && oldest > 0, "older ones have gone by themselves");

    // It dies here: nothing is closed, and the state in memory is gone. What the disk has then is this copy.
    let left = dir.path().join("as it was left");
    fs::create_dir(&left)?;
    for file in fs::read_dir(&wal)? {
        let file = file?;
        if file.file_type()?.is_file() {
            fs::copy(file.path(), left.join(file.file_name()))?;
        }
    }
    let (again, recovered) = recover(&left, options)?;
    println!("recovered: {recovered:?}");
    assert_eq!(recovered, balances);

    // And it goes on.
    again.write_entry(b"ann 1")?;
    let (_, entries) = replay(&again)?;
    println!("{entries} events stand behind the latest checkpoint now");
    again.close()?;
    Ok(())
}

/// Opens the ledger and brings the balances back: the latest checkpoint, and the events behind it.
fn recover(wal: &Path, options: LedgerOptions) -> Result<(Ledger, Balances), Box<dyn Error>> {
    let ledger = Ledger::open(wal, options)?;
    let (balances, _) = replay(&ledger)?;
    Ok((ledger, balances))
}

fn replay(ledger: &Ledger) -> Result<(Balances, usize), Box<dyn Error>> {
    let mut balances = match ledger.latest_checkpoint()? {
        Some(checkpoint) => serde_json::from_slice(&checkpoint.body)?,
        None => Balances::new(),
    };
    let mut events = 0;
    for batch in ledger.replay(ReplayFrom::Checkpoint)? {
        for entry in batch?.iter() {
            apply(&mut balances, std::str::from_utf8(entry.payload)?)?;
            events += 1;
        }
    }
    Ok((balances, events))
}

/// An event is an account and what comes to it.
fn apply(balances: &mut Balances, event: &str) -> Result<(), Box<dyn Error>> {
    let (account, amount) = event.split_once(' ').ok_or("no event")?;
    *balances.entry(account.to_owned()).or_default() += amount.parse::<i64>()?;
    Ok(())
}
