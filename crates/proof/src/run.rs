//! Runs a trial over many numbers: shards, threads, blocks, an end by count or by time, and a watch for numbers that hang.
//!
//!   numbers of this shard that the ledger has not -> blocks -> threads -> figures and failures -> ledger, summary
//!
//! R1: a number that panics failed, and the others go on. R2: one that does not end within the patience is named, and the run ends.

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;

use crate::Outcome;
use crate::figures::Figures;
use crate::ledger::{Entry, Failure, Ledger};
use crate::trial::Trial;

/// After so many failures a run ends: they will have one cause.
const MOST_FAILURES: usize = 20;

/// Which numbers to try, and how.
#[derive(Args, Clone, Debug)]
pub(crate) struct Run {
    /// How many numbers to try, from 0 on; without it and without --seconds, all of them or 1000.
    #[arg(long, value_name = "N")]
    cases: Option<u64>,
    /// Try this number alone: what repeats a failure.
    #[arg(long, value_name = "N", conflicts_with_all = ["cases", "from", "shard"])]
    number: Option<u64>,
    /// Begin with this number instead of 0.
    #[arg(long, value_name = "N", default_value_t = 0)]
    from: u64,
    /// Of K shards this is the I-th, counted from 0: each has its own blocks of numbers.
    #[arg(long, value_name = "I/K", default_value = "0/1")]
    shard: Shard,
    /// End after so many seconds, whatever is left.
    #[arg(long, value_name = "S")]
    seconds: Option<u64>,
    /// How many threads try numbers at once.
    #[arg(long, value_name = "T", default_value_t = 1)]
    threads: usize,
    /// Write a line for each block into this file, and leave out the blocks that it has already.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// A number that takes longer hangs: it is named and the run ends.
    #[arg(long, value_name = "S", default_value_t = 120)]
    patience: u64,
}

/// What a run comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every number held.
    Held,
    /// Some did not.
    Failed,
}

/// Which part of the numbers is one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shard {
    index: u64,
    of: u64,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts =
            text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((index, of)) if index < of => Ok(Self { index, of }),
            _ => Err(format!("{text}: a shard is I/K with I below K, such as 0/2")),
        }
    }
}

/// What the threads of a run share.
struct Course<'a> {
    run: &'a Run,
    trial: &'a dyn Trial,
    program: String,
    /// The number of the next block.
    next: AtomicU64,
    /// The number behind the last one, and how many make a block.
    end: u64,
    block: u64,
    began: Instant,
    account: Mutex<Account>,
    /// What each thread tries at the moment, and since when.
    trying: Mutex<Vec<Option<(u64, Instant)>>>,
}

struct Account {
    ledger: Option<Ledger>,
    figures: Figures,
    failures: Vec<Failure>,
    tried: u64,
    seconds: f64,
    told: Instant,
}

impl Run {
    /// Tries the numbers. Progress goes to standard error, the summary to standard output.
    ///
    /// # Errors
    /// A ledger that cannot be read or written.
    pub(crate) fn all(&self, trial: &dyn Trial, programs: &[PathBuf]) -> Outcome<Verdict> {
        let (from, end, block) = match self.number {
            Some(number) => (number, number + 1, 1),
            None => {
                let cases = self.cases.or(self.seconds.map(|_| u64::MAX)).or(trial.total()).unwrap_or(1000);
                let end = self.from.saturating_add(cases).min(trial.total().unwrap_or(u64::MAX));
                (self.from, end, trial.block())
            }
        };
        let ledger = match &self.ledger {
            Some(path) if self.number.is_none() => Some(Ledger::open(path, trial.name())?),
            _ => None,
        };
        let account = Account {
            ledger,
            figures: Figures::default(),
            failures: Vec::new(),
            tried: 0,
            seconds: 0.0,
            told: Instant::now(),
        };
        let course = Course {
            run: self,
            trial,
            program: program(programs)?,
            next: AtomicU64::new(from / block),
            end,
            block,
            began: Instant::now(),
            account: Mutex::new(account),
            trying: Mutex::new(vec![None; self.threads.max(1)]),
        };
        course.go(from)
    }
}

impl Course<'_> {
    fn account(&self) -> std::sync::MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trying(&self) -> std::sync::MutexGuard<'_, Vec<Option<(u64, Instant)>>> {
        self.trying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn go(&self, from: u64) -> Outcome<Verdict> {
        let ended = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.run.threads.max(1))
                .map(|thread| scope.spawn(move || self.blocks(thread, from)))
                .collect();
            while threads.iter().any(|thread| !thread.is_finished()) {
                std::thread::park_timeout(Duration::from_millis(50));
                self.watch();
            }
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().unwrap_or_else(|_| Err("a thread died".into())))
        });
        ended?;
        self.summary()
    }

    /// Takes one block after the other until there is none left, or the run is over.
    fn blocks(&self, thread: usize, from: u64) -> Outcome<()> {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let start = (index.saturating_mul(self.block)).max(from);
            if start >= self.end || self.is_over() {
                return Ok(());
            }
            let to = (index + 1).saturating_mul(self.block).min(self.end);
            let ours = index % self.run.shard.of == self.run.shard.index;
            let has = self.account().ledger.as_ref().is_some_and(|ledger| ledger.has(start, to));
            if ours && !has {
                self.one_block(thread, start, to)?;
            }
        }
    }

    fn one_block(&self, thread: usize, from: u64, to: u64) -> Outcome<()> {
        let began = Instant::now();
        let (mut figures, mut failures, mut number) = (Figures::default(), Vec::new(), from);
        while number < to && !self.is_over() {
            self.trying()[thread] = Some((number, Instant::now()));
            let tried = catch_unwind(AssertUnwindSafe(|| self.trial.run(number, &mut figures)));
            self.trying()[thread] = None;
            let what = match tried {
                Ok(Ok(())) => None,
                Ok(Err(what)) => Some(what),
                Err(panic) => Some(format!("panic: {}", message(panic.as_ref()))),
            };
            if let Some(what) = what {
                tell(&format!("annals-proof {} --number {number}: {what}", self.trial.name()));
                failures.push(Failure { number, what });
                self.account().failures.extend(failures.last().cloned());
            }
            number += 1;
        }
        let mut account = self.account();
        account.figures.merge(&figures);
        account.tried += number - from;
        account.seconds += began.elapsed().as_secs_f64();
        let entry = Entry {
            trial: self.trial.name().to_owned(),
            from,
            to: number,
            program: self.program.clone(),
            seconds: began.elapsed().as_secs_f64(),
            figures,
            failures,
        };
        if number == to
            && let Some(ledger) = &mut account.ledger
        {
            ledger.write(&entry)?;
        }
        if account.told.elapsed() > Duration::from_secs(10) {
            account.told = Instant::now();
            tell(&format!(
                "{}: {} numbers, at {number}; {}",
                self.trial.name(),
                account.tried,
                shown(&account.figures)
            ));
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        let late = self.run.seconds.is_some_and(|most| self.began.elapsed().as_secs() >= most);
        late || self.account().failures.len() >= MOST_FAILURES
    }

    /// Ends the process when a number hangs: a thread cannot be ended alone.
    fn watch(&self) {
        let patience = Duration::from_secs(self.run.patience);
        for (number, since) in self.trying().iter().flatten() {
            if since.elapsed() > patience {
                let (name, patience) = (self.trial.name(), self.run.patience);
                tell(&format!("annals-proof {name} --number {number}: not done after {patience} s"));
                std::process::exit(1);
            }
        }
    }

    fn summary(&self) -> Outcome<Verdict> {
        let account = self.account();
        let mut out = std::io::stdout();
        writeln!(
            out,
            "{}: {} numbers in {:.1} s ({:.1} s of threads), {} failed; {}",
            self.trial.name(),
            account.tried,
            self.began.elapsed().as_secs_f64(),
            account.seconds,
            account.failures.len(),
            shown(&account.figures)
        )?;
        Ok(if account.failures.is_empty() { Verdict::Held } else { Verdict::Failed })
    }
}

/// Figures in a line.
fn shown(figures: &Figures) -> String {
    let shown: Vec<String> = figures.iter().map(|(name, count)| format!("{name} {count}")).collect();
    shown.join(", ")
}

/// Tells whoever watches.
pub(crate) fn tell(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// The programs that are tried, this one first: the beginnings of their hashes.
fn program(others: &[PathBuf]) -> Outcome<String> {
    let mut hashes = Vec::new();
    for path in std::iter::once(&std::env::current_exe()?).chain(others) {
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        hashes.push(blake3::hash(&bytes).to_hex()[..12].to_owned());
    }
    Ok(hashes.join("+"))
}

#[cfg(test)]
mod tests;
