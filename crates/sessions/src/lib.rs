//! Session logs with lineage: conversations that can be left, restored, forked and shortened.
//!
//!   session -> segments, each from another one or from nothing -> entries, in order
//!
//! ```text
//!   SegmentStart  UserInput AssistantItem ToolResult TurnEnd  UserInput ...
//!   `- restore: fold them into the state    `- fork_at        `- append_or_fork: another writer got ahead
//! ```
//!
//! A [`Store`] keeps them: [`FsStore`] as `{root}/{session}/{segment}.jsonl`, for any number of processes; [`JournalStore`] in
//! one journal, for one. Both say what an acknowledgement means, and neither lets damage cost more than what it touches.
//! All of it is explained in `docs/sessions.md`.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! use annals_sessions::{FsStore, SegmentStartState, create_segment, restore, save_user_input};
//! use serde_json::json;
//!
//! let store = FsStore::new(dir.path().join("sessions"))?;
//! let start = SegmentStartState { system_prompt: Some("Be brief."), config: &json!({}), history: &[] };
//! let (session, segment) = create_segment(&store, start)?;
//! save_user_input(&store, session, segment, vec![json!({"type": "text", "text": "hello"})])?;
//! let state = restore(&store, session, segment)?;
//! assert_eq!((state.history.len(), state.entries_count), (1, 2));
//! # Ok(())
//! # }
//! ```

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
pub mod event_trace;
mod fs_store;
mod id;
mod journal_store;
mod line;
mod lineage;
mod opening;
mod picker;
mod reading;
mod restored;
mod saving;
pub mod segment_log;
mod state;
pub mod store;

pub use error::StoreError;
pub use event_trace::TraceEntry;
pub use fs_store::{FsOptions, FsStore, FsSync, read_lines};
pub use id::{IdError, SegmentId, SessionId};
pub use journal_store::JournalStore;
pub use line::MAX_LINE_BYTES;
pub use lineage::{
    Head, SegmentStartState, append_or_fork, create_compacted_segment, create_segment,
    create_segment_with_ids, ensure_head_or_fork, fork, fork_at, leaf, now_millis, restore,
    restore_by_segment,
};
pub use opening::open_store;
pub use picker::{CORRUPT, Order, SessionSummary, recent_sessions};
pub use reading::{DamagedLine, Fault, Read, ReadTrace, Reading};
pub use restored::{RestoredState, collect_state};
pub use saving::{
    append_entry, append_system_item, save_assistant_item, save_config_changed, save_delta, save_extension,
    save_invoke, save_run_completed, save_run_errored, save_tool_result, save_turn_end, save_usage,
    save_user_input, save_user_input_with_extensions,
};
pub use segment_log::{LogEntry, SegmentOrigin, SessionExtension, Usage};
pub use state::{SegmentLocation, SegmentState};
pub use store::Store;
