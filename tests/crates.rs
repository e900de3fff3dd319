//! Who may depend on whom, read from the manifests: the picture in `docs/architecture.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Each package of ours and the packages of ours it may use. Nothing points back.
const MAY_USE: [(&str, &[&str]); 13] = [
    ("annals-record", &[]),
    ("annals-journal", &["annals-record"]),
    ("annals-storage", &["annals-record"]),
    ("annals-ingest", &["annals-record", "annals-storage"]),
    ("annals-streams", &["annals-journal", "annals-record"]),
    ("annals-sessions", &["annals-journal"]),
    (
        "annals",
        &[
            "annals-ingest",
            "annals-journal",
            "annals-record",
            "annals-sessions",
            "annals-storage",
            "annals-streams",
        ],
    ),
    ("annals-cli", &["annals"]),
    ("annals-testkit", &["annals-journal", "annals-record"]),
    (
        "annals-hostile",
        &["annals", "annals-cli", "annals-journal", "annals-record", "annals-streams", "annals-testkit"],
    ),
    (
        "annals-bench",
        &["annals", "annals-ingest", "annals-journal", "annals-record", "annals-storage", "annals-streams"],
    ),
    ("annals-proof", &["annals-journal", "annals-record", "annals-testkit"]),
    ("annals-states", &["annals-ingest", "annals-record", "annals-storage"]),
];

/// A manifest as text, and the names of its normal dependencies.
fn manifests() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let crates = fs::read_dir(Path::new(ROOT).join("crates")).unwrap();
    crates
        .map(|entry| {
            let text = fs::read_to_string(entry.unwrap().path().join("Cargo.toml")).unwrap();
            let name = value(&text, "package", "name");
            (name, (text.clone(), dependencies(&text)))
        })
        .collect()
}

/// The lines of a section.
fn section<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let head = format!("[{name}]");
    text.lines().skip_while(move |line| *line != head).skip(1).take_while(|line| !line.starts_with('['))
}

fn value(text: &str, in_section: &str, key: &str) -> String {
    let line = section(text, in_section).find(|line| line.starts_with(&format!("{key} =")));
    line.and_then(|line| line.split('"').nth(1)).unwrap_or_default().to_owned()
}

fn dependencies(text: &str) -> BTreeSet<String> {
    let names =
        section(text, "dependencies").filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    names.filter_map(|line| line.split(['.', ' ', '=']).next()).map(str::to_owned).collect()
}

#[test]
fn every_crate_uses_only_what_the_picture_allows() {
    let manifests = manifests();
    let known: BTreeSet<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    assert_eq!(manifests.keys().map(String::as_str).collect::<BTreeSet<_>>(), known);
    for (name, allowed) in MAY_USE {
        let used = &manifests[name].1;
        for ours in used.iter().filter(|used| known.contains(used.as_str())) {
            assert!(allowed.contains(&ours.as_str()), "{name} must not use {ours}");
        }
        for needed in allowed {
            assert!(used.contains(*needed), "{name} no longer uses {needed}: correct the picture");
        }
    }
}

#[test]
fn the_journal_stays_small_and_knows_nothing_of_records() {
    let (text, used) = &manifests()["annals-journal"];
    assert!(used.len() <= 10, "ten dependencies or fewer: {used:?}");
    for unknown in ["rkyv", "fjall", "redb"] {
        assert!(!used.contains(unknown), "the journal does not use {unknown}");
    }
    assert!(
        section(text, "dependencies").any(|line| line.contains("tokio") && line.contains("optional = true"))
    );
    let workspace = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap();
    let record = section(&workspace, "workspace.dependencies").find(|line| line.starts_with("annals-record"));
    assert!(record.unwrap().contains("default-features = false"), "rkyv comes with the default features");
}

#[test]
fn other_logs_and_stores_are_pulled_in_by_the_bench_alone_and_only_when_asked() {
    let peers = ["lmdb-rkv", "okaywal", "open-wal", "raft-engine", "rocksdb", "rusqlite", "seglog", "wal-db"];
    for (name, (text, used)) in manifests() {
        for peer in peers {
            assert_eq!(used.contains(peer), name == "annals-bench", "{name} and {peer}");
            let mut lines = section(&text, "dependencies").filter(|line| line.starts_with(peer));
            assert!(lines.all(|line| line.contains("optional = true")), "{name}: {peer} is optional");
        }
    }
}

#[test]
fn every_crate_that_is_published_says_what_it_is() {
    for (name, (text, _)) in manifests() {
        assert!(value(&text, "package", "description").len() > 30, "{name} has a description");
        assert!(text.contains("[lints]\nworkspace = true"), "{name} keeps the workspace's lints");
        for shared in ["version", "edition", "rust-version", "license", "repository"] {
            assert!(text.contains(&format!("{shared}.workspace = true")), "{name} shares {shared}");
        }
    }
}

#[test]
fn what_is_released_checks_its_arithmetic_and_ci_checks_what_it_rests_on() {
    let manifest = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap();
    let checked = |line: &str| line.starts_with("overflow-checks = true");
    assert!(section(&manifest, "profile.release").any(checked), "an offset that wraps is a lost record");
    let mentioned = manifest.lines().filter(|line| line.contains("overflow-checks"));
    assert!(mentioned.count() == 1, "no other profile, and no package, turns them off");
    let ci = fs::read_to_string(Path::new(ROOT).join(".ci/run")).unwrap();
    let denies = ci.lines().any(|line| {
        line.starts_with("cargo deny ")
            && line.ends_with("check --hide-inclusion-graph bans licenses sources")
    });
    assert!(denies, "licences, bans and sources decide whether a change lands");
}
