//! The whole pipeline on real data: how 8,105 Chinese characters are read, and which dictionary says so.
//!
//!   examples/data/unihan-readings.jsonl.zst -> journal -> store -> questions -> store again, from nothing
//!
//!   cargo run --release --example tour
//!
//! Writes under `target/tour` only, and begins anew each time.

#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Instant;

use annals::{Added, Annals, Assertion, RebuildOptions, Record, Snapshot, Tally, Value};

const SET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/unihan-readings.jsonl.zst");
const DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tour");

fn main() -> Result<(), Box<dyn Error>> {
    match fs::remove_dir_all(DIR) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let annals = Annals::open(DIR)?;
    import(&annals, Path::new(SET))?;

    let store = annals.store();
    let snapshot = store.snapshot()?;
    println!("\nHow is 行 read in Mandarin? As of offset {}, five authorities say:\n", snapshot.as_of());
    for (claim, tally) in readings(&snapshot, "行")? {
        let votes = tally.for_ppm as f64 / 1e6;
        println!("  {:<6} {:<24} {votes:.2} votes of {}", text(&claim), bar(votes), tally.for_voters);
    }
    agreement(&snapshot)?;
    drop(snapshot);
    drop(store);

    let rebuilt = annals.rebuild(&RebuildOptions::default(), &mut |_| {})?;
    println!(
        "\nThe store, thrown away and rebuilt from the journal: {} records in {:.1} s, the same: {}",
        rebuilt.records,
        rebuilt.seconds,
        rebuilt.same == Some(true)
    );
    println!("  digest {}", rebuilt.digests);
    annals.close()?;
    println!("\nIt is in target/tour now. Look on:\n");
    println!("  cargo run --release -q -p annals-cli -- --data target/tour subject 行");
    println!("  cargo run --release -q -p annals-cli -- --data target/tour status");
    Ok(())
}

/// Appends every line of the set, in batches, and waits until all can be asked for.
fn import(annals: &Annals, set: &Path) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    let mut importer = annals.importer()?;
    let mut lines = 0;
    for line in BufReader::new(zstd::Decoder::new(File::open(set)?)?).lines() {
        lines += 1;
        let added = importer.add(&Record::from_json(&line?)?.record)?;
        assert_eq!(added, Added::Queued, "the set holds each record once");
        if importer.queued() == 1000 {
            importer.flush()?;
        }
    }
    importer.flush()?;
    let durable = begun.elapsed();
    annals.catch_up()?;
    let counts = annals.status()?.store.ok_or("a store")?.counts;
    println!(
        "{lines} records durable after {:.2} s, applied after {:.2} s:",
        durable.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
    println!(
        "  {} assertions of {} subjects, {} votes, {} epochs",
        counts.assertions, counts.subjects, counts.votes, counts.epochs
    );
    Ok(())
}

/// What is said of a character's Mandarin reading, and how the votes stand, most votes first.
fn readings(snapshot: &Snapshot<'_>, character: &str) -> Result<Vec<(Assertion, Tally)>, Box<dyn Error>> {
    let mut readings = Vec::new();
    for stored in snapshot.subject(character, None, usize::MAX)? {
        if let Record::Assertion(claim) = stored.record()?
            && claim.predicate == "mandarin"
        {
            readings.push((claim, snapshot.tally(&stored.id)?.unwrap_or_default()));
        }
    }
    readings.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.for_ppm));
    Ok(readings)
}

/// How many readings all authorities share, and which characters have the most readings.
fn agreement(snapshot: &Snapshot<'_>) -> Result<(), Box<dyn Error>> {
    let mut by_voters = [0_u32; 6];
    let mut most: Vec<(usize, String)> = Vec::new();
    let mut after = None;
    loop {
        let page = snapshot.subjects("", after.as_deref(), 1000)?;
        let Some(last) = page.last() else { break };
        after = Some(last.subject.clone());
        for entry in &page {
            let readings = readings(snapshot, &entry.subject)?;
            for (_, tally) in &readings {
                by_voters[(tally.for_voters as usize).min(5)] += 1;
            }
            most.push((readings.len(), entry.subject.clone()));
        }
    }
    println!("\nHow many authorities know a reading, over all characters:\n");
    for (voters, count) in by_voters.iter().enumerate().skip(1) {
        println!("  {voters} of 5  {:<36} {count}", bar(f64::from(*count) / 100.0 / 5.0));
    }
    most.sort_by(|a, b| b.cmp(a));
    let most: Vec<String> =
        most.iter().take(6).map(|(count, subject)| format!("{subject} ({count})")).collect();
    println!("\nThe characters with the most readings: {}", most.join(", "));
    Ok(())
}

fn text(claim: &Assertion) -> &str {
    match &claim.object {
        Value::Text { text, .. } => text,
        _ => "?",
    }
}

fn bar(length: f64) -> String {
    "█".repeat((length * 4.0).round().clamp(1.0, 36.0) as usize)
}
