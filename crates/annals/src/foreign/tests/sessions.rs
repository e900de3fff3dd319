//! Sessions as files.

use annals_sessions::{FsStore, JournalStore, SegmentId, SessionId, Store};

use super::{Store as Dir, *};
use crate::foreign::sessions::{Log, into_sessions, logs_of, open};

const SESSION: &str = "01890000-0000-7000-8000-000000000001";
const SEGMENT: &str = "01890000-0000-7000-8000-000000000002";

fn ids() -> (SessionId, SegmentId) {
    (SESSION.parse().unwrap(), SEGMENT.parse().unwrap())
}

/// As another program writes them: no checksums, a kind that is not known here.
fn lines() -> Vec<String> {
    vec![
        format!(
            r#"{{"kind":"segment_start","ts":1,"session_id":"{SESSION}","system_prompt":"brief","config":{{"t":0.1}},"history":[]}}"#
        ),
        r#"{"kind":"user_input","ts":2,"segments":[{"text":"hello"}]}"#.to_owned(),
        r#"{"kind":"somebody_elses","ts":3,"deep":[1,{"a":2.5e-7}]}"#.to_owned(),
        r#"{"kind":"turn_end","ts":4,"turn_count":1}"#.to_owned(),
    ]
}

fn store(log: &str) -> Dir {
    let store = Dir::of(&format!("{SESSION}/{SEGMENT}.jsonl"), log.as_bytes().to_vec());
    let trace = store.path().join(format!("{SESSION}/{SEGMENT}.trace.jsonl"));
    fs::write(trace, "{\"ts\":1,\"turn\":0,\"event\":{\"delta\":\"he\"}}\n").unwrap();
    fs::write(store.path().join("notes.txt"), b"a note").unwrap();
    store
}

fn text(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn logs_go_into_a_journal_once_and_come_out_as_the_same_lines() {
    let store = store(&text(&lines()));
    let before = standing(store.path());
    let target = tempfile::tempdir().unwrap();
    let journal = JournalStore::open(target.path().join("journal")).unwrap();
    let first = into_sessions(open(store.path()).unwrap(), &journal, |_, _| true).unwrap();
    assert_eq!(first, taken(5, 0));
    let again = into_sessions(open(store.path()).unwrap(), &journal, |_, _| true).unwrap();
    assert_eq!(again, taken(0, 5));
    assert_eq!(standing(store.path()), before, "FO1");
    let files = FsStore::new(target.path().join("files")).unwrap();
    for expected in [taken(5, 0), taken(0, 5)] {
        let back = into_sessions(logs_of(&journal).unwrap(), &files, |_, _| true).unwrap();
        assert_eq!(back, expected);
    }
    let written = fs::read_to_string(target.path().join(format!("files/{SESSION}/{SEGMENT}.jsonl"))).unwrap();
    for (line, original) in written.lines().zip(lines()) {
        let mut line: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        assert!(line.remove("crc32c").is_some() || line.remove("crc32c+").is_some());
        assert_eq!(line, serde_json::from_str(&original).unwrap());
    }
    assert_eq!(written.lines().count(), 4);
    // What we write ourselves is taken as well.
    let mut ours = open(target.path().join("files")).unwrap();
    assert_eq!((ours.by_ref().count(), ours.receipt().items, ours.receipt().losses), (1, 5, 0));
}

#[test]
fn a_log_that_goes_on_is_gone_on_with_and_another_one_is_refused() {
    let all = lines();
    let short = store(&text(&all[..2]));
    let target = tempfile::tempdir().unwrap();
    let journal = JournalStore::open(target.path()).unwrap();
    into_sessions(open(short.path()).unwrap(), &journal, |_, _| true).unwrap();
    short.write(text(&all).as_bytes());
    let more = into_sessions(open(short.path()).unwrap(), &journal, |_, _| true).unwrap();
    assert_eq!(more, taken(2, 3));
    let other = text(&all).replace("hello", "hullo");
    short.write(other.as_bytes());
    let mut told = Vec::new();
    let refused = into_sessions(open(short.path()).unwrap(), &journal, |found, _| {
        told.extend(match found {
            Found::Lost(loss) => Some(loss.reason.clone()),
            Found::Item(_) => None,
        });
        true
    });
    assert_eq!(refused.unwrap(), Taken { appended: 0, duplicates: 0, refused: 5 });
    assert!(told[0].contains("says something else"), "{told:?}");
    let (session, segment) = ids();
    assert_eq!(journal.read_all(session, segment).unwrap().len(), 4);
}

#[test]
fn a_torn_or_damaged_line_costs_that_line_and_is_told_with_its_place() {
    let mut all = lines();
    all[1] = all[1].replace("\"segments\"", "segments");
    let store = store(&(text(&all) + "{\"kind\":\"turn_e"));
    let mut logs = open(store.path()).unwrap();
    let found: Vec<Found<Log>> = logs.by_ref().collect();
    let losses: Vec<&Loss> = found
        .iter()
        .filter_map(|found| match found {
            Found::Lost(loss) => Some(loss),
            Found::Item(_) => None,
        })
        .collect();
    let at = all[0].len() as u64 + 1;
    assert_eq!((losses[0].offset, losses[0].bytes, losses[0].items), (at, all[1].len() as u64, Some(1)));
    assert!(losses[0].reason.starts_with("line 2: "), "{}", losses[0]);
    assert_eq!((losses[1].bytes, losses[1].items), (15, Some(0)));
    let receipt = logs.receipt();
    assert_eq!((receipt.items, receipt.losses), (4, 2));
    assert_eq!(receipt.bytes, receipt.kept_bytes + receipt.lost_bytes, "FO2");
    assert_eq!(receipt.bytes, logs.total_bytes());
    assert_eq!(receipt.noted(Note::OtherFile), 1);
}

#[test]
fn logs_cut_anywhere_keep_every_line_before_the_cut() {
    let whole = text(&lines());
    let store = store(&whole);
    for len in 0..whole.len() {
        store.write(&whole.as_bytes()[..len]);
        let mut logs = open(store.path()).unwrap();
        let entries: usize = logs
            .by_ref()
            .map(|found| match found {
                Found::Item(log) => log.item.entries.len(),
                Found::Lost(_) => 0,
            })
            .sum();
        assert_eq!(entries, whole[..len].matches('\n').count(), "cut at {len}");
        let torn = len > 0 && !whole[..len].ends_with('\n');
        assert_eq!(logs.receipt().losses, u64::from(torn), "cut at {len}");
        assert_eq!(logs.receipt().bytes, logs.total_bytes(), "FO2");
    }
}
