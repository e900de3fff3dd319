//! A segmented write-ahead log: bytes in order, durably.
//!
//!   append -> group commit -> segment -> durable watermark -> tail
//!
//! ```text
//!   oldest             cursor         durable     next
//!   |------------------|--------------|-----------|
//!   first place held   a reader's     end of what first place not written
//!                      next record    is read
//! ```
//!
//! It knows nothing of what a payload means. Every record carries the BLAKE3 of its payload, which is its identity, and
//! a CRC32C that holds at one offset of one log only. An append returns once its record is durable; a reader never sees
//! more than that. What goes wrong is loud: an open tells a torn tail from damage and never cuts what was acknowledged.
//! The promises are numbered in `docs/durability.md`, the bytes drawn in `docs/format.md`.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! use annals_journal::Journal;
//!
//! let journal = Journal::open(dir.path().join("journal"))?;
//! let first = journal.append("water boils at 100 °C")?;
//! journal.append_batch(&["at sea level", "says everybody"])?;
//! for batch in journal.tail(first.offset) {
//!     for record in batch?.iter() {
//!         println!("{} {}", record.offset, String::from_utf8_lossy(record.payload));
//!     }
//! }
//! journal.close()?;
//! # Ok(())
//! # }
//! ```

mod append;
#[cfg(feature = "tokio")]
mod appending;
pub mod backup;
mod backward;
#[cfg(feature = "bare")]
#[doc(hidden)]
pub mod bare;
mod block;
mod catalog;
mod checkpoint;
mod clock;
mod commit;
mod content;
mod crc;
mod cursors;
pub mod disk;
pub mod dump;
mod error;
mod fill;
mod frame;
mod groups;
mod holes;
mod inspection;
mod journal;
mod judgement;
mod keeper;
mod keys;
pub mod layout;
mod lead;
mod load;
mod mend;
mod options;
mod part;
mod purged;
pub mod quarantine;
#[cfg(feature = "tokio")]
mod queue;
mod reader;
mod receipts;
mod recovery;
pub mod repair;
mod replay;
mod retention;
mod roster;
pub mod salvage;
mod scan;
mod scrub;
mod seal;
mod segment;
pub mod sidecar;
mod source;
mod spare;
mod stage;
mod status;
mod summary;
mod sync;
mod tail;
mod ticket;
mod time;
mod verify;
mod view;
mod watermark;
mod writer;

pub use annals_record::{
    Appended, Applied, Batch, Bounds, Cursor, CursorRefusal, Entry, Kind, Log, LogError, LogId, Offset,
    ReadLimit, RecordId, Term,
};
#[cfg(feature = "tokio")]
pub use appending::Appending;
pub use backup::{BackedUp, BackupOptions, BackupReceipt};
pub use backward::Backward;
pub use checkpoint::Checkpoint;
pub use clock::{Clock, SystemClock};
pub use cursors::{CursorStatus, NamedCursor};
pub use disk::{Disk, DiskFile, Held, Listed, Mode, Other, RealDisk, Written};
pub use error::{Damage, Error};
pub use holes::Hole;
pub use journal::{Journal, holder, take_lock};
pub use mend::{Cure, NoRefill, Refill};
pub use options::{AppendOptions, Bucket, Options, SealPolicy, SyncPolicy};
pub use quarantine::{QuarantineReceipt, Quarantined};
pub use reader::Reader;
pub use receipts::{Receipt, ReceiptQuery, Receipts};
pub use replay::Replay;
pub use retention::{BlockedSegment, Blocker, ClockJump, Consent, Keep, Plan, PlannedSegment};
pub use roster::RosterEntry;
pub use scrub::{Scrub, ScrubHandle, ScrubStatus};
pub use segment::created_micros as segment_created_micros;
pub use status::{OpenReport, Reach, SegmentStatus, Status, TornTail, Verification};
pub use tail::Tail;
#[cfg(feature = "tokio")]
pub use tail::TailStream;
pub use verify::{Depth, VerifyOptions};

/// The README's example is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
