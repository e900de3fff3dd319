//! An embedded, event-sourced pipeline for knowledge bases.
//!
//!   append -> group commit -> segment -> tail -> decode -> apply -> commit cursor -> query
//!
//! An application appends **assertions** (claims), **votes** (consensus on claims) and **epochs** (paradigms) to a
//! journal. A worker tails the journal and keeps a store by content-addressed keys. The store is derived: it can be
//! thrown away at any time and rebuilt from the journal, to the same digests.
//!
//! It is a library, not a server: one process owns a data directory. It keeps contradictions side by side and counts
//! votes; it does not decide what is true.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let dir = dir.path().join("data");
//! use annals::{Annals, Assertion, Record, Stance, Value, Vote};
//!
//! let annals = Annals::open(dir)?;
//! let boils = Assertion::new("water", "boils at", Value::Quantity { amount: "100".parse()?, unit: "°C".into() });
//! let claim = annals.append(&Record::Assertion(boils))?;
//! let vote = annals.append(&Record::Vote(Vote::new(claim.id, "alice", Stance::For)))?;
//! annals.wait_for(vote.next, std::time::Duration::from_secs(10))?;
//! assert_eq!(annals.subject("water", None, 10)?[0].id, claim.id);
//! assert_eq!(annals.tally(&claim.id)?.map(|tally| tally.for_voters), Some(1));
//! annals.close()?;
//! # Ok(())
//! # }
//! ```

mod annals;
mod applied;
mod as_of;
mod backpressure;
mod backup;
mod bounded;
mod consumers;
mod cursors;
mod digest;
mod directory;
mod error;
pub mod foreign;
mod handover;
mod heal;
mod importer;
pub mod ledger;
mod letters;
mod lineage;
mod options;
mod projections;
mod query;
mod rebuild;
mod refill;
mod restore;
mod rewind;
mod rollback;
mod status;
mod valve;
mod verify;
mod waiting;

pub use annals::{Annals, STORE_CURSOR};
pub use annals_ingest::{Ingestor, OnDamage, Options as IngestOptions, Redrive, Restart, Unread, Which};
pub use annals_journal as journal;
pub use annals_journal::{
    BackupOptions, Clock, Damage, Disk, Journal, OpenReport, Options as JournalOptions, Reader,
    SegmentStatus, Status as JournalStatus, SystemClock, Tail, TornTail, Verification,
};
pub use annals_record::*;
pub use annals_sessions as sessions;
pub use annals_storage::{
    BuiltIn, Change, Compared, Counts, DeadLetter, Digest, Digests, Effect, EpochEntry, Family, HybridStore,
    IdPrefix, KvStore, Options as StoreOptions, Outcome, Passed, Projected, Projection, ProjectionEntry,
    ProjectionError, ProjectionTxn, ProjectionView, Redriven, Sink, Snapshot, Stored, SubjectEntry, Tally,
    Walk,
};
pub use annals_streams as streams;
pub use as_of::{AsOf, offset_at};
pub use backpressure::{Backpressure, LagBound};
pub use backup::{Backup, backup, check_backup, describe_backup};
pub use consumers::{
    Consumer, ConsumerKind, ConsumerOptions, ConsumerStart, ConsumerState, ConsumerStatus, Pause, SeekAsked,
};
pub use cursors::{SeekPlan, cursors, forget, pause, plan_seek, resume, seek};
pub use digest::{DigestReport, FamilyDigest, Sums, digest_beside};
pub use directory::journal_dir;
pub use error::Error;
pub use heal::{HealStep, Healed, JournalHealed, StoreHealed, heal};
pub use importer::{Added, Importer};
pub use letters::{DamagePassed, Letter, pass_damage};
pub use options::Options;
pub use projections::{ProjectionHandle, ProjectionState, ProjectionStatus, projections_beside};
pub use query::{Answer, Query, Question};
pub use rebuild::{RebuildOptions, RebuildPhase, RebuildProgress, Rebuilt, rebuild};
pub use refill::StoreRefill;
pub use restore::{RestoreOptions, RestoreProgress, Restored, restore};
pub use rewind::{Rewound, rewind};
pub use rollback::{GenerationStatus, RolledBack, generations, remove_generation, rollback};
pub use status::{Status, StoreStatus, log_reader, status_beside};
pub use verify::{Index, Step, Verified, VerifyParts, verify_at};

/// The parts' own errors, for those who look closer than [`Error::kind`].
pub mod parts {
    pub use annals_ingest::{Error as IngestError, State as WorkerState};
    pub use annals_journal::Error as JournalError;
    pub use annals_storage::{Damage as StoreDamage, Error as StoreError, Healed as HealedKey, Healing};
}

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
