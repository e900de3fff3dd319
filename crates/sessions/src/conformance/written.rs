//! What the rules write, and how they look whether it is there.

use serde_json::{Value, json};

use super::{Fault, Outcome, ensure};
use crate::{LogEntry, SegmentId, SegmentOrigin, SessionExtension, SessionId, Store, TraceEntry, Usage};

/// A start for a session.
pub(super) fn start(session: SessionId) -> LogEntry {
    LogEntry::SegmentStart {
        ts: 1,
        session_id: session,
        system_prompt: Some("be brief".into()),
        config: json!({"max_tokens": 1024}),
        history: vec![json!({"role": "user", "text": "before"})],
        forked_from: Some(SegmentOrigin { segment_id: SegmentId::new(), at_turn_index: 2 }),
        compacted_from: None,
    }
}

/// An entry that tells who wrote it, and as which of his.
pub(super) fn numbered(writer: usize, number: usize) -> LogEntry {
    LogEntry::AssistantItem { ts: number as u64, item: json!({"writer": writer, "number": number}) }
}

/// Who wrote a numbered entry, and as which of his.
pub(super) fn number(entry: &LogEntry) -> Option<(usize, usize)> {
    let LogEntry::AssistantItem { item, .. } = entry else { return None };
    let field = |name: &str| item.get(name).and_then(Value::as_u64).map(|number| number as usize);
    Some((field("writer")?, field("number")?))
}

/// One entry of every kind.
pub(super) fn every_kind(session: SessionId) -> Vec<LogEntry> {
    let unknown = json!({"kind": "of_a_later_version", "ts": 99, "more": {"than": ["is", "known"]}});
    let unknown = unknown.as_object().cloned().unwrap_or_default();
    vec![
        start(session),
        LogEntry::Invoke { ts: 2, trigger: json!("user_send") },
        LogEntry::UserInput {
            ts: 3,
            segments: vec![
                json!({"type": "text", "text": "hello\nthere \u{1F600} \"quoted\" \\ \u{0}\u{7f}\u{2028}"}),
            ],
            extensions: vec![SessionExtension { domain: "ui".into(), payload: json!(null) }],
        },
        LogEntry::AssistantItem {
            ts: 4,
            item: json!({"type": "tool_call", "arguments": "{\"city\":\"Tokyo\"}"}),
        },
        LogEntry::ToolResult { ts: 5, item: json!({"ok": true}) },
        LogEntry::SystemItem { ts: 6, item: json!({"body": ""}) },
        LogEntry::TurnEnd { ts: 7, turn_count: 1 },
        LogEntry::RunCompleted { ts: 8, interrupted: true, result: json!("paused") },
        LogEntry::RunErrored { ts: 9, interrupted: false, message: "no route".into() },
        LogEntry::PausedTurnAbandoned { ts: 10 },
        LogEntry::ConfigChanged { ts: 11, config: json!({"temperature": 0.1}) },
        LogEntry::LlmUsage {
            ts: 12,
            usage: Usage { history_len: 4, input_total_tokens: u64::MAX, ..Usage::default() },
        },
        LogEntry::Extension {
            ts: u64::MAX,
            domain: "memory".into(),
            payload: json!([f64::MIN_POSITIVE, -0.0, i64::MIN]),
        },
        LogEntry::Unknown(unknown),
    ]
}

/// An event of a trace.
pub(super) fn event(number: usize) -> TraceEntry {
    TraceEntry { ts: number as u64, turn: number, event: json!({"delta": number}) }
}

/// Makes a segment with a start, in a new session.
pub(super) fn begun(store: &impl Store) -> Result<(SessionId, SegmentId), Fault> {
    let (session, segment) = (SessionId::new(), SegmentId::new());
    store.create_segment(session, segment, &[start(session)])?;
    Ok((session, segment))
}

/// Looks whether a segment holds these entries, and no others, whichever way it is asked.
pub(super) fn holds(
    store: &impl Store,
    session: SessionId,
    segment: SegmentId,
    entries: &[LogEntry],
) -> Outcome {
    let read = store.read_all(session, segment)?;
    ensure!(
        read == entries,
        "read_all gave {} entries, {} were written: {read:?}",
        read.len(),
        entries.len()
    );
    let read = store.read(session, segment)?;
    ensure!(
        read.entries == entries && read.damaged.is_empty(),
        "read gave another thing than read_all: {read:?}"
    );
    let (count, told) = (store.read_entry_count(session, segment)?, read.count);
    ensure!(
        count == entries.len() && told == count,
        "there are {} entries, read_entry_count says {count} and read {told}",
        entries.len()
    );
    ensure!(store.exists(session, segment)?, "a segment with {count} entries does not exist");
    Ok(())
}
