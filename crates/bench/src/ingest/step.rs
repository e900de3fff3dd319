//! One step of a run in a process of its own: its caches, threads, memory and bytes written are nobody else's.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use annals_journal::Reader;
use annals_record::{Log as _, ReadLimit, RecordId};
use clap::{Args, ValueEnum};
use rustix::process::{Signal, getpid, kill_process};

use super::contender::{self, Answers, Contender, Syncs};
use super::place::{Place, disk_bytes};
use super::question::Questions;
use super::sample::Sample;
use super::set;
use super::work::Work;
use super::{prepare, process, visible};
use crate::directory;
use crate::outcome::Outcome;

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Task {
    /// Writes the journal and the questions.
    Prepare,
    /// Fills a store and closes it.
    Fill,
    /// Asks a store that was filled.
    Ask,
    /// Fills most of a store, synced, then a little that is not, and is killed.
    Abandon,
    /// Opens a store that was abandoned.
    Reopen,
    /// Makes a store anew from the journal.
    Rebuild,
    /// Appends and waits to see it.
    Visible,
}

impl Task {
    /// As the command line names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Fill => "fill",
            Self::Ask => "ask",
            Self::Abandon => "abandon",
            Self::Reopen => "reopen",
            Self::Rebuild => "rebuild",
            Self::Visible => "visible",
        }
    }
}

/// What to do, as the process that collects the samples asks for it.
#[derive(Args, Debug)]
pub(crate) struct Step {
    /// What.
    #[arg(long)]
    task: Task,
    /// Which of the ingests a fill is.
    #[arg(long, default_value = "ingest")]
    work: Work,
    /// Who does it.
    #[arg(long, default_value = "annals")]
    who: String,
    /// The directory of the run.
    #[arg(long)]
    dir: PathBuf,
    /// Records of the set.
    #[arg(long)]
    records: u64,
    /// How long `visible` appends, each way, in milliseconds.
    #[arg(long, default_value_t = 1000)]
    millis: u64,
}

/// What is not synced when a process is killed, in batches.
const UNSYNCED_BATCHES: u64 = 2;

impl Step {
    /// Does it, and prints its samples, a line each.
    pub(crate) fn run(&self) -> Outcome<()> {
        let (place, who) = (Place::new(self.dir.clone()), contender::named(&self.who)?);
        // What earlier steps left to be written is not to be paid for by this one.
        rustix::fs::sync();
        match self.task {
            Task::Prepare => prepare::prepare(&place, self.records),
            Task::Fill => say(&self.fill(&place, who)?),
            Task::Ask => say(&ask(&place, who)?),
            Task::Abandon => self.abandon(&place, who),
            Task::Reopen => reopen(&place, who),
            Task::Rebuild if who.name() == "annals" => say(&[self.rebuild(&place)?]),
            Task::Rebuild => say(&[self.pass(&place, who)?]),
            Task::Visible => {
                say(&visible::run(&place.store(who.name()), Duration::from_millis(self.millis))?)
            }
        }
    }

    fn fill(&self, place: &Place, who: &dyn Contender) -> Outcome<Vec<Sample>> {
        let (dir, log) = (place.store(who.name()), log(place)?);
        fs::create_dir_all(&dir)?;
        let syncs = match self.work {
            Work::IngestSecond => Syncs::Every(Duration::from_secs(1)),
            Work::IngestMoment => Syncs::Every(Duration::from_millis(50)),
            _ => Syncs::AtEnd,
        };
        let before = process::written_bytes()?;
        let mut store = who.open(&dir)?;
        let since = Instant::now();
        store.pour(&log, None, syncs)?;
        let rate = self.records as f64 / since.elapsed().as_secs_f64();
        store.close()?;
        let written = process::written_bytes()? - before;
        rustix::fs::sync();
        let each = |bytes: u64| bytes as f64 / self.records as f64;
        let mut samples = vec![Sample::of(self.work, rate)];
        if self.work == Work::Ingest {
            samples.push(Sample::of(Work::BytesWritten, each(written)));
            samples.push(Sample::of(Work::BytesDisk, each(disk_bytes(&dir)?)));
        }
        Ok(samples)
    }

    fn abandon(&self, place: &Place, who: &dyn Contender) -> Outcome<()> {
        let (dir, log) = (place.store(who.name()), log(place)?);
        fs::create_dir_all(&dir)?;
        let mut store = who.open(&dir)?;
        let batches = self.records / ReadLimit::default().records as u64;
        store.pour(&log, Some((batches * 9 / 10).max(1)), Syncs::Every(Duration::from_secs(1)))?;
        store.pour(&log, Some(UNSYNCED_BATCHES), Syncs::Never)?;
        die()
    }

    fn rebuild(&self, place: &Place) -> Outcome<Sample> {
        directory::warm(&place.journal())?;
        let since = Instant::now();
        let rebuilt = annals::rebuild(&place.data(), &annals::RebuildOptions::default(), &mut |_| ())?;
        let rate = self.records as f64 / since.elapsed().as_secs_f64();
        if rebuilt.records != self.records || !rebuilt.switched {
            return Err(format!("the rebuild took {} of {} records", rebuilt.records, self.records).into());
        }
        let peak_bytes = Some(process::peak_bytes()?);
        place.forget_store()?;
        Ok(Sample { peak_bytes, ..Sample::of(Work::Rebuild, rate) })
    }

    fn pass(&self, place: &Place, who: &dyn Contender) -> Outcome<Sample> {
        let (dir, log) = (place.store(who.name()), log(place)?);
        fs::create_dir_all(&dir)?;
        let mut store = who.open(&dir)?;
        let since = Instant::now();
        store.pour(&log, None, Syncs::AtEnd)?;
        let rate = self.records as f64 / since.elapsed().as_secs_f64();
        Ok(Sample { peak_bytes: Some(process::peak_bytes()?), ..Sample::of(Work::Rebuild, rate) })
    }
}

/// The journal, all of it in the page cache, as another process reads it: nothing of it is written.
fn log(place: &Place) -> Outcome<Arc<Reader>> {
    directory::warm(&place.journal())?;
    let log = Reader::open(place.journal())?;
    log.bounds()?;
    Ok(Arc::new(log))
}

fn ask(place: &Place, who: &dyn Contender) -> Outcome<Vec<Sample>> {
    let (dir, questions) = (place.store(who.name()), Questions::read(&place.questions())?);
    directory::warm(&dir)?;
    let store = who.open(&dir)?;
    let mut answers = store.answers()?;
    let (ids, absent) = (&questions.ids, questions.absent());
    let names: Vec<String> =
        questions.subjects.iter().map(|(rank, _)| set::subject(*rank as usize)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let hottest = set::subject(0);
    let hot = [hottest.as_str(); HOT_LISTS];
    let listed = questions.subjects.iter().map(|(_, count)| u64::from(*count)).sum();
    let answers = &mut *answers;
    Ok(vec![
        Sample::of(Work::Get, rate(answers, ids, ids.len() as u64, get)?),
        Sample::of(Work::Absent, rate(answers, &absent, 0, get)?),
        Sample::of(Work::Subject, rate(answers, &names, listed, list)?),
        Sample::of(Work::Hot, rate(answers, &hot, u64::from(questions.hot) * HOT_LISTS as u64, list)?),
    ])
}

fn get(answers: &mut dyn Answers, id: &RecordId) -> Outcome<u64> {
    answers.get(id).map(u64::from)
}

fn list(answers: &mut dyn Answers, subject: &&str) -> Outcome<u64> {
    answers.list(subject).map(|ids| ids as u64)
}

/// How often the hottest subject is listed.
const HOT_LISTS: usize = 30;

/// Questions answered a second, asked one after the other, the second time round. Together they have `expected` answers.
fn rate<Q>(
    answers: &mut dyn Answers,
    questions: &[Q],
    expected: u64,
    ask: fn(&mut dyn Answers, &Q) -> Outcome<u64>,
) -> Outcome<f64> {
    let mut took = Duration::ZERO;
    for _ in 0..2 {
        let (since, mut found) = (Instant::now(), 0);
        for question in questions {
            found += ask(answers, question)?;
        }
        took = since.elapsed();
        if found != expected {
            return Err(format!("{found} answers where {expected} were to come").into());
        }
    }
    Ok(questions.len() as f64 / took.as_secs_f64().max(1e-9))
}

fn reopen(place: &Place, who: &dyn Contender) -> Outcome<()> {
    let dir = place.store(who.name());
    directory::warm(&dir)?;
    let since = Instant::now();
    let store = who.open(&dir)?;
    say(&[Sample::of(Work::Reopen, since.elapsed().as_secs_f64() * 1e3)])?;
    store.close()
}

fn say(samples: &[Sample]) -> Outcome<()> {
    let mut stdout = std::io::stdout();
    for sample in samples {
        writeln!(stdout, "{}", sample.line())?;
    }
    Ok(stdout.flush()?)
}

/// Ends this process as an operator or the kernel would: at once, nothing closed.
fn die() -> Outcome<()> {
    kill_process(getpid(), Signal::KILL)?;
    Err("a process that was killed goes on".into())
}
