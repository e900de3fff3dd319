//! The table of faults in `docs/durability.md`: all fifty, in order, each with tests that are there, or with what is not.

use crate::shown::{Tests, document, quoted, rows};

const HEAD: &str = "| # | fault | what Annals does | shown by |";

#[test]
fn the_table_has_every_fault_in_order_and_names_only_tests_that_are_there() {
    let rows = rows(&document("durability.md"), HEAD);
    let numbers: Vec<String> = rows.iter().map(|row| row[0].clone()).collect();
    assert_eq!(numbers, (1..=50).map(|number| number.to_string()).collect::<Vec<_>>());
    let tests = Tests::all();
    for row in &rows {
        let [number, fault, what, shown] = &row[..] else { panic!("four cells: {row:?}") };
        assert!(!fault.is_empty() && !what.is_empty(), "{number}");
        let named = tests.named(number, shown);
        let open = shown.contains("not promised") || shown.contains("not shown yet");
        assert!(named > 0 || open, "{number} is neither shown nor said not to be");
    }
}

#[test]
fn what_status_and_verify_are_said_to_tell_they_tell() {
    let text = document("durability.md");
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
