//! `annals log`: every subcommand on a sound log and on damaged copies of it, in text and in JSON.
//!
//!   Log::new() -> copy, damaged as its name says -> annals log SUBCOMMAND DIR -> Run

mod changes;
mod damaged;
mod dump;
mod mending;
mod shapes;

use std::fs;
use std::path::{Path, PathBuf};

use annals_journal::{Journal, Options};

use super::{Run, annals, claims, contents};

/// Every subcommand that only reads, as it is run on a directory.
const READING: [&str; 10] = [
    "info",
    "segments",
    "dump @0",
    "verify",
    "verify --quick",
    "plan --keep-newest",
    "receipts",
    "cursors",
    "salvage",
    "repair",
];
/// Every subcommand that changes something.
const WRITING: [&str; 7] = [
    "seal",
    "checkpoint --body x",
    "purge --keep-newest --yes",
    "salvage --apply",
    "repair --apply",
    "cursors --remove reader",
    "cursors --rewind reader --to 0",
];

/// A journal alone, of three sealed segments with four records each and an active one with two; a cursor named `reader`
/// stands where the second segment begins.
struct Log {
    room: tempfile::TempDir,
}

impl Log {
    fn new() -> Self {
        let log = Self { room: tempfile::tempdir().unwrap() };
        let journal = Journal::open_with(log.dir(), Options::default()).unwrap();
        for i in 0..14 {
            journal.append(format!("needle {i:02}")).unwrap();
            if i % 4 == 3 {
                journal.seal().unwrap();
            }
        }
        let second = journal.status().segments[1].base;
        let mut cursor = journal.cursor_at("reader", annals_journal::Offset::ZERO).unwrap();
        cursor.advance(second, None).unwrap();
        drop(cursor);
        journal.close().unwrap();
        log
    }

    /// The same, damaged.
    fn damaged(how: impl FnOnce(&Self)) -> Self {
        let log = Self::new();
        how(&log);
        log
    }

    fn dir(&self) -> PathBuf {
        self.room.path().join("log")
    }

    /// Runs a subcommand on it; its words are separated by spaces, and the directory goes behind the first.
    fn run(&self, line: &str) -> Run {
        run_on(&self.dir(), line)
    }

    fn json(&self, line: &str) -> Run {
        self.run(&format!("{line} --json"))
    }

    /// The segment files, in order.
    fn segments(&self) -> Vec<PathBuf> {
        segments(&self.dir())
    }

    /// Flips a bit of the first byte of a record's payload.
    fn flip(&self, record: usize) {
        let needle = format!("needle {record:02}");
        for path in self.segments() {
            let mut bytes = fs::read(&path).unwrap();
            if let Some(at) = bytes.windows(needle.len()).position(|window| window == needle.as_bytes()) {
                bytes[at] ^= 1;
                return fs::write(&path, bytes).unwrap();
            }
        }
        panic!("no record {record}");
    }

    /// Cuts a segment's file in its third record.
    fn cut(&self, segment: usize) {
        let path = &self.segments()[segment];
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..4096 + 220]).unwrap();
    }

    /// Leaves the beginning of a group behind the last one.
    fn tear(&self) {
        let path = self.segments().pop().unwrap();
        let torn = [fs::read(&path).unwrap(), b"the beginning of a group".to_vec()].concat();
        fs::write(path, torn).unwrap();
    }

    fn lose(&self, name: &str) {
        fs::remove_file(self.dir().join(name)).unwrap();
    }

    fn lose_segment(&self, segment: usize) {
        fs::remove_file(&self.segments()[segment]).unwrap();
    }
}

/// The segment files of a journal's directory, in order.
fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = contents(dir).into_iter().map(|(path, _)| path).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "wal"));
    found
}

/// Runs a subcommand of `annals log` on a directory, which goes behind its first word.
fn run_on(dir: &Path, line: &str) -> Run {
    let mut words = line.split(' ');
    let mut command = annals(["log", words.next().unwrap()]);
    command.arg(dir).args(words).output().unwrap().into()
}
