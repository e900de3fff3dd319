//! A disk that fills up under the data: exit code 14, nothing acknowledged is lost, and it opens.

use std::fs;
use std::process::Command;

use serde_json::Value as Json;

use super::{ANNALS, Data, Run, claims, objects};

#[test]
fn an_append_that_finds_no_room_ends_with_14_and_goes_through_once_there_is_some() {
    let data = Data::of(&claims(1));
    let input = data.with_file("a.jsonl", claims(3));
    // No file may grow beyond 4 MiB: the writes that would are refused, as those to a full disk are.
    let script = "trap '' XFSZ; ulimit -f 8192; exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", ANNALS, "--json", "--data"]).arg(data.path()).arg("import").arg(&input);
    let run = Run::from(command.output().unwrap()).ends(14);
    let report = run.report();
    assert_eq!((&report["appended"], &report["complete"]), (&Json::from(0), &Json::from(false)));
    assert!(run.error()["message"].as_str().unwrap().contains("room"), "{run:?}");
    let report = data.json(&format!("import {}", input.display())).ends(0).report();
    assert_eq!([&report["appended"], &report["duplicates"]], [2, 1]);
    assert_eq!(data.json("verify").ends(0).report()["ok"], true);
}

/// Needs a file system of its own, which not every machine lets its users have: then there is nothing to fill.
#[test]
fn a_disk_that_fills_up_in_the_middle_loses_no_receipt() {
    let data = Data::new();
    let room = data.file("small");
    fs::create_dir(&room).unwrap();
    let text = "x".repeat(200);
    let lines = (0..60_000)
        .map(|i| format!("{{\"subject\":\"s{i}\",\"predicate\":\"p\",\"object\":\"{text}{i}\"}}\n"));
    data.with_file("a.jsonl", lines.collect::<String>());
    // The journal reserves 64 MiB of it, so it is the store that finds no room.
    let script = r#"
        mount -t tmpfs -o size=70m none "$2" 2>/dev/null || exit 77
        "$1" --data "$2/data" --json import "$3/a.jsonl" --acks "$3/acks" >"$3/report"; echo $? >"$3/code"
        "$1" --data "$2/data" --json tail >"$3/tail" && "$1" --data "$2/data" --json verify >"$3/verify""#;
    let output = Command::new("unshare")
        .args(["-rm", "sh", "-c", script, "sh", ANNALS])
        .arg(&room)
        .arg(data.room.path())
        .output();
    let read = |name: &str| fs::read_to_string(data.file(name)).unwrap();
    let Ok(output) = output else { return };
    if !data.file("code").exists() {
        assert!(!output.status.success(), "{output:?}");
        return;
    }
    assert!(output.status.success(), "{output:?}");
    assert_eq!(read("code"), "14\n", "{output:?}");
    let there = objects(&read("tail"));
    let receipts = read("acks");
    assert_eq!(objects(&read("report"))[0]["appended"], receipts.lines().count() as u64);
    assert!(receipts.lines().count() > 0 && receipts.lines().count() <= there.len());
    for (receipt, record) in receipts.lines().zip(&there) {
        let [_, id, offset] = receipt.split('\t').collect::<Vec<_>>()[..] else { panic!("{receipt}") };
        assert_eq!((record["id"].as_str().unwrap(), record["offset"].to_string().as_str()), (id, offset));
    }
    assert_eq!(objects(&read("verify"))[0]["ok"], true);
}
