//! What a linter cannot check: how the files of the project look.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Words that name no noun of ours, as whole names of files.
const BANNED: [&str; 8] = ["util", "utils", "helper", "helpers", "manager", "common", "info", "v2"];

fn rust_files() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for dir in ["crates", "examples", "tests", "recipes"] {
        collect(&Path::new(ROOT).join(dir), &mut files);
    }
    assert!(files.len() > 50, "the walk finds the project");
    files
}

fn collect(dir: &Path, files: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            files.push((path, text));
        }
    }
}

#[test]
fn every_file_opens_with_its_job() {
    for (path, text) in rust_files() {
        let is_tests = path.ends_with("tests.rs") || path.parent().is_some_and(|dir| dir.ends_with("tests"));
        let first = text.lines().next().unwrap_or_default();
        assert!(is_tests || first.starts_with("//! "), "{}: begins with {first:?}", path.display());
    }
}

#[test]
fn no_file_is_longer_than_five_hundred_lines() {
    for (path, text) in rust_files() {
        let lines = text.lines().count();
        assert!(lines <= 500, "{} has {lines} lines: some noun inside wants its own file", path.display());
    }
}

#[test]
fn files_are_named_by_nouns_of_the_project() {
    for (path, _) in rust_files() {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        assert!(
            !BANNED.contains(&stem),
            "{}: a function without a noun has not found its file",
            path.display()
        );
    }
}

#[test]
fn nothing_is_left_unfinished_in_the_code() {
    let marks = ["TODO", "FIXME", "XXX"];
    for (path, text) in rust_files().into_iter().filter(|(path, _)| !path.ends_with("tests/tidy.rs")) {
        for mark in marks {
            assert!(!text.contains(mark), "{} says {mark}", path.display());
        }
    }
}

#[test]
fn every_link_between_the_documents_leads_somewhere() {
    let mut documents: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(PathBuf::from).into();
    let docs = fs::read_dir(Path::new(ROOT).join("docs")).unwrap();
    documents.extend(docs.map(|entry| Path::new("docs").join(entry.unwrap().file_name())));
    for document in
        documents.iter().filter(|path| path.extension().is_some_and(|extension| extension == "md"))
    {
        let text = fs::read_to_string(Path::new(ROOT).join(document)).unwrap();
        let base = Path::new(ROOT).join(document.parent().unwrap());
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let outside = target.is_empty() || target.contains("://");
            assert!(outside || base.join(target).exists(), "{}: {target} is not there", document.display());
        }
    }
}
