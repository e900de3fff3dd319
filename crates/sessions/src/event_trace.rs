//! Traces: every event of a stream as it came, for looking into it later. Nothing is restored from them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One event, as it came from the stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceEntry {
    /// When, in milliseconds since the epoch.
    pub ts: u64,
    /// The turn it came in.
    pub turn: usize,
    /// The event: whatever the application calls one.
    pub event: Value,
}
