//! The course of a run: which steps, in which order, so that what is compared is measured at the same time.
//!
//!   journal and questions -> for each repetition, for each ingest, for each contender: fill, ask, remove
//!                         -> rebuilds -> stores abandoned, copies of them opened in turn -> visible
//!
//! A store is gone as soon as it has been measured; only those that a kill has left stand side by side,
/// and a copy of one.
use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use super::contender::{self, Contender};
use super::goal::Facts;
use super::place::{Place, copy, disk_bytes, remove};
use super::question::Questions;
use super::row::{Cells, Row};
use super::sample::Sample;
use super::step::Task;
use super::work::Work;
use crate::outcome::Outcome;

/// Bytes of a record in the journal.
const JOURNAL_ROOM: u64 = 400;
/// Bytes of a record in a store, while it writes: those that a kill has left stand side by side,
/// and a copy of one.
const STORE_ROOM: u64 = 800;
/// Space that must be left.
const SPARE_BYTES: u64 = 2 << 30;
const KILLED: i32 = 9;

/// What is asked of a run.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    /// Records of the set.
    pub(crate) records: u64,
    /// Repetitions of each cell.
    pub(crate) repeat: u32,
    /// How long `visible` appends, each way, in milliseconds.
    pub(crate) visible_millis: u64,
    /// These works alone; all if there is none.
    pub(crate) only: Vec<Work>,
    /// These contenders alone; all if there is none.
    pub(crate) who: Vec<String>,
}

impl Scale {
    fn wants(&self, work: Work) -> bool {
        self.only.is_empty() || self.only.contains(&work)
    }

    /// Who takes part in any of these works that is wanted.
    fn takers(&self, works: &[Work]) -> Vec<&'static dyn Contender> {
        let mut all = contender::all();
        all.retain(|contender| {
            (self.who.is_empty() || self.who.iter().any(|name| name == contender.name()))
                && works.iter().any(|work| self.wants(*work) && contender.takes(*work))
        });
        all
    }
}

/// What a run has found.
#[derive(Debug)]
pub(crate) struct Found {
    /// A row for each cell.
    pub(crate) rows: Vec<Row>,
    /// What the goals need besides.
    pub(crate) facts: Facts,
}

/// Measures all of it in `place`, which is left with whatever the last step has left.
pub(crate) fn run(scale: &Scale, place: &Place) -> Outcome<Found> {
    fs::create_dir_all(place.root())?;
    let free = rustix::fs::statvfs(place.root())?;
    let stores = scale.takers(&Work::ALL).len() as u64;
    let needed = scale.records * (JOURNAL_ROOM + STORE_ROOM * (stores + 1)) + SPARE_BYTES;
    if free.f_bavail * free.f_frsize < needed {
        let (records, root) = (scale.records, place.root().display());
        let way_out =
            "ask for fewer with --records, for fewer stores with --who, or name another place with --dir";
        return Err(
            format!("{records} records take up to {needed} bytes, and {root} has less: {way_out}").into()
        );
    }
    progress(&format!("the journal of {} records", scale.records));
    let mut course = Course { scale, place, cells: Cells::default() };
    course.step(Task::Prepare, Work::Ingest, "annals")?;
    course.fills()?;
    course.rebuilds()?;
    let reopened_bytes = course.reopens()?;
    course.visible()?;
    let payload = Questions::read(&place.questions())?.payload();
    Ok(Found { rows: course.cells.rows(scale.records), facts: Facts { payload, reopened_bytes } })
}

struct Course<'c> {
    scale: &'c Scale,
    place: &'c Place,
    cells: Cells,
}

const READS: [Work; 4] = [Work::Get, Work::Absent, Work::Subject, Work::Hot];

impl Course<'_> {
    fn fills(&mut self) -> Outcome<()> {
        let with_reads = [&[Work::Ingest, Work::BytesWritten, Work::BytesDisk], &READS[..]].concat();
        for round in 1..=self.scale.repeat {
            for (work, works) in [
                (Work::Ingest, &with_reads[..]),
                (Work::IngestSecond, &[Work::IngestSecond]),
                (Work::IngestMoment, &[Work::IngestMoment]),
            ] {
                for contender in self.scale.takers(works) {
                    let who = contender.name();
                    progress(&format!("{} of {who}, {round} of {}", work.name(), self.scale.repeat));
                    self.step(Task::Fill, work, who)?;
                    let asks = |read: &Work| self.scale.wants(*read) && contender.takes(*read);
                    if work == Work::Ingest && READS.iter().any(asks) {
                        self.step(Task::Ask, work, who)?;
                    }
                    remove(&self.place.store(who))?;
                }
            }
        }
        Ok(())
    }

    fn rebuilds(&mut self) -> Outcome<()> {
        for round in 1..=self.scale.repeat {
            for contender in self.scale.takers(&[Work::Rebuild]) {
                let who = contender.name();
                progress(&format!("rebuild of {who}, {round} of {}", self.scale.repeat));
                self.step(Task::Rebuild, Work::Rebuild, who)?;
                remove(&self.place.store(who))?;
            }
        }
        Ok(())
    }

    /// Returns what our store takes on disk, if it is among them. Each time what is opened is a copy of what the killed
    /// process has left: some stores need long for the first open and not for the next.
    fn reopens(&mut self) -> Outcome<Option<u64>> {
        let takers = self.scale.takers(&[Work::Reopen]);
        let mut ours = None;
        for contender in &takers {
            let (who, place) = (contender.name(), self.place);
            progress(&format!("a store of {who}, to be abandoned"));
            self.step(Task::Abandon, Work::Reopen, who)?;
            fs::rename(place.store(who), place.abandoned(who))?;
            let bytes = disk_bytes(&place.abandoned(who))?;
            progress(&format!("  {bytes} bytes on disk"));
            ours = ours.or((who == "annals").then_some(bytes));
        }
        for round in 1..=self.scale.repeat {
            for contender in &takers {
                let (who, place) = (contender.name(), self.place);
                progress(&format!("reopen of {who}, {round} of {}", self.scale.repeat));
                copy(&place.abandoned(who), &place.store(who))?;
                self.step(Task::Reopen, Work::Reopen, who)?;
                remove(&place.store(who))?;
            }
        }
        takers.iter().try_for_each(|contender| remove(&self.place.abandoned(contender.name())))?;
        Ok(ours)
    }

    fn visible(&mut self) -> Outcome<()> {
        for round in 1..=self.scale.repeat {
            for contender in self.scale.takers(&[Work::Visible]) {
                let who = contender.name();
                progress(&format!("visible of {who}, {round} of {}", self.scale.repeat));
                self.step(Task::Visible, Work::Visible, who)?;
                remove(&self.place.store(who))?;
            }
        }
        Ok(())
    }

    /// Runs one step in a process of its own, and keeps those of its samples that are wanted.
    fn step(&mut self, task: Task, work: Work, who: &'static str) -> Outcome<()> {
        let output = Command::new(std::env::current_exe()?)
            .args(["ingest-step", "--task", task.name(), "--work", work.name(), "--who", who, "--dir"])
            .arg(self.place.root())
            .args(["--records", &self.scale.records.to_string()])
            .args(["--millis", &self.scale.visible_millis.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        let was_killed = output.status.signal() == Some(KILLED);
        if !(output.status.success() || task == Task::Abandon && was_killed) {
            return Err(format!("{} of {who} ended with {}", task.name(), output.status).into());
        }
        for line in String::from_utf8(output.stdout)?.lines() {
            let sample = Sample::parse(line)?;
            if self.scale.wants(sample.work) {
                self.cells.add(who, sample);
            }
        }
        Ok(())
    }
}

pub(crate) fn progress(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
