//! Measures the journal beside other logs, the store beside other stores, and the limits of the machine, each in one run.
//!
//! ```text
//!   journal -> plan -> each repetition a process of its own: cell -> one sample
//!                |                                                        |
//!                `--- round robin over the contenders        rows -> table | json | svg | targets
//!   ingest  -> journal once -> fill, ask, remove, round robin -> the same
//!   counts  -> instructions of the hot paths
//!   codec   -> histories -> sealed segments -> bytes a fact, times
//!   stress  -> writers, readers in two processes, purges and scrubs at once -> an audit
//! ```
//!
//! `docs/performance.md` says what each work is, and what each contender promises.

mod annals;
mod cell;
mod codec;
mod contender;
mod count;
mod directory;
mod hog;
mod hot;
mod ingest;
mod json;
mod latency;
mod memory_disk;
mod outcome;
mod payload;
#[cfg(feature = "peers")]
mod peers;
mod plan;
mod raw;
mod row;
mod run;
mod sample;
mod stress;
mod svg;
mod table;
mod target;
mod work;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::outcome::Outcome;
use crate::work::Work;

/// The command line.
#[derive(Parser)]
#[command(about = "Measures Annals beside other logs, other stores and the limits of this machine")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure the journal, its peers (feature `peers`) and the raw limits, interleaved.
    Journal(Journal),
    /// Measure the store and its worker, from the journal on, beside other stores (features `peers`, `rocksdb`) and the
    /// one-pass limit.
    Ingest(ingest::Ingest),
    /// How small the codecs of streams make histories of facts, and how fast they are read.
    Codec(codec::Codecs),
    /// Count the instructions of the hot paths and compare them with `counts.json`; needs valgrind.
    Counts(count::Counts),
    /// Writers, readers in two processes, rolls, purges and scrubs at once: every reader sees every durable record once,
    /// in order, or a named gap.
    Stress(stress::Stress),
    /// The readers of a stress that are a process of their own.
    #[command(hide = true)]
    StressReaders(stress::Neighbour),
    /// One repetition of one cell, in this process; prints one line of JSON.
    #[command(hide = true)]
    Cell(cell::Cell),
    /// One step of an ingest run, in this process; prints a line of JSON for each sample.
    #[command(hide = true)]
    IngestStep(ingest::Step),
    /// Burns a core until it is killed or its time is over.
    #[command(hide = true)]
    Hog(hog::Hog),
    /// Takes a hot path so many times.
    #[command(hide = true)]
    Hot(hot::Hot),
}

/// What to measure and what to make of it.
#[derive(Args)]
struct Journal {
    /// Shorter repetitions, three of them, smaller logs: under three minutes.
    #[arg(long)]
    quick: bool,
    /// One JSON object per cell, a line each, instead of the table.
    #[arg(long)]
    json: bool,
    /// Measure these works only; may be given several times.
    #[arg(long, value_name = "WORK")]
    only: Vec<Work>,
    /// Measure these contenders only; may be given several times.
    #[arg(long, value_name = "NAME")]
    who: Vec<String>,
    /// Draw the rows as bars into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Where the logs are written: on the disk to be measured. Emptied afterwards.
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    dir: PathBuf,
    /// Repetitions of each cell. Default: 5, or 3 with --quick.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    repeat: Option<u32>,
}

fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Journal(options) => journal(&options),
        Command::Ingest(ingest) => ingest.run(),
        Command::IngestStep(step) => step.run(),
        Command::Codec(codecs) => codecs.run(),
        Command::Counts(counts) => counts.run(),
        Command::Stress(stress) => stress.run(),
        Command::StressReaders(readers) => readers.run(),
        Command::Hot(hot) => hot.run(),
        Command::Cell(cell) => cell.run(),
        Command::Hog(hog) => hog.run(),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "annals-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn journal(options: &Journal) -> Outcome<()> {
    let scale = plan::Scale::new(options.quick, options.repeat);
    let groups = plan::groups(&scale, &options.only, &options.who);
    let rows = run::all(&groups, &scale, &options.dir)?;
    if let Some(path) = &options.svg {
        std::fs::write(path, svg::draw(&row::panels(&rows), "Measurements of the journal", "other logs"))?;
    }
    let text = if options.json {
        json::lines(&rows)
    } else {
        format!("{}\n{}", table::rows(&rows), table::verdicts(&target::verdicts(&rows)))
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
