//! Tables of the documents that name tests, and whether those are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The text of a page in `docs`.
pub fn document(name: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join("docs").join(name)).unwrap()
}

/// The cells of each row of the tables with this head.
pub fn rows(text: &str, head: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut lines = text.lines();
    while lines.by_ref().any(|line| line == head) {
        let table = lines.by_ref().skip(1).take_while(|line| line.starts_with('|'));
        rows.extend(table.map(|line| {
            line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
        }));
    }
    rows
}

/// The words in backticks.
pub fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The names of all test functions, and the paths of all files, from the project's root.
pub struct Tests {
    functions: BTreeSet<String>,
    files: BTreeSet<String>,
}

impl Tests {
    pub fn all() -> Self {
        let (mut functions, mut files) = (BTreeSet::new(), BTreeSet::new());
        let mut dirs: Vec<PathBuf> =
            ["crates", "tests", "examples"].map(|dir| Path::new(ROOT).join(dir)).into();
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
        assert!(functions.len() > 500 && files.len() > 300, "{} tests", functions.len());
        Self { functions, files }
    }

    /// How many tests, or files of them, a cell names; all of them have to be there.
    pub fn named(&self, row: &str, cell: &str) -> usize {
        for name in quoted(cell) {
            let last = name.rsplit("::").next().unwrap_or(name);
            let is_there = if name.contains('/') {
                self.files.contains(name.split("::").next().unwrap_or(name))
                    && (!name.contains("::") || self.functions.contains(last))
            } else {
                self.functions.contains(last)
            };
            assert!(is_there, "{row}: {name} is not there");
        }
        quoted(cell).count()
    }
}
