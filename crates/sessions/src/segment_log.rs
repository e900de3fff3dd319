//! What a segment's log consists of: one entry for each change of a conversation's state.
//!
//! ```text
//!   segment_start  invoke user_input assistant_item tool_result assistant_item turn_end  invoke user_input ...
//!   `- system prompt, config, history so far, lineage                          `- turn 1
//! ```
//!
//! In JSON each is an object with its `kind`; `docs/sessions.md` lists the fields. Messages, configurations and payloads
//! belong to the application and are kept as they are. A kind that is not known here, of a later version or of somebody
//! else, is kept whole and written again as it was.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{SegmentId, SessionId};

/// One entry of a segment's log. Times (`ts`) are milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", remote = "Self")]
#[non_exhaustive]
pub enum LogEntry {
    /// Where a segment begins: the state it starts from, and where that came from. Always the first entry.
    SegmentStart {
        /// When.
        ts: u64,
        /// The session it belongs to.
        session_id: SessionId,
        /// The system prompt.
        #[serde(default)]
        system_prompt: Option<String>,
        /// The configuration of requests.
        #[serde(default)]
        config: Value,
        /// The messages before this segment, oldest first.
        #[serde(default)]
        history: Vec<Value>,
        /// The segment it was forked from, and at which turn.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        forked_from: Option<SegmentOrigin>,
        /// The segment it is a shorter form of, and at which turn.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        compacted_from: Option<SegmentOrigin>,
    },
    /// A run begins by itself or by somebody's asking: a mark, which changes no state.
    Invoke {
        /// When.
        ts: u64,
        /// What made it begin.
        trigger: Value,
    },
    /// What a user has entered.
    UserInput {
        /// When.
        ts: u64,
        /// Its parts, as they were entered.
        segments: Vec<Value>,
        /// Extensions that belong to it: one line with it, so that neither is there without the other.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        extensions: Vec<SessionExtension>,
    },
    /// A message, a thought or a call of a tool.
    AssistantItem {
        /// When.
        ts: u64,
        /// The item.
        item: Value,
    },
    /// What a tool has answered.
    ToolResult {
        /// When.
        ts: u64,
        /// The item.
        item: Value,
    },
    /// What the application itself puts into the conversation.
    SystemItem {
        /// When.
        ts: u64,
        /// The item.
        item: Value,
    },
    /// A turn has ended: the boundary that [`fork_at`](crate::fork_at) goes by.
    TurnEnd {
        /// When.
        ts: u64,
        /// How many turns have ended, this one included.
        turn_count: usize,
    },
    /// A run has ended as it should, or was interrupted.
    RunCompleted {
        /// When.
        ts: u64,
        /// Whether it was interrupted.
        interrupted: bool,
        /// What came of it.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        result: Value,
    },
    /// A run has failed.
    RunErrored {
        /// When.
        ts: u64,
        /// Whether it can be taken up again.
        #[serde(default)]
        interrupted: bool,
        /// Why it failed.
        message: String,
    },
    /// An interrupted turn was given up.
    PausedTurnAbandoned {
        /// When.
        ts: u64,
    },
    /// From here on the configuration is another.
    ConfigChanged {
        /// When.
        ts: u64,
        /// The whole new configuration.
        config: Value,
    },
    /// What one request has used.
    LlmUsage {
        /// When.
        ts: u64,
        /// The numbers.
        #[serde(flatten)]
        usage: Usage,
    },
    /// Whatever else an application wants to keep with its session, under a name of its own.
    Extension {
        /// When.
        ts: u64,
        /// Whose it is.
        domain: String,
        /// What it is.
        payload: Value,
    },
    /// A kind that is not known here: the object as it was read, `kind` included.
    #[serde(skip)]
    Unknown(Map<String, Value>),
}

/// What one request has used, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// How many messages were sent.
    pub history_len: usize,
    /// All that was sent.
    pub input_total_tokens: u64,
    /// How much of it came out of a cache.
    pub cache_read_tokens: u64,
    /// How much of it went into a cache.
    pub cache_write_tokens: u64,
    /// What was answered.
    pub output_tokens: u64,
}

/// An extension that belongs to an input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionExtension {
    /// Whose it is.
    pub domain: String,
    /// What it is.
    pub payload: Value,
}

/// Where a segment came from: a segment, of this session or of another, at the end of one of its turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentOrigin {
    /// The segment.
    pub segment_id: SegmentId,
    /// How many of its turns had ended; 0 is directly behind its start.
    pub at_turn_index: usize,
}

impl LogEntry {
    /// The kinds that are known here, as they stand in JSON.
    pub const KINDS: [&'static str; 13] = [
        "segment_start",
        "invoke",
        "user_input",
        "assistant_item",
        "tool_result",
        "system_item",
        "turn_end",
        "run_completed",
        "run_errored",
        "paused_turn_abandoned",
        "config_changed",
        "llm_usage",
        "extension",
    ];

    /// Its kind, as it stands in JSON.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::SegmentStart { .. } => "segment_start",
            Self::Invoke { .. } => "invoke",
            Self::UserInput { .. } => "user_input",
            Self::AssistantItem { .. } => "assistant_item",
            Self::ToolResult { .. } => "tool_result",
            Self::SystemItem { .. } => "system_item",
            Self::TurnEnd { .. } => "turn_end",
            Self::RunCompleted { .. } => "run_completed",
            Self::RunErrored { .. } => "run_errored",
            Self::PausedTurnAbandoned { .. } => "paused_turn_abandoned",
            Self::ConfigChanged { .. } => "config_changed",
            Self::LlmUsage { .. } => "llm_usage",
            Self::Extension { .. } => "extension",
            Self::Unknown(fields) => fields.get("kind").and_then(Value::as_str).unwrap_or_default(),
        }
    }

    /// Its time, in milliseconds since the epoch; 0 if it has none.
    #[must_use]
    pub fn ts(&self) -> u64 {
        match self {
            Self::SegmentStart { ts, .. }
            | Self::Invoke { ts, .. }
            | Self::UserInput { ts, .. }
            | Self::AssistantItem { ts, .. }
            | Self::ToolResult { ts, .. }
            | Self::SystemItem { ts, .. }
            | Self::TurnEnd { ts, .. }
            | Self::RunCompleted { ts, .. }
            | Self::RunErrored { ts, .. }
            | Self::PausedTurnAbandoned { ts }
            | Self::ConfigChanged { ts, .. }
            | Self::LlmUsage { ts, .. }
            | Self::Extension { ts, .. } => *ts,
            Self::Unknown(fields) => fields.get("ts").and_then(Value::as_u64).unwrap_or_default(),
        }
    }
}

impl Serialize for LogEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unknown(fields) => fields.serialize(serializer),
            known => Self::serialize(known, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for LogEntry {
    /// By way of an object: only its kind tells whether the rest is for us to understand. A known kind whose fields are
    /// not as they should be is an error, never an unknown one.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Map::deserialize(deserializer)?;
        let kind = fields.get("kind").ok_or_else(|| D::Error::missing_field("kind"))?;
        let kind = kind.as_str().ok_or_else(|| D::Error::custom("`kind` is not a text"))?;
        if !Self::KINDS.contains(&kind) {
            return Ok(Self::Unknown(fields));
        }
        let kind = kind.to_owned();
        Self::deserialize(Value::Object(fields))
            .map_err(|error| D::Error::custom(format_args!("{kind}: {error}")))
    }
}

#[cfg(test)]
mod tests;
