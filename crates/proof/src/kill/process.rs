//! A process of the real binary: started, fed, killed at its moment, and what it had said by then.
//!
//!   waits -> runs -> ended by itself | killed

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::time::{Duration, Instant};

use super::chunk::Tag;
use super::history::Placed;
use super::moments::{Fell, From, Strike};
use super::program::{Program, parsed};
use super::work::Work;

/// A process that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// One process, from its start to its end.
pub(super) struct Process {
    pub(super) work: Work,
    /// When it is to be killed; not at all if none.
    pub(super) kill: Option<Strike>,
    room: PathBuf,
    lines: u32,
    running: Option<Running>,
    pub(super) ended: Option<Ended>,
}

struct Running {
    child: Child,
    began: Instant,
    /// Since when the time of its strike counts.
    counts: Option<Instant>,
    /// Where a piped import or an append gets its lines, and how many it has got.
    feed: Option<(ChildStdin, u32)>,
}

/// How a process ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) pid: u32,
    pub(super) began: Instant,
    pub(super) at: Instant,
    /// None if it was killed.
    pub(super) code: Option<i32>,
    /// Where the kill fell, if one was to.
    pub(super) fell: Option<Fell>,
}

impl Process {
    /// Prepares one; its files lie in `room`, which is its own.
    pub(super) fn new(work: Work, lines: u32, kill: Option<Strike>, room: PathBuf) -> Result<Self, String> {
        let made = fs::create_dir_all(&room);
        made.map_err(|error| format!("{}: {error}", room.display()))?;
        if let Work::Import { chunk, piped: false, .. } = work {
            let text: String = (0..lines).map(|line| Tag { chunk, line }.text() + "\n").collect();
            write(&room.join("lines.jsonl"), &text)?;
        }
        Ok(Self { work, kill, room, lines, running: None, ended: None })
    }

    pub(super) fn runs(&self) -> bool {
        self.running.is_some()
    }

    pub(super) fn start(&mut self, program: &Program, backup: &str) -> Result<(), String> {
        let mut command = program.command(&self.work.words(&self.room.display().to_string(), backup));
        command.stdout(file(&self.room.join("stdout"))?).stderr(file(&self.room.join("stderr"))?);
        let fed = matches!(self.work, Work::Import { piped: true, .. } | Work::Append { .. });
        if fed {
            command.stdin(Stdio::piped());
        }
        let began = Instant::now();
        let mut child = command.spawn().map_err(|error| format!("{:?}: {error}", self.work))?;
        let feed = child.stdin.take().map(|stdin| (stdin, 0));
        self.running = Some(Running { child, began, counts: None, feed });
        Ok(())
    }

    /// Feeds it, kills it if it is time, and looks whether it has ended. `at_work` tells whether a process has begun.
    pub(super) fn attend(&mut self, at_work: impl Fn(&Work, u32) -> bool) -> Result<(), String> {
        let imports = matches!(self.work, Work::Import { .. });
        let acks = self.room.join("acks");
        let Some(running) = &mut self.running else { return Ok(()) };
        if let Work::Import { chunk, .. } | Work::Append { chunk } = self.work {
            running.feed(chunk, self.lines);
        }
        let (pid, began) = (running.child.id(), running.began);
        let failed = |error: std::io::Error| format!("process {pid}: {error}");
        let has_receipts = || fs::metadata(&acks).is_ok_and(|acks| acks.len() > 0);
        if running.counts.is_none() {
            let counts = match self.kill.map(|strike| strike.from) {
                Some(From::Start) => true,
                Some(From::Data) => at_work(&self.work, pid),
                Some(From::Receipt) => has_receipts(),
                None => false,
            };
            running.counts = counts.then(Instant::now);
        }
        let counted = running.counts.map(|counts| counts.elapsed());
        let due = self.kill.zip(counted).is_some_and(|(strike, counted)| counted >= strike.after);
        if let Some(status) = running.child.try_wait().map_err(failed)? {
            let fell = self.kill.map(|_| Fell::After);
            self.ended = Some(Ended { pid, began, at: Instant::now(), code: status.code(), fell });
        } else if due {
            let fell = match at_work(&self.work, pid) {
                false => Fell::Before,
                // An import has so much to do before its first receipt that most kills would fall there.
                true if imports && !has_receipts() => Fell::Opening,
                true => Fell::Within,
            };
            running.child.kill().map_err(failed)?;
            let status = running.child.wait().map_err(failed)?;
            let fell = if status.code().is_some() { Fell::After } else { fell };
            self.ended =
                Some(Ended { pid, began, at: Instant::now(), code: status.code(), fell: Some(fell) });
        } else if began.elapsed() > PATIENCE {
            let _ = running.child.kill();
            let _ = running.child.wait();
            return Err(format!("{:?} has not ended after {PATIENCE:?}", self.work));
        }
        if self.ended.is_some() {
            self.running = None;
        }
        Ok(())
    }

    /// What it had acknowledged: whole lines alone, for one without its end was being written.
    pub(super) fn receipts(&self) -> Result<Vec<Placed>, String> {
        match self.work {
            Work::Import { chunk, .. } => {
                let acks = fs::read_to_string(self.room.join("acks")).unwrap_or_default();
                whole_lines(&acks).map(|line| receipt(line, chunk)).collect()
            }
            Work::Append { chunk } => {
                let printed = fs::read_to_string(self.room.join("stdout")).unwrap_or_default();
                whole_lines(&printed)
                    .map(|line| {
                        let said = parsed(line)?;
                        let of = |key| said.get(key).ok_or_else(|| format!("{line:?} has no {key}"));
                        let id = of("id")?.as_str().unwrap_or_default().to_owned();
                        let offset = of("offset")?.as_u64().unwrap_or(u64::MAX);
                        Ok(Placed { offset, id, tag: Tag { chunk, line: 0 } })
                    })
                    .collect()
            }
            _ => Ok(Vec::new()),
        }
    }

    pub(super) fn stderr(&self) -> String {
        fs::read_to_string(self.room.join("stderr")).unwrap_or_default()
    }
}

impl Running {
    /// A line more, and the end behind the last one. A process that has ended takes none.
    fn feed(&mut self, chunk: u32, lines: u32) {
        let Some((stdin, fed)) = &mut self.feed else { return };
        let to = (*fed + 1).min(lines);
        let text: String = (*fed..to).map(|line| Tag { chunk, line }.text() + "\n").collect();
        *fed = to;
        if stdin.write_all(text.as_bytes()).is_err() || to == lines {
            self.feed = None;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(running) = &mut self.running {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}

/// The lines that have their end.
pub(super) fn whole_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'))
}

/// A line of a file of receipts: number, id, offset.
fn receipt(line: &str, chunk: u32) -> Result<Placed, String> {
    let broken = || format!("{line:?} is no receipt");
    let [number, id, offset] = line.split('\t').collect::<Vec<_>>()[..] else { return Err(broken()) };
    let line = number.parse::<u32>().ok().and_then(|number| number.checked_sub(1)).ok_or_else(broken)?;
    let offset = offset.parse().map_err(|_| broken())?;
    Ok(Placed { offset, id: id.to_owned(), tag: Tag { chunk, line } })
}

pub(super) fn file(path: &Path) -> Result<File, String> {
    File::create(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
