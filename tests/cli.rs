//! The command line, as a person and as a script meet it: the binary is run, nothing is called.
//!
//!   Data::new() -> annals --data DIR ... -> Run { code, out, err }

mod acks;
mod as_of;
mod backup;
mod beside;
mod codes;
mod cursors;
mod damage;
mod digests;
mod documented;
mod export;
mod foreign;
mod full;
mod generations;
mod heal;
mod hostile;
mod interrupt;
mod letters;
mod lines;
mod log;
mod output;
mod projections;
mod query;
mod readonly;
mod refusals;
mod rejects;
mod sessions;
mod shapes;
mod streams;

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value as Json;

const ANNALS: &str = env!("CARGO_BIN_EXE_annals");

/// What a run ended with.
#[derive(Debug)]
struct Run {
    /// The exit code.
    code: i32,
    /// What it wrote to stdout.
    out: String,
    /// What it wrote to stderr.
    err: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    /// The run, which ended with this code.
    fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// Each line of stdout as JSON.
    fn lines(&self) -> Vec<Json> {
        objects(&self.out)
    }

    /// The one line of stdout as JSON.
    fn report(&self) -> Json {
        let mut lines = self.lines();
        assert_eq!(lines.len(), 1, "{self:?}");
        lines.remove(0)
    }

    /// The error on stderr as JSON, without what was said before it.
    fn error(&self) -> Json {
        let mut said = objects(&self.err);
        said.pop().unwrap()["error"].take()
    }
}

fn objects(text: &str) -> Vec<Json> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

/// The binary, in an environment that says nothing of Annals.
fn annals<I: IntoIterator<Item: AsRef<OsStr>>>(arguments: I) -> Command {
    let mut command = Command::new(ANNALS);
    command.args(arguments).env_remove("ANNALS_DATA").env_remove("ANNALS_LOG").stdin(Stdio::null());
    command
}

/// Runs a command with this text on its standard input.
fn piped(mut command: Command, input: impl AsRef<[u8]>) -> Run {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that ends before it has read everything closes the pipe, and that is its right.
    let _ = child.stdin.take().unwrap().write_all(input.as_ref());
    child.wait_with_output().unwrap().into()
}

/// A data directory of its own, and room for files beside it.
struct Data {
    room: tempfile::TempDir,
}

impl Data {
    /// None yet.
    fn new() -> Self {
        Self { room: tempfile::tempdir().unwrap() }
    }

    /// One that holds these lines, imported in batches of one.
    fn of(lines: &str) -> Self {
        let data = Self::new();
        data.import(lines).ends(0);
        data
    }

    /// The directory.
    fn path(&self) -> PathBuf {
        self.file("data")
    }

    /// A file beside it.
    fn file(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    /// A file beside it with this content.
    fn with_file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// The binary, on this directory.
    fn command<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Command {
        let mut command = annals(["--data"]);
        command.arg(self.path()).args(arguments);
        command
    }

    /// Runs a command whose words are separated by spaces.
    fn run(&self, line: &str) -> Run {
        self.command(line.split(' ')).output().unwrap().into()
    }

    /// As [`Data::run`], with `--json`.
    fn json(&self, line: &str) -> Run {
        self.run(&format!("{line} --json"))
    }

    /// Imports these lines in batches of one.
    fn import(&self, lines: impl AsRef<[u8]>) -> Run {
        piped(self.command(["import", "-", "--json", "--batch", "1"]), lines)
    }

    /// Starts a command that goes on beside others; its input and its output are pipes.
    fn start(&self, line: &str) -> Child {
        let mut command = self.command(line.split(' '));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Waits until so many records are durable, as a process beside sees it. What never comes fails, and does not hang.
    fn wait_for_records(&self, count: usize) {
        let mut command = Command::new("timeout");
        command.args(["120", ANNALS, "--data"]).arg(self.path()).args([
            "tail",
            "-f",
            "-c",
            &count.to_string(),
        ]);
        Run::from(command.output().unwrap()).ends(0);
    }
}

/// Everything in a directory: each file's path and content.
fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// So many assertions, one a line.
fn claims(count: usize) -> String {
    (0..count)
        .map(|i| format!("{{\"subject\":\"s{}\",\"predicate\":\"p\",\"object\":{i}}}\n", i % 7))
        .collect()
}
