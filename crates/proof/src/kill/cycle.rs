//! One cycle: up to four processes on one data directory, some of them killed; then everything is checked.
//!
//!   draw -> start, in a row or at once -> kill -> receipts, ends, locks -> oracle
//!
//! K3: who is locked out is so by a process that lives, which is named; and ends with 11.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::history::History;
use super::moments::{Fell, Moments};
use super::process::{Ended, Process};
use super::program::{Program, error_of};
use super::work::Work;
use crate::figures::Figures;

/// The exit code of who is locked out.
const LOCKED: i32 = 11;
/// How often processes are looked after.
const STEP: Duration = Duration::from_micros(200);

/// The processes of a cycle.
pub(super) struct Cycle {
    processes: Vec<(Process, Start)>,
}

/// When a process starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// Once the one before it has ended.
    Behind,
    /// So long after the cycle's beginning.
    After(Duration),
}

impl Cycle {
    /// Draws one.
    pub(super) fn draw(
        random: &mut Rng,
        history: &mut History,
        purges: bool,
        moments: &Moments,
        room: &Path,
    ) -> Result<Self, String> {
        let count = random.usize(1..=4);
        // At least one is killed: one, some, or all.
        let (first, others) = (random.usize(..count), [0, 50, 100][random.usize(..3)]);
        let mut processes = Vec::new();
        for at in 0..count {
            let work = Work::draw(random, history, purges);
            let killed = at == first || random.u32(..100) < others;
            let imports = matches!(work, Work::Import { .. });
            let kill = killed.then(|| moments.draw(work.name(), imports, random));
            let lines = match work {
                Work::Import { chunk, .. } | Work::Append { chunk } => history.lines(chunk),
                _ => 0,
            };
            let start = match random.u32(..3) {
                0 => Start::After(Duration::from_micros(random.u64(..15_000))),
                _ => Start::Behind,
            };
            processes.push((Process::new(work, lines, kill, room.join(at.to_string()))?, start));
        }
        Ok(Self { processes })
    }

    /// Runs it: all have ended afterwards.
    pub(super) fn run(&mut self, program: &Program, backup: &Path) -> Result<(), String> {
        let (began, backup_dir) = (Instant::now(), backup.display().to_string());
        let data = program.data().to_owned();
        let at_work = |work: &Work, pid: u32| is_at_work(work, pid, &data, backup);
        while self.processes.iter().any(|(process, _)| process.ended.is_none()) {
            let mut before = true;
            for (process, start) in &mut self.processes {
                let due = match start {
                    Start::Behind => before,
                    Start::After(time) => began.elapsed() >= *time,
                };
                if due && process.ended.is_none() && !process.runs() {
                    process.start(program, &backup_dir)?;
                }
                process.attend(at_work)?;
                before = process.ended.is_some();
            }
            std::thread::park_timeout(STEP);
        }
        Ok(())
    }

    /// Holds the ends against what a process may end with, and learns where the kills fell.
    pub(super) fn judge(
        &self,
        history: &History,
        purged: bool,
        moments: &Moments,
        figures: &mut Figures,
    ) -> Result<(), String> {
        let (empty, paused) = (history.len() == 0, self.pauses());
        let ends: Vec<(&Process, &Ended)> = self
            .processes
            .iter()
            .filter_map(|(process, _)| Some((process, process.ended.as_ref()?)))
            .collect();
        for (process, end) in &ends {
            let name = process.work.name();
            figures.add("processes", 1);
            if end.code == Some(LOCKED) {
                let others = ends.iter().filter(|(_, other)| other.pid != end.pid);
                let living: Vec<u32> = others
                    .filter(|(_, other)| other.began < end.at && other.at > end.began)
                    .map(|(_, other)| other.pid)
                    .collect();
                locked_out(&living, &process.stderr())
                    .map_err(|what| format!("{:?}: {what}", process.work))?;
                figures.add("locked-out", 1);
                continue;
            }
            if let Some((strike, fell)) = process.kill.zip(end.fell) {
                moments.learn(name, strike.from, fell);
                let into = matches!(fell, Fell::Opening | Fell::Within);
                figures.add("kills", u64::from(fell != Fell::After));
                figures.add("kills-into-work", u64::from(into));
                figures.add(&format!("into-{name}"), u64::from(into));
            }
            match end.code {
                Some(code) if !process.work.may_end_with(code, empty, purged, paused) => {
                    return Err(format!("{:?} ended with {code}: {}", process.work, process.stderr()));
                }
                None if end.fell.is_none_or(|fell| fell == Fell::After) => {
                    return Err(format!("{:?} died by itself: {}", process.work, process.stderr()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What they acknowledged, held against the account. Who ended in order has acknowledged everything.
    pub(super) fn receipts(&self, history: &History, figures: &mut Figures) -> Result<(), String> {
        for (process, _) in &self.processes {
            let receipts = process.receipts()?;
            for receipt in &receipts {
                history.acknowledged(receipt)?;
            }
            let (Work::Import { chunk, .. } | Work::Append { chunk }) = process.work else { continue };
            figures.add("acknowledged", receipts.len() as u64);
            let lines = history.lines(chunk) as usize;
            let all = process.ended.as_ref().is_some_and(|end| end.code == Some(0));
            if all && receipts.len() != lines {
                return Err(format!("{:?} acknowledged {} of {lines} lines", process.work, receipts.len()));
            }
            let killed = process.ended.as_ref().is_some_and(|end| end.code.is_none());
            figures.add("killed-between-receipts", u64::from(killed && (1..lines).contains(&receipts.len())));
        }
        Ok(())
    }

    pub(super) fn pauses(&self) -> bool {
        self.processes.iter().any(|(process, _)| process.work == Work::Pause)
    }

    /// What was done and how it ended, for who looks for the cause of a failure.
    pub(super) fn told(&self) -> String {
        let told = |(process, start): &(Process, Start)| {
            let end = process.ended.as_ref().map(|end| (end.code, end.fell, end.at - end.began));
            format!("{:?} {start:?} {end:?}", process.work)
        };
        self.processes.iter().map(told).collect::<Vec<_>>().join("; ")
    }
}

/// Whether a process has begun: the lock names it; or it has noted what it is to note.
fn is_at_work(work: &Work, pid: u32, data: &Path, backup: &Path) -> bool {
    let lock: PathBuf = match work {
        Work::Pause => return data.join("paused").join("store").exists(),
        Work::Backup => backup.join("LOCK"),
        _ => data.join("journal").join("LOCK"),
    };
    let words = fs::read_to_string(lock).unwrap_or_default();
    words.split_whitespace().any(|word| word.parse() == Ok(pid))
}

/// Who is locked out says so, and by whom: a process that lived meanwhile.
fn locked_out(living: &[u32], stderr: &str) -> Result<(), String> {
    let Some((name, message)) = error_of(stderr) else {
        return Err(format!("locked out without a word: {stderr:?}"));
    };
    let mut words = message.split_whitespace().skip_while(|word| *word != "process");
    let holder = words.nth(1).map(|word| word.trim_end_matches(|c: char| !c.is_ascii_digit()));
    let holder = holder.and_then(|word| word.parse::<u32>().ok());
    match holder {
        Some(holder) if name == "locked" && living.contains(&holder) => Ok(()),
        _ => Err(format!("locked out, while {living:?} lived: {stderr}")),
    }
}

#[cfg(test)]
mod tests;
