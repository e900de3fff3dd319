//! One function for each thing that happens in a conversation: its entry, with the time of now, appended.
//!
//! They append to the segment they are given, whoever else writes there. A writer who may not be alone makes the entry himself
//! and gives it to [`append_or_fork`](crate::append_or_fork).

use serde_json::Value;

use crate::lineage::now_millis;
use crate::segment_log::{SessionExtension, Usage};
use crate::{LogEntry, SegmentId, SessionId, Store, StoreError};

/// Appends an entry as it is.
///
/// # Errors
/// As [`Store::append`].
pub fn append_entry<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    entry: &LogEntry,
) -> Result<(), StoreError> {
    store.append(session_id, segment_id, entry)
}

/// Saves what made a run begin.
///
/// # Errors
/// As [`Store::append`].
pub fn save_invoke<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    trigger: Value,
) -> Result<(), StoreError> {
    store.append(session_id, segment_id, &LogEntry::Invoke { ts: now_millis(), trigger })
}

/// Saves what a user has entered.
///
/// # Errors
/// As [`Store::append`].
pub fn save_user_input<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    segments: Vec<Value>,
) -> Result<(), StoreError> {
    save_user_input_with_extensions(store, session_id, segment_id, segments, Vec::new())
}

/// Saves what a user has entered together with extensions that belong to it: one entry, so that neither is there without
/// the other.
///
/// # Errors
/// As [`Store::append`].
pub fn save_user_input_with_extensions<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    segments: Vec<Value>,
    extensions: Vec<SessionExtension>,
) -> Result<(), StoreError> {
    store.append(session_id, segment_id, &LogEntry::UserInput { ts: now_millis(), segments, extensions })
}

/// Saves the messages that have come to a history, one entry each, together: after a crash all are there or none.
/// An item whose `role` is `user` is left out, for [`save_user_input`] has saved it; one whose `type` is `tool_result` or
/// `function_call_output` is a tool's, every other one the assistant's.
///
/// # Errors
/// As [`Store::append_many`].
pub fn save_delta<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    new_items: &[Value],
) -> Result<(), StoreError> {
    let ts = now_millis();
    let is = |item: &Value, field: &str, names: &[&str]| {
        item.get(field).and_then(Value::as_str).is_some_and(|found| names.contains(&found))
    };
    let new = new_items.iter().filter(|item| !is(item, "role", &["user"]));
    let entries: Vec<LogEntry> = new
        .map(|item| match is(item, "type", &["tool_result", "function_call_output"]) {
            true => LogEntry::ToolResult { ts, item: item.clone() },
            false => LogEntry::AssistantItem { ts, item: item.clone() },
        })
        .collect();
    if entries.is_empty() { Ok(()) } else { store.append_many(session_id, segment_id, &entries) }
}

/// Saves a message, a thought or a call of a tool.
///
/// # Errors
/// As [`Store::append`].
pub fn save_assistant_item<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    item: Value,
) -> Result<(), StoreError> {
    store.append(session_id, segment_id, &LogEntry::AssistantItem { ts: now_millis(), item })
}

/// Saves what a tool has answered.
///
/// # Errors
/// As [`Store::append`].
pub fn save_tool_result<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    item: Value,
) -> Result<(), StoreError> {
    store.append(session_id, segment_id, &LogEntry::ToolResult { ts: now_millis(), item })
}

/// Saves what the application itself has put into the conversation.
///
/// # Errors
/// As [`Store::append`].
pub fn append_system_item<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    item: Value,
) -> Result<(), StoreError> {
    store.append(session_id, segment_id, &LogEntry::SystemItem { ts: now_millis(), item })
}

/// Saves that a turn has ended.
///
/// # Errors
/// As [`Store::append`].
pub fn save_turn_end<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    turn_count: usize,
) -> Result<(), StoreError> {
    store.append(session_id, segment_id, &LogEntry::TurnEnd { ts: now_millis(), turn_count })
}

/// Saves that a run has ended.
///
/// # Errors
/// As [`Store::append`].
pub fn save_run_completed<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    result: Value,
    interrupted: bool,
) -> Result<(), StoreError> {
    store.append(session_id, segment_id, &LogEntry::RunCompleted { ts: now_millis(), interrupted, result })
}

/// Saves that a run has failed.
///
/// # Errors
/// As [`Store::append`].
pub fn save_run_errored<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    message: String,
    interrupted: bool,
) -> Result<(), StoreError> {
    store.append(session_id, segment_id, &LogEntry::RunErrored { ts: now_millis(), interrupted, message })
}

/// Saves what one request has used.
///
/// # Errors
/// As [`Store::append`].
pub fn save_usage<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    usage: Usage,
) -> Result<(), StoreError> {
    store.append(session_id, segment_id, &LogEntry::LlmUsage { ts: now_millis(), usage })
}

/// Saves a new configuration.
///
/// # Errors
/// As [`Store::append`].
pub fn save_config_changed<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    config: &Value,
) -> Result<(), StoreError> {
    store.append(
        session_id,
        segment_id,
        &LogEntry::ConfigChanged { ts: now_millis(), config: config.clone() },
    )
}

/// Saves an extension.
///
/// # Errors
/// As [`Store::append`].
pub fn save_extension<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    domain: impl Into<String>,
    payload: Value,
) -> Result<(), StoreError> {
    let domain = domain.into();
    store.append(session_id, segment_id, &LogEntry::Extension { ts: now_millis(), domain, payload })
}

#[cfg(test)]
mod tests;
