//! The real binary: how it is called, and what it answers.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// `annals`, over one data directory.
#[derive(Clone, Debug)]
pub(super) struct Program {
    path: PathBuf,
    data: PathBuf,
}

/// How a call ended.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) code: Option<i32>,
    pub(super) lines: Vec<Value>,
    pub(super) stderr: String,
}

impl Program {
    pub(super) fn new(path: &Path, data: PathBuf) -> Self {
        Self { path: path.to_owned(), data }
    }

    /// The same binary, over another directory.
    pub(super) fn beside(other: &Self, data: PathBuf) -> Self {
        Self { path: other.path.clone(), data }
    }

    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    pub(super) fn command(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(&self.path);
        command.arg("--data").arg(&self.data).arg("--json").args(arguments);
        command.env_remove("ANNALS_LOG").stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(super) fn ask(&self, arguments: &[&str]) -> Result<Answer, String> {
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        let output =
            self.command(&arguments).output().map_err(|error| format!("{}: {error}", self.path.display()))?;
        let lines = String::from_utf8_lossy(&output.stdout).lines().map(parsed).collect::<Result<_, _>>()?;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(Answer { code: output.status.code(), lines, stderr })
    }

    /// Runs it to an end in order.
    pub(super) fn answer(&self, arguments: &[&str]) -> Result<Vec<Value>, String> {
        let answer = self.ask(arguments)?;
        if answer.code == Some(0) {
            return Ok(answer.lines);
        }
        Err(format!("`annals {}` ended with {answer:?}", arguments.join(" ")))
    }

    /// As [`Program::answer`], where one object is the answer.
    pub(super) fn object(&self, arguments: &[&str]) -> Result<Value, String> {
        let mut lines = self.answer(arguments)?;
        match (lines.pop(), lines.is_empty()) {
            (Some(line), true) => Ok(line),
            _ => Err(format!("`annals {}` does not say one thing", arguments.join(" "))),
        }
    }
}

/// A line of JSON.
pub(super) fn parsed(line: &str) -> Result<Value, String> {
    serde_json::from_str(line).map_err(|error| format!("{line:?} is no JSON: {error}"))
}

/// The last line of stderr as an error: its message, and its name.
pub(super) fn error_of(stderr: &str) -> Option<(String, String)> {
    let said: Value = serde_json::from_str(stderr.lines().last()?).ok()?;
    let error = said.get("error")?;
    Some((error.get("name")?.as_str()?.to_owned(), error.get("message")?.as_str()?.to_owned()))
}
