//! Damaged copies: what is found is named with its place, and what to do about it.

use serde_json::{Value as Json, json};

use super::*;

/// What `info` finds, as `what offset`; asserts the exit code, and that the text says the same.
fn found(log: &Log, code: i32) -> Vec<String> {
    let run = log.json("info").ends(code);
    let report = run.report();
    let findings = report["findings"].as_array().unwrap();
    let text = log.run("info").ends(code);
    for finding in findings {
        assert!(text.out.contains(finding["what"].as_str().unwrap()), "{text:?}");
        assert!(text.out.contains(finding["on_open"].as_str().unwrap()), "{text:?}");
    }
    if code == 4 {
        assert_eq!((&report["state"], &run.error()["name"]), (&json!("damaged"), &json!("damaged")));
        assert!(run.error()["help"].as_str().is_some(), "{run:?}");
    }
    findings
        .iter()
        .map(|finding| format!("{} {}", finding["what"].as_str().unwrap(), finding["offset"]))
        .collect()
}

/// The range that `verify` finds, of one.
fn range(log: &Log) -> Json {
    let run = log.json("verify").ends(4);
    let report = run.report();
    assert_eq!(report["ok"], false);
    let damaged = report["damaged"].as_array().unwrap();
    assert_eq!(damaged.len(), 1, "{report}");
    let text = log.run("verify").ends(4);
    assert!(text.out.starts_with("damaged") && text.err.contains("damaged: offset"), "{text:?}");
    damaged[0].clone()
}

#[test]
fn a_flipped_bit_in_a_sealed_segment_is_found_by_reading_it() {
    let log = Log::damaged(|log| log.flip(5));
    let segments = log.json("segments").ends(0).lines();
    let offset = segments[1]["base"].as_u64().unwrap() + 88 + 8;
    let record = log.json("dump @0").lines();
    assert!(record.len() > 4);
    let range = range(&log);
    assert!(range["offset"].as_u64().unwrap().abs_diff(offset) < 16, "{range}, about {offset}");
    assert!(range["len"].as_u64().unwrap() > 0 && range["detail"].is_string());
    log.json("verify --quick").ends(0);
    assert_eq!(found(&log, 4), [format!("sealed-damage {}", range["offset"])]);
    assert_eq!(log.json("repair").ends(4).report()["state"], "damaged");
    let plan = log.json("plan --keep-newest").ends(0).report();
    assert!(plan["purge"].is_array());
}

#[test]
fn a_flipped_bit_in_the_active_segment_stops_appends_and_says_so() {
    let log = Log::damaged(|log| log.flip(12));
    let base = log.json("segments").ends(4).lines()[3]["base"].clone();
    assert_eq!(found(&log, 4), [format!("damage {base}")]);
    assert_eq!(range(&log)["offset"], base);
    let lines = log.json("segments").ends(4).lines();
    assert_eq!((&lines[3]["records"], lines[3]["flaw"].is_string()), (&Json::Null, true));
    for line in ["seal", "checkpoint --body x"] {
        log.json(line).ends(4);
    }
    assert_eq!(log.json("repair --apply").ends(4).out, "");
}

#[test]
fn a_missing_and_a_cut_segment_are_listed_with_their_flaws() {
    for (damage, flaw) in [(Log::lose_segment as fn(&Log, usize), "missing"), (Log::cut, "seal")] {
        let log = Log::new();
        let sound = log.json("segments").ends(0).lines();
        damage(&log, 1);
        let run = log.json("segments").ends(4);
        let lines = run.lines();
        assert_eq!(lines.len(), 4);
        assert_eq!((&lines[1]["base"], &lines[1]["end"]), (&sound[1]["base"], &sound[1]["end"]));
        assert!(lines[1]["flaw"].as_str().unwrap().contains(flaw), "{lines:?}");
        assert_eq!([&lines[0], &lines[2], &lines[3]], [&sound[0], &sound[2], &sound[3]]);
        let text = log.run("segments").ends(4);
        assert!(text.out.contains(flaw) && text.err.contains("1 of 4 segments has a flaw"), "{text:?}");
        let range = range(&log);
        assert!(range["offset"].as_u64() >= sound[1]["base"].as_u64(), "{flaw}: {range}");
        assert_eq!(found(&log, 4), [format!("sealed-damage {}", range["offset"])], "{flaw}");
        log.json("cursors --remove reader").ends(0);
        let plan = log.json("plan --keep-newest").ends(0).report();
        let kinds: Vec<&str> =
            plan["blockers"].as_array().unwrap().iter().map(|by| by["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["damaged"], "{flaw}");
    }
}

#[test]
fn a_torn_tail_is_no_damage_and_an_open_cuts_it() {
    let log = Log::damaged(Log::tear);
    let durable = log.json("info").ends(0).report()["durable"].clone();
    assert_eq!(found(&log, 0), [format!("torn-tail {durable}")]);
    let report = log.json("info").ends(0).report();
    assert_eq!((&report["state"], &report["records"]), (&json!("unclean"), &json!(14)));
    assert!(report["next"].as_str().unwrap().contains("repair"));
    log.json("verify").ends(0);
    log.json("segments").ends(0);
    log.json("salvage").ends(0);
}

#[test]
fn without_its_watermark_a_log_is_read_to_its_end_and_that_is_said() {
    let log = Log::damaged(|log| log.lose("watermark"));
    assert_eq!(found(&log, 4)[0], "lost-watermark 0");
    let report = log.json("info").ends(4).report();
    assert_eq!((&report["presumed"], &report["records"]), (&json!(true), &json!(14)));
    for line in ["segments", "verify", "plan --keep-newest", "cursors", "receipts"] {
        let run = log.json(line).ends(0);
        assert!(run.err.contains("\"warning\"") && run.err.contains("watermark"), "{line}: {run:?}");
    }
    assert_eq!(log.json("verify").report()["records"], 14);
    let run: Run = annals(["tail", "--data"]).arg(log.dir()).output().unwrap().into();
    assert_ne!(run.code, 0, "tail takes a data directory");
}

#[test]
fn a_log_that_lost_every_segment_is_no_sound_log() {
    let log = Log::damaged(|log| (0..4).rev().for_each(|segment| log.lose_segment(segment)));
    assert_eq!(found(&log, 4), ["damage 0"]);
    assert_eq!(range(&log)["offset"], 0);
    let lines = log.json("segments").ends(4).lines();
    assert_eq!((lines.len(), lines[0]["flaw"].as_str()), (1, Some("every segment is missing")));
    log.json("seal").ends(4);
}

#[test]
fn a_cursor_and_receipts_that_do_not_verify_are_named() {
    let log = Log::new();
    log.json("purge --keep-newest --yes").ends(1);
    let cursor = log.dir().join("cursors/reader.cursor");
    fs::write(cursor, vec![1; 8192]).unwrap();
    let run = log.json("cursors").ends(4);
    let line = run.report();
    assert!(line["position"].is_null() && line["problem"].as_str().unwrap().contains("reader"), "{line}");
    let plan = log.json("plan --keep-newest").ends(0).report();
    assert_eq!(plan["blockers"][0]["kind"], "unusable_cursor");
    log.json("cursors --remove reader").ends(0);
    let purged = log.dir().join(".purged.json");
    let text = fs::read_to_string(&purged).unwrap().replace("newest only", "newest,only");
    fs::write(&purged, text).unwrap();
    let run = log.json("receipts").ends(4);
    assert!(run.err.contains(".purged.json") && run.out.is_empty(), "{run:?}");
}
