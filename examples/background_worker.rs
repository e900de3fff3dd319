//! For a background worker: put journal, store and ingestor together yourself, and follow the journal beside them.
//!
//!   cargo run --example background_worker

#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use annals::{
    Assertion, HybridStore, Ingestor, IntoLog, Journal, KvStore, Offset, Tail, Value, serialize_assertion,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    // A journal needs no mutex, for all its methods take `&self`; an application that has one keeps it.
    let journal = Arc::new(Mutex::new(Journal::open(dir.path().join("journal"))?));
    let store = Arc::new(HybridStore::open(dir.path().join("store"))?);

    // The worker tails the journal by a durable cursor and writes what it finds into the store.
    let mut ingestor = Ingestor::new(journal.clone(), store.clone());
    ingestor.start();

    // Another consumer of the same journal: it keeps its own place and decodes what it likes.
    let log = journal.clone().into_log();
    let follower = std::thread::spawn(move || {
        let mut tail = Tail::new(log, Offset::ZERO);
        let mut bytes = 0;
        let mut records = 0;
        while records < 1000 {
            match tail.next_batch(Duration::from_secs(10)) {
                Ok(Some(batch)) => {
                    records += batch.len();
                    bytes += batch.iter().map(|record| record.payload.len()).sum::<usize>();
                }
                other => return Err(format!("the tail ended early: {other:?}")),
            }
        }
        Ok((records, bytes))
    });

    let mut last = None;
    for i in 0..1000 {
        let assertion = Assertion::new(format!("sensor {}", i % 10), "reads", Value::Int(i));
        let payload = serialize_assertion(&assertion)?;
        let journal = journal.lock().map_err(|_| "a thread panicked with the journal")?;
        last = Some(journal.append(payload)?);
    }

    let last = last.ok_or("nothing was appended")?;
    ingestor.wait_for(last.next, Duration::from_secs(10))?;
    let (records, bytes) = follower.join().map_err(|_| "the follower panicked")??;
    println!("the follower saw {records} records, {bytes} bytes");
    println!(
        "the store holds {} assertions of {} subjects",
        store.counts()?.assertions,
        store.counts()?.subjects
    );
    println!("it is {} records behind the journal", ingestor.lag()?.records);
    ingestor.stop()?;
    Ok(())
}
