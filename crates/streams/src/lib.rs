//! Many named streams under one root: each is one journal, and they share a lock, a bounded number of open files, and one
//! thread.
//!
//! ```text
//!   write("gps", ..)  ->  wal/store=gps/   date=2026-03-01/0000000000000000.wal
//!                                          date=2026-03-02/0000000000003a20.wal
//!   write("chat", ..) ->  wal/store=chat/  date=2026-03-02/0000000000000000.wal   -> replay: all, by time
//! ```
//!
//! Each stream has its own sync policy, segment size, time bucket, codec and retention, which can be changed at any time. What
//! a journal promises holds for each stream: an append is acknowledged once it is what its policy says, damage is told and
//! never cut, retention waits for cursors. docs/streams.md has the layout, the settings and the limits.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! use annals_streams::{Query, Streams};
//!
//! let streams = Streams::open(dir.path().join("root"))?;
//! streams.write("gps", &["47.3769,8.5417"])?;
//! streams.write("chat", &["hello", "anybody there?"])?;
//! for record in streams.replay(&Query::default())? {
//!     let record = record?;
//!     println!("{} {}", record.stream, String::from_utf8_lossy(&record.payload));
//! }
//! # assert_eq!(streams.replay(&Query::default())?.count(), 3);
//! streams.checkpoint(None)?;
//! streams.close()?;
//! # Ok(())
//! # }
//! ```

mod bucket;
pub mod codec;
mod crew;
mod durability;
mod error;
mod fact;
mod manifest;
mod name;
mod options;
mod partitioned;
mod pool;
pub mod queue;
mod reader;
mod receipts;
mod replay;
mod retention;
mod root;
mod settings;
mod source;
mod span;
mod stats;
mod stream;
mod streams;
mod syncer;
mod timeline;
mod worker;

pub use annals_journal::{AppendOptions, Bucket, Consent, Keep, SyncPolicy};
pub use codec::Codec;
pub use durability::{Durability, State, StreamDurability};
pub use error::Error;
pub use fact::{Cause, Fact, FactError, FactId, frame, id_at, place_of};
pub use manifest::{Manifest, SegmentManifest, StreamManifest, Unreadable};
pub use name::StreamName;
pub use options::Options;
pub use reader::Reader;
pub use receipts::{PurgeReceipt, QuarantineReceipt, Receipts, Wanted};
pub use replay::{Query, Record, Replay};
pub use retention::{Purged, StreamPlan};
pub use root::Foreign;
pub use settings::Settings;
pub use stats::{Stats, Sums};
pub use stream::Stream;
pub use streams::{Checkpointed, Streams};
pub use timeline::{FactTime, JournalTime, Timeline};
pub use worker::Reencoded;
