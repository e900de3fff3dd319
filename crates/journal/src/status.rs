//! What a journal says of itself.

use std::path::PathBuf;

use annals_record::{Durability, LogId, Offset, Term};

use crate::error::Damage;
use crate::holes::Hole;
use crate::options::SyncPolicy;

/// What an open found, and what it did about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// The journal did not exist before.
    pub created: bool,
    /// Records in the whole journal.
    pub records: u64,
    /// Bytes behind the last whole group, which were cut after a copy was kept.
    pub torn: Option<TornTail>,
    /// Durable bytes that do not verify where the journal would be written to. Nothing was cut; appends are refused.
    pub damage: Option<Damage>,
    /// Bytes that were written and synced again, for an unclean close leaves it unknown whether the medium has them.
    pub rewritten_bytes: u64,
}

/// A group that was being written when the journal stopped. It was never acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// Where it began.
    pub offset: Offset,
    /// How many bytes of it there were.
    pub bytes: u64,
    /// What did not verify.
    pub reason: String,
    /// The file that keeps them.
    pub quarantine: PathBuf,
}

/// How far a journal has come: `durable <= written <= accepted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// When what was accepted becomes durable.
    pub policy: SyncPolicy,
    /// The end of what appends were told is accepted. What lies beyond `durable` may be lost, and its offsets be given
    /// again in a later term.
    pub accepted: Offset,
    /// The end of what was handed to the disk.
    pub written: Offset,
    /// The end of what survives a power cut.
    pub durable: Offset,
}

/// A journal's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Which log it is.
    pub log: LogId,
    /// Its newest term.
    pub term: Term,
    /// The first place still held.
    pub oldest: Offset,
    /// The first place not written.
    pub next: Offset,
    /// The first place not durable.
    pub durable: Offset,
    /// Records in all, from the beginning of the log.
    pub records: u64,
    /// Bytes of all segment files, reserved space included.
    pub bytes: u64,
    /// The segments, oldest first.
    pub segments: Vec<SegmentStatus>,
    /// What an acknowledged append has survived.
    pub durability: Durability,
    /// Damage that stops writing.
    pub damage: Option<Damage>,
    /// What is lost and listed as lost.
    pub holes: Vec<Hole>,
}

/// A segment's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentStatus {
    /// The offset of its first frame.
    pub base: Offset,
    /// The offset behind its last frame.
    pub end: Offset,
    /// How many records it holds; 0 if its header does not verify.
    pub records: u64,
    /// Its file's length in bytes; 0 if it is missing.
    pub file_bytes: u64,
    /// Whether it is finished.
    pub sealed: bool,
    /// Its file.
    pub path: PathBuf,
}

/// What a full check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Records that verify.
    pub records: u64,
    /// Bytes of log that were read.
    pub bytes: u64,
    /// What does not verify.
    pub damaged: Vec<Damage>,
    /// What is lost and listed as lost: known, and no damage.
    pub holes: Vec<Hole>,
}

impl Verification {
    /// Whether everything verifies that is not listed as lost.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.damaged.is_empty()
    }
}
