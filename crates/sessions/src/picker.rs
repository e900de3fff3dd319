//! Sessions for a person to choose from: one line each, most recent first, with the segment to go on with.

use serde_json::Value;

use crate::lineage::leaf;
use crate::restored::collect_state;
use crate::{SegmentId, SessionId, Store, StoreError};

/// What stands in place of a preview that cannot be made.
pub const CORRUPT: &str = "[corrupt]";
/// So many characters a preview has at most.
const PREVIEW: usize = 80;

/// In which order sessions are offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The one made last comes first.
    #[default]
    Created,
    /// The one written to last comes first.
    Used,
}

/// One session, as a person chooses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSummary {
    /// The session.
    pub session_id: SessionId,
    /// The segment to go on with: the one made last.
    pub leaf: SegmentId,
    /// What the user entered last, on one line of at most 80 characters; empty if nothing was; [`CORRUPT`] if nothing of the
    /// segment can be read.
    pub preview: String,
    /// How many entries the leaf has.
    pub entries: usize,
    /// When the session was last written to, in milliseconds since the epoch.
    pub used_millis: u64,
    /// How many of the leaf's entries are lost.
    pub damaged: usize,
    /// Why there is no preview, if there is none.
    pub trouble: Option<String>,
}

/// The first `limit` sessions. One that cannot be read is listed all the same, and says so.
///
/// # Errors
/// As [`Store::list_sessions`] and [`Store::list_sessions_by_use`].
pub fn recent_sessions<S: Store + ?Sized>(
    store: &S,
    limit: usize,
    order: Order,
) -> Result<Vec<SessionSummary>, StoreError> {
    let sessions: Vec<SessionId> = match order {
        Order::Created => store.list_sessions()?,
        Order::Used => store.list_sessions_by_use()?.into_iter().map(|(session, _)| session).collect(),
    };
    let mut summaries = Vec::new();
    for session in sessions {
        if summaries.len() == limit {
            break;
        }
        // Without a segment there is nothing to go on with.
        if let Some(leaf) = leaf(store, session)? {
            summaries.push(summary(store, session, leaf));
        }
    }
    Ok(summaries)
}

fn summary<S: Store + ?Sized>(store: &S, session_id: SessionId, leaf: SegmentId) -> SessionSummary {
    let used_millis = store.session_modified_at(session_id).ok().flatten().unwrap_or(0);
    let without = |entries, damaged, trouble: String| SessionSummary {
        session_id,
        leaf,
        preview: CORRUPT.to_owned(),
        entries,
        used_millis,
        damaged,
        trouble: Some(trouble),
    };
    let read = match store.read(session_id, leaf) {
        Ok(read) => read,
        Err(error) => return without(0, 0, error.to_string()),
    };
    let damaged = read.count.saturating_sub(read.entries.len());
    if let Some(first) = read.damaged.first().filter(|_| read.entries.is_empty()) {
        return without(read.count, damaged, first.to_string());
    }
    let state = collect_state(&read.entries);
    let entered = state.user_segments.last().map(|parts| text_of(parts));
    let preview =
        entered.unwrap_or_else(|| state.history.iter().rev().find_map(user_text).unwrap_or_default());
    let (preview, entries) = (one_line(&preview), read.count);
    SessionSummary { session_id, leaf, preview, entries, used_millis, damaged, trouble: None }
}

/// The text of a message that a user has entered: after a compaction or a fork it stands in the history.
fn user_text(item: &Value) -> Option<String> {
    (item.get("role").and_then(Value::as_str) == Some("user")).then(|| text_of(std::slice::from_ref(item)))
}

/// The texts in the parts of a message, whichever of the usual names they have.
fn text_of(parts: &[Value]) -> String {
    let texts = parts.iter().filter_map(|part| match part {
        Value::String(text) => Some(text.clone()),
        Value::Object(fields) => match fields.get("text").or_else(|| fields.get("content"))? {
            Value::String(text) => Some(text.clone()),
            Value::Array(parts) => Some(text_of(parts)),
            _ => None,
        },
        _ => None,
    });
    texts.collect::<Vec<_>>().join(" ")
}

fn one_line(text: &str) -> String {
    let mut words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let mut line = String::new();
    for word in words.by_ref() {
        let blank = usize::from(!line.is_empty());
        let room = PREVIEW.saturating_sub(line.chars().count() + blank);
        if word.chars().count() > room {
            line.extend(
                std::iter::repeat_n(' ', blank).chain(word.chars()).take(blank + room.saturating_sub(1)),
            );
            line.push('…');
            break;
        }
        line.extend(std::iter::repeat_n(' ', blank));
        line.push_str(word);
    }
    line
}

#[cfg(test)]
mod tests;
