//! `annals log repair`: everything read, and what an open would mend; mended on demand.

use std::sync::Arc;

use annals::SystemClock;
use annals::journal::repair::{diagnose, repair};
use annals::journal::{Disk, Options, RealDisk};
use serde::Serialize;

use super::findings::{self, Matter, State};
use super::{Where, site};
use crate::commands::{Context, opening};
use crate::exit::Failure;
use crate::number::Size;

/// Whether to do it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals log repair DIR            reads everything, and shows what is the matter and what would be done
  annals log repair DIR --apply    does it

A repair is what every open for writing does first: bytes of a torn tail, which were never acknowledged, go \
to quarantine and are cut; a lost watermark is found again; leftovers go. It cuts nothing that was \
acknowledged: damage is for `annals log salvage`, and ends with exit code 4. Exit code 11: another process \
has the journal.")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) place: Where,
    /// Does what is shown otherwise
    #[arg(long)]
    apply: bool,
}

/// What was found, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    applied: bool,
    state: State,
    log: String,
    /// Where the log ends.
    durable: u64,
    findings: Vec<Matter>,
    /// What is left after it was applied.
    left: Vec<Matter>,
    rewritten_bytes: u64,
    next: &'static str,
}

/// Shows it, or does it.
pub(super) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let dir = site::dir(context)?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let mut report = if args.apply {
        let clock = Arc::new(SystemClock);
        let done =
            repair(&disk, clock, &dir, Options::default()).map_err(|error| site::refused(context, error))?;
        opening::tell(&done.open, context.output.json);
        let left = done.left.iter().map(Matter::from).collect();
        Report::of(&done.found, left, done.open.rewritten_bytes)
    } else {
        Report::of(&diagnose(&disk, &dir)?, Vec::new(), 0)
    };
    report.applied = args.apply;
    // What is still the matter decides how it ends.
    let matters = if args.apply { &report.left } else { &report.findings };
    (report.state, report.next) = (findings::state(matters), findings::next(matters));
    let verdict = findings::verdict(matters);
    let shown = match context.output.json {
        true => context.output.object(&report),
        false => show(&report, context),
    };
    verdict.and(shown)
}

impl Report {
    fn of(found: &annals::journal::repair::Diagnosis, left: Vec<Matter>, rewritten_bytes: u64) -> Self {
        Self {
            applied: false,
            state: State::Sound,
            log: found.log.to_string(),
            durable: found.durable.get(),
            findings: found.findings.iter().map(Matter::from).collect(),
            left,
            rewritten_bytes,
            next: "",
        }
    }
}

fn show(report: &Report, context: &mut Context) -> Result<(), Failure> {
    let output = &mut context.output;
    let state = findings::word(report.state, output);
    if report.applied {
        output.line(format_args!("{state}  {} written again and synced", Size(report.rewritten_bytes)))?;
        findings::show(&report.left, output)?;
    } else {
        output.line(format_args!("{state}  all was read, up to offset {}", report.durable))?;
        findings::show(&report.findings, output)?;
    }
    output.line(format_args!("next: {}", report.next))?;
    output.flush()
}
