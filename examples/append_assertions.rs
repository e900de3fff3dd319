//! For an application: append claims and votes, read what you wrote, ask with all its contradictions.
//!
//!   cargo run --example append_assertions

#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::time::Duration;

use annals::{Annals, Assertion, Epoch, EpochId, Record, Stance, Value, Vote};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let annals = Annals::open(dir.path())?;

    // Two sources disagree. Both claims stand; neither replaces the other.
    let mut nine = Assertion::new("solar system", "planets", Value::Int(9));
    nine.sources = vec!["schoolbook, 1990".into()];
    let mut eight = Assertion::new("solar system", "planets", Value::Int(8));
    eight.sources = vec!["IAU resolution B5".into()];
    eight.epoch = Some(EpochId::of("after 2006"));
    let claims = [Record::Epoch(Epoch::new("after 2006")), Record::Assertion(nine), Record::Assertion(eight)];

    // One atomic batch, durable on return: after a crash all three are there, or none.
    let receipts = annals.append_batch(&claims)?;

    // The last vote of each voter counts: Bob has changed his mind.
    let mut changed = Vote::new(receipts[1].id, "bob", Stance::Against);
    changed.seq = 1;
    let mut last = receipts[2];
    for vote in [
        Vote::new(receipts[2].id, "alice", Stance::For),
        Vote::new(receipts[1].id, "bob", Stance::For),
        changed,
    ] {
        last = annals.append(&Record::Vote(vote))?;
    }

    // Read your writes: wait for what you appended, then ask.
    annals.wait_for(last.next, Duration::from_secs(10))?;
    let store = annals.store();
    let snapshot = store.snapshot()?;
    println!("as of offset {}:", snapshot.as_of());
    for stored in snapshot.subject("solar system", None, usize::MAX)? {
        let Record::Assertion(claim) = stored.record()? else { continue };
        let tally = snapshot.tally(&stored.id)?.unwrap_or_default();
        println!(
            "  planets = {:?}, says {}: {} for, {} against",
            claim.object,
            claim.sources.join(", "),
            tally.for_voters,
            tally.against_voters
        );
    }
    drop(snapshot);
    drop(store);
    annals.close()?;
    Ok(())
}
