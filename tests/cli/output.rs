//! What people read: on the right stream, without colours where no terminal is, safe to show.

use super::lines::every_kind;
use super::{Data, annals, claims};

const COMMANDS: [&str; 8] =
    ["subject Everest", "epochs", "subjects", "tail", "status", "verify", "rebuild", "votes"];

#[test]
fn nothing_that_a_record_says_reaches_the_terminal_as_a_command() {
    let data = Data::of(&every_kind());
    let ids: Vec<String> =
        data.json("tail").lines().iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect();
    let one = ids.iter().map(|id| format!("get {id}"));
    let voted = "ab".repeat(32);
    for line in COMMANDS.iter().map(|line| line.replace("votes", &format!("votes {voted}"))).chain(one) {
        let run = data.run(&line).ends(0);
        let controls = |text: &str| text.chars().any(|c| c.is_control() && c != '\n');
        assert!(!controls(&run.out) && !controls(&run.err), "{line}: {run:?}");
    }
    assert!(data.run("subject Everest").out.contains("\\u{1b}[31m"));
}

#[test]
fn answers_go_to_stdout_and_the_offset_they_reflect_beside_them() {
    let data = Data::of(&claims(9));
    let next = data.json("status").report()["journal"]["next"].as_u64().unwrap();
    for line in ["subject s1", "subjects", "epochs"] {
        assert_eq!(data.run(line).ends(0).err, format!("as of offset {next}\n"), "{line}");
        assert_eq!(data.json(line).ends(0).err, format!("{{\"as_of\":{next}}}\n"), "{line}");
    }
}

#[test]
fn a_subject_shows_what_is_said_and_by_whom() {
    let data = Data::of(
        "{\"subject\":\"Everest\",\"predicate\":\"height\",\"object\":{\"quantity\":\"8848.86\",\"unit\":\"m\"},\"source\":\"survey\"}\n",
    );
    let id = data.json("tail").report()["id"].as_str().unwrap().to_owned();
    data.run(&format!("append --vote-on {id} --voter alice --stance for")).ends(0);
    let shown = data.run("subject Everest").ends(0).out;
    assert_eq!(
        shown,
        format!(
            "Everest  1 assertion\n         0  {}  height  8848.86 m  (source survey)  +1 -0 (balance 1.0)\n",
            &id[..12]
        )
    );
    let shown = data.run(&format!("get {}", &id[..8])).ends(0).out;
    for part in [&format!("assertion {id}"), "height", "8848.86 m", "survey", "+1 -0"] {
        assert!(shown.contains(part), "{part} is missing in {shown}");
    }
    let votes = data.run(&format!("votes {id}")).ends(0).out;
    assert!(votes.contains("alice  for on") && votes.contains("+1 -0 (balance 1.0)"), "{votes}");
}

#[test]
fn an_import_says_what_became_of_the_lines() {
    let data = Data::new();
    let input = data.with_file("a.jsonl", claims(1_500) + &claims(3));
    let run = data.run(&format!("import {}", input.display())).ends(0);
    assert!(run.out.starts_with("1,503 lines read: 1,500 appended, 3 duplicates, 0 rejected\n"), "{run:?}");
    assert_eq!(run.err, "");
}

#[test]
fn what_the_libraries_report_is_shown_to_those_who_ask() {
    let data = Data::of(&claims(1));
    let run: super::Run = data.command(["status"]).env("ANNALS_LOG", "debug").output().unwrap().into();
    let run = run.ends(0);
    assert!(run.err.contains("annals"), "{run:?}");
    let run: super::Run = annals(["status"]).env("ANNALS_LOG", "a=b=c").output().unwrap().into();
    assert!(run.ends(2).err.contains("ANNALS_LOG"));
}

#[test]
fn a_record_names_the_epoch_it_was_made_in_once_that_epoch_is_known() {
    let claim = "{\"subject\":\"s\",\"predicate\":\"p\",\"object\":1,\"epoch\":\"the sixties\"}\n";
    let data = Data::of(claim);
    let id = data.json("tail").report()["id"].as_str().unwrap().to_owned();
    assert!(!data.run(&format!("get {id}")).ends(0).out.contains("the sixties"), "nobody has declared it");
    data.import("{\"type\":\"epoch\",\"name\":\"the sixties\"}\n").ends(0);
    assert!(data.run(&format!("get {id}")).ends(0).out.contains("  the sixties ("));
}
