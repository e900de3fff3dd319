use super::*;
use crate::segment_log::SessionExtension;

fn start() -> LogEntry {
    LogEntry::SegmentStart {
        ts: 1,
        session_id: SessionId::new(),
        system_prompt: Some("be brief".into()),
        config: json!({"max_tokens": 1}),
        history: vec![json!("before")],
        forked_from: None,
        compacted_from: None,
    }
}

#[test]
fn nothing_folds_to_nothing() {
    assert_eq!(collect_state(&[]), RestoredState::default());
}

#[test]
fn a_turn_folds_into_history_in_order() {
    let extension = SessionExtension { domain: "ui".into(), payload: json!(1) };
    let state = collect_state(&[
        start(),
        LogEntry::Invoke { ts: 2, trigger: json!("user") },
        LogEntry::UserInput { ts: 2, segments: vec![json!({"text": "hello"})], extensions: vec![extension] },
        LogEntry::AssistantItem { ts: 3, item: json!("call") },
        LogEntry::ToolResult { ts: 4, item: json!("result") },
        LogEntry::SystemItem { ts: 5, item: json!("note") },
        LogEntry::AssistantItem { ts: 6, item: json!("answer") },
        LogEntry::LlmUsage { ts: 6, usage: Usage { output_tokens: 9, ..Usage::default() } },
        LogEntry::TurnEnd { ts: 7, turn_count: 1 },
        LogEntry::Extension { ts: 8, domain: "memory".into(), payload: json!(2) },
        LogEntry::ConfigChanged { ts: 9, config: json!({"max_tokens": 2}) },
    ]);
    let input = json!({"type": "message", "role": "user", "content": [{"text": "hello"}]});
    let wanted = [json!("before"), input, json!("call"), json!("result"), json!("note"), json!("answer")];
    assert_eq!(state.history, wanted);
    assert_eq!(state.user_segments, [[json!({"text": "hello"})]]);
    assert_eq!(state.extensions, [("ui".to_owned(), json!(1)), ("memory".to_owned(), json!(2))]);
    assert_eq!((state.turn_count, state.entries_count, state.config), (1, 11, json!({"max_tokens": 2})));
    assert_eq!(state.usage_history[0].output_tokens, 9);
}

#[test]
fn how_the_last_run_ended_is_known() {
    let completed = |interrupted| LogEntry::RunCompleted { ts: 0, interrupted, result: Value::Null };
    let errored = LogEntry::RunErrored { ts: 0, interrupted: true, message: "no".into() };
    let last = |entries: &[LogEntry]| collect_state(entries).last_run_interrupted;
    assert!(last(&[completed(true)]) && last(&[completed(false), errored.clone()]));
    assert!(
        !last(&[errored.clone(), completed(false)])
            && !last(&[errored, LogEntry::PausedTurnAbandoned { ts: 1 }])
    );
}

#[test]
fn what_is_not_known_changes_nothing_and_what_is_old_counts() {
    let unknown = |value: Value| LogEntry::Unknown(value.as_object().cloned().unwrap());
    let later = unknown(json!({"kind": "of_tomorrow", "items": [1, 2]}));
    let old = unknown(json!({"kind": "assistant_items", "ts": 1, "items": ["a", "b"]}));
    let state = collect_state(&[start(), later, old]);
    assert_eq!(state.history, [json!("before"), json!("a"), json!("b")]);
    assert_eq!(state.entries_count, 3);
}
