//! The table of faults in `docs/durability.md`: all fifty, in order, each with tests that are there, or with what is not.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const HEAD: &str = "| # | fault | what Annals does | shown by |";

/// The cells of each row of the table.
fn rows() -> Vec<Vec<String>> {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/durability.md")).unwrap();
    let table = text.lines().skip_while(|line| *line != HEAD).skip(2);
    table
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

/// The words in backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The names of all test functions, and the paths of all files, from the project's root.
fn tests() -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut functions, mut files) = (BTreeSet::new(), BTreeSet::new());
    let mut dirs: Vec<PathBuf> = ["crates", "tests"].map(|dir| Path::new(ROOT).join(dir)).into();
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            files.insert(path.strip_prefix(ROOT).unwrap().display().to_string());
            let text = fs::read_to_string(&path).unwrap();
            // Of a property test the attribute stands within a macro, indented, and further ones may stand between.
            let mut is_test = false;
            for line in text.lines().map(str::trim_start) {
                is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
                let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
                if let Some(name) = name.filter(|_| is_test) {
                    functions.insert(name.split(['(', '<']).next().unwrap_or_default().to_owned());
                    is_test = false;
                }
            }
        }
    }
    (functions, files)
}

#[test]
fn the_table_has_every_fault_in_order_and_names_only_tests_that_are_there() {
    let rows = rows();
    let numbers: Vec<String> = rows.iter().map(|row| row[0].clone()).collect();
    assert_eq!(numbers, (1..=50).map(|number| number.to_string()).collect::<Vec<_>>());
    let (functions, files) = tests();
    assert!(functions.len() > 500 && files.len() > 300, "{} tests", functions.len());
    for row in &rows {
        let [number, fault, what, shown] = &row[..] else { panic!("four cells: {row:?}") };
        assert!(!fault.is_empty() && !what.is_empty(), "{number}");
        let mut named = 0;
        for name in quoted(shown) {
            let last = name.rsplit("::").next().unwrap_or(name);
            let is_there = if name.contains('/') {
                files.contains(name.split("::").next().unwrap_or(name))
                    && (!name.contains("::") || functions.contains(last))
            } else {
                functions.contains(last)
            };
            assert!(is_there, "{number}: {name} is not there");
            named += 1;
        }
        let open = shown.contains("not promised") || shown.contains("not shown yet");
        assert!(named > 0 || open, "{number} is neither shown nor said not to be");
    }
}

#[test]
fn what_status_and_verify_are_said_to_tell_they_tell() {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/durability.md")).unwrap();
    let section = text.split("\n## What status and verify tell\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let told = section.lines().filter(|line| line.starts_with("| `")).flat_map(|line| {
        let first = line.trim_matches('|').split('|').next().unwrap_or_default().to_owned();
        quoted(&first).map(str::to_owned).collect::<Vec<_>>()
    });
    let dir = tempfile::tempdir().unwrap();
    let report = |arguments: &[&str]| -> serde_json::Value {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_annals"));
        let run = command.arg("--data").arg(dir.path()).args(arguments).arg("--json").output().unwrap();
        assert!(run.status.success(), "{arguments:?}: {run:?}");
        serde_json::from_slice(&run.stdout).unwrap()
    };
    report(&["append", "--subject", "s", "--predicate", "p", "--int", "1"]);
    let reports = [
        ("status", report(&["status"])),
        ("verify", report(&["verify"])),
        ("log info", report(&["log", "info"])),
    ];
    let mut checked = 0;
    for key in told {
        let (_, report, path) = reports
            .iter()
            .find_map(|(name, report)| Some((name, report, key.strip_prefix(&format!("{name} "))?)))
            .unwrap_or_else(|| panic!("{key} names no command"));
        let found = report.pointer(&format!("/{}", path.replace('.', "/")));
        assert!(found.is_some(), "{key} is not told: {report}");
        checked += 1;
    }
    assert!(checked > 12, "{checked} keys");
}
