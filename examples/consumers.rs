//! For several workers over one journal: the store that answers questions, an outbox of an application's own that is
//! durable, and counts that live in memory. Each has its own cursor, may be paused, and fails alone.
//!
//!   journal -> store
//!         |--> outbox: one line for each vote against, written once
//!         `--> counts: how much there is of what
//!
//!   cargo run --example consumers

#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use annals::parts::StoreError;
use annals::{
    Annals, Assertion, Change, ConsumerOptions, ConsumerStart, Cursor, Effect, Offset, Outcome, Passed,
    Record, Sink, Stance, Term, Value, Vote,
};

const SOON: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let data = dir.path().join("data");
    let annals = Annals::open(&data)?;
    let outbox = annals.consumer("outbox", Arc::new(Outbox::open(dir.path().join("outbox.json"))?))?;
    // What is in memory only begins anew with each run, with the oldest record that there is.
    let oldest = ConsumerOptions { start: ConsumerStart::Oldest, ..ConsumerOptions::default() };
    let counts = annals.consumer_with("counts", Arc::new(Counts::default()), oldest)?;

    let claim = annals.append(&Record::Assertion(Assertion::new("water", "boils at", Value::Int(90))))?;
    let vote = annals.append(&Record::Vote(Vote::new(claim.id, "alice", Stance::Against)))?;
    outbox.wait_for(vote.next, SOON)?;
    counts.wait_for(vote.next, SOON)?;
    println!(
        "the outbox has {} message, the counts say {:?}",
        outbox.sink().messages(),
        counts.sink().counted()
    );

    // Paused, a consumer applies nothing, in this process and in those to come; all others go on.
    outbox.pause()?;
    let late = annals.append(&Record::Vote(Vote::new(claim.id, "bob", Stance::Against)))?;
    counts.wait_for(late.next, SOON)?;
    annals.wait_for(late.next, SOON)?;
    println!("{}", outbox.wait_for(late.next, SOON).err().map_or_else(String::new, |told| told.to_string()));
    println!("it is {} record behind, and has {} message", outbox.lag()?.records, outbox.sink().messages());
    drop((outbox, counts));
    annals.close()?;

    // Another run: it is paused still, stands where it stood, and goes on when it is told to.
    let annals = Annals::open(&data)?;
    let outbox = annals.consumer("outbox", Arc::new(Outbox::open(dir.path().join("outbox.json"))?))?;
    println!("opened again, it has {} message", outbox.sink().messages());
    outbox.resume()?;
    outbox.wait_for(late.next, SOON)?;
    println!("resumed, it has {} messages", outbox.sink().messages());

    // Sent back, it applies everything again. Its messages have the offsets they came from, so none is there twice.
    outbox.seek(Offset::ZERO)?;
    outbox.wait_for(late.next, SOON)?;
    println!("sent back to the beginning, it has {} messages", outbox.sink().messages());
    for consumer in annals.status()?.consumers {
        println!("  {:<8} {:<10} {}", consumer.name, consumer.kind, consumer.state);
    }
    outbox.stop()?;
    Ok(annals.close()?)
}

/// How much there is of what. Nothing of it is kept.
#[derive(Default)]
struct Counts(Mutex<([u64; 3], Option<Cursor>)>);

impl Counts {
    fn counted(&self) -> [u64; 3] {
        lock(&self.0).0
    }
}

impl Sink for Counts {
    fn cursor(&self) -> Result<Option<Cursor>, StoreError> {
        Ok(lock(&self.0).1)
    }

    fn reach(&self) -> Result<Option<Cursor>, StoreError> {
        self.cursor()
    }

    fn apply(&self, changes: &[Change<'_>], cursor: &Cursor) -> Result<Outcome, StoreError> {
        let mut state = lock(&self.0);
        for change in changes {
            match change.effect {
                Effect::Assertion { .. } => state.0[0] += 1,
                Effect::Vote { .. } => state.0[1] += 1,
                _ => state.0[2] += 1,
            }
        }
        state.1 = Some(*cursor);
        Ok(Outcome::default())
    }

    fn pass(&self, _passed: &Passed, cursor: &Cursor) -> Result<(), StoreError> {
        self.apply(&[], cursor).map(drop)
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn checkpoint_to(&self, _at_least: Offset) -> Result<Offset, StoreError> {
        Ok(self.cursor()?.map_or(Offset::ZERO, |cursor| cursor.next))
    }

    fn seek(&self, cursor: &Cursor) -> Result<(), StoreError> {
        lock(&self.0).1 = Some(*cursor);
        Ok(())
    }
}

/// Messages in a file, and in the same file how far the journal was applied: both change at once, or not at all.
struct Outbox {
    path: PathBuf,
    state: Mutex<Messages>,
}

#[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
struct Messages {
    /// The log, its term, and the next offset.
    cursor: Option<(String, u64, u64)>,
    /// By the offset that each is about: what is applied again is there once.
    messages: std::collections::BTreeMap<u64, String>,
}

impl Outbox {
    fn open(path: PathBuf) -> Result<Self, Box<dyn Error>> {
        let state = match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Messages::default(),
            read => serde_json::from_slice(&read?)?,
        };
        Ok(Self { path, state: Mutex::new(state) })
    }

    fn messages(&self) -> usize {
        lock(&self.state).messages.len()
    }

    fn save(&self, state: &Messages) -> Result<(), StoreError> {
        let aside = self.path.with_extension("tmp");
        let write = || -> std::io::Result<()> {
            fs::write(&aside, serde_json::to_vec(state)?)?;
            fs::File::open(&aside)?.sync_all()?;
            fs::rename(&aside, &self.path)?;
            self.path.parent().map_or(Ok(()), |dir| fs::File::open(dir)?.sync_all())
        };
        write().map_err(|source| StoreError::Io { op: "write", path: self.path.clone(), source })
    }
}

impl Sink for Outbox {
    fn cursor(&self) -> Result<Option<Cursor>, StoreError> {
        let Some((log, term, next)) = lock(&self.state).cursor.clone() else { return Ok(None) };
        // What cannot be read is no empty sink: that would begin anew without anybody having said so.
        let unreadable = |_| StoreError::Poisoned { reason: format!("{log:?} names no log") };
        let log = log.parse().map_err(unreadable)?;
        Ok(Some(Cursor { log, term: Term::new(term), next: Offset::new(next), last: None }))
    }

    fn reach(&self) -> Result<Option<Cursor>, StoreError> {
        self.cursor()
    }

    fn apply(&self, changes: &[Change<'_>], cursor: &Cursor) -> Result<Outcome, StoreError> {
        let mut state = lock(&self.state);
        for change in changes {
            if let Effect::Vote { assertion } = &change.effect
                && let Ok(Record::Vote(vote)) = Record::decode(change.payload)
                && vote.stance == Stance::Against
            {
                state.messages.insert(change.offset.get(), format!("{} denies {assertion}", vote.voter));
            }
        }
        state.cursor = Some((cursor.log.to_string(), cursor.term.get(), cursor.next.get()));
        Ok(Outcome::default())
    }

    fn pass(&self, _passed: &Passed, cursor: &Cursor) -> Result<(), StoreError> {
        self.apply(&[], cursor)?;
        self.checkpoint()
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        self.save(&lock(&self.state))
    }

    fn checkpoint_to(&self, _at_least: Offset) -> Result<Offset, StoreError> {
        self.checkpoint()?;
        Ok(self.cursor()?.map_or(Offset::ZERO, |cursor| cursor.next))
    }

    fn seek(&self, cursor: &Cursor) -> Result<(), StoreError> {
        lock(&self.state).cursor = Some((cursor.log.to_string(), cursor.term.get(), cursor.next.get()));
        self.checkpoint()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
