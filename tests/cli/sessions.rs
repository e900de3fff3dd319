//! Sessions from the command line, of both stores.

use std::fs;
use std::path::Path;

use annals::sessions::{
    FsStore, JournalStore, SegmentId, SegmentStartState, SessionId, Store, create_segment,
    save_assistant_item, save_turn_end, save_user_input,
};
use serde_json::{Value as Json, json};

use super::{Data, Run};

/// One session of two turns.
fn talked(store: &dyn Store) -> (SessionId, SegmentId) {
    let config = json!({"max_tokens": 1});
    let start = SegmentStartState { system_prompt: Some("be brief"), config: &config, history: &[] };
    let (session, segment) = create_segment(store, start).unwrap();
    for turn in 1..=2 {
        save_user_input(store, session, segment, vec![json!({"text": format!("question {turn}\u{1b}[31m")})])
            .unwrap();
        save_assistant_item(store, session, segment, json!("answer")).unwrap();
        save_turn_end(store, session, segment, turn).unwrap();
    }
    (session, segment)
}

/// The same check on both stores, each in a data directory of its own.
fn on_both(check: impl Fn(&Data, SessionId, SegmentId)) {
    let data = Data::new();
    let (session, segment) = talked(&FsStore::new(data.path()).unwrap());
    check(&data, session, segment);
    let data = Data::new();
    let store = JournalStore::open(data.path()).unwrap();
    let (session, segment) = talked(&store);
    store.close().unwrap();
    check(&data, session, segment);
}

fn text(value: &Json) -> &str {
    value.as_str().unwrap()
}

#[test]
fn sessions_are_listed_shown_restored_and_checked() {
    on_both(|data, session, segment| {
        let listed = data.json("sessions list").ends(0).report();
        assert_eq!(
            (text(&listed["session"]), text(&listed["leaf"])),
            (&*session.to_string(), &*segment.to_string())
        );
        assert_eq!((&listed["preview"], &listed["entries"]), (&json!("question 2 [31m"), &json!(7)));
        assert_eq!(data.json("sessions list --by-use --limit 0").ends(0).out, "");
        let people = data.run("sessions list").ends(0).out;
        assert!(people.contains("7 entries") && !people.contains('\u{1b}'), "{people:?}");
        let segments = data.json(&format!("sessions segments {session}")).ends(0).report();
        assert_eq!((&segments["turns"], &segments["forked_from"]), (&json!(2), &Json::Null));
        let shown = data.json(&format!("sessions show {segment}")).ends(0).lines();
        assert_eq!(
            (shown.len(), &shown[0]["kind"], &shown[6]["turn_count"]),
            (7, &json!("segment_start"), &json!(2))
        );
        let plain = data.run(&format!("sessions show {segment}")).ends(0).out;
        assert!(!plain.contains('\u{1b}') && plain.lines().count() == 7, "{plain:?}");
        let state = data.json(&format!("sessions restore {segment}")).ends(0).report();
        assert_eq!((&state["turns"], state["history"].as_array().unwrap().len()), (&json!(2), 4));
        assert_eq!(
            (&state["system_prompt"], &state["config"]["max_tokens"]),
            (&json!("be brief"), &json!(1))
        );
        let checked = data.json("sessions verify").ends(0).report();
        assert_eq!(
            (&checked["sessions"], &checked["entries"], &checked["damaged"]),
            (&json!(1), &json!(7), &json!(0))
        );
    });
}

#[test]
fn a_segment_is_forked_at_a_turn_or_into_a_session_of_its_own() {
    on_both(|data, session, segment| {
        let fork = data.json(&format!("sessions fork {segment} --turn 1")).ends(0).report();
        assert_eq!((text(&fork["session"]), &fork["messages"]), (&*session.to_string(), &json!(2)));
        let origin = json!({"segment_id": segment, "at_turn_index": 1});
        assert_eq!(fork["forked_from"], origin);
        let own = data.json(&format!("sessions fork {segment}")).ends(0).report();
        assert_ne!(text(&own["session"]), session.to_string());
        assert_eq!((&own["messages"], &own["forked_from"]["at_turn_index"]), (&json!(4), &json!(2)));
        assert_eq!(data.json("sessions list").ends(0).lines().len(), 2);
        let people = data.run(&format!("sessions segments {session}")).ends(0).out;
        assert!(people.contains(&format!("forked from {segment} at turn 1")), "{people}");
    });
}

#[test]
fn what_is_not_there_is_said_so() {
    on_both(|data, _, _| {
        let unknown = SegmentId::new();
        for line in ["show", "restore", "fork", "segments"] {
            let error = data.json(&format!("sessions {line} {unknown}")).ends(5).error();
            assert!(text(&error["message"]).contains(&unknown.to_string()), "{error}");
        }
        data.json("sessions show not-an-id").ends(2);
    });
    let nothing = Data::new();
    assert_eq!(nothing.json("sessions list").ends(10).error()["name"], "no_data");
    assert!(!nothing.path().exists(), "and nothing is made");
}

#[test]
fn a_journal_in_use_is_refused_by_name_and_files_are_not() {
    let data = Data::new();
    let store = JournalStore::open(data.path()).unwrap();
    let error = data.json("sessions list").ends(11).error();
    assert!(text(&error["message"]).contains(&format!("process {}", std::process::id())), "{error}");
    drop(store);
    let data = Data::new();
    let _store = FsStore::new(data.path()).unwrap();
    data.json("sessions list").ends(0);
}

fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 20;
    bytes[second] ^= 1;
    bytes.extend_from_slice(b"{\"torn");
    fs::write(path, bytes).unwrap();
}

#[test]
fn damage_is_told_of_with_its_place_and_everything_else_is_shown() {
    let data = Data::new();
    let (session, segment) = talked(&FsStore::new(data.path()).unwrap());
    let path = data.path().join(format!("{session}/{segment}.jsonl"));
    damage(&path);
    let told = |run: &Run| -> Vec<Json> {
        run.err
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|line: &Json| line["unread"].is_string())
            .collect()
    };
    for (line, shown) in
        [(format!("show {segment}"), 6), (format!("restore {segment}"), 1), ("verify".to_owned(), 1)]
    {
        let run = data.json(&format!("sessions {line}")).ends(4);
        assert_eq!(run.lines().len(), shown, "{line}");
        let unread = told(&run);
        assert_eq!(
            (unread.len(), &unread[0]["line"], &unread[1]["unread"]),
            (2, &json!(2), &json!("torn")),
            "{line}"
        );
        assert_eq!(text(&unread[0]["path"]), path.display().to_string());
        assert!(unread[0]["byte"].as_u64() > Some(0) && text(&unread[0]["reason"]).contains("checksum"));
    }
    let listed = data.json("sessions list").ends(0).report();
    assert_eq!((&listed["damaged"], &listed["entries"]), (&json!(1), &json!(7)));
    data.json(&format!("sessions fork {segment} --turn 2")).ends(4);
    data.json(&format!("sessions fork {segment}")).ends(4);
    assert_eq!(data.json("sessions list").ends(0).lines().len(), 1, "nothing was forked");
    // Before the damage it can be forked.
    data.json(&format!("sessions fork {segment} --turn 0")).ends(0);
}

#[test]
fn every_key_of_sessions_is_documented() {
    let document = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md")).unwrap();
    let data = Data::new();
    let (session, segment) = talked(&FsStore::new(data.path()).unwrap());
    let lines = [
        "list".to_owned(),
        format!("segments {session}"),
        format!("restore {segment}"),
        "verify".to_owned(),
        format!("fork {segment}"),
    ];
    for line in lines {
        for key in data.json(&format!("sessions {line}")).ends(0).report().as_object().unwrap().keys() {
            assert!(document.contains(&format!("\"{key}\"")), "{line}: {key}");
        }
    }
}
