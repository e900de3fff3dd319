//! `annals tail -f`, which lives through the deaths of the others: killed itself, halted while a purge passes, started again.
//!
//!   from a place -> lines, as they come -> the account        halted -> a purge passes -> goes on -> a gap, named

use std::fs;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::history::{History, Placed};
use super::oracle::placed;
use super::process::{file, whole_lines};
use super::program::{Program, error_of, parsed};

/// A tail that is not up with the journal after this hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// One `annals tail -f`.
pub(super) struct Follower {
    child: Child,
    room: PathBuf,
    /// Where it was to begin.
    start: u64,
    /// How much of what it printed was read, and what that was.
    read: usize,
    seen: Vec<Placed>,
    halted: bool,
}

impl Follower {
    /// Starts one at the journal's beginning, or at a record.
    pub(super) fn start(program: &Program, room: PathBuf, at: Option<&Placed>) -> Result<Self, String> {
        fs::create_dir_all(&room).map_err(|error| format!("{}: {error}", room.display()))?;
        let from = at.map_or("start".to_owned(), |placed| placed.offset.to_string());
        let words = ["tail", "--follow", "--from", &from].map(str::to_owned);
        let mut command = program.command(&words);
        command.stdout(file(&room.join("stdout"))?).stderr(file(&room.join("stderr"))?);
        let child = command.spawn().map_err(|error| format!("tail: {error}"))?;
        let start = at.map_or(0, |placed| placed.offset);
        Ok(Self { child, room, start, read: 0, seen: Vec::new(), halted: false })
    }

    pub(super) fn is_halted(&self) -> bool {
        self.halted
    }

    /// Whether a purge has gone beyond the last record that it saw.
    pub(super) fn is_passed(&self, history: &History) -> bool {
        self.seen.last().is_some_and(|seen| seen.offset < history.oldest())
    }

    pub(super) fn halt(&mut self) {
        self.halted = true;
        self.signal(Signal::STOP);
    }

    pub(super) fn go_on(&mut self) {
        self.halted = false;
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            // One that has ended is found out by whoever waits for it.
            let _ = kill_process(pid, signal);
        }
    }

    /// Holds what it has printed so far against the account; returns how many records are new.
    pub(super) fn check(&mut self, history: &History) -> Result<usize, String> {
        let path = self.room.join("stdout");
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let before = self.seen.len();
        for line in whole_lines(&text[self.read..]) {
            self.read += line.len() + 1;
            self.seen.push(placed(&parsed(line)?)?);
        }
        history.followed((self.start > 0).then_some(self.start), &self.seen)?;
        Ok(self.seen.len() - before)
    }

    /// Kills it; what it had printed is held against the account first.
    pub(super) fn end(mut self, history: &History) -> Result<usize, String> {
        let _ = self.child.kill();
        self.child.wait().map_err(|error| format!("tail: {error}"))?;
        self.check(history)
    }

    /// Waits until it has seen everything, or until it was told of a gap; true if so. It does not run any more then.
    pub(super) fn comes_up(&mut self, history: &History) -> Result<bool, String> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let ended = self.child.try_wait().map_err(|error| format!("tail: {error}"))?;
            self.check(history)?;
            if let Some(status) = ended {
                self.gap(history, status.code())?;
                return Ok(true);
            }
            let last = history.last().map_or(0, |last| last.offset);
            if self.seen.last().map_or(0, |seen| seen.offset) >= last.max(self.start) {
                return Ok(false);
            }
            std::thread::park_timeout(Duration::from_micros(500));
        }
        Err(format!(
            "a follower stands at {:?}, and the journal ends with {:?}",
            self.seen.last(),
            history.last()
        ))
    }

    /// Whether it has ended, which only a gap can make it.
    pub(super) fn has_ended(&mut self, history: &History) -> Result<bool, String> {
        match self.child.try_wait().map_err(|error| format!("tail: {error}"))? {
            None => Ok(false),
            Some(status) => {
                self.check(history)?;
                self.gap(history, status.code())?;
                Ok(true)
            }
        }
    }

    /// What it ended with: a gap, named as it is.
    fn gap(&self, history: &History, code: Option<i32>) -> Result<(), String> {
        let stderr = fs::read_to_string(self.room.join("stderr")).unwrap_or_default();
        let named = error_of(&stderr).and_then(|(_, message)| gap_of(&message));
        match (code, named) {
            (Some(1), Some((wanted, begins))) => {
                history.gap(self.seen.last().map(|seen| seen.offset), wanted, begins)
            }
            _ => Err(format!("a follower ended with {code:?}: {stderr}")),
        }
    }

    /// Where it is to begin anew after its end: with the last record it saw, if that is there still.
    pub(super) fn resumes_at(&self, history: &History) -> Option<Placed> {
        self.seen.last().filter(|seen| seen.offset >= history.oldest()).cloned()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `offset 12 is no longer in the log, which begins at 34; …`.
fn gap_of(message: &str) -> Option<(u64, u64)> {
    let (wanted, rest) = message.strip_prefix("offset ")?.split_once(" is no longer in the ")?;
    let (_, begins) = rest.split_once(", which begins at ")?;
    let begins = begins.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((wanted.parse().ok()?, begins.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_named_by_its_two_places() {
        let message = "offset 12 is no longer in the log, which begins at 34; rebuild from a backup";
        assert_eq!(gap_of(message), Some((12, 34)));
        assert_eq!(gap_of("offset 12 is damaged"), None);
        assert_eq!(gap_of("offset x is no longer in the log, which begins at 34"), None);
        assert_eq!(gap_of("offset 1 is no longer in the log, which begins at x"), None);
    }
}
