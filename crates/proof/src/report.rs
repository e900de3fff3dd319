//! Adds ledgers up: what was tried, with which figures, and what failed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::Outcome;
use crate::figures::Figures;
use crate::ledger::{self, Entry, Failure};
use crate::run::Verdict;

/// The ledgers to add up.
#[derive(Args, Debug)]
pub(crate) struct Report {
    /// Ledgers, of any trials.
    #[arg(value_name = "FILE", required = true)]
    ledgers: Vec<PathBuf>,
    /// One JSON object for each trial, a line each.
    #[arg(long)]
    json: bool,
}

/// All that was tried of one trial.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Sum {
    trial: String,
    /// How many different numbers.
    numbers: u64,
    /// Seconds of threads.
    seconds: f64,
    figures: Figures,
    failures: Vec<Failure>,
    /// With how many programs: different ones may be different states of the code.
    programs: BTreeSet<String>,
}

impl Report {
    /// Prints the sums.
    ///
    /// # Errors
    /// A ledger that cannot be read.
    pub(crate) fn run(&self) -> Outcome<Verdict> {
        let (mut entries, mut broken) = (Vec::new(), 0);
        for path in &self.ledgers {
            let (read, cut_off) = ledger::read(path)?;
            entries.extend(read);
            broken += cut_off;
        }
        let sums = sums(entries);
        let mut out = std::io::stdout();
        for sum in sums.values() {
            if self.json {
                writeln!(out, "{}", serde_json::to_string(sum)?)?;
                continue;
            }
            writeln!(
                out,
                "{}: {} numbers, {} failed, {:.0} s of threads, {} programs",
                sum.trial,
                sum.numbers,
                sum.failures.len(),
                sum.seconds,
                sum.programs.len()
            )?;
            for (name, count) in sum.figures.iter() {
                writeln!(out, "    {name} {count}")?;
            }
            for failure in &sum.failures {
                writeln!(out, "    failed: --number {}: {}", failure.number, failure.what)?;
            }
        }
        if broken > 0 {
            writeln!(std::io::stderr(), "{broken} lines that were cut off are left out")?;
        }
        let failed = sums.values().any(|sum| !sum.failures.is_empty());
        Ok(if failed { Verdict::Failed } else { Verdict::Held })
    }
}

/// The sums by trial. A block that several programs or ledgers tried counts once: the last one stands.
fn sums(entries: Vec<Entry>) -> BTreeMap<String, Sum> {
    let blocks: BTreeMap<(String, u64, u64), Entry> =
        entries.into_iter().map(|entry| ((entry.trial.clone(), entry.from, entry.to), entry)).collect();
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    for ((trial, from, to), entry) in blocks {
        let sum = sums.entry(trial.clone()).or_insert_with(|| Sum { trial, ..Sum::default() });
        sum.numbers += to - from;
        sum.seconds += entry.seconds;
        sum.figures.merge(&entry.figures);
        sum.failures.extend(entry.failures);
        sum.programs.insert(entry.program);
    }
    sums
}

#[cfg(test)]
mod tests;
