//! The binary, run: what it says goes to files outside of the disk that loses its power.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::fuse::Power;

/// No command of these takes so long.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);

/// One that runs, or has ended.
pub(super) struct Process {
    pub(super) child: Child,
    pub(super) words: Vec<String>,
    out: PathBuf,
    err: PathBuf,
}

/// How one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself, with this code.
    Code(i32),
    /// It was killed, for the power had gone.
    Killed,
}

impl Process {
    /// Starts the binary over a data directory.
    pub(super) fn start(
        annals: &Path,
        data: &Path,
        words: &[&str],
        out: &Path,
        name: &str,
    ) -> Result<Self, String> {
        let (out, err) = (out.join(format!("{name}.out")), out.join(format!("{name}.err")));
        let create = |path: &Path| File::create(path).map_err(|error| format!("{}: {error}", path.display()));
        let child = Command::new(annals)
            .args(words)
            .env("ANNALS_DATA", data)
            .stdin(Stdio::null())
            .stdout(create(&out)?)
            .stderr(create(&err)?)
            .spawn()
            .map_err(|error| format!("{}: {error}", annals.display()))?;
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Ok(Self { child, words, out, err })
    }

    /// Waits for its end; once the power has gone it is killed. At `until` the power goes.
    pub(super) fn wait(&mut self, power: Option<&Power>, until: Option<Instant>) -> Result<Ended, String> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().map_err(|error| error.to_string())? {
                // One that died of a signal that we did not send is told as such.
                return Ok(Ended::Code(status.code().unwrap_or(-1)));
            }
            let Some(power) = power else {
                std::thread::park_timeout(Duration::from_micros(500));
                self.patient(began)?;
                continue;
            };
            if until.is_some_and(|until| Instant::now() >= until) {
                power.cut_now();
            }
            if power.wait(Duration::from_millis(1)) {
                self.kill(power)?;
                return Ok(Ended::Killed);
            }
            self.patient(began)?;
        }
    }

    fn patient(&mut self, began: Instant) -> Result<(), String> {
        if began.elapsed() < PATIENCE {
            return Ok(());
        }
        let _ = self.child.kill();
        Err(format!("{:?} has not ended after {PATIENCE:?}: {}", self.words, self.said()))
    }

    /// Kills it, and answers the calls that it waits in.
    pub(super) fn kill(&mut self, power: &Power) -> Result<(), String> {
        let _ = self.child.kill();
        let began = Instant::now();
        while self.child.try_wait().map_err(|error| error.to_string())?.is_none() {
            power.let_go();
            std::thread::park_timeout(Duration::from_micros(100));
            if began.elapsed() > PATIENCE {
                return Err(format!("{:?} cannot be killed", self.words));
            }
        }
        Ok(())
    }

    /// What it has written to standard output.
    pub(super) fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.out).unwrap_or_default()).into_owned()
    }

    /// What it has written to standard error.
    pub(super) fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.err).unwrap_or_default()).trim().to_owned()
    }
}

/// Runs a command to its end: its code, its lines of JSON, and what it said.
pub(super) fn run(
    annals: &Path,
    data: &Path,
    words: &[&str],
    out: &Path,
) -> Result<(i32, Vec<Json>, String), String> {
    let mut process = Process::start(annals, data, words, out, "checked")?;
    let Ended::Code(code) = process.wait(None, None)? else { return Err("killed by nobody".to_owned()) };
    let lines: Result<Vec<Json>, _> = process.output().lines().map(serde_json::from_str).collect();
    let lines = lines.map_err(|error| format!("{words:?} writes no JSON: {error}"))?;
    Ok((code, lines, process.said()))
}

/// As [`run`], for what has to succeed.
pub(super) fn succeeds(annals: &Path, data: &Path, words: &[&str], out: &Path) -> Result<Vec<Json>, String> {
    match run(annals, data, words, out)? {
        (0, lines, _) => Ok(lines),
        (code, lines, said) => {
            let lines: Vec<String> = lines.iter().take(3).map(ToString::to_string).collect();
            Err(format!("{words:?} ended with {code}: {said} {}", lines.join(" ")))
        }
    }
}
