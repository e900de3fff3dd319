//! The derived store of Annals: what the log says, arranged for questions.
//!
//!   changes -> layer, visible -> folded: content (fjall), then index (redb) -> away
//!                 '-> checkpoint: rows of what is not folded, and the cursor (redb)
//!   snapshot: layers over content and index -> answers
//!
//! The log is the truth and this is a function of it: the store can be thrown away at any time and rebuilt to the same
//! digests. It knows nothing of segments, threads or where changes come from.
//!
//! S1: Content goes before index: an entry of the index never names bytes that are not there.
//! S2: The durable cursor covers nothing but what is durable in content and index, or in a row beside the cursor: a crash
//!     replays, never skips.
//! S3: The same record is kept once, at the lowest offset it was applied at, however often and in whichever batches it
//!     comes; the same changes give the same digests.
//! S4: Every answer of a [`Snapshot`] holds exactly as of one offset, which it names.
//! S5: After a failed write nothing more is written until the store is opened again.
//! S6: What is applied below the cursor, a dead letter that is read again, ends as if it had been applied when it came:
//!     as a whole, in any order, unseen by whoever looked before.
//!
//! The keys, `big` and `little` telling the order of a number's bytes:
//!
//! | where | key | value |
//! |---|---|---|
//! | content | `H:` id (32 bytes) | offset (u64 little), the assertion's payload |
//! | content | `V:` assertion (32) `:` vote (32) | offset, payload |
//! | content | `E:` epoch (64 hex digits) `:` offset (u64 big) | offset, payload |
//! | content | `I:` id of a vote or epoch record (32) | offset, `V` or `E`, the assertion or epoch (32) |
//! | content | `R:` | how far content reaches, as a cursor; the store's id (16) |
//! | index `S` | subject, a zero byte, run number (u32 big) | 100 times offset (u64 little), id (32) |
//! | index `subjects` | subject | count, first offset, last offset (u64 little each), the newest entries, up to 99 |
//! | index `epochs` | offset of the name's first record | epoch (32) |
//! | index `dead_letters` | offset | id (32), reason |
//! | index `discarded` | offset | id (32), reason |
//! | index `passed` | offset | length (u64 little), what was found there |
//! | index `redriving` | offset | what becomes of a dead letter that is being read again |
//! | index `recent` | offset of the first record in it | records that are not folded yet |
//! | index `meta` | `format`, `projection`, `store`, `cursor`, `folded`, `counts`, `digests`, `redriven` | |

mod aside;
mod bulk;
mod change;
mod chunk;
mod compare;
mod content;
mod content_view;
mod core;
mod counts;
mod cursor_bytes;
mod digest;
mod directory;
mod error;
mod folder;
mod gate;
mod generations;
mod heal;
mod hybrid;
mod identity;
mod index;
mod index_view;
mod keys;
mod known;
mod layer;
mod letters;
mod lock;
mod order;
mod passed;
mod plain;
mod plan;
mod projection;
mod record_cache;
mod runs;
#[cfg(test)]
mod scene;
mod seen;
mod snapshot;
mod standing;
mod store;
mod tally;
mod value;
mod walk;

pub use bulk::{BulkBuilder, BulkOptions, Sheaf, Sorter};
pub use change::{Change, Effect, Subject, SubjectError};
pub use compare::{Compared, Comparison};
pub use content::Payload;
pub use counts::Counts;
pub use digest::{Digest, Digests, Family};
pub use error::Error;
pub use generations::{Generation, Generations, Mark};
pub use heal::{Healed, Healer, Healing};
pub use hybrid::{HybridStore, Options};
pub use index::DeadLetter;
pub use keys::IdPrefix;
pub use letters::Redriven;
pub use passed::Passed;
pub use projection::{
    BuiltIn, Postings, Projected, Projection, ProjectionEntry, ProjectionError, ProjectionOptions,
    ProjectionStore, ProjectionTxn, ProjectionView, Shelf, ShelfContent, ShelfVersion,
};
pub use runs::Listed;
pub use snapshot::{EpochEntry, Snapshot, Stored, SubjectEntry};
pub use store::{KvStore, Outcome, Sink};
pub use tally::Tally;
pub use walk::{Damage, Walk};
