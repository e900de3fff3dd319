//! For conversations that must outlive the process that holds them: begun, left, restored, shortened, forked, written by two
//! at once, and chosen from a list. The same story on files, which any number of processes may share, and in a journal.
//!
//!   session -> segment 1 -> compacted: segment 2 -> another writer got ahead: segment 3
//!                |`- fork_at(turn 1): segment 4
//!                `-- fork: a session of its own
//!
//!   cargo run --example agent_sessions

#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::error::Error;

use annals::sessions::{
    FsStore, Head, JournalStore, LogEntry, Order, SegmentLocation, SegmentOrigin, SegmentStartState,
    SegmentState, Store, TraceEntry, Usage, append_or_fork, create_compacted_segment, create_segment, fork,
    fork_at, leaf, now_millis, recent_sessions, restore, restore_by_segment, save_assistant_item,
    save_run_completed, save_tool_result, save_turn_end, save_usage, save_user_input,
};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    println!("on files");
    let files = FsStore::new(dir.path().join("sessions"))?;
    story(&files)?;
    println!("in a journal");
    story(&JournalStore::open(dir.path().join("journal"))?)?;

    println!("damage");
    let session = files.list_sessions()?[1];
    let segment = leaf(&files, session)?.ok_or("a session has a segment")?;
    damage(&files, session.to_string(), segment.to_string())?;
    let state = restore_by_segment(&files, segment)?;
    let [lost] = &*state.damaged else { return Err("one line was damaged".into()) };
    println!("  line {} at byte {} is lost: {}", lost.line, lost.byte, lost.reason);
    println!(
        "  {} of {} entries stand, and the session goes on",
        state.entries_count - 1,
        state.entries_count
    );
    save_turn_end(&files, session, segment, state.turn_count + 1)?;
    assert_eq!(restore(&files, session, segment)?.turn_count, state.turn_count + 1);
    Ok(())
}

/// Everything that happens to a conversation.
fn story(store: &dyn Store) -> Result<(), Box<dyn Error>> {
    // A conversation begins, and has a turn with a tool.
    let config = json!({"model": "small", "max_tokens": 1024});
    let start = SegmentStartState { system_prompt: Some("You are brief."), config: &config, history: &[] };
    let (session, first) = create_segment(store, start)?;
    turn(
        store,
        SegmentLocation { session_id: session, segment_id: first },
        1,
        "What is the weather in Tokyo?",
    )?;
    turn(store, SegmentLocation { session_id: session, segment_id: first }, 2, "And in Osaka?")?;
    let event = TraceEntry { ts: now_millis(), turn: 2, event: json!({"delta": "Sun"}) };
    store.append_trace(session, first, &event)?;
    println!("  2 turns, {} entries", store.read_entry_count(session, first)?);

    // The process is gone. All that another one has is the segment's id.
    let state = restore_by_segment(store, first)?;
    assert_eq!((state.session_id, state.turn_count, state.history.len()), (Some(session), 2, 8));
    println!("  restored by segment alone: {} turns, {} messages", state.turn_count, state.history.len());

    // Back to the first question, in the same session; and a conversation of its own from where this one stands.
    let earlier = fork_at(store, session, first, 1)?;
    let of_earlier = restore(store, session, earlier)?;
    assert_eq!(of_earlier.forked_from, Some(SegmentOrigin { segment_id: first, at_turn_index: 1 }));
    println!("  forked at turn 1: {} messages", of_earlier.history.len());
    let from = SegmentOrigin { segment_id: first, at_turn_index: state.turn_count };
    let (own, own_segment) = fork(store, (&state).into(), from)?;
    assert_ne!(own, session);
    assert_eq!(restore(store, own, own_segment)?.forked_from, Some(from));
    println!("  forked into a session of its own, which knows where it came from");

    // It has become long: a summary takes the place of the history.
    let summary =
        [json!({"type": "message", "role": "user", "content": "They asked about Tokyo and Osaka: sun."})];
    let shorter = SegmentStartState { history: &summary, ..(&state).into() };
    let second = create_compacted_segment(store, shorter, session, first, state.turn_count)?;
    println!("  compacted: {} messages became {}", state.history.len(), summary.len());

    // Two writers restore it and both go on. One is first; the other one's words go into a fork, as one step.
    let here = SegmentLocation { session_id: session, segment_id: second };
    let writers = [SegmentState::new(here, 1), SegmentState::new(here, 1)];
    let said = |text: &str| LogEntry::UserInput {
        ts: now_millis(),
        segments: vec![json!({"type": "text", "text": text})],
        extensions: Vec::new(),
    };
    let one = append_or_fork(store, &writers[0], 2, shorter, &[said("And Kyoto?")])?;
    let other = append_or_fork(store, &writers[1], 2, shorter, &[said("And Nara?")])?;
    assert_eq!(one, Head::Kept(here));
    let Head::Forked { from, to } = other else { return Err("two writers at one place".into()) };
    assert_eq!(from, SegmentOrigin { segment_id: second, at_turn_index: 2 });
    assert_eq!((writers[1].location(), writers[1].entries_written()), (to, 2));
    let again = append_or_fork(store, &writers[1], 2, shorter, &[said("Or Kobe?")])?;
    assert_eq!(again, Head::Kept(to), "from here on it is alone");
    let texts = |at: SegmentLocation| -> Result<Vec<Vec<Value>>, Box<dyn Error>> {
        Ok(restore(store, at.session_id, at.segment_id)?.user_segments)
    };
    assert_eq!((texts(here)?.len(), texts(to)?.len()), (1, 2));
    println!("  two writers: one stayed, one forked, and no line of either is lost");

    // A person chooses from a list, and goes on with the segment made last.
    assert_eq!(leaf(store, session)?, Some(to.segment_id));
    let offered = recent_sessions(store, 10, Order::Created)?;
    for one in &offered {
        println!("  {:>3} entries  {}", one.entries, one.preview);
    }
    let choices: Vec<_> = offered.iter().map(|one| (one.session_id, one.leaf, &*one.preview)).collect();
    assert_eq!(choices, [(own, own_segment, "And in Osaka?"), (session, to.segment_id, "Or Kobe?")]);
    let by_use = recent_sessions(store, 10, Order::Used)?;
    assert!(by_use.iter().all(|one| offered.contains(one)) && by_use.len() == 2);
    Ok(())
}

/// One turn: a question, a call of a tool, its result, an answer.
fn turn(
    store: &dyn Store,
    here: SegmentLocation,
    number: usize,
    question: &str,
) -> Result<(), Box<dyn Error>> {
    let SegmentLocation { session_id, segment_id } = here;
    let call = format!("call_{number}");
    save_user_input(store, session_id, segment_id, vec![json!({"type": "text", "text": question})])?;
    save_assistant_item(store, session_id, segment_id, json!({"type": "tool_call", "id": call}))?;
    save_tool_result(
        store,
        session_id,
        segment_id,
        json!({"type": "tool_result", "id": call, "text": "25 °C"}),
    )?;
    save_assistant_item(store, session_id, segment_id, json!({"type": "message", "text": "Sunny, 25 °C."}))?;
    save_usage(
        store,
        session_id,
        segment_id,
        Usage { input_total_tokens: 80, output_tokens: 12, ..Usage::default() },
    )?;
    save_turn_end(store, session_id, segment_id, number)?;
    save_run_completed(store, session_id, segment_id, json!("finished"), false)?;
    Ok(())
}

/// Makes one byte of a segment's second line another one.
fn damage(store: &FsStore, session: String, segment: String) -> Result<(), Box<dyn Error>> {
    let path = store.root().join(session).join(segment).with_extension("jsonl");
    let mut bytes = std::fs::read(&path)?;
    let first = bytes.iter().position(|byte| *byte == b'\n').ok_or("a line has an end")?;
    bytes[first + 20] ^= 1;
    Ok(std::fs::write(path, bytes)?)
}
