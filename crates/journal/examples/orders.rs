//! A journal on its own: writers in threads, a consumer with a cursor, an optimistic writer, a checkpoint, retention.
//!
//! `cargo run -p annals-journal --example orders [DIR]`

#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use std::error::Error;
use std::time::Duration;

use annals_journal::{AppendOptions, Applied, Consent, Journal, Keep, Offset, Options};

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = std::env::temp_dir().join(format!("annals-orders-{}", std::process::id()));
    let dir = std::env::args_os().nth(1).map_or_else(|| temporary.clone(), Into::into);
    // Small segments, so that there is something to retain in an example.
    let journal = Journal::open_with(&dir, Options { segment_bytes: 64 << 10, ..Options::default() })?;

    // Threads share writes and syncs; each append returns once it is durable.
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let journal = &journal;
                scope.spawn(move || {
                    (0..250).try_for_each(|i| {
                        journal.append(format!("order {writer}-{i}: {}", "x".repeat(100))).map(drop)
                    })
                })
            })
            .collect();
        writers.into_iter().try_for_each(|writer| writer.join().unwrap_or(Ok(())))
    })?;

    // A retried append with the same key is answered with where the first one stands.
    let keyed = AppendOptions { key: Some(b"payment-17"), ..AppendOptions::default() };
    let first = journal.append_with(&["payment 17"], &keyed)?;
    assert_eq!(journal.append_with(&["payment 17"], &keyed)?, first);

    // Decide by what was read, and append only if nothing came after it.
    let seen = journal.durable();
    journal.append("order 9-0")?;
    let refused = journal.append_if(seen, &["closing balance"]);
    println!("an optimistic writer is told: {}", refused.err().map_or_else(String::new, |e| e.to_string()));

    // A consumer keeps its place in the journal's directory, durably; retention does not go past it.
    let mut cursor = journal.cursor_at("billing", Offset::ZERO)?;
    let mut tail = journal.tail(cursor.position());
    let mut records = 0;
    while let Some(batch) = tail.next_batch(Duration::ZERO)? {
        let last = batch.iter().last().map(|record| Applied { offset: record.offset, id: record.id });
        records += batch.len();
        cursor.advance(batch.next(), last)?;
    }
    println!("{records} records consumed; the cursor stands at {}", cursor.position());

    // A checkpoint carries the caller's bytes; reading can begin again behind it.
    let checkpoint = journal.checkpoint(format!("{records} records"), true)?;
    println!("checkpoint at {}", checkpoint.offset);

    let plan = journal.plan(&Keep::Segments(1))?;
    println!("{} segments may go, {} are held back", plan.purge.len(), plan.blocked.len());
    let receipts = journal.apply(&plan, Consent::default())?;
    println!("{} purged; the log begins at {}", receipts.len(), journal.status().oldest);

    let verified = journal.verify(&mut |_, _| ())?;
    println!("{} records verified, {} damaged ranges", verified.records, verified.damaged.len());
    journal.close()?;
    if dir == temporary {
        std::fs::remove_dir_all(&dir)?;
    }
    Ok(())
}
