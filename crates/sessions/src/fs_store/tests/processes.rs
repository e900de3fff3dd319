//! Several processes on one root, some of them killed, one without room. They are this test's own binary, started again.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;
use crate::reading::Fault;
use crate::{Head, SegmentLocation, SegmentStartState, SegmentState, append_or_fork};

const WORK: &str = "ANNALS_SESSIONS_TEST_WORK";
const NOTHING: SegmentStartState<'static> =
    SegmentStartState { system_prompt: None, config: &serde_json::Value::Null, history: &[] };

/// What a child is to do, where, and as whom.
fn command(work: &str, store: &FsStore, here: SegmentLocation, me: usize) -> Command {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([
        "--exact",
        "fs_store::tests::processes::child",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    let root = store.root().display();
    child.env(WORK, format!("{work}\n{root}\n{}\n{}\n{me}", here.session_id, here.segment_id));
    child.stdout(Stdio::piped());
    child
}

/// Waits for a child that must end well, and says what it said.
fn ended(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn mine(me: usize, number: usize) -> LogEntry {
    LogEntry::ToolResult { ts: number as u64, item: json!({"by": me, "text": "x".repeat(number * 37 % 900)}) }
}

fn by(entry: &LogEntry) -> Option<(usize, usize)> {
    let LogEntry::ToolResult { ts, item } = entry else { return None };
    Some((item["by"].as_u64()? as usize, *ts as usize))
}

#[test]
#[ignore = "the work of the processes that the other tests start"]
fn child() {
    let Ok(work) = std::env::var(WORK) else { return };
    let parts: Vec<&str> = work.split('\n').collect();
    let (session_id, segment_id) = (parts[2].parse().unwrap(), parts[3].parse().unwrap());
    let here = SegmentLocation { session_id, segment_id };
    let me: usize = parts[4].parse().unwrap();
    let store = FsStore::new(parts[1]).unwrap();
    match parts[0] {
        "append" => (0..200).for_each(|n| store.append(session_id, segment_id, &mine(me, n)).unwrap()),
        "append or fork" => {
            let writer = SegmentState::new(here, 1);
            for n in 0..100 {
                append_or_fork(&store, &writer, 0, NOTHING, &[mine(me, n)]).unwrap();
            }
        }
        "append if" => {
            let mut passed = 0;
            while passed < 100 {
                let count = store.read_entry_count(session_id, segment_id).unwrap();
                match store.append_if(session_id, segment_id, count, &[mine(me, count)]) {
                    Ok(_) => passed += 1,
                    Err(StoreError::Conflict { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
        "until killed" => {
            for n in 0.. {
                let (first, batch) = (n * 4, [mine(me, n * 4 + 1), mine(me, n * 4 + 2), mine(me, n * 4 + 3)]);
                store.append(session_id, segment_id, &mine(me, first)).unwrap();
                println!("\nacknowledged {first}");
                store.append_many(session_id, segment_id, &batch).unwrap();
                println!("\nacknowledged {}", first + 3);
            }
        }
        "without room" => without_room(&store, here),
        other => panic!("{other}"),
    }
}

/// Appends until there is no room, first what is large, then what is small; nothing of what failed may be there.
fn without_room(store: &FsStore, here: SegmentLocation) {
    let SegmentLocation { session_id, segment_id } = here;
    let writer = SegmentState::new(here, 1);
    let path = store.layout.log(session_id, segment_id);
    let mut refused = 0;
    for size in [900, 300, 0] {
        loop {
            let entry = LogEntry::ToolResult { ts: 0, item: json!("y".repeat(size)) };
            let (tally, before) = (writer.entries_written(), fs::read(&path).unwrap());
            match append_or_fork(store, &writer, 0, NOTHING, &[entry]) {
                Ok(head) => assert_eq!((head, writer.entries_written()), (Head::Kept(here), tally + 1)),
                Err(error) => {
                    assert!(error.is_full(), "{error}");
                    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
                    assert_eq!(fs::read(&path).unwrap(), before, "nothing of it is left");
                    assert_eq!(writer.snapshot(), (here, tally), "the state has not moved on");
                    assert_eq!(store.read_entry_count(session_id, segment_id).unwrap(), tally);
                    refused += 1;
                    break;
                }
            }
        }
    }
    assert_eq!(refused, 3);
    println!("\nfull at {}", writer.entries_written());
}

fn begin() -> (tempfile::TempDir, FsStore, SegmentLocation) {
    let dir = tempfile::tempdir().unwrap();
    let store = FsStore::new(dir.path()).unwrap();
    let (session_id, segment_id) = crate::create_segment(&store, NOTHING).unwrap();
    (dir, store, SegmentLocation { session_id, segment_id })
}

#[test]
fn two_processes_that_append_lose_no_line_and_merge_none() {
    let (_dir, store, here) = begin();
    let children: Vec<Child> =
        (0..2).map(|me| command("append", &store, here, me).spawn().unwrap()).collect();
    children.into_iter().for_each(|child| drop(ended(child)));
    let read = store.read(here.session_id, here.segment_id).unwrap();
    assert_eq!((read.count, read.damaged.len()), (401, 0));
    for me in 0..2 {
        let his = read.entries.iter().filter_map(by).filter(|(who, _)| *who == me);
        assert!(his.map(|(_, number)| number).eq(0..200), "each line of process {me}, in its order");
    }
    let turns = read.entries.iter().filter_map(by).collect::<Vec<_>>();
    let changes = turns.windows(2).filter(|pair| pair[0].0 != pair[1].0).count();
    assert!(changes >= 1, "both wrote");
}

#[test]
fn of_two_processes_that_have_seen_the_same_one_passes_every_time() {
    let (_dir, store, here) = begin();
    let children: Vec<Child> =
        (0..2).map(|me| command("append if", &store, here, me).spawn().unwrap()).collect();
    children.into_iter().for_each(|child| drop(ended(child)));
    let read = store.read(here.session_id, here.segment_id).unwrap();
    assert_eq!((read.count, read.damaged.len()), (201, 0));
    let lines: Vec<(usize, usize)> = read.entries.iter().filter_map(by).collect();
    let expected: Vec<usize> = lines.iter().map(|(_, expected)| *expected).collect();
    assert!(expected.iter().copied().eq(1..201), "each stands where its writer expected it: {expected:?}");
}

#[test]
fn two_processes_on_one_session_fork_and_lose_no_line_and_no_lineage() {
    for _ in 0..3 {
        let (_dir, store, here) = begin();
        let children: Vec<Child> =
            (0..2).map(|me| command("append or fork", &store, here, me).spawn().unwrap()).collect();
        children.into_iter().for_each(|child| drop(ended(child)));
        let segments = store.list_segments(here.session_id).unwrap();
        assert_eq!(segments.len(), 2, "one stayed, one forked");
        let mut writers = Vec::new();
        for segment in segments {
            let read = store.read(here.session_id, segment).unwrap();
            assert_eq!((read.count, read.damaged.len()), (101, 0));
            let lines: Vec<(usize, usize)> = read.entries.iter().filter_map(by).collect();
            assert!(lines.iter().map(|(_, number)| *number).eq(0..100), "every line, in order");
            assert!(lines.iter().all(|(who, _)| *who == lines[0].0), "of one writer only");
            writers.push(lines[0].0);
            let LogEntry::SegmentStart { session_id, forked_from, .. } = &read.entries[0] else {
                panic!("no start")
            };
            assert_eq!(*session_id, here.session_id);
            let origin = forked_from.map(|from| from.segment_id);
            assert_eq!(
                origin,
                (segment != here.segment_id).then_some(here.segment_id),
                "the lineage is recorded"
            );
        }
        writers.sort_unstable();
        assert_eq!(writers, [0, 1]);
    }
}

#[test]
fn a_process_killed_while_it_appends_has_lost_nothing_that_was_acknowledged() {
    let (_dir, store, here) = begin();
    let mut all: Vec<(usize, usize)> = Vec::new();
    for round in 0..8 {
        let mut child = command("until killed", &store, here, round).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut last = None;
        for line in said.lines().map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("acknowledged ") {
                last = Some(number.parse::<usize>().unwrap());
                if last >= Some(round * 13) {
                    child.kill().unwrap();
                }
            }
        }
        assert!(!child.wait().unwrap().success(), "it was killed");
        let last = last.expect("it acknowledged something");
        let read = FsStore::new(store.root()).unwrap().read(here.session_id, here.segment_id).unwrap();
        let lines: Vec<(usize, usize)> = read.entries.iter().filter_map(by).collect();
        assert!(lines.starts_with(&all), "what the rounds before have left is as it was");
        let new = &lines[all.len()..];
        assert!(
            new.iter().copied().eq((0..new.len()).map(|number| (round, number))),
            "in order, none missing"
        );
        // A batch is there whole, or not at all.
        assert!(
            new.len() > last && matches!(new.len() % 4, 0 | 1),
            "{last} acknowledged, {} there",
            new.len()
        );
        assert!(read.damaged.iter().all(|line| line.what == Fault::Torn) && read.damaged.len() <= round + 1);
        all = lines;
    }
    assert_eq!(store.read_entry_count(here.session_id, here.segment_id).unwrap(), all.len() + 1);
}

#[test]
fn without_room_an_append_is_taken_back_and_the_state_stays() {
    let (_dir, store, here) = begin();
    let child = command("without room", &store, here, 0);
    // A limit on the size of files: the system writes what fits and refuses the rest, as a full disk does.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\""]);
    limited.arg(child.get_program()).args(child.get_args());
    limited.envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let said = ended(limited.stdout(Stdio::piped()).spawn().unwrap());
    let count = said.lines().find_map(|line| line.strip_prefix("full at ")).expect("it ran into the limit");
    let count: usize = count.parse().unwrap();
    assert!(count > 5);
    // With room again everything goes on.
    assert_eq!(store.append_if(here.session_id, here.segment_id, count, &[mine(0, 0)]).unwrap(), count + 1);
    let read = store.read(here.session_id, here.segment_id).unwrap();
    assert_eq!((read.entries.len(), read.damaged.len()), (count + 1, 0));
}
