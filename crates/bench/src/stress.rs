//! The stress: writers, readers in two processes, rolls, purges and scrubs, all at once, and an audit of what was seen.
//!
//! ```text
//!   writers --append--> journal <--purge, seal, scrub-- house
//!      |                |     `---files---.
//!    ledger          readers         readers of another process
//!      |                |                 |
//!      `----------> audit <--passages-----'
//! ```
//!
//! Every reader sees every durable record once, in order, or a named gap. What a reader can tell alone it tells at once:
//! `witness`; the rest is told at the end: `audit`. A run in which something never happened shows nothing, and fails too.

mod audit;
mod course;
mod gauge;
mod house;
mod ledger;
mod neighbour;
mod passage;
mod reader;
mod record;
mod report;
mod side;
mod witness;
mod writer;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use annals_journal::{Journal, Log, LogError, Offset, Options};
use clap::Args;

use self::audit::Kept;
use self::course::{Course, Watch};
use self::gauge::{Count, Gauge, Written};
use self::house::Chores;
use self::ledger::Ledger;
pub(crate) use self::neighbour::Neighbour;
use self::neighbour::Outside;
use self::passage::Passage;
use self::reader::{Kind, Reading, STALL};
use self::report::Report;
use self::side::Side;
use self::witness::Witness;
use self::writer::Writing;
use crate::outcome::Outcome;

/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(5);
/// Between two looks at whether all goes on.
const LOOK: Duration = Duration::from_millis(100);

/// A run.
#[derive(Args, Debug)]
pub(crate) struct Stress {
    /// How long is written; reading to the end and the audit come on top.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Threads that append.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    writers: u32,
    /// Readers; half of them are in another process.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=64))]
    readers: u32,
    /// A segment is sealed past this size.
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 10)]
    segment_bytes: u64,
    /// Where the journal is written; a run that succeeds leaves nothing there.
    #[arg(long, value_name = "DIR", default_value = "target/stress")]
    dir: PathBuf,
    /// Where sizes, kinds and pauses come from; threads still run as they will.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The summary as one JSON object.
    #[arg(long)]
    json: bool,
}

/// What all threads of a run share.
struct Run<'a> {
    options: &'a Stress,
    /// A number that no other run's records carry.
    id: u32,
    journal: &'a Journal,
    course: Course,
    ledger: Ledger,
    written: Written,
    gauges: Vec<Gauge>,
    chores: Mutex<Chores>,
}

/// What is known once all threads are done.
struct Seen {
    passages: Vec<Passage>,
    kept: Kept,
    end: Offset,
}

impl Stress {
    /// Runs it; an error if any promise was broken or anything never happened.
    pub(crate) fn run(&self) -> Outcome<()> {
        let dir = self.dir.join(format!("run-{}", std::process::id()));
        fs::create_dir_all(&dir)?;
        let place = dir.join("journal");
        match self.all(&place) {
            Ok(report) => {
                report.print(self.json)?;
                fs::remove_dir_all(&dir)?;
                report.check()
            }
            Err(error) => Err(format!("{error}\nthe journal is left in {}", place.display()).into()),
        }
    }

    fn inside(&self) -> usize {
        self.readers as usize / 2
    }

    fn random(&self, of: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ of)
    }

    fn all(&self, place: &Path) -> Outcome<Report> {
        let options = Options { segment_bytes: self.segment_bytes, ..Options::default() };
        let journal = Journal::open_with(place, options)?;
        let lanes = (0..self.writers).map(writer::lanes).sum();
        let run = Run {
            options: self,
            id: std::process::id() ^ self.seed as u32,
            journal: &journal,
            course: Course::default(),
            ledger: Ledger::new(lanes),
            written: Written::default(),
            gauges: (0..self.readers).map(|_| Gauge::default()).collect(),
            chores: Mutex::default(),
        };
        let began = Instant::now();
        let seen = run.threads(place)?;
        let report = Report::new(&run, began.elapsed());
        run.audit(&seen)?;
        let Run { id, ledger, .. } = run;
        journal.close()?;
        self.reopen(place, options, id, &ledger, &seen)?;
        Ok(report)
    }

    /// What was acknowledged and not purged is there when the journal is opened anew, and all of it verifies.
    fn reopen(&self, place: &Path, options: Options, id: u32, ledger: &Ledger, seen: &Seen) -> Outcome<()> {
        let journal = Journal::open_with(place, options)?;
        if journal.durable() != seen.end {
            return Err(
                format!("opened anew it ends at {}, it ended at {}", journal.durable(), seen.end).into()
            );
        }
        let verified = journal.verify(&mut |_, _| ())?;
        if let Some(damage) = verified.damaged.first() {
            return Err(format!("opened anew it does not verify: {damage:?}").into());
        }
        let mut witness = Witness::begin(id, self.readers as usize, Offset::ZERO);
        let mut tail = journal.tail(Offset::ZERO);
        while tail.position() < seen.end {
            match tail.next().transpose() {
                Ok(Some(batch)) => witness.see(&batch)?,
                Ok(None) => witness.reach(tail.position()),
                Err(LogError::Gap { wanted, oldest }) => {
                    witness.gap(wanted, oldest)?;
                    tail.skip_to(oldest);
                }
                Err(error) => return Err(error.into()),
            }
        }
        audit::passage(&witness.end(), ledger, &seen.kept)?;
        Ok(journal.close()?)
    }
}

impl Run<'_> {
    /// Everything at once, for the time; then everybody reads to the end.
    fn threads(&self, place: &Path) -> Outcome<Seen> {
        let (options, inside) = (self.options, self.options.inside());
        let outside = options.readers as usize - inside;
        let mut other = Outside::start(place, self.id, inside, outside, options.seed)?;
        let output = other.output()?;
        let side = Side::Writing(self.journal.clone());
        thread::scope(|scope| {
            let hearing = scope.spawn(|| {
                let gauges = &self.gauges[inside..];
                self.course.guard("the other process", || neighbour::hear(output, self.journal, gauges))
            });
            let readers: Vec<_> = (0..inside).map(|reader| scope.spawn(self.reader(reader, &side))).collect();
            let house = scope.spawn(|| {
                let bytes = options.segment_bytes;
                let keep = || house::keep(self.journal, &self.course, bytes, &self.chores);
                self.course.guard("keeping house", keep)
            });
            let mut first = 0;
            let mut writers = Vec::new();
            for writer in 0..options.writers {
                let (lane, lanes) = (first, writer::lanes(writer));
                first += lanes;
                writers.push(scope.spawn(move || {
                    let random = options.random(u64::from(writer));
                    let who = format!("writer {writer}");
                    self.course.guard(&who, || self.writing().run(lane, lanes, random))
                }));
            }
            let until = Instant::now() + Duration::from_secs(options.seconds);
            self.watch(&mut other, || Instant::now() >= until || self.course.is_stopped());
            self.course.stop();
            self.watch(&mut other, || writers.iter().all(thread::ScopedJoinHandle::is_finished));
            let kept = house.join().ok().flatten();
            let end = self.journal.durable();
            self.course.end_at(end);
            // A process that is gone has said why, or its silence is noticed.
            let told = other.end_at(end);
            let done = || hearing.is_finished() && readers.iter().all(thread::ScopedJoinHandle::is_finished);
            self.watch(&mut other, done);
            let mut passages = Vec::new();
            for reader in readers {
                passages.extend(reader.join().ok().flatten().unwrap_or_default());
            }
            passages.extend(hearing.join().ok().flatten().unwrap_or_default());
            if let Some(fault) = self.course.fault() {
                return Err(fault.into());
            }
            told?;
            Ok(Seen { passages, kept: kept.ok_or("a thread panicked")?, end })
        })
    }

    fn writing(&self) -> Writing<'_> {
        Writing {
            run: self.id,
            journal: self.journal,
            course: &self.course,
            ledger: &self.ledger,
            written: &self.written,
            segment_bytes: self.options.segment_bytes as usize,
        }
    }

    fn reader<'s>(
        &'s self,
        reader: usize,
        side: &'s Side,
    ) -> impl FnOnce() -> Option<Vec<Passage>> + use<'s> {
        let kind = Kind::of(reader, self.options.inside());
        let random = self.options.random(1 << 32 | reader as u64);
        let (course, gauge) = (&self.course, &self.gauges[reader]);
        let reading = Reading { run: self.id, reader, side, course, gauge, random };
        move || course.guard(&format!("reader {reader} ({})", kind.name()), || reading.make(kind))
    }

    /// Tells how it goes until `done`. What stands still for too long ends the process: its thread could not be waited
    /// for.
    fn watch(&self, other: &mut Outside, done: impl Fn() -> bool) {
        let mut watches: Vec<Watch> = self.gauges.iter().map(|_| Watch::new()).collect();
        let (mut writing, mut told) = (Watch::new(), Instant::now());
        let mut records = gauge::read(&self.written.records);
        while !done() {
            thread::park_timeout(LOOK);
            let now = gauge::read(&self.written.records);
            if told.elapsed() >= PROGRESS {
                let rate = now.saturating_sub(records) as f64 / told.elapsed().as_secs_f64();
                report::progress(self, rate);
                (records, told) = (now, Instant::now());
            }
            let end = self.course.end().ok().flatten();
            if end.is_none() && writing.look(now) >= STALL {
                self.stuck(other, "the writers have appended nothing");
            }
            for (reader, (watch, gauge)) in watches.iter_mut().zip(&self.gauges).enumerate() {
                let is_done = end.is_some_and(|end| gauge.get(Count::Position) == end.get());
                if watch.look(gauge.get(Count::Beats)) >= 2 * STALL && !is_done {
                    self.stuck(other, &format!("reader {reader} has given no sign of life"));
                }
            }
        }
    }

    /// Something hangs: says so and ends this process and the other one.
    fn stuck(&self, other: &mut Outside, what: &str) -> ! {
        let (state, fault) = (other.state(), self.course.fault().unwrap_or_default());
        other.kill();
        report::say(&format!("annals-bench: {what} for too long; the other process: {state}; {fault}"));
        std::process::exit(1)
    }

    fn chores(&self) -> Chores {
        *self.chores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds everything that was seen against what was acknowledged.
    fn audit(&self, seen: &Seen) -> Outcome<()> {
        for passage in &seen.passages {
            audit::passage(passage, &self.ledger, &seen.kept)?;
        }
        let inside = self.options.inside();
        let in_order =
            (0..self.options.readers as usize).filter(|reader| Kind::of(*reader, inside).is_in_order());
        audit::ends(&seen.passages, in_order, seen.end)?;
        let oldest = self.journal.bounds()?.oldest;
        audit::counts(&self.ledger, &seen.kept, oldest, self.journal.status().records)
    }
}
