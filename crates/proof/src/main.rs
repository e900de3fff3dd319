//! Tries what Annals promises, over and over, and keeps account of it.
//!
//! ```text
//!   number -> trial -> figures | failure      a failure is repeated by its number
//!   numbers -> shards, threads, blocks -> ledger (a line a block) -> report
//! ```
//!
//! `docs/proof.md` says what each trial shows, and the figures of the runs that were made.

mod board;
mod crash;
#[cfg(target_os = "linux")]
mod cut;
mod figures;
#[cfg(target_os = "linux")]
mod fuse;
mod kill;
mod ledger;
mod report;
mod run;
mod sweep;
mod trial;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Any failure to run a trial at all; that a trial failed is told by [`run::Verdict`].
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The command line.
#[derive(Parser)]
#[command(about = "Tries what Annals promises, by number, and keeps account of it")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Switch seeded bugs on, one at a time, and see which parts of the apparatus notice.
    Board(board::Board),
    /// Cut the power of a journal at many places of drawn histories, and hold every image to what was promised.
    Crash(run::Run),
    #[cfg(target_os = "linux")]
    Cut(cut::Cut),
    /// Run the same commands to their ends, and see after each that everything was synced, names and all, in the right order.
    #[cfg(target_os = "linux")]
    Order(cut::Cut),
    /// Kill the real binary while it works, many times on one directory, and see that nothing acknowledged is lost.
    Kill(kill::Args),
    /// Let every call of every operation fail once, in every way, and see that nobody hangs and nothing is lost.
    Sweep(run::Run),
    /// Add the ledgers of runs up, trial by trial.
    Report(report::Report),
}

fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Board(board) => board.run(),
        Command::Crash(run) => run.all(&crash::Crash, &[]),
        #[cfg(target_os = "linux")]
        Command::Cut(cut) => cut.run(),
        #[cfg(target_os = "linux")]
        Command::Order(cut) => cut.account(),
        Command::Kill(args) => args.run(),
        Command::Sweep(run) => sweep::Sweep::new().map_err(Into::into).and_then(|sweep| run.all(&sweep, &[])),
        Command::Report(report) => report.run(),
    };
    match ended {
        Ok(run::Verdict::Held) => ExitCode::SUCCESS,
        Ok(run::Verdict::Failed) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "annals-proof: {error}");
            ExitCode::from(2)
        }
    }
}
