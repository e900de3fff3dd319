use serde_json::json;

use super::*;
use crate::{FsStore, SegmentStartState, create_segment, restore};

#[test]
fn everything_that_happens_has_its_function() {
    let dir = tempfile::tempdir().unwrap();
    let store = FsStore::new(dir.path()).unwrap();
    let start = SegmentStartState { system_prompt: None, config: &json!({}), history: &[] };
    let (session, segment) = create_segment(&store, start).unwrap();
    let extension = SessionExtension { domain: "ui".into(), payload: json!(1) };
    save_invoke(&store, session, segment, json!("user")).unwrap();
    save_user_input(&store, session, segment, vec![json!("hello")]).unwrap();
    save_user_input_with_extensions(&store, session, segment, vec![json!("again")], vec![extension]).unwrap();
    save_assistant_item(&store, session, segment, json!("call")).unwrap();
    save_tool_result(&store, session, segment, json!("result")).unwrap();
    append_system_item(&store, session, segment, json!("note")).unwrap();
    save_usage(&store, session, segment, Usage::default()).unwrap();
    save_turn_end(&store, session, segment, 1).unwrap();
    save_run_completed(&store, session, segment, json!("finished"), false).unwrap();
    save_run_errored(&store, session, segment, "no route".into(), true).unwrap();
    save_config_changed(&store, session, segment, &json!({"max_tokens": 1})).unwrap();
    save_extension(&store, session, segment, "memory", json!(2)).unwrap();
    append_entry(&store, session, segment, &LogEntry::PausedTurnAbandoned { ts: 1 }).unwrap();
    let entries = store.read_all(session, segment).unwrap();
    let kinds: Vec<&str> = entries.iter().map(LogEntry::kind).collect();
    let wanted = [
        "segment_start",
        "invoke",
        "user_input",
        "user_input",
        "assistant_item",
        "tool_result",
        "system_item",
        "llm_usage",
        "turn_end",
        "run_completed",
        "run_errored",
        "config_changed",
        "extension",
        "paused_turn_abandoned",
    ];
    assert_eq!(kinds, wanted);
    assert!(entries[..13].iter().all(|entry| entry.ts() > 1_700_000_000_000), "each has the time of now");
}

#[test]
fn a_delta_is_one_batch_without_what_the_user_said() {
    let dir = tempfile::tempdir().unwrap();
    let store = FsStore::new(dir.path()).unwrap();
    let start = SegmentStartState { system_prompt: None, config: &json!({}), history: &[] };
    let (session, segment) = create_segment(&store, start).unwrap();
    let new =
        [json!({"role": "user"}), json!({"type": "function_call"}), json!({"type": "tool_result"}), json!(1)];
    save_delta(&store, session, segment, &new).unwrap();
    save_delta(&store, session, segment, &new[..1]).unwrap();
    let entries = store.read_all(session, segment).unwrap();
    let kinds: Vec<&str> = entries.iter().map(LogEntry::kind).collect();
    assert_eq!(kinds, ["segment_start", "assistant_item", "tool_result", "assistant_item"]);
    assert_eq!(restore(&store, session, segment).unwrap().history, new[1..]);
}
