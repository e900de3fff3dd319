//! One repetition in a process of its own: its caches, threads and allocator are nobody else's.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::contender::{self, Room};
use crate::hog::Hogs;
use crate::outcome::Outcome;
use crate::plan::RECORD_BYTES;
use crate::sample::Sample;
use crate::work::{self, Work};

/// What to do, as the process that collects the samples asks for it.
#[derive(Args, Debug)]
pub(crate) struct Cell {
    /// What is done.
    #[arg(long)]
    pub(crate) work: Work,
    /// Payload bytes of a record.
    #[arg(long)]
    pub(crate) size: usize,
    /// Threads that append.
    #[arg(long)]
    pub(crate) threads: usize,
    /// Who does it.
    #[arg(long)]
    pub(crate) who: String,
    /// The time of a rate, in milliseconds.
    #[arg(long)]
    pub(crate) millis: u64,
    /// Payload bytes of the log that is read or opened.
    #[arg(long, default_value_t = 0)]
    pub(crate) bytes: u64,
    /// Write the log that is read or opened, and measure nothing.
    #[arg(long)]
    pub(crate) prepare: bool,
    /// Where.
    #[arg(long)]
    pub(crate) dir: PathBuf,
}

/// More than any peer can append in one repetition.
const RATE_BYTES: u64 = 2 << 30;

impl Cell {
    /// Does it and prints the sample as a line.
    pub(crate) fn run(&self) -> Outcome<()> {
        let who = contender::named(&self.who)?;
        if self.prepare {
            return work::scan::prepare(who, &self.dir, RECORD_BYTES as usize, self.bytes);
        }
        // What earlier repetitions left to be written is not to be paid for by this one.
        rustix::fs::sync();
        let line = self.measure(who)?.line();
        let mut stdout = std::io::stdout();
        writeln!(stdout, "{line}")?;
        Ok(stdout.flush()?)
    }

    fn measure(&self, who: &dyn contender::Contender) -> Outcome<Sample> {
        let (dir, size, window) = (&self.dir, self.size, Duration::from_millis(self.millis));
        let room = Room { bytes: self.bytes.max(RATE_BYTES), keep: false };
        let open = || who.open(dir, room);
        match self.work {
            Work::Durable => work::durable::run(&*open()?, self.threads, size, window, false),
            Work::DurableThink => work::durable::run(&*open()?, self.threads, size, window, true),
            Work::DurableHogs => {
                let log = open()?;
                let hogs = Hogs::start()?;
                let sample = work::durable::run(&*log, self.threads, size, window, false);
                drop(hogs);
                sample
            }
            #[cfg(feature = "async")]
            Work::Async => work::asynchronous::run(&*open()?, size, window),
            #[cfg(not(feature = "async"))]
            Work::Async => Err("built without the feature `async`".into()),
            Work::Batch => work::batch::run(&*open()?, size, window),
            Work::Buffered => work::buffered::run(&*open()?, size, window),
            Work::Replay | Work::ReplayHash => work::scan::run(who, self.work, dir, self.bytes),
            Work::Open => {
                let kept = Room { bytes: self.bytes, keep: true };
                work::reopen::run(who, dir, RECORD_BYTES as usize, kept)
            }
            Work::Bytes => work::bytes::run(who, dir, size, false),
            Work::BytesBatch => work::bytes::run(who, dir, size, true),
        }
    }
}
