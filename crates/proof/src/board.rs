//! The board of seeded bugs: each is switched on, each part of the apparatus runs, and the board says who has noticed.
//!
//!   part without a bug -> has to succeed
//!   part with ANNALS_BUG=name -> fails: caught | succeeds: missed, or the bug's place was not even reached
//!
//! A part is a command, of a build with `--cfg annals_bugs` (crates/record/src/seeded.rs). B1: a part that fails without a bug
//! catches nothing. B2: a bug counts as caught once two parts have caught it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use annals_record::seeded::Bug;
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::run::Verdict;

/// So many parts have to catch each bug.
const ENOUGH: usize = 2;

/// Who is asked, and about what.
#[derive(Args, Debug)]
pub(crate) struct Board {
    /// A part of the apparatus: its name, and the command that runs it, by the shell. May be given several times.
    #[arg(long, value_name = "NAME=COMMAND", required_unless_present = "show")]
    part: Vec<Part>,
    /// Only these bugs; may be given several times. Without it, all.
    #[arg(long, value_name = "NAME", value_parser = bug_named)]
    bug: Vec<Bug>,
    /// A run that takes longer hangs.
    #[arg(long, value_name = "S", default_value_t = 600)]
    limit: u64,
    /// Write a line for each run into this file, and do not run again what it has.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Run nothing: show what the ledger has.
    #[arg(long, requires = "ledger")]
    show: bool,
}

fn bug_named(name: &str) -> Result<Bug, String> {
    let named = Bug::ALL.iter().copied().find(|bug| bug.name() == name);
    named.ok_or_else(|| {
        let names: Vec<_> = Bug::ALL.iter().map(|bug| bug.name()).collect();
        format!("{name}: the bugs are {}", names.join(", "))
    })
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    name: String,
    command: String,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, command)) if !name.is_empty() && !command.is_empty() => {
                Ok(Self { name: name.to_owned(), command: command.to_owned() })
            }
            _ => Err(format!("{text}: a part is NAME=COMMAND")),
        }
    }
}

/// What a part made of a bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Found {
    /// It failed.
    Caught,
    /// It did not end within the limit, which without the bug it does.
    Hung,
    /// It succeeded, and the wrong thing was done.
    Missed,
    /// It succeeded, and never came to the place.
    NotReached,
}

/// One run of a part with a bug.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Run {
    part: String,
    bug: String,
    found: Found,
    seconds: f64,
    /// The last line it said.
    said: String,
}

impl Board {
    /// Runs what the ledger has not, and prints the board.
    ///
    /// # Errors
    /// B1; a command that cannot be run; a ledger that cannot be written.
    pub(crate) fn run(&self) -> Outcome<Verdict> {
        let mut runs = self.ledger.as_deref().map_or(Ok(Vec::new()), known)?;
        let bugs = if self.bug.is_empty() { Bug::ALL } else { &self.bug };
        for part in &self.part {
            let left: Vec<_> = bugs.iter().filter(|bug| !has(&runs, part, **bug)).collect();
            if left.is_empty() {
                continue;
            }
            let control = self.one(part, "")?;
            if control.found == Found::Caught || control.found == Found::Hung {
                let Part { name, command } = part;
                return Err(format!("B1: {name} fails without a bug: {command}: {}", control.said).into());
            }
            for bug in left {
                let run = self.one(part, bug.name())?;
                tell(&format!(
                    "{}: {}: {:?} ({:.0} s): {}",
                    run.bug, run.part, run.found, run.seconds, run.said
                ));
                if let Some(path) = &self.ledger {
                    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
                    file.write_all(format!("{}\n", serde_json::to_string(&run)?).as_bytes())?;
                }
                runs.push(run);
            }
        }
        let (table, verdict) = table(bugs, &runs);
        std::io::stdout().write_all(table.as_bytes())?;
        Ok(verdict)
    }

    /// Runs a part with a bug, or without one.
    fn one(&self, part: &Part, bug: &str) -> Outcome<Run> {
        let mut said = tempfile::tempfile()?;
        let room = tempfile::tempdir()?;
        let reached = room.path().join("reached");
        let began = Instant::now();
        let child = Command::new("sh")
            .args(["-c", &part.command])
            .env("ANNALS_BUG", bug)
            .env("ANNALS_BUG_REACHED", &reached)
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said.try_clone()?)
            .process_group(0)
            .spawn()
            .map_err(|error| format!("{}: {error}", part.command))?;
        let ended = wait(child, Duration::from_secs(self.limit))?;
        let last = last_line(&mut said)?;
        let found = match ended {
            None => Found::Hung,
            Some(status) if !status.success() => Found::Caught,
            Some(_) if reached.exists() => Found::Missed,
            Some(_) => Found::NotReached,
        };
        let seconds = began.elapsed().as_secs_f64();
        Ok(Run { part: part.name.clone(), bug: bug.to_owned(), found, seconds, said: last })
    }
}

/// Waits for a child and all that it started; none if it had to be killed.
fn wait(mut child: Child, limit: Duration) -> Outcome<Option<ExitStatus>> {
    let until = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= until {
            let group = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process_group(group, rustix::process::Signal::KILL)?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// The last line that is not blank, or its beginning.
fn last_line(said: &mut File) -> Outcome<String> {
    said.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    said.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let last = text.lines().rfind(|line| !line.trim().is_empty());
    Ok(last.unwrap_or_default().chars().take(200).collect())
}

fn known(path: &Path) -> Outcome<Vec<Run>> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        read => Ok(read?.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()),
    }
}

fn has(runs: &[Run], part: &Part, bug: Bug) -> bool {
    runs.iter().any(|run| run.part == part.name && run.bug == bug.name())
}

/// The board as a table, a line for each bug.
fn table(bugs: &[Bug], runs: &[Run]) -> (String, Verdict) {
    let mut parts: Vec<&str> = Vec::new();
    for run in runs {
        if !parts.contains(&run.part.as_str()) {
            parts.push(&run.part);
        }
    }
    let by: BTreeMap<(&str, &str), Found> =
        runs.iter().map(|run| ((run.bug.as_str(), run.part.as_str()), run.found)).collect();
    let mut table = format!("| seeded bug | {} | caught by |\n", parts.join(" | "));
    table.push_str(&format!("|---|{}---|\n", "---|".repeat(parts.len())));
    let mut enough = true;
    for bug in bugs {
        let _ = write!(table, "| `{}` |", bug.name());
        let mut caught = 0;
        for part in &parts {
            let cell = match by.get(&(bug.name(), *part)) {
                Some(Found::Caught) => "caught",
                Some(Found::Hung) => "caught (hangs)",
                Some(Found::Missed) => "missed",
                Some(Found::NotReached) => "not reached",
                None => "",
            };
            caught += usize::from(cell.starts_with("caught"));
            let _ = write!(table, " {cell} |");
        }
        let _ = writeln!(table, " {caught} |");
        enough &= caught >= ENOUGH;
    }
    (table, if enough { Verdict::Held } else { Verdict::Failed })
}

fn tell(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

#[cfg(test)]
mod tests;
