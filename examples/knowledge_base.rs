//! For a knowledge base: claims, votes and epochs go to a write-ahead log behind a shared handle, a worker brings them into a
//! store of content-addressed keys, another process follows the log, and the store can be thrown away.
//!
//!   Arc<Mutex<Journal>> -> Ingestor -> HybridStore: H: assertions, V: votes, E: epochs, S: subjects
//!                     `--> Reader, beside the writer
//!
//!   cargo run --example knowledge_base

#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use annals::journal::{Appended, Journal, Offset, Options, Reader};
use annals::{
    Assertion, Digests, Epoch, EpochId, HybridStore, Ingestor, KvStore, Record, Stance, Value, Vote,
    serialize_assertion, serialize_epoch, serialize_vote,
};

const SOON: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let (wal, db) = (dir.path().join("wal"), dir.path().join("db"));

    // Segments are small here, so that the log rolls; offsets go on through all of them.
    let options = Options { segment_bytes: 64 << 10, ..Options::default() };
    let journal = Arc::new(Mutex::new(Journal::open_with(&wal, options)?));
    let store = Arc::new(HybridStore::open(&db)?);
    let mut ingestor = Ingestor::new(journal.clone(), Arc::clone(&store));
    ingestor.start();

    let append = |payload: &[u8]| -> Result<Appended, Box<dyn Error>> {
        Ok(journal.lock().unwrap_or_else(PoisonError::into_inner).append(payload)?)
    };
    append(&serialize_epoch(&Epoch::new("after 2006"))?)?;
    let mut claim =
        Assertion::new("pluto", "is a", Value::Text { text: "dwarf planet".into(), language: None });
    claim.epoch = Some(EpochId::of("after 2006"));
    let claim = append(&serialize_assertion(&claim)?)?;
    for (voter, stance) in [("alice", Stance::For), ("bob", Stance::Against), ("carol", Stance::For)] {
        append(&serialize_vote(&Vote::new(claim.id, voter, stance))?)?;
    }
    for orbit in 0..1_000 {
        append(&serialize_assertion(&Assertion::new("pluto", "seen at", Value::Int(orbit)))?)?;
    }
    // The same record once more: it is one record, whatever comes twice.
    let last = append(&serialize_assertion(&Assertion::new("pluto", "seen at", Value::Int(0)))?)?;

    ingestor.wait_for(last.next, SOON)?;
    let snapshot = store.snapshot()?;
    let tally = snapshot.tally(&claim.id)?.unwrap_or_default();
    let about = snapshot.subject("pluto", None, usize::MAX)?;
    println!(
        "as of offset {}: {} assertions about pluto, the first of which has {} votes for and {} against",
        snapshot.as_of(),
        about.len(),
        tally.for_voters,
        tally.against_voters
    );
    assert_eq!((about.len(), tally.for_voters, tally.against_voters), (1_001, 2, 1));
    let Some(Record::Assertion(first)) = about.first().map(annals::Stored::record).transpose()? else {
        return Err("no assertion".into());
    };
    assert_eq!(first.epoch, Some(EpochId::of("after 2006")));
    drop(snapshot);

    // Another process would do this: it sees what is durable, through segments that were made since it opened.
    let reader = Reader::open(&wal)?;
    let followed = reader.tail(Offset::ZERO).map(|batch| batch.map(|batch| batch.len()));
    let followed: usize = followed.sum::<Result<usize, _>>()?;
    let segments = reader.status()?.segments.len();
    println!("a reader beside it has seen {followed} records in {segments} segments");
    assert!(followed == 1_006 && segments > 1);

    // The store is derived. Thrown away, it comes back the same.
    let digests = store.digests()?;
    ingestor.stop()?;
    drop((ingestor, store));
    fs::remove_dir_all(&db)?;
    let again = rebuilt(&journal, &db, last.next)?;
    println!("thrown away and ingested again, it is the same: {}", again == digests);
    assert_eq!(again, digests);
    Ok(())
}

/// The digests of a store that is filled from nothing.
fn rebuilt(journal: &Arc<Mutex<Journal>>, db: &Path, end: Offset) -> Result<Digests, Box<dyn Error>> {
    let store = Arc::new(HybridStore::open(db)?);
    let mut ingestor = Ingestor::new(journal.clone(), Arc::clone(&store));
    ingestor.start();
    ingestor.wait_for(end, SOON)?;
    let digests = store.digests()?;
    ingestor.stop()?;
    Ok(digests)
}
