//! Bad input: each bad line is told with its number, counted, kept as it came, and spoils no other.

use std::fs;

use serde_json::{Value as Json, json};

use super::{Data, Run, annals, claims, contents, objects, piped};

/// A line of each kind that is no record, and a word of the reason.
fn bad_lines() -> Vec<(Vec<u8>, &'static str)> {
    let text = |line: &str| line.as_bytes().to_vec();
    vec![
        (text(r#"{"subject":"s","predicate":"#), "not JSON"),
        (text("[]"), "object"),
        (b"{\"subject\":\"\xff\"}".to_vec(), "UTF-8"),
        (text(r#"{"type":"rumour","subject":"s"}"#), "unknown type"),
        (text(r#"{"subject":"s","predicate":"p","object":1,"confidence":1.5}"#), "confidence"),
        (text(r#"{"subject":"s","predicate":"p","object":1,"confidence":0.1234567}"#), "confidence"),
        (text(r#"{"subject":"s","predicate":"p","object":1,"colour":"red"}"#), "unknown key"),
        (text(r#"{"subject":"s\u0007","predicate":"p","object":1}"#), "control character"),
        (
            format!(r#"{{"subject":"{}","predicate":"p","object":1}}"#, "s".repeat(1025)).into_bytes(),
            "1025 bytes",
        ),
        (
            format!(r#"{{"subject":"s","predicate":"p","object":1,"id":"{}"}}"#, "00".repeat(32))
                .into_bytes(),
            "`id`",
        ),
    ]
}

#[test]
fn each_bad_line_is_told_counted_kept_and_spoils_no_other() {
    let data = Data::new();
    let bad = bad_lines();
    let mut text = Vec::new();
    for (line, _) in &bad {
        text.extend_from_slice(line);
        text.extend_from_slice(b"\n\n");
    }
    text.extend_from_slice(claims(3).as_bytes());
    let (input, rejects) = (data.with_file("a.jsonl", &text), data.with_file("rejects", "of last time"));
    let run = data.json(&format!("import {} --rejects {}", input.display(), rejects.display())).ends(3);
    let report = run.report();
    assert_eq!([&report["read"], &report["appended"], &report["rejected"]], [13, 3, 10]);
    let said = objects(&run.err);
    for (at, (line, word)) in bad.iter().enumerate() {
        let rejected = &said[at]["rejected"];
        assert_eq!(rejected["line"], 2 * at + 1, "{}", String::from_utf8_lossy(line));
        assert!(rejected["reason"].as_str().unwrap().contains(word), "{rejected} says nothing of {word}");
    }
    let expected: Vec<u8> = bad.iter().flat_map(|(line, _)| [line.as_slice(), b"\n"].concat()).collect();
    assert_eq!(fs::read(&rejects).unwrap(), expected);
    // What was kept is rejected again for the same reasons, and what is mended goes through.
    let again = data.json(&format!("import --format jsonl {}", rejects.display())).ends(3);
    assert_eq!(again.report()["rejected"], 10);
}

#[test]
fn a_line_that_is_too_long_is_rejected_and_never_held_whole() {
    let data = Data::new();
    let long = format!("{{\"subject\":\"s\",\"predicate\":\"p\",\"object\":\"{}\"}}\n", "x".repeat(3 << 20));
    let run = data.import(long + &claims(1)).ends(3);
    assert_eq!([&run.report()["appended"], &run.report()["rejected"]], [1, 1]);
    assert!(run.err.contains("longer than 1 MiB"), "{}", run.err);
}

#[test]
fn people_are_told_twenty_reasons_and_how_many_more_there_are() {
    let data = Data::new();
    let input = data.with_file("a.jsonl", "nonsense\n".repeat(50));
    let run = data.run(&format!("import {}", input.display())).ends(3);
    assert_eq!(run.err.lines().filter(|line| line.starts_with("line ")).count(), 20, "{run:?}");
    assert!(run.err.contains("30 lines more") || run.err.contains("and 30 lines"), "{run:?}");
    assert!(run.err.contains("50 of 50 lines rejected"), "{run:?}");
    assert!(run.err.contains("--rejects"), "{run:?}");
    let run = data.json(&format!("import {}", input.display())).ends(3);
    assert_eq!(objects(&run.err).iter().filter(|said| said.get("rejected").is_some()).count(), 50);
}

#[test]
fn turtle_that_cannot_be_read_on_keeps_what_stood_before_it() {
    let data = Data::new();
    let input =
        data.with_file("a.ttl", "@prefix : <http://x/> .\n:a :b :c .\n:d :e :f .\n:g :h !!\n:i :j :k .\n");
    let run = data.json(&format!("import {}", input.display())).ends(1);
    let report = run.report();
    assert_eq!((&report["appended"], &report["complete"]), (&json!(2), &json!(false)));
    assert!(run.error()["message"].as_str().unwrap().contains("line 4"), "{run:?}");
    assert_eq!(data.json("status").report()["store"]["assertions"], 2);
}

#[test]
fn a_dry_run_counts_everything_and_touches_nothing() {
    let data = Data::new();
    let text = format!("{}{}nonsense\n", claims(5), claims(2));
    let input = data.with_file("a.jsonl", &text);
    let dry = format!("import {} --dry-run", input.display());
    let count = |report: &Json| {
        ["read", "appended", "duplicates", "rejected"].map(|key| report[key].as_u64().unwrap())
    };
    let report = data.json(&dry).ends(3).report();
    assert_eq!(count(&report), [8, 5, 2, 1]);
    assert_eq!(
        (&report["first"], &report["next"], &report["dry_run"]),
        (&Json::Null, &json!(0), &json!(true))
    );
    assert!(!data.path().exists());
    data.import(claims(3)).ends(0);
    let before = contents(&data.path());
    let report = data.json(&dry).ends(3).report();
    assert_eq!(count(&report), [8, 2, 5, 1]);
    assert_eq!(contents(&data.path()), before);
}

#[test]
fn every_format_is_read_plain_and_compressed_and_from_a_pipe() {
    let triple = "<http://x/a> <http://x/b> \"c\" .\n";
    for (name, text) in [
        ("a.jsonl", claims(1)),
        ("a.nt", triple.to_owned()),
        ("a.nq", "<http://x/a> <http://x/b> \"c\" <http://x/g> .\n".to_owned()),
        ("a.ttl", format!("@prefix : <http://x/> .\n{triple}")),
    ] {
        let data = Data::new();
        let input = data.with_file(name, &text);
        let report = data.json(&format!("import {} --source somebody", input.display())).ends(0).report();
        assert_eq!(report["appended"], 1, "{name}");
        assert_eq!(data.json("tail").report()["source"], "somebody", "{name}");
        let format = name.rsplit('.').next().unwrap();
        let again =
            piped(data.command(["import", "-", "--json", "--source", "somebody", "--format", format]), &text);
        assert_eq!(again.ends(0).report()["duplicates"], 1, "{name}");
    }
    let zstd = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/unihan-readings.jsonl.zst");
    let run: Run =
        annals(["import", zstd, "--dry-run", "--json", "--data", "/nonexistent"]).output().unwrap().into();
    assert_eq!(run.ends(0).report()["rejected"], 0);
}
