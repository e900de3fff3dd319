//! `annals dead-letters redrive`: read from the journal again, and applied where that is possible now.

use annals::{Redrive, Redriven, Which};
use serde::Serialize;

use super::{Named, offsets, with_annals};
use crate::commands::Context;
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::interrupt::stopped;
use crate::number::counted;
use crate::output::{self, Output};

/// Which of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals dead-letters redrive --all              all that are parked
  annals dead-letters redrive --all --dry-run    says what would become of them; changes nothing
  annals dead-letters redrive 8192 3f2a91c04d7e  these two, also if they were given up

What this version can apply is applied as if it had been when it came: under its own offset, in its subject's \
list where that offset belongs, with every count and digest. The order does not matter, and what came later need \
not wait. Exit code 3: some still cannot be applied and stay, with their new reasons; 5: one that is named is not \
there.")]
pub(super) struct Args {
    /// Their offsets, or the ids of their records or the first digits of these
    #[arg(value_name = "OFFSET|ID", required_unless_present = "all", conflicts_with = "all")]
    letters: Vec<Named>,
    /// All that are parked, without those that were given up
    #[arg(long)]
    all: bool,
    /// Says what would become of them, and changes nothing
    #[arg(long)]
    dry_run: bool,
}

/// What became of them, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    /// There now, from where they came.
    applied: u64,
    /// There before, from a later place.
    moved: u64,
    /// There before, from an earlier place.
    duplicates: u64,
    /// Of the application's own types.
    application: u64,
    /// Still parked.
    parked: u64,
    /// Still parked, for the journal cannot give their records; the first hundred of them.
    unread: Vec<Unread>,
    unread_total: u64,
    dry_run: bool,
}

#[derive(Debug, Serialize)]
struct Unread {
    offset: u64,
    reason: String,
}

impl Report {
    fn of(redrive: Redrive, dry_run: bool) -> Self {
        let Redriven { applied, moved, duplicates, application, parked, .. } = redrive.redriven;
        let unread = redrive.unread.into_iter();
        let unread =
            unread.map(|unread| Unread { offset: unread.offset.get(), reason: unread.reason }).collect();
        let unread_total = redrive.unread_total;
        Self { applied, moved, duplicates, application, parked, unread, unread_total, dry_run }
    }
}

/// Reads them again.
pub(super) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let report = with_annals(context, |annals, context| {
        let at = offsets(&args.letters, annals)?;
        let which = if args.all { Which::All } else { Which::At(&at) };
        let interrupt = &context.interrupt;
        let redrive = annals.redrive(which, !args.dry_run, &mut |_| !interrupt.asked())?;
        let report = Report::of(redrive, args.dry_run);
        match context.output.json {
            true => context.output.object(&report)?,
            false => show(&report, &mut context.output)?,
        }
        Ok(report)
    })?;
    if context.interrupt.asked() {
        return Err(stopped(
            "interrupted; what was read again is applied, the same command goes on with the rest",
        ));
    }
    match report.parked + report.unread_total {
        0 => Ok(()),
        _ if report.dry_run => Ok(()),
        left => {
            let left = format!("{} could not be applied and stay parked", counted(left, "dead letter"));
            Err(Failure::new(Code::Rejected, left).with_help("`annals dead-letters list` has their reasons"))
        }
    }
}

fn show(report: &Report, output: &mut Output) -> Result<(), Failure> {
    let would = if report.dry_run { "would be " } else { "" };
    for (count, what) in [
        (report.applied, "applied"),
        (report.moved, "there already from a later place, taken to where it came first"),
        (report.duplicates, "there already from an earlier place, taken off the list"),
        (report.application, "of the application's own types, taken off the list"),
    ] {
        if count > 0 {
            output.line(format_args!("{}: {would}{what}", counted(count, "dead letter")))?;
        }
    }
    if report.parked > 0 {
        output
            .line(format_args!("{}: this version cannot apply it", counted(report.parked, "dead letter")))?;
    }
    for Unread { offset, reason } in &report.unread {
        output.line(format_args!("offset {offset}: not to be read: {}", Shown(reason)))?;
    }
    output.flush()?;
    if report.dry_run {
        output::say(output::stderr_paint(false).bold("nothing was changed"));
    }
    Ok(())
}
