//! Streams from the command line: what was written is replayed by time, set, sealed, encoded, purged and checked.

use std::fs;
use std::path::PathBuf;

use annals::streams::{Fact, Streams};
use serde_json::json;

use super::{Data, contents, piped};

/// A root with text in one stream and facts in another.
fn filled() -> Data {
    let data = Data::new();
    let streams = Streams::open(data.path()).unwrap();
    for i in 0..400 {
        let value = format!("{{\"lat\":47.3{i:03},\"lon\":8.5}}");
        let fact = Fact::new("gps", "van-1", value, 1_772_352_000.0 + f64::from(i));
        streams.write("gps", &[fact.to_payload().unwrap()]).unwrap();
    }
    streams.close().unwrap();
    let written =
        piped(data.command(["streams", "write", "chat", "--json"]), "hello\nanybody\u{1b}[31m there?\n");
    let report = written.ends(0).report();
    assert_eq!((&report["records"], &report["bytes"], &report["first"]), (&json!(2), &json!(24), &json!(0)));
    data
}

fn segments(data: &Data) -> Vec<PathBuf> {
    let lines = data.json("streams segments gps").ends(0).lines();
    lines.iter().map(|line| PathBuf::from(line["path"].as_str().unwrap())).collect()
}

#[test]
fn streams_are_listed_replayed_and_checked_and_looking_changes_nothing() {
    let data = filled();
    let before = contents(&data.path());
    let listed = data.json("streams list").ends(0).lines();
    assert_eq!((&listed[0]["stream"], &listed[0]["records"]), (&json!("chat"), &json!(2)));
    assert_eq!((&listed[1]["stream"], &listed[1]["records"]), (&json!("gps"), &json!(400)));
    assert_eq!(data.json("streams stats").ends(0).report()["total"]["records"], json!(402));
    let people = data.run("streams list").ends(0).out;
    assert!(people.contains("chat  2 records, 1 segment,"), "{people}");
    let shown = data.json("streams replay chat").ends(0).lines();
    assert_eq!((&shown[0]["text"], &shown[0]["offset"]), (&json!("hello"), &json!(0)));
    let people = data.run("streams replay chat").ends(0).out;
    assert!(people.contains("hello") && !people.contains('\u{1b}'), "{people:?}");
    let facts =
        data.json("streams replay gps --fact-time --since 2026-03-01T08:01:40Z --as-of 2026-03-01T08:01:42Z");
    let facts = facts.ends(0).lines();
    assert_eq!(facts.len(), 3, "both bounds are within: {facts:?}");
    assert_eq!(facts[0]["fact"]["value"], json!({"lat": 47.31, "lon": 8.5}));
    assert_eq!(
        (&facts[0]["fact"]["key"], &facts[0]["time"]),
        (&json!("van-1"), &json!("2026-03-01T08:01:40Z"))
    );
    let checked = data.json("streams verify").ends(0).lines();
    assert!(checked.len() == 2 && checked.iter().all(|line| line["ok"] == true), "{checked:?}");
    assert_eq!(contents(&data.path()), before);
}

#[test]
fn a_stream_is_set_sealed_encoded_and_purged_with_a_receipt() {
    let data = filled();
    let set = data.json("streams set gps --codec delta --keep-newest --sync 1ms").ends(0).report();
    assert_eq!((&set["codec"], &set["keep"]["policy"]), (&json!("delta"), &json!("newest")));
    assert_eq!(set["sync"], json!({"policy": "interval", "micros": 10_000}), "at least ten milliseconds");
    assert_eq!(data.json("streams set gps").ends(0).report()["codec"], json!("delta"), "it stays so");
    let sealed = data.json("streams checkpoint gps").ends(0).report();
    assert_eq!(sealed["sealed"], json!(true));
    data.json("streams encode").ends(0);
    let lines = data.json("streams segments gps").ends(0).lines();
    let (bytes, stored) = (lines[0]["bytes"].as_u64().unwrap(), lines[0]["stored_bytes"].as_u64().unwrap());
    assert!(lines[0]["codec"] == "delta" && stored * 10 < bytes, "{stored} of {bytes}");
    assert_eq!(data.json("streams replay gps").ends(0).lines().len(), 400);
    data.json("streams verify gps").ends(0);

    piped(data.command(["streams", "write", "gps"]), "one more\n").ends(0);
    data.json("streams checkpoint gps").ends(0);
    let plan = data.json("streams plan").ends(0).report();
    assert_eq!(
        (&plan["stream"], &plan["segments"], &plan["records"]),
        (&json!("gps"), &json!(1), &json!(400))
    );
    data.json("streams purge").ends(2);
    let purged = data.json("streams purge --yes").ends(0).report();
    assert_eq!((&purged["store"], &purged["records"]), (&json!("gps"), &json!(400)));
    let receipts = data.json("streams receipts --limit 5").ends(0).report();
    assert_eq!(receipts, purged);
    assert_eq!(data.json("streams receipts --until 2020-01-01").ends(0).out, "");
    assert_eq!(data.json("streams quarantine").ends(0).out, "");
    assert_eq!(data.json("streams replay gps").ends(0).lines().len(), 1);
}

#[test]
fn damage_is_told_with_its_range_and_everything_else_is_shown() {
    let data = filled();
    data.json("streams checkpoint").ends(0);
    let path = &segments(&data)[0];
    let mut bytes = fs::read(path).unwrap();
    bytes[4_096 + 5_000] ^= 1;
    fs::write(path, bytes).unwrap();
    let run = data.json("streams replay").ends(4);
    assert!(run.lines().len() > 395 && run.err.contains("damaged at offset"), "{}", run.err);
    let checked = data.json("streams verify");
    assert_eq!(checked.code, 4);
    let lines = checked.lines();
    let bad: Vec<_> = lines.iter().filter(|line| line["ok"] == false).collect();
    assert!(bad.len() == 1 && bad[0]["stream"] == "gps" && bad[0]["damaged"][0]["len"].as_u64() > Some(0));
}

#[test]
fn what_is_not_there_held_or_no_name_has_its_exit_code() {
    let data = Data::new();
    assert_eq!(data.json("streams list").ends(10).error()["name"], "no_data");
    assert!(!data.path().exists(), "looking makes nothing");
    let data = filled();
    data.json("streams segments nobody").ends(5);
    data.json("streams verify nobody").ends(5);
    data.json("streams set gps --codec gzip").ends(2);
    data.json("streams set gps --keep-newest --keep-bytes 1").ends(2);
    let held = Streams::open(data.path()).unwrap();
    let error = data.json("streams checkpoint").ends(11).error();
    assert!(error["message"].as_str().unwrap().contains("locked by process"), "{error}");
    assert_eq!(data.json("streams list").ends(0).lines().len(), 2, "beside it");
    drop(held);
}
