//! A conversation's state, folded from its entries. Pure: no store, no clock.

use serde_json::{Value, json};

use crate::reading::DamagedLine;
use crate::segment_log::{SegmentOrigin, Usage};
use crate::{LogEntry, SessionId};

/// What a conversation had come to when its log ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RestoredState {
    /// The session; none if the log was empty.
    pub session_id: Option<SessionId>,
    /// The system prompt.
    pub system_prompt: Option<String>,
    /// The configuration of requests; null if none was ever given.
    pub config: Value,
    /// The messages, oldest first. An input stands in it as `{"type":"message","role":"user","content":[its parts]}`.
    pub history: Vec<Value>,
    /// How many turns have ended.
    pub turn_count: usize,
    /// Whether the last run was interrupted, and may be taken up again.
    pub last_run_interrupted: bool,
    /// How many entries the log has: what a writer who goes on expects.
    pub entries_count: usize,
    /// What each request has used, in order.
    pub usage_history: Vec<Usage>,
    /// Extensions, in order: whose, and what.
    pub extensions: Vec<(String, Value)>,
    /// The inputs as they were entered, in order.
    pub user_segments: Vec<Vec<Value>>,
    /// Where the segment was forked from.
    pub forked_from: Option<SegmentOrigin>,
    /// Which segment it is a shorter form of.
    pub compacted_from: Option<SegmentOrigin>,
    /// What of the log could not be read, and is missing here. Filled by [`restore`](crate::restore), which reads it.
    pub damaged: Vec<DamagedLine>,
}

/// Folds entries into the state they lead to.
#[must_use]
pub fn collect_state(entries: &[LogEntry]) -> RestoredState {
    let mut state = RestoredState::default();
    for entry in entries {
        state.apply(entry);
    }
    state
}

impl RestoredState {
    fn apply(&mut self, entry: &LogEntry) {
        self.entries_count += 1;
        match entry {
            LogEntry::SegmentStart {
                session_id,
                system_prompt,
                config,
                history,
                forked_from,
                compacted_from,
                ..
            } => {
                self.session_id = Some(*session_id);
                self.system_prompt.clone_from(system_prompt);
                self.config.clone_from(config);
                self.history.clone_from(history);
                (self.forked_from, self.compacted_from) = (*forked_from, *compacted_from);
            }
            LogEntry::UserInput { segments, extensions, .. } => {
                self.history.push(json!({"type": "message", "role": "user", "content": segments}));
                self.user_segments.push(segments.clone());
                let pairs = extensions.iter().map(|one| (one.domain.clone(), one.payload.clone()));
                self.extensions.extend(pairs);
            }
            LogEntry::AssistantItem { item, .. }
            | LogEntry::ToolResult { item, .. }
            | LogEntry::SystemItem { item, .. } => self.history.push(item.clone()),
            LogEntry::TurnEnd { turn_count, .. } => self.turn_count = *turn_count,
            LogEntry::RunCompleted { interrupted, .. } | LogEntry::RunErrored { interrupted, .. } => {
                self.last_run_interrupted = *interrupted;
            }
            LogEntry::PausedTurnAbandoned { .. } => self.last_run_interrupted = false,
            LogEntry::ConfigChanged { config, .. } => self.config.clone_from(config),
            LogEntry::LlmUsage { usage, .. } => self.usage_history.push(*usage),
            LogEntry::Extension { domain, payload, .. } => {
                self.extensions.push((domain.clone(), payload.clone()));
            }
            // A mark changes nothing, and what is not known here must not.
            LogEntry::Invoke { .. } => {}
            LogEntry::Unknown(fields) => self.history.extend(items_of_old(entry.kind(), fields)),
        }
    }
}

/// The messages of the kinds that early logs have, which put several into one entry.
fn items_of_old(kind: &str, fields: &serde_json::Map<String, Value>) -> Vec<Value> {
    let old = ["assistant_items", "tool_results", "system_items", "hook_injected_items"].contains(&kind);
    let items = fields.get("items").and_then(Value::as_array).filter(|_| old);
    items.cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests;
