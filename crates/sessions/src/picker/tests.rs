use serde_json::json;

use super::*;
use crate::{
    FsStore, SegmentStartState, create_compacted_segment, create_segment, save_turn_end, save_user_input,
};

const EMPTY: SegmentStartState<'static> =
    SegmentStartState { system_prompt: None, config: &Value::Null, history: &[] };

fn store() -> (tempfile::TempDir, FsStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = FsStore::new(dir.path()).unwrap();
    (dir, store)
}

#[test]
fn a_session_is_offered_once_with_its_newest_segment() {
    let (_dir, store) = store();
    let (session, segment) = create_segment(&store, EMPTY).unwrap();
    save_user_input(&store, session, segment, vec![json!({"text": "first\n question"})]).unwrap();
    let offered = recent_sessions(&store, 10, Order::Created).unwrap();
    let [one] = &*offered else { panic!("{offered:?}") };
    assert_eq!((one.leaf, &*one.preview, one.entries, one.damaged), (segment, "first question", 2, 0));
    let history =
        [json!({"role": "user", "content": [{"text": "first"}, {"text": "question"}]}), json!("answer")];
    let shorter = SegmentStartState { history: &history, ..EMPTY };
    let leaf = create_compacted_segment(&store, shorter, session, segment, 1).unwrap();
    let offered = recent_sessions(&store, 10, Order::Created).unwrap();
    let [one] = &*offered else { panic!("{offered:?}") };
    assert_eq!((one.session_id, one.leaf, &*one.preview), (session, leaf, "first question"));
}

#[test]
fn as_many_are_offered_as_asked_for_and_in_the_order_asked_for() {
    let (_dir, store) = store();
    let sessions: Vec<_> = (0..5).map(|_| create_segment(&store, EMPTY).unwrap()).collect();
    let (oldest, segment) = sessions[0];
    loop {
        save_turn_end(&store, oldest, segment, 1).unwrap();
        if store.list_sessions_by_use().unwrap()[0].0 == oldest {
            break;
        }
    }
    let offered = |order| -> Vec<SessionId> {
        recent_sessions(&store, 2, order).unwrap().iter().map(|one| one.session_id).collect()
    };
    assert_eq!(offered(Order::Created), [sessions[4].0, sessions[3].0]);
    assert_eq!(offered(Order::Used), [oldest, sessions[4].0]);
}

#[test]
fn what_cannot_be_read_is_offered_and_says_so() {
    let (dir, store) = store();
    let (whole, _) = create_segment(&store, EMPTY).unwrap();
    let (hurt, segment) = create_segment(&store, EMPTY).unwrap();
    std::fs::write(dir.path().join(format!("{hurt}/{segment}.jsonl")), "{\"kind\":\"segm\n").unwrap();
    // A directory without a segment is nothing to go on with.
    std::fs::create_dir(dir.path().join(SessionId::new().to_string())).unwrap();
    let offered = recent_sessions(&store, 10, Order::Created).unwrap();
    let [one, two] = &*offered else { panic!("{offered:?}") };
    assert_eq!((one.session_id, &*one.preview, one.entries, one.damaged), (hurt, CORRUPT, 1, 1));
    assert!(one.trouble.as_ref().is_some_and(|why| why.contains("line 1, byte 0")), "{one:?}");
    assert_eq!((two.session_id, &*two.preview), (whole, ""));
}

#[test]
fn a_preview_is_one_short_line() {
    assert_eq!(one_line(" a\r\n\tb\u{7} c "), "a b c");
    let long = one_line(&"wörter ".repeat(40));
    assert_eq!((long.chars().count(), long.ends_with('…')), (80, true), "{long}");
    assert_eq!(one_line(&"x".repeat(200)).chars().count(), 80);
    assert_eq!(one_line(&"x".repeat(80)), "x".repeat(80));
}
