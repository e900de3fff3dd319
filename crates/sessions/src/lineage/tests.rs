use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::{FsStore, JournalStore, save_assistant_item, save_turn_end, save_user_input};

/// The same check on both stores.
fn on_both(check: impl Fn(&dyn Store)) {
    let dir = tempfile::tempdir().unwrap();
    check(&FsStore::new(dir.path().join("files")).unwrap());
    check(&JournalStore::open(dir.path().join("journal")).unwrap());
}

const NOTHING: SegmentStartState<'static> =
    SegmentStartState { system_prompt: Some("be brief"), config: &Value::Null, history: &[] };

/// A session with so many turns: question and answer each.
fn talked(store: &dyn Store, turns: usize) -> SegmentLocation {
    let (session_id, segment_id) = create_segment(store, NOTHING).unwrap();
    for turn in 1..=turns {
        save_user_input(store, session_id, segment_id, vec![json!({"text": format!("question {turn}")})])
            .unwrap();
        save_assistant_item(store, session_id, segment_id, json!(format!("answer {turn}"))).unwrap();
        save_turn_end(store, session_id, segment_id, turn).unwrap();
    }
    SegmentLocation { session_id, segment_id }
}

fn start_of(
    store: &dyn Store,
    session: SessionId,
    segment: SegmentId,
) -> (SessionId, Option<SegmentOrigin>, Option<SegmentOrigin>) {
    match store.read_all(session, segment).unwrap().first() {
        Some(LogEntry::SegmentStart { session_id, forked_from, compacted_from, .. }) => {
            (*session_id, *forked_from, *compacted_from)
        }
        other => panic!("no start, but {other:?}"),
    }
}

#[test]
fn a_start_carries_its_session() {
    on_both(|store| {
        let here = talked(store, 1);
        let (session, forked, compacted) = start_of(store, here.session_id, here.segment_id);
        assert_eq!((session, forked, compacted), (here.session_id, None, None));
    });
}

#[test]
fn ids_can_be_taken_before_the_first_write() {
    on_both(|store| {
        let (session, segment) = (SessionId::new(), SegmentId::new());
        assert!(!store.exists(session, segment).unwrap());
        create_segment_with_ids(store, session, segment, NOTHING).unwrap();
        let again = create_segment_with_ids(store, session, segment, NOTHING);
        assert!(matches!(again, Err(StoreError::Exists(id)) if id == segment));
        assert_eq!(restore(store, session, segment).unwrap().session_id, Some(session));
    });
}

#[test]
fn a_session_is_restored_by_both_ids_or_by_the_segment_alone() {
    on_both(|store| {
        let here = talked(store, 2);
        let state = restore(store, here.session_id, here.segment_id).unwrap();
        assert_eq!(state, restore_by_segment(store, here.segment_id).unwrap());
        assert_eq!((state.turn_count, state.history.len(), state.entries_count), (2, 4, 7));
        assert_eq!(state.session_id, Some(here.session_id));
        let unknown = SegmentId::new();
        assert!(matches!(restore_by_segment(store, unknown), Err(StoreError::NotFound(id)) if id == unknown));
    });
}

#[test]
fn an_empty_log_restores_to_no_session() {
    on_both(|store| {
        let (session, segment) = (SessionId::new(), SegmentId::new());
        store.create_segment(session, segment, &[]).unwrap();
        assert_eq!(restore(store, session, segment).unwrap(), RestoredState::default());
    });
}

#[test]
fn a_compaction_stays_in_its_session_and_says_what_it_shortens() {
    on_both(|store| {
        let here = talked(store, 3);
        let history = [json!("a summary")];
        let shorter = SegmentStartState { history: &history, ..NOTHING };
        let segment = create_compacted_segment(store, shorter, here.session_id, here.segment_id, 3).unwrap();
        let origin = SegmentOrigin { segment_id: here.segment_id, at_turn_index: 3 };
        assert_eq!(start_of(store, here.session_id, segment), (here.session_id, None, Some(origin)));
        assert_eq!(restore_by_segment(store, segment).unwrap().history, history);
        assert_eq!(leaf(store, here.session_id).unwrap(), Some(segment));
        let nowhere = create_compacted_segment(store, NOTHING, here.session_id, SegmentId::new(), 0);
        assert!(matches!(nowhere, Err(StoreError::NotFound(_))), "a lineage leads somewhere");
    });
}

#[test]
fn a_fork_is_a_new_session_and_says_where_it_came_from() {
    on_both(|store| {
        let here = talked(store, 2);
        let state = restore_by_segment(store, here.segment_id).unwrap();
        let from = SegmentOrigin { segment_id: here.segment_id, at_turn_index: state.turn_count };
        let (session, segment) = fork(store, (&state).into(), from).unwrap();
        assert_ne!(session, here.session_id);
        assert_eq!(start_of(store, session, segment), (session, Some(from), None));
        assert_eq!(restore_by_segment(store, segment).unwrap().history, state.history);
        let nowhere = SegmentOrigin { segment_id: SegmentId::new(), at_turn_index: 0 };
        assert!(matches!(fork(store, (&state).into(), nowhere), Err(StoreError::NotFound(_))));
    });
}

#[test]
fn a_fork_at_a_turn_holds_what_was_said_until_then() {
    on_both(|store| {
        let here = talked(store, 3);
        let before = store.read_all(here.session_id, here.segment_id).unwrap();
        for (turn, messages, recorded) in [(0, 0, 0), (1, 2, 1), (3, 6, 3), (99, 6, 3)] {
            let fork = fork_at(store, here.session_id, here.segment_id, turn).unwrap();
            let origin = SegmentOrigin { segment_id: here.segment_id, at_turn_index: recorded };
            assert_eq!(
                start_of(store, here.session_id, fork),
                (here.session_id, Some(origin), None),
                "turn {turn}"
            );
            let state = restore_by_segment(store, fork).unwrap();
            assert_eq!(state.history.len(), messages, "turn {turn}");
            assert_eq!(state.system_prompt.as_deref(), Some("be brief"));
        }
        assert_eq!(
            store.read_all(here.session_id, here.segment_id).unwrap(),
            before,
            "the source is untouched"
        );
    });
}

#[test]
fn a_look_that_finds_another_writer_ahead_forks_and_says_where_from() {
    on_both(|store| {
        let here = talked(store, 1);
        let (mut segment, mut tally) = (here.segment_id, 4);
        ensure_head_or_fork(store, here.session_id, &mut segment, &mut tally, 1, NOTHING).unwrap();
        assert_eq!((segment, tally), (here.segment_id, 4), "nobody was there");
        save_user_input(store, here.session_id, segment, vec![json!("from elsewhere")]).unwrap();
        ensure_head_or_fork(store, here.session_id, &mut segment, &mut tally, 1, NOTHING).unwrap();
        assert_ne!(segment, here.segment_id);
        assert_eq!(tally, 1);
        let origin = SegmentOrigin { segment_id: here.segment_id, at_turn_index: 1 };
        assert_eq!(start_of(store, here.session_id, segment), (here.session_id, Some(origin), None));
    });
}

#[test]
fn an_append_goes_to_the_head_or_into_a_fork_as_one_step() {
    on_both(|store| {
        let here = talked(store, 1);
        let writer = SegmentState::new(here, 4);
        let entry = LogEntry::TurnEnd { ts: 1, turn_count: 2 };
        let add = |entries: &[LogEntry]| append_or_fork(store, &writer, 1, NOTHING, entries).unwrap();
        assert_eq!(add(&[entry.clone(), entry.clone()]), Head::Kept(here));
        assert_eq!(writer.snapshot(), (here, 6));
        save_turn_end(store, here.session_id, here.segment_id, 77).unwrap();
        let Head::Forked { from, to } = add(std::slice::from_ref(&entry)) else { panic!("not forked") };
        assert_eq!(from, SegmentOrigin { segment_id: here.segment_id, at_turn_index: 1 });
        assert_eq!(writer.snapshot(), (to, 2));
        assert_eq!(start_of(store, here.session_id, to.segment_id).1, Some(from));
        assert_eq!(store.read_all(to.session_id, to.segment_id).unwrap()[1..], [entry]);
        assert_eq!(
            store.read_entry_count(here.session_id, here.segment_id).unwrap(),
            7,
            "the other's stands"
        );
    });
}

#[test]
fn two_writers_who_know_the_same_do_not_both_pass() {
    on_both(|store| {
        for round in 0..20 {
            let here = talked(store, 0);
            let writers = [SegmentState::new(here, 1), SegmentState::new(here, 1)];
            let barrier = std::sync::Barrier::new(2);
            std::thread::scope(|scope| {
                for (number, writer) in writers.iter().enumerate() {
                    let barrier = &barrier;
                    scope.spawn(move || {
                        barrier.wait();
                        for turn_count in 0..4 {
                            let entry = LogEntry::TurnEnd { ts: number as u64, turn_count };
                            append_or_fork(store, writer, 0, NOTHING, &[entry]).unwrap();
                        }
                    });
                }
            });
            let segments = store.list_segments(here.session_id).unwrap();
            assert_eq!(segments.len(), 2, "round {round}: one kept the head, one forked");
            for segment in segments {
                let entries = store.read_all(here.session_id, segment).unwrap();
                let by: std::collections::BTreeSet<u64> = entries[1..].iter().map(LogEntry::ts).collect();
                assert_eq!((entries.len(), by.len()), (5, 1), "round {round}: each has its own, whole");
            }
        }
    });
}

#[test]
fn threads_of_one_writer_do_not_fork_from_each_other() {
    on_both(|store| {
        let here = talked(store, 0);
        let writer = Arc::new(SegmentState::new(here, 1));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let writer = Arc::clone(&writer);
                scope.spawn(move || {
                    for turn_count in 0..10 {
                        let entry = LogEntry::TurnEnd { ts: 0, turn_count };
                        let head = append_or_fork(store, &writer, 0, NOTHING, &[entry]).unwrap();
                        assert_eq!(head, Head::Kept(here));
                    }
                });
            }
        });
        assert_eq!(writer.snapshot(), (here, 41));
        assert_eq!(store.read_entry_count(here.session_id, here.segment_id).unwrap(), 41);
    });
}

#[test]
fn a_damaged_session_is_restored_without_what_is_lost_and_forked_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = FsStore::new(dir.path()).unwrap();
    let here = talked(&store, 3);
    let path = dir.path().join(format!("{}/{}.jsonl", here.session_id, here.segment_id));
    let mut bytes = std::fs::read(&path).unwrap();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    // The answer of the second turn: entry 5 of start, question, answer, end, question, answer.
    let byte: usize = lines[..5].iter().map(|line| line.len()).sum();
    bytes[byte + 20] = b'\\';
    std::fs::write(&path, bytes).unwrap();

    let state = restore_by_segment(&store, here.segment_id).unwrap();
    assert_eq!((state.history.len(), state.turn_count, state.entries_count), (5, 3, 10));
    let [damaged] = &*state.damaged else { panic!("{:?}", state.damaged) };
    assert_eq!((damaged.line, damaged.byte, damaged.index), (6, byte as u64, 5));
    let text = damaged.to_string();
    assert!(text.starts_with(&format!("{}, line 6, byte {byte}: ", path.display())), "{text}");

    assert!(fork_at(&store, here.session_id, here.segment_id, 1).is_ok(), "what is lost lies behind");
    for turn in [2, 3, 99] {
        let told = fork_at(&store, here.session_id, here.segment_id, turn);
        assert!(matches!(told, Err(StoreError::Corrupt { line: 6, .. })), "{told:?}");
    }
    let from = SegmentOrigin { segment_id: here.segment_id, at_turn_index: state.turn_count };
    fork(&store, (&state).into(), from).unwrap();
    // And it goes on as it is: the tally counts what was committed.
    let writer = SegmentState::new(here, state.entries_count);
    let head = append_or_fork(&store, &writer, 3, NOTHING, &[LogEntry::TurnEnd { ts: 0, turn_count: 4 }]);
    assert_eq!(head.unwrap(), Head::Kept(here));
}

#[test]
fn a_lost_start_costs_no_session() {
    let dir = tempfile::tempdir().unwrap();
    let store = FsStore::new(dir.path()).unwrap();
    let here = talked(&store, 1);
    let path = dir.path().join(format!("{}/{}.jsonl", here.session_id, here.segment_id));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[0] = b'[';
    std::fs::write(&path, bytes).unwrap();
    let state = restore(&store, here.session_id, here.segment_id).unwrap();
    assert_eq!((state.session_id, state.history.len(), state.entries_count), (Some(here.session_id), 2, 4));
    assert_eq!(state.damaged[0].line, 1);
}
