//! `annals log dump`: frames as they stand in the file, whatever state it is in.

use serde_json::{Value as Json, json};

use super::*;

/// The kinds of the lines of a dump.
fn kinds(lines: &[Json]) -> Vec<&str> {
    lines.iter().map(|line| line["kind"].as_str().unwrap()).collect()
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn every_frame_of_a_segment_is_one_line() {
    let log = Log::new();
    let first = &log.segments()[0];
    let lines = log.json(&format!("dump {}", name(first))).ends(0).lines();
    let mut expected = vec!["header"];
    expected.extend(["record", "commit"].repeat(4));
    expected.push("seal");
    assert_eq!(kinds(&lines), expected);
    for pair in lines[1..].windows(2) {
        let (offset, len) = (pair[0]["offset"].as_u64().unwrap(), pair[0]["len"].as_u64().unwrap());
        assert_eq!(pair[1]["offset"], offset + len);
        assert_eq!(pair[0]["pos"], offset + 4096);
        assert_eq!((&pair[0]["crc_ok"], &pair[0]["flaw"]), (&json!(true), &Json::Null));
    }
    assert_eq!(
        (&lines[1]["bytes"], &lines[2]["records"], &lines[9]["records"]),
        (&json!(9), &json!(1), &json!(4))
    );
    let text = log.run(&format!("dump {}", name(first))).ends(0).out;
    assert!(text.contains("\"needle 00\"") && text.contains("4 records in 4 groups"), "{text}");
    let payload = log.json(&format!("dump {} --payload --limit 1", name(first))).ends(0).lines();
    assert_eq!(payload[1]["payload"], "6e6565646c65203030");
}

#[test]
fn a_segment_is_named_by_base_by_file_or_by_an_offset() {
    let log = Log::new();
    let second = &log.segments()[1];
    let by_base = log.json(&format!("dump {}", name(second))).ends(0);
    let base = by_base.lines()[0]["offset"].as_u64().unwrap();
    assert_eq!(log.json(&format!("dump @{base}")).ends(0).lines()[1..], by_base.lines()[1..]);
    let by_file: Run = annals(["log", "dump", "--json"]).arg(second).output().unwrap().into();
    assert_eq!(by_file.ends(0).lines()[1..], by_base.lines()[1..]);
    // From the frame on in which the offset lies.
    let third = by_base.lines()[3].clone();
    let third_at = third["offset"].as_u64().unwrap();
    for at in [third_at, third_at + 16] {
        let from = log.json(&format!("dump {}@{at} --limit 2", name(second))).ends(0).lines();
        assert_eq!(kinds(&from), ["header", "record", "commit"], "from {at}");
        assert_eq!(from[1], third, "from {at}");
    }
    let run = log.json("dump 00000000000000f0").ends(5);
    assert!(run.error()["help"].as_str().unwrap().contains("segments"), "{run:?}");
    // A copy of the file alone, without anything beside it.
    let copy = log.room.path().join("copy.wal");
    fs::copy(second, &copy).unwrap();
    let alone: Run = annals(["log", "dump", "--json"]).arg(&copy).output().unwrap().into();
    assert_eq!(alone.ends(0).lines()[1..], by_base.lines()[1..]);
    let missing: Run = annals(["log", "dump", "./nowhere.wal"]).output().unwrap().into();
    assert!(missing.ends(1).err.contains("nowhere.wal"));
}

#[test]
fn what_does_not_verify_is_named_and_what_stands_behind_it_is_shown() {
    let log = Log::damaged(|log| log.flip(5));
    let segment = name(&log.segments()[1]);
    let run = log.json(&format!("dump {segment}")).ends(4);
    let lines = run.lines();
    let mut expected = vec!["header", "record", "commit", "broken", "commit"];
    expected.extend(["record", "commit"].repeat(2));
    expected.push("seal");
    assert_eq!(kinds(&lines), expected);
    assert_eq!((&lines[3]["crc_ok"], lines[3]["flaw"].is_string()), (&json!(false), true));
    let text = log.run(&format!("dump {segment}")).ends(4);
    assert!(text.out.contains("BAD") && text.out.contains("needle 06"), "{text:?}");
}

#[test]
fn a_cut_file_a_torn_tail_and_a_lost_header_are_shown_as_they_are() {
    let log = Log::damaged(|log| log.cut(1));
    let cut = log.json(&format!("dump {}", name(&log.segments()[1]))).ends(4).lines();
    assert_eq!(kinds(&cut)[5..], ["broken", "missing"]);
    assert_eq!(cut[6]["offset"].as_u64().unwrap() + cut[6]["len"].as_u64().unwrap(), {
        let next = log.json("segments").lines()[2]["base"].clone();
        next.as_u64().unwrap()
    });
    let log = Log::damaged(Log::tear);
    let torn = log.json(&format!("dump {}", name(&log.segments()[3]))).ends(4).lines();
    assert_eq!(kinds(&torn), ["header", "record", "commit", "record", "commit", "broken"]);
    let log = Log::new();
    let path = log.segments().remove(1);
    let sound = log.json(&format!("dump {}", name(&path))).ends(0).lines();
    let mut bytes = fs::read(&path).unwrap();
    bytes[40] ^= 1;
    fs::write(&path, bytes).unwrap();
    let found = log.json(&format!("dump {}", name(&path))).ends(4).lines();
    assert_eq!((&found[0]["crc_ok"], &found[1..]), (&json!(false), &sound[1..]));
    assert!(found[0]["flaw"].as_str().unwrap().contains("neighbours"), "{}", found[0]);
}

#[test]
fn payloads_move_no_cursor_and_change_no_colour() {
    let room = tempfile::tempdir().unwrap();
    let journal = Journal::open(room.path()).unwrap();
    journal.append("\u{1b}[31mred\r\n").unwrap();
    journal.append([0xff, 0x1b]).unwrap();
    journal.checkpoint("\u{1b}]0;title\u{7}", false).unwrap();
    journal.close().unwrap();
    for line in ["dump @0", "checkpoint"] {
        let out = run_on(room.path(), line).ends(0).out;
        assert!(out.chars().all(|c| c == '\n' || !c.is_control()), "{out:?}");
    }
}
