//! docs/cli.md says what the binary does: every command, every flag, every exit code, every key of a report.

use std::fs;

use serde_json::Value as Json;

use super::{Data, Run, annals, claims};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");

fn document() -> String {
    fs::read_to_string(DOCUMENT).unwrap()
}

pub(super) fn help(line: &str) -> String {
    Run::from(annals(line.split(' ')).output().unwrap()).ends(0).out
}

/// The commands that the help lists.
fn commands() -> Vec<String> {
    subcommands("")
}

/// The commands that the help of a command lists, or that of the binary.
pub(super) fn subcommands(of: &str) -> Vec<String> {
    let help = help(format!("help {of}").trim_end());
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // What is said of a command may go on in a second line, which stands deeper.
    let commands =
        listed.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    commands.filter(|command| *command != "help").map(str::to_owned).collect()
}

#[test]
fn every_command_is_documented_and_has_examples() {
    let document = document();
    let commands = commands();
    assert_eq!(commands.len(), 26);
    for command in commands {
        assert!(document.contains(&format!("annals {command}")), "{command}");
        assert!(help(&format!("help {command}")).contains("Examples:"), "{command}");
    }
}

#[test]
fn every_flag_is_documented() {
    let document = document();
    // Its many flags are in its help.
    for command in commands().into_iter().filter(|command| command != "append") {
        let help = help(&format!("help {command}"));
        let options = help.split("Examples:").next().unwrap();
        for flag in options.split_whitespace().filter(|word| word.starts_with("--")) {
            let flag = flag.trim_end_matches(|c: char| !c.is_alphanumeric());
            let known = ["--help", "--follow", "--count"].contains(&flag) || document.contains(flag);
            assert!(known, "{command} {flag}");
        }
    }
}

#[test]
fn every_exit_code_is_documented_with_its_name() {
    let document = document();
    for (code, name) in [
        (1, "failed"),
        (2, "usage"),
        (3, "rejected"),
        (4, "damaged"),
        (5, "not_found"),
        (10, "no_data"),
        (11, "locked"),
        (12, "newer_format"),
        (13, "other_log"),
        (14, "disk_full"),
        (15, "paused"),
        (130, "interrupted"),
    ] {
        assert!(document.contains(&format!("| {code} | `{name}` |")), "{code}");
    }
}

/// The keys of an object and of the objects within it.
fn keys(object: &Json, found: &mut Vec<String>) {
    for (key, value) in object.as_object().into_iter().flatten() {
        found.push(key.clone());
        keys(value, found);
    }
}

#[test]
fn every_key_of_a_report_is_documented() {
    let document = document();
    let data = Data::new();
    let mut found = Vec::new();
    keys(&data.import(claims(2)).report(), &mut found);
    for line in [
        "status",
        "verify",
        "digest",
        "rebuild --keep-old",
        "rewind",
        "pass-damage",
        "dead-letters redrive --all",
        "subjects --limit 1",
        "projections enable source",
        "projections disable source",
        "append --subject s --predicate p --int 1",
    ] {
        keys(&data.json(line).ends(0).report(), &mut found);
    }
    keys(&data.json("generations").ends(0).lines()[0], &mut found);
    keys(&data.json("cursors").ends(0).lines()[0], &mut found);
    for line in ["cursors pause store", "cursors", "cursors resume store"] {
        keys(&data.json(line).ends(0).lines()[0], &mut found);
    }
    for line in ["rebuild --rollback", "generations --remove gen-000002"] {
        keys(&data.json(line).ends(0).report(), &mut found);
    }
    let backup = data.file("backup").display().to_string();
    for line in [format!("backup {backup}"), format!("backup {backup} --verify")] {
        keys(&data.json(&line).ends(0).report(), &mut found);
    }
    keys(&data.json(&format!("backup {backup} --list")).ends(0).lines()[0], &mut found);
    let restore = format!("restore {backup} --json --to {}", data.file("restored").display());
    keys(&Run::from(annals(restore.split(' ')).output().unwrap()).ends(0).report(), &mut found);
    keys(&data.json("subject s --limit 1").ends(0).report()["tally"], &mut found);
    assert!(found.len() > 60, "{found:?}");
    for key in found {
        assert!(document.contains(&format!("\"{key}\"")), "{key}");
    }
}
