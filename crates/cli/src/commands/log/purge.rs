//! `annals log purge`: the oldest segments removed.
//!
//!   plan -> consent (--yes, or asked for on a terminal) -> apply: planned again, written down, removed

use std::io::{self, BufRead, IsTerminal, Write};

use annals::journal::{Consent, Error, Plan};
use serde::Serialize;

use super::keep::{InTheWay, Planned, Policy};
use super::segment::Segment;
use super::{Where, site};
use crate::commands::Context;
use crate::exit::{Code, Failure};
use crate::number::{Size, counted};
use crate::output::Output;

/// What to keep, and whether that is meant.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals log plan  DIR --keep-age 30d          shows what would go
  annals log purge DIR --keep-age 30d --yes    removes it

What goes is gone. On a terminal the plan is shown and asked about; elsewhere --yes is needed. Only whole \
sealed segments go, oldest first, and each leaves a receipt. What a cursor, the latest checkpoint or \
damage holds back stays: then what can go goes, and the exit code is 1. Exit code 11: another process has \
the journal.")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) place: Where,
    #[command(flatten)]
    policy: Policy,
    /// Removes without asking
    #[arg(long)]
    yes: bool,
}

/// What was removed, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    keep: String,
    purged: Vec<Segment>,
    purged_records: u64,
    freed_bytes: u64,
    /// Where the log begins now.
    oldest: u64,
    #[serde(flatten)]
    in_the_way: InTheWay,
}

/// Removes them.
pub(super) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let asks = !args.yes;
    if asks && (context.output.json || !io::stdin().is_terminal() || !io::stderr().is_terminal()) {
        return Err(Failure::usage("a purge removes for good: nothing was removed")
            .with_help("`annals log plan` with the same flags shows what would go; --yes removes it"));
    }
    let journal = site::journal(context)?;
    let plan = journal.plan(&args.policy.keep())?;
    let consent = Consent { clock_jump: args.policy.accept_clock_jump };
    if let Some(jump) = plan.clock.filter(|_| !consent.clock_jump && !plan.purge.is_empty()) {
        let (at, from_micros, to_micros) = (jump.at, jump.from_micros, jump.to_micros);
        return Err(Error::ClockJumped { at, from_micros, to_micros }.into());
    }
    let planned = Planned::from(&plan);
    if asks && !plan.purge.is_empty() {
        planned.show(consent.clock_jump, &mut context.output)?;
        context.output.flush()?;
        confirm(&plan)?;
    }
    let receipts = journal.apply(&plan, consent)?;
    let report = Report {
        keep: planned.keep,
        purged_records: receipts.iter().map(|receipt| receipt.records).sum(),
        freed_bytes: receipts.iter().map(|receipt| receipt.bytes).sum(),
        purged: receipts.iter().map(Segment::from).collect(),
        oldest: journal.status().oldest.get(),
        in_the_way: planned.in_the_way,
    };
    journal.close()?;
    let shown = match context.output.json {
        true => context.output.object(&report),
        false => show(&report, &mut context.output),
    };
    report.in_the_way.verdict().and(shown)
}

fn confirm(plan: &Plan) -> Result<(), Failure> {
    let mut err = io::stderr().lock();
    let segments = counted(plan.purge.len() as u64, "segment");
    // If nobody hears the question, nobody answers it.
    let _ = write!(err, "Remove {segments} for good? [y/N] ");
    let _ = err.flush();
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    match (read, answer.trim()) {
        (Ok(_), "y" | "Y" | "yes") => Ok(()),
        _ => Err(Failure::new(Code::Failed, "nothing was removed")),
    }
}

fn show(report: &Report, output: &mut Output) -> Result<(), Failure> {
    let segments = counted(report.purged.len() as u64, "segment");
    let records = counted(report.purged_records, "record");
    output.line(format_args!(
        "removed    {segments}, {records}, {}; the log begins at offset {}",
        Size(report.freed_bytes),
        report.oldest
    ))?;
    for segment in &report.purged {
        output.line(format_args!("  {}", segment.line()))?;
    }
    report.in_the_way.show(output)?;
    output.flush()
}
