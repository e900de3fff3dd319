//! Session logs with lineage.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
pub mod event_trace;
mod fs_store;
mod id;
mod line;
mod reading;
pub mod segment_log;
pub mod store;

pub use error::StoreError;
pub use event_trace::TraceEntry;
pub use fs_store::{FsOptions, FsStore, FsSync};
pub use id::{IdError, SegmentId, SessionId};
pub use line::MAX_LINE_BYTES;
pub use reading::{DamagedLine, Fault, Read, ReadTrace, Reading};
pub use segment_log::{LogEntry, SegmentOrigin, SessionExtension, Usage};
pub use store::Store;
