//! For an operator: verify everything, throw the store away, rebuild it from the journal, compare.
//!
//!   cargo run --example rebuild_index

#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use annals::{Annals, Assertion, RebuildOptions, Record, Value, VerifyParts};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let data = dir.path().join("data");
    let annals = Annals::open(&data)?;
    let claims: Vec<_> = (0..5000)
        .map(|i| Record::Assertion(Assertion::new(format!("stone {}", i % 100), "weighs", Value::Int(i))))
        .collect();
    for batch in claims.chunks(500) {
        annals.append_batch(batch)?;
    }
    annals.catch_up()?;

    // Beside a running worker: the store that answers stays until the new one holds the same.
    let rebuilt = annals.rebuild(&RebuildOptions::default(), &mut |_| {})?;
    println!("rebuilt {} records in {:.2} s, the same: {:?}", rebuilt.records, rebuilt.seconds, rebuilt.same);
    println!("assertions: {}", rebuilt.digests.assertions);
    annals.close()?;

    // With nobody at work, and the store lost: the journal is all it takes.
    std::fs::remove_dir_all(data.join("store"))?;
    let again = annals::rebuild(&data, &RebuildOptions::default(), &mut |_| {})?;
    println!("rebuilt from nothing, the same digests: {}", again.digests == rebuilt.digests);

    let verified = annals::verify_at(&data, VerifyParts::default(), &mut |_, _, _| {})?;
    let records = verified.journal.as_ref().map_or(0, |journal| journal.records);
    println!("{records} records verified, everything in order: {}", verified.is_ok());
    Ok(())
}
