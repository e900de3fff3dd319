//! The second process: readers that see nothing of the writer but its files.
//!
//!   parent --"end N"-------------------------------------------> child
//!   parent <--{"gauges", "durable"} every half second, {"passages"} or {"fault"} at last-- child

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use annals_journal::{Journal, Offset, Reader};
use clap::Args;
use serde_json::{Value, json};

use super::course::Course;
use super::gauge::Gauge;
use super::passage::Passage;
use super::reader::{Kind, Reading};
use super::side::Side;
use crate::outcome::Outcome;

/// Between two lines of gauges.
const REPORT: Duration = Duration::from_millis(500);

/// The readers of a run, in a process of their own.
#[derive(Args)]
pub(crate) struct Neighbour {
    /// The journal.
    #[arg(long)]
    dir: PathBuf,
    /// The run whose records it expects.
    #[arg(long)]
    run: u32,
    /// How many readers are in the process that writes.
    #[arg(long)]
    inside: usize,
    /// How many are in this one.
    #[arg(long)]
    count: usize,
    /// Where their chance comes from.
    #[arg(long)]
    seed: u64,
}

impl Neighbour {
    /// Reads, reports, and ends when it was told the end and has come to it.
    pub(crate) fn run(&self) -> Outcome<()> {
        let side = Side::Reading(Reader::open(&self.dir)?);
        let course = Arc::new(Course::default());
        // It ends with this process, whose parent may never say anything: it is not waited for.
        let _ = thread::spawn({
            let course = Arc::clone(&course);
            move || listen(&course)
        });
        let gauges: Vec<Gauge> = (0..self.count).map(|_| Gauge::default()).collect();
        let (side, course, gauges) = (&side, &*course, &gauges);
        let passages = thread::scope(|scope| {
            let readers: Vec<_> = (0..self.count)
                .map(|i| {
                    let reader = self.inside + i;
                    let kind = Kind::of(reader, self.inside);
                    let random = fastrand::Rng::with_seed(self.seed ^ (reader as u64) << 32);
                    let reading = Reading { run: self.run, reader, side, course, gauge: &gauges[i], random };
                    scope.spawn(move || {
                        let who = format!("reader {reader} ({}, other process)", kind.name());
                        course.guard(&who, || reading.make(kind)).unwrap_or_default()
                    })
                })
                .collect();
            while !readers.iter().all(thread::ScopedJoinHandle::is_finished) {
                let durable = side.durable().map(Offset::get).unwrap_or_default();
                let gauges: Vec<Value> = gauges.iter().map(Gauge::to_json).collect();
                say(&json!({ "gauges": gauges, "durable": durable }));
                thread::park_timeout(REPORT);
            }
            let passages = readers.into_iter().map(|reader| reader.join().unwrap_or_default());
            passages.collect::<Vec<_>>().concat()
        });
        if let Some(fault) = course.fault() {
            say(&json!({ "fault": fault }));
            return Err(fault.into());
        }
        say(&json!({ "passages": passages.iter().map(Passage::to_json).collect::<Vec<_>>() }));
        Ok(())
    }
}

/// Waits for the end to be named. Whoever has no parent any more has nobody to read for.
fn listen(course: &Course) {
    let mut line = String::new();
    let _ = std::io::stdin().read_line(&mut line);
    match line.trim().strip_prefix("end ").and_then(|end| end.parse().ok()) {
        Some(end) => {
            course.stop();
            course.end_at(Offset::new(end));
        }
        None => std::process::exit(1),
    }
}

fn say(value: &Value) {
    // Without a parent there is nobody to tell; `listen` notices.
    let _ = writeln!(std::io::stdout(), "{value}");
}

/// The process, from the side of the one that writes.
pub(crate) struct Outside {
    child: Child,
    input: Option<ChildStdin>,
    output: Option<ChildStdout>,
}

impl Outside {
    /// Starts it on the journal in `dir`.
    pub(crate) fn start(dir: &Path, run: u32, inside: usize, count: usize, seed: u64) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["stress-readers", "--run", &run.to_string(), "--inside", &inside.to_string()])
            .args(["--count", &count.to_string(), "--seed", &seed.to_string(), "--dir"])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        Ok(Self { child, input, output })
    }

    /// What it says, to be listened to by a thread.
    pub(crate) fn output(&mut self) -> Outcome<ChildStdout> {
        self.output.take().ok_or_else(|| "its output was taken".into())
    }

    /// Tells it where the log ends.
    pub(crate) fn end_at(&mut self, end: Offset) -> Outcome<()> {
        let input = self.input.as_mut().ok_or("it has no input")?;
        writeln!(input, "end {end}")?;
        Ok(input.flush()?)
    }
}

impl Outside {
    /// What the system says it does: the line begins with its name, then `S` is asleep, `R` running, `T` stopped.
    pub(crate) fn state(&self) -> String {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        stat.split(' ').skip(1).take(2).collect::<Vec<_>>().join(" ")
    }

    /// Ends it, whatever it does.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Listens to the process until it has told all it saw. I3, I5: it is never ahead of the writer.
pub(crate) fn hear(output: ChildStdout, journal: &Journal, gauges: &[Gauge]) -> Outcome<Vec<Passage>> {
    for line in BufReader::new(output).lines() {
        let value: Value = serde_json::from_str(&line?)?;
        if let Some(fault) = value.get("fault").and_then(Value::as_str) {
            return Err(fault.into());
        }
        if let Some(passages) = value.get("passages") {
            return Passage::all_from_json(passages);
        }
        let reported = value.get("gauges").and_then(Value::as_array).into_iter().flatten();
        gauges.iter().zip(reported).for_each(|(gauge, value)| gauge.take(value));
        let (theirs, ours) = (value.get("durable").and_then(Value::as_u64), journal.durable());
        if theirs.is_some_and(|theirs| theirs > ours.get()) {
            return Err(format!("the other process takes {theirs:?} for durable, it is {ours}").into());
        }
    }
    Err("the other process ended without a word".into())
}
