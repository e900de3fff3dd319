use serde_json::json;

use super::*;

fn all() -> Vec<LogEntry> {
    let origin = Some(SegmentOrigin { segment_id: SegmentId::new(), at_turn_index: 3 });
    vec![
        LogEntry::SegmentStart {
            ts: 1,
            session_id: SessionId::new(),
            system_prompt: Some("be brief".into()),
            config: json!({"max_tokens": 1024}),
            history: vec![json!({"role": "user"})],
            forked_from: origin,
            compacted_from: None,
        },
        LogEntry::Invoke { ts: 2, trigger: json!("user") },
        LogEntry::UserInput {
            ts: 3,
            segments: vec![json!({"text": "hello"})],
            extensions: vec![SessionExtension { domain: "ui".into(), payload: json!(1) }],
        },
        LogEntry::AssistantItem { ts: 4, item: json!({"text": "hi\nthere"}) },
        LogEntry::ToolResult { ts: 5, item: json!(["a", 1.5, null]) },
        LogEntry::SystemItem { ts: 6, item: json!("note") },
        LogEntry::TurnEnd { ts: 7, turn_count: 1 },
        LogEntry::RunCompleted { ts: 8, interrupted: true, result: json!("finished") },
        LogEntry::RunErrored { ts: 9, interrupted: false, message: "no".into() },
        LogEntry::PausedTurnAbandoned { ts: 10 },
        LogEntry::ConfigChanged { ts: 11, config: json!({"max_tokens": 1}) },
        LogEntry::LlmUsage { ts: 12, usage: Usage { history_len: 4, output_tokens: 9, ..Usage::default() } },
        LogEntry::Extension { ts: 13, domain: "memory".into(), payload: json!({"upto": 4}) },
    ]
}

#[test]
fn every_kind_comes_back_and_says_its_kind_and_time() {
    let entries = all();
    assert_eq!(entries.len(), LogEntry::KINDS.len());
    for ((entry, kind), ts) in entries.iter().zip(LogEntry::KINDS).zip(1..) {
        let text = serde_json::to_string(entry).unwrap();
        assert!(text.starts_with(&format!("{{\"kind\":\"{kind}\",\"ts\":{ts}")), "{text}");
        assert_eq!(&serde_json::from_str::<LogEntry>(&text).unwrap(), entry);
        assert_eq!((entry.kind(), entry.ts()), (kind, ts));
    }
}

#[test]
fn the_json_is_what_a_user_of_the_seed_has_on_disk() {
    let id = SessionId::new();
    let line = json!({"kind": "segment_start", "ts": 1000, "session_id": id, "system_prompt": null, "config": {}, "history": []});
    let read: LogEntry = serde_json::from_value(line.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), line);
    let usage = json!({"kind": "llm_usage", "ts": 1, "history_len": 2, "input_total_tokens": 3, "cache_read_tokens": 4, "cache_write_tokens": 5, "output_tokens": 6});
    let read: LogEntry = serde_json::from_value(usage.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), usage);
}

#[test]
fn an_unknown_kind_is_kept_whole() {
    let line = json!({"kind": "run_resumed", "ts": 77, "by": {"deep": [1, 2.5, "x"]}});
    let read: LogEntry = serde_json::from_value(line.clone()).unwrap();
    assert_eq!((read.kind(), read.ts()), ("run_resumed", 77));
    assert_eq!(serde_json::to_value(&read).unwrap(), line);
}

#[test]
fn a_known_kind_with_wrong_fields_is_an_error_and_no_unknown_kind() {
    let read = |line: Value| serde_json::from_value::<LogEntry>(line).unwrap_err().to_string();
    assert!(read(json!({"kind": "turn_end", "ts": 1})).contains("turn_end: missing field `turn_count`"));
    assert!(read(json!({"ts": 1})).contains("missing field `kind`"));
    assert!(read(json!({"kind": 7})).contains("`kind` is not a text"));
}

#[test]
fn a_float_comes_back_with_its_bits() {
    for bits in
        [0x3fb9_9999_9999_999a_u64, 0x4340_0000_0000_0001, 0x0000_0000_0000_0001, 0x7fef_ffff_ffff_ffff]
    {
        let value = f64::from_bits(bits);
        let entry = LogEntry::Extension { ts: 0, domain: "x".into(), payload: json!(value) };
        let back: LogEntry = serde_json::from_str(&serde_json::to_string(&entry).unwrap()).unwrap();
        let LogEntry::Extension { payload, .. } = back else { panic!("another kind") };
        assert_eq!(payload.as_f64().unwrap().to_bits(), bits);
    }
}
