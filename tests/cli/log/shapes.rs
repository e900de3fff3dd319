//! The answers on a sound log: every shape of JSON that docs/json.md promises, and a text for people beside it.

use std::fs;

use serde_json::{Value as Json, json};

use super::super::{Data, documented};
use super::*;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/json.md");
const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");

/// The keys of all objects on stdout, and of the objects within them.
fn keys(run: &Run) -> Vec<String> {
    fn collect(value: &Json, found: &mut Vec<String>) {
        match value {
            Json::Object(object) => object.iter().for_each(|(key, value)| {
                found.push(key.clone());
                collect(value, found);
            }),
            Json::Array(array) => array.iter().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    run.lines().iter().for_each(|line| collect(line, &mut found));
    found
}

#[test]
fn info_is_one_screen_and_one_object() {
    let log = Log::new();
    let report = log.json("info").ends(0).report();
    assert_eq!(
        (&report["state"], &report["checked"], &report["next"], &report["findings"]),
        (&json!("sound"), &json!("full"), &json!("nothing"), &json!([]))
    );
    assert_eq!(
        (&report["records"], &report["segments"], &report["oldest"], &report["in_use_by"]),
        (&json!(14), &json!(4), &json!(0), &Json::Null)
    );
    assert_eq!(report["slowest"]["name"], "reader");
    assert_eq!(report["could_go"]["purge"].as_array().unwrap().len(), 1);
    let text = log.run("info").ends(0).out;
    assert!(text.lines().count() < 24 && text.contains("nobody"), "{text}");
    for word in ["state", "next", "log", "offsets", "records", "checkpoint", "cursors", "purged", "holes"] {
        assert!(text.lines().any(|line| line.starts_with(word)), "{word}: {text}");
    }
}

#[test]
fn segments_are_listed_one_a_line_in_order() {
    let log = Log::new();
    let lines = log.json("segments").ends(0).lines();
    assert_eq!(lines.len(), 4);
    for pair in lines.windows(2) {
        assert_eq!(pair[0]["end"], pair[1]["base"]);
        assert_eq!(
            (&pair[0]["records"], &pair[0]["sealed"], &pair[0]["flaw"]),
            (&json!(4), &json!(true), &Json::Null)
        );
    }
    assert_eq!((&lines[3]["records"], &lines[3]["sealed"]), (&json!(2), &json!(false)));
    for (line, path) in lines.iter().zip(log.segments()) {
        assert_eq!(line["segment"].as_str(), path.file_stem().unwrap().to_str());
        assert_eq!(line["bytes"], fs::metadata(path).unwrap().len());
    }
    assert_eq!(log.run("segments").ends(0).out.lines().count(), 4);
}

#[test]
fn verify_reads_all_or_a_part() {
    let log = Log::new();
    let all = log.json("verify").ends(0).report();
    assert_eq!(
        (&all["ok"], &all["records"], &all["depth"], &all["subset"]),
        (&json!(true), &json!(14), &json!("full"), &Json::Null)
    );
    let parts: u64 = ["1/3", "2/3", "3/3"]
        .map(|part| {
            log.json(&format!("verify --subset {part}")).ends(0).report()["records"].as_u64().unwrap()
        })
        .iter()
        .sum();
    assert_eq!(parts, 14);
    assert_eq!(log.json("verify --quick").ends(0).report()["depth"], "quick");
    assert!(log.run("verify").ends(0).out.starts_with("sound"));
}

#[test]
fn a_plan_and_a_purge_agree_and_leave_receipts() {
    let log = Log::new();
    let plan = log.json("plan --keep-segments 2").ends(0).report();
    assert_eq!((plan["purge"].as_array().unwrap().len(), &plan["blocked_segments"]), (1, &json!(1)));
    assert_eq!(plan["blockers"][0]["kind"], "cursor");
    assert!(plan["blockers"][0]["detail"].as_str().unwrap().contains("reader"));
    // What is blocked stays, and says so; what can go goes.
    let run = log.json("purge --keep-segments 2 --yes").ends(1);
    assert_eq!(run.report()["purged"], plan["purge"]);
    assert!(run.error()["message"].as_str().unwrap().contains("reader"), "{run:?}");
    log.json("cursors --remove reader").ends(0);
    let text = log.run("plan --keep-segments 2").ends(0).out;
    assert!(text.contains("goes") && text.contains("stays") && !text.contains("held back"), "{text}");
    let report = log.json("purge --keep-segments 2 --yes").ends(0).report();
    assert_eq!((report["purged"].as_array().unwrap().len(), &report["blocked_segments"]), (1, &json!(0)));
    assert_eq!(report["oldest"], log.json("info").report()["oldest"]);
    assert_eq!(log.segments().len(), 2);
    let receipts = log.json("receipts").ends(0).lines();
    assert_eq!(receipts.len(), 2);
    assert!(
        receipts.iter().all(|receipt| receipt["type"] == "purged" && receipt["reason"] == "max 2 segments")
    );
    assert_eq!(receipts[1]["segment"], plan["purge"][0]["segment"], "the newest first");
    assert_eq!(log.json("receipts --limit 1").ends(0).lines(), receipts[..1]);
    assert_eq!(log.json("receipts --until 2020-01-01").ends(0).out, "");
    assert_eq!(log.json("receipts --since 1d").ends(0).lines(), receipts);
    assert_eq!(log.json("info").ends(0).report()["purged"]["segments"], 2);
    assert!(log.run("purge --keep-newest --yes").ends(0).out.starts_with("removed    0 segments"));
}

#[test]
fn a_log_that_is_quiet_does_not_age() {
    let log = Log::new();
    assert_eq!(log.json("plan --keep-age 1h").ends(0).report()["purge"], json!([]));
    let all = log.json("plan --keep-bytes 1MiB").ends(0).report();
    assert_eq!((&all["purge"], &all["kept_segments"]), (&json!([]), &json!(4)));
    let none = log.json("plan --keep-bytes 0").ends(0).report();
    assert!(none["blockers"].as_array().unwrap().iter().any(|by| by["kind"] == "active"), "{none}");
}

#[test]
fn a_seal_ends_what_holds_something() {
    let log = Log::new();
    let sealed = log.json("seal").ends(0).report();
    assert_eq!(sealed["sealed"], true);
    assert_eq!(log.json("seal").ends(0).report(), json!({"sealed": false, "next": sealed["next"]}));
    assert_eq!(log.json("segments").ends(0).lines().len(), 5);
}

#[test]
fn a_checkpoint_is_made_from_text_or_a_file_and_shown() {
    let log = Log::new();
    assert_eq!(log.json("checkpoint").ends(5).error()["code"], 5);
    let made = log.json("checkpoint --body moved").ends(0).report();
    assert_eq!((&made["text"], &made["bytes"], &made["made"]), (&json!("moved"), &json!(5), &json!(true)));
    let shown = log.json("checkpoint").ends(0).report();
    assert_eq!(
        (&shown["offset"], &shown["body"], &shown["made"]),
        (&made["offset"], &json!("6d6f766564"), &json!(false))
    );
    let file = log.room.path().join("state.bin");
    fs::write(&file, [0xff, 0]).unwrap();
    let sealed = log.json(&format!("checkpoint --body @{} --seal", file.display())).ends(0).report();
    assert_eq!((&sealed["body"], &sealed["text"]), (&json!("ff00"), &Json::Null));
    assert_eq!(log.json("segments").ends(0).lines().len(), 5);
    assert!(log.run("checkpoint").ends(0).out.contains("0xff00"));
    log.json("checkpoint --body @/nowhere/at/all").ends(1);
}

#[test]
fn cursors_are_listed_moved_back_and_removed() {
    let log = Log::new();
    let line = log.json("cursors").ends(0).report();
    assert_eq!(
        (&line["name"], &line["lag"]["records"], &line["held_by"]),
        (&json!("reader"), &json!(10), &Json::Null)
    );
    let back = log.json("cursors --rewind reader --to 0").ends(0).report();
    assert_eq!(back, json!({"cursor": "reader", "removed": false, "position": 0}));
    assert_eq!(log.json("cursors").ends(0).report()["lag"]["records"], 14);
    log.json("cursors --remove nobody").ends(5);
    log.json("cursors --remove NOBODY").ends(2);
    assert_eq!(log.json("cursors --remove reader").ends(0).report()["removed"], true);
    assert_eq!(log.json("cursors").ends(0).out, "");
}

#[test]
fn a_data_directory_holds_everything_for_its_store_until_somebody_says_otherwise() {
    let data = Data::of(&claims(3));
    for _ in 0..3 {
        data.run("append --subject a --predicate p --int 1").ends(0);
        data.run("append --subject b --predicate p --object x").ends(0);
        data.run("log seal").ends(0);
        data.run("append --subject c --predicate p --object y").ends(0);
    }
    let run = data.json("log purge --keep-newest --yes").ends(1);
    assert!(run.error()["message"].as_str().unwrap().contains("cursor store"), "{run:?}");
    assert!(run.error()["help"].as_str().unwrap().contains("rebuild"), "{run:?}");
    let run = data.run("log cursors --remove store").ends(0);
    assert!(run.err.contains("warning:") && run.err.contains("rebuild"), "{run:?}");
    assert!(run_on(&data.path(), "cursors --json").ends(0).out.is_empty());
    data.run("subjects").ends(0);
    assert_eq!(data.json("log cursors").ends(0).out, "", "it is not made again");
}

#[test]
fn every_key_and_every_flag_is_documented() {
    let (shapes, reference) = (fs::read_to_string(DOCUMENT).unwrap(), fs::read_to_string(REFERENCE).unwrap());
    let log = Log::new();
    let mut found = Vec::new();
    for line in [
        "info",
        "segments",
        "dump @0",
        "verify",
        "plan --keep-newest",
        "cursors",
        "salvage",
        "repair",
        "seal",
    ] {
        found.extend(keys(&log.json(line).ends(0)));
    }
    found.extend(keys(&log.json("checkpoint --body x").ends(0)));
    found.extend(keys(&log.json("purge --keep-newest --yes").ends(1)));
    found.extend(keys(&log.json("receipts").ends(0)));
    log.flip(9);
    log.lose_segment(0);
    for line in ["info", "segments", "dump @400", "verify", "salvage", "repair"] {
        found.extend(keys(&log.json(line)));
    }
    log.json("salvage --apply").ends(0);
    for line in ["info", "receipts", "verify"] {
        found.extend(keys(&log.json(line).ends(0)));
    }
    assert!(found.len() > 120, "{found:?}");
    for key in found {
        assert!(shapes.contains(&format!("\"{key}\"")), "{key} is not in docs/json.md");
    }
    for command in documented::subcommands("log") {
        assert!(reference.contains(&format!("log {command}")), "{command}");
        let help = documented::help(&format!("help log {command}"));
        assert!(help.contains("Examples:\n  annals log"), "{command}");
        let options = help.split("Examples:").next().unwrap();
        for flag in options.split_whitespace().filter(|word| word.starts_with("--")) {
            let flag = flag.trim_end_matches(|c: char| !c.is_alphanumeric());
            assert!(flag == "--help" || reference.contains(flag), "{command} {flag}");
        }
    }
}

#[test]
fn verify_of_a_purged_journal_is_sound_and_says_from_where_it_compared() {
    let data = Data::of(&claims(3));
    for object in 0..3 {
        data.run(&format!("append --subject a --predicate p --int {object}")).ends(0);
        data.run("log seal").ends(0);
    }
    data.run("append --subject c --predicate p --object y").ends(0);
    data.run("log cursors --remove store").ends(0);
    data.json("log purge --keep-newest --yes").ends(0);
    let oldest = data.json("log info").ends(0).report()["oldest"].as_u64().unwrap();
    assert!(oldest > 0);
    let report = data.json("verify").ends(0).report();
    assert_eq!((&report["ok"], &report["index"]["compared_from"]), (&json!(true), &json!(oldest)));
    assert_eq!(report["index"]["families"]["assertions"]["same"], json!(true));
    let told = data.run("verify").ends(0).out;
    let says = format!("from offset {oldest} on; what was purged before it the store alone knows");
    assert!(told.contains(&says), "{told}");
}
