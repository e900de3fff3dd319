use std::fs;

use serde_json::json;

use super::*;
use crate::{SegmentStartState, create_segment, recent_sessions, restore_by_segment};

fn options() -> Options {
    Options { fill_ahead: false, segment_bytes: 1 << 20, ..Options::default() }
}

fn open(dir: &Path) -> JournalStore {
    JournalStore::open_with(dir, options()).unwrap()
}

fn entry(number: usize) -> LogEntry {
    LogEntry::ToolResult {
        ts: number as u64,
        item: json!({"number": number, "text": format!("text-{number:05}")}),
    }
}

/// Damages the record that holds `text`.
fn damage(dir: &Path, text: &str) {
    for file in fs::read_dir(dir).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        if let Some(at) = bytes.windows(text.len()).position(|window| window == text.as_bytes()) {
            bytes[at] ^= 1;
            return fs::write(path, bytes).unwrap();
        }
    }
    panic!("{text} is nowhere");
}

#[test]
fn a_second_writer_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let told = JournalStore::open(dir.path()).unwrap_err();
    let process = format!("process {}", std::process::id());
    assert!(matches!(&told, StoreError::Locked { holder, .. } if holder.starts_with(&process)), "{told}");
    store.close().unwrap();
    open(dir.path()).close().unwrap();
}

#[test]
fn damage_costs_its_entry_also_after_an_open_and_every_segment_knows_what_it_misses() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let nothing = SegmentStartState { system_prompt: None, config: &json!({}), history: &[] };
    let (session, segment) = create_segment(&store, nothing).unwrap();
    let (other, other_segment) = create_segment(&store, nothing).unwrap();
    for n in 0..6 {
        store.append(session, segment, &entry(n)).unwrap();
        store.append(other, other_segment, &entry(100 + n)).unwrap();
    }
    let expected: Vec<_> = [0, 1, 3, 4, 5].map(entry).into();
    let others = store.read_all(other, other_segment).unwrap();
    store.close().unwrap();
    damage(dir.path(), "text-00002");

    let store = open(dir.path());
    assert!(!store.findings().is_empty(), "the open tells of it");
    assert!(store.findings().iter().all(|found| found.reason.contains("checksum")), "{:?}", store.findings());
    let read = store.read(session, segment).unwrap();
    assert_eq!((&read.entries[1..], read.count), (&*expected, 7));
    let [lost] = &*read.damaged else { panic!("{read:?}") };
    assert_eq!((lost.line, lost.index), (4, 3));
    assert!(matches!(store.read_all(session, segment), Err(StoreError::Corrupt { line: 4, .. })));
    assert_eq!(store.read_all(other, other_segment).unwrap(), others, "nothing else is touched");
    let state = restore_by_segment(&store, segment).unwrap();
    assert_eq!((state.entries_count, state.damaged.len()), (7, 1));
    assert_eq!(recent_sessions(&store, 10, crate::Order::Created).unwrap().len(), 2);
    // A damaged journal takes nothing more until it is salvaged, and says so.
    let told = store.append(session, segment, &entry(7)).unwrap_err();
    assert!(matches!(told, StoreError::Journal(annals_journal::Error::Damaged(_))), "{told}");
    assert_eq!(store.read_entry_count(session, segment).unwrap(), 7);
    let segment = SegmentId::new();
    assert!(store.create_segment(session, segment, &[]).is_err());
    assert!(!store.exists(session, segment).unwrap(), "what was not made is not there");
    assert!(store.delete_session(session).is_err() && store.list_sessions().unwrap().contains(&session));
}

#[test]
fn a_lost_making_costs_no_segment() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (session, segment) = (SessionId::new(), SegmentId::new());
    store.create_segment(session, segment, &[entry(0)]).unwrap();
    store.append(session, segment, &entry(1)).unwrap();
    store.close().unwrap();
    damage(dir.path(), "text-00000");
    let store = open(dir.path());
    assert_eq!(store.lookup_session_of(segment).unwrap(), Some(session));
    let read = store.read(session, segment).unwrap();
    assert_eq!((read.entries, read.count, read.damaged[0].line), (vec![entry(1)], 2, 1));
}

#[test]
fn a_record_of_somebody_else_is_told_of_and_in_nobodys_way() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (session, segment) = (SessionId::new(), SegmentId::new());
    store.create_segment(session, segment, &[entry(0)]).unwrap();
    let foreign = store.journal().append("not a session's").unwrap();
    // A number that nothing explains must not make room for it.
    let head = Head { what: What::Entry, session, segment, number: u64::MAX - 1, micros: 1 };
    store.journal().append(head.with(&entry(9)).unwrap()).unwrap();
    store.append(session, segment, &entry(1)).unwrap();
    store.close().unwrap();
    let store = open(dir.path());
    let findings: Vec<u64> = store.findings().iter().map(|found| found.byte).collect();
    assert_eq!((findings.len(), findings[0]), (2, foreign.offset.get()));
    assert_eq!(store.read_all(session, segment).unwrap(), [entry(0), entry(1)]);
    store.append(session, segment, &entry(2)).unwrap();
}

#[test]
fn a_segment_belongs_to_one_session() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (session, segment) = (SessionId::new(), SegmentId::new());
    store.create_segment(session, segment, &[]).unwrap();
    let other = store.create_segment(SessionId::new(), segment, &[]);
    assert!(matches!(other, Err(StoreError::Exists(id)) if id == segment));
    assert_eq!(store.list_sessions().unwrap(), [session]);
}

#[test]
fn entries_far_apart_and_large_ones_are_read_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let places: Vec<(SessionId, SegmentId)> = (0..3).map(|_| (SessionId::new(), SegmentId::new())).collect();
    for (session, segment) in &places {
        store.create_segment(*session, *segment, &[entry(0)]).unwrap();
    }
    let large =
        |n: usize| LogEntry::ToolResult { ts: n as u64, item: json!("z".repeat(n * 9_001 % 200_000)) };
    for n in 0..60 {
        for (session, segment) in &places {
            store.append(*session, *segment, &large(n)).unwrap();
        }
        store.append_many(places[0].0, places[0].1, &[entry(n), entry(n + 1)]).unwrap();
    }
    let read = store.read_all(places[1].0, places[1].1).unwrap();
    assert_eq!(read[1..], (0..60).map(large).collect::<Vec<_>>());
    assert_eq!(store.read_all(places[0].0, places[0].1).unwrap().len(), 181);
}

/// One thread each in a segment of its own: they share syncs.
#[test]
fn writers_of_several_sessions_share_their_commits() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (writers, each) = (8, 30);
    let before = store.journal().records();
    std::thread::scope(|scope| {
        for _ in 0..writers {
            scope.spawn(|| {
                let (session, segment) = (SessionId::new(), SegmentId::new());
                store.create_segment(session, segment, &[]).unwrap();
                (0..each).for_each(|n| store.append(session, segment, &entry(n)).unwrap());
                assert_eq!(store.read_entry_count(session, segment).unwrap(), each);
            });
        }
    });
    assert_eq!(store.journal().records() - before, (writers * (each + 1)) as u64, "all of them are durable");
    assert_eq!(store.list_sessions().unwrap().len(), writers);
}

const WORK: &str = "ANNALS_SESSIONS_TEST_JOURNAL";

#[test]
#[ignore = "the work of the process that the next test starts"]
fn child() {
    let Ok(work) = std::env::var(WORK) else { return };
    let parts: Vec<&str> = work.split('\n').collect();
    let (session, segment) = (parts[1].parse().unwrap(), parts[2].parse().unwrap());
    let store = open(Path::new(parts[0]));
    for n in store.read_entry_count(session, segment).unwrap().. {
        store.append(session, segment, &entry(n)).unwrap();
        println!("\nacknowledged {n}");
    }
}

#[test]
fn a_process_killed_while_it_appends_to_a_journal_has_lost_nothing_that_was_acknowledged() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let dir = tempfile::tempdir().unwrap();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    open(dir.path()).create_segment(session, segment, &[]).unwrap();
    let mut least = 0;
    for round in 0..4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "journal_store::tests::child", "--ignored", "--nocapture"])
            .env(WORK, format!("{}\n{session}\n{segment}", dir.path().display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("acknowledged ") {
                least = number.parse::<usize>().unwrap() + 1;
                if least > round * 20 {
                    child.kill().unwrap();
                }
            }
        }
        assert!(!child.wait().unwrap().success(), "it was killed");
        let store = open(dir.path());
        let entries = store.read_all(session, segment).unwrap();
        assert!(entries.len() >= least, "{least} were acknowledged, {} are there", entries.len());
        assert_eq!(entries, (0..entries.len()).map(entry).collect::<Vec<_>>());
        assert!(store.findings().is_empty());
    }
    assert!(least > 60);
}
