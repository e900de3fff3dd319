//! `annals verify`: everything checked.
//!
//!   journal: every CRC, every BLAKE3, every seal -> store: every key against itself -> store against the journal

use std::time::Instant;

use annals::{Damage, Step, VerifyParts};

use super::Context;
use super::log_walk::tell_damage;
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::number::{Count, Size, counted, seconds};
use crate::output::{self, Output};
use crate::progress::Progress;

mod report;

use report::{IndexReport, Key, Range, Report};

/// The most damaged keys that people are told of one by one.
const SHOWN: usize = 20;

/// What to check.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals verify
  annals verify --index     only the store, and what the journal says of it
  annals verify --journal   only the journal
  annals verify --json

Reads the whole journal twice and the whole store once. Exit code 4: something does not verify; it \
is listed. What one side has lost, `annals heal` restores from the other; what is wrong with the store only, \
`annals rebuild` mends.")]
pub(crate) struct Args {
    /// Checks the store: replays the journal into digests, sums the store's keys, and names the families that differ
    #[arg(long)]
    index: bool,
    /// Checks the journal: every CRC, BLAKE3 and seal
    #[arg(long)]
    journal: bool,
}

/// Checks it.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    // Neither: both.
    let parts = VerifyParts { journal: args.journal || !args.index, index: args.index || !args.journal };
    let steps = u64::from(parts.journal) + 2 * u64::from(parts.index);
    let mut progress = Progress::of_steps(Some(100));
    let verified = annals::verify_at(context.place.path(), parts, &mut |step, done, all| {
        let (name, share) = match step {
            Step::Journal => ("the journal's checksums and hashes", 0),
            Step::Store => ("the store's keys", steps - 2),
            Step::Comparison => ("the store against the journal", steps - 1),
        };
        let percent = done.saturating_mul(100).checked_div(all).unwrap_or(100).min(100);
        progress.update((share * 100 + percent) / steps, None, || name.to_owned());
    })?;
    drop(progress);
    let report = Report::of(verified, seconds(begun.elapsed()));
    // What was found says more than whether somebody still listened.
    let shown = match context.output.json {
        true => context.output.object(&report),
        false => show(&report, &mut context.output),
    };
    verdict(&report).and(shown)
}

/// How the check ended.
fn verdict(report: &Report) -> Result<(), Failure> {
    if report.ok {
        return Ok(());
    }
    let ranges = report.damaged.as_ref().map_or(0, Vec::len);
    let journal = counted(ranges as u64, "range");
    let passed = report.index.as_ref().map_or(0, |index| index.passed.len() as u64);
    let store = report.index.as_ref().filter(|index| !index.ok && !index.only_passed());
    let names = store.map(IndexReport::named).filter(|names| !names.is_empty());
    let names = names.map_or_else(String::new, |names| format!(": {}", names.join(", ")));
    let message = match (ranges > 0, store.is_some()) {
        (true, false) => format!("damage found in the journal: {journal}"),
        (false, false) => {
            format!("the store has passed what is damaged in the journal: {}", counted(passed, "range"))
        }
        (true, true) => format!("damage found in the journal ({journal}) and in the store{names}"),
        (false, true) => format!("the store is not what the journal says{names}"),
    };
    let failure = Failure::new(Code::Damaged, message);
    if ranges == 0 && store.is_none() {
        let help = "once the journal is whole again, `annals rebuild` brings what stood there";
        return Err(failure.with_help(help));
    }
    if ranges == 0 {
        let sound = if report.damaged.is_some() { "; the journal is sound" } else { "" };
        return Err(failure.with_help(format!(
            "`annals heal` restores damaged records of it, `annals rebuild` makes it anew{sound}"
        )));
    }
    Err(failure.with_help(
        "`annals heal` restores what the store still has; what can be read, `annals export` writes; or put the journal back from a copy",
    ))
}

fn show(report: &Report, output: &mut Output) -> Result<(), Failure> {
    let verdict = |output: &Output, ok: bool| match ok {
        true => output.paint.green("sound").to_string(),
        false => output.paint.red("damaged").to_string(),
    };
    if let (Some(damaged), Some(records), Some(bytes)) = (&report.damaged, report.records, report.bytes) {
        let journal = verdict(output, damaged.is_empty());
        output.line(format_args!(
            "journal  {journal}  {} verify, {} read",
            counted(records, "record"),
            Size(bytes)
        ))?;
        output.flush()?;
        for Range { offset, len, detail } in damaged {
            let damage = Damage { offset: annals::Offset::new(*offset), len: *len, detail: detail.clone() };
            tell_damage(&damage, false, None);
        }
    }
    let Some(index) = &report.index else { return Ok(()) };
    let store = verdict(output, index.ok);
    let from = match index.compared_from {
        0 => String::new(),
        from => format!(" from offset {from} on; what was purged before it the store alone knows"),
    };
    output.line(format_args!(
        "store    {store}  {} compared with the journal{from}",
        counted(index.compared, "record")
    ))?;
    output.flush()?;
    let red = output::stderr_paint(false);
    for wrong in index.error.iter().chain(&index.differing) {
        output::say(format_args!("{} {}", red.red("store:"), Shown(wrong)));
    }
    for Key { key, detail } in index.damaged.iter().take(SHOWN) {
        output::say(format_args!("{} {}: {}", red.red("damaged:"), Shown(key), Shown(detail)));
    }
    for Range { offset, len, detail } in &index.passed {
        let range = format!("offset {offset}, {}: {}", Size(*len), Shown(detail));
        output::say(format_args!("{} {range}; what stood there is not in the store", red.red("passed:")));
    }
    let told = index.damaged.len().min(SHOWN) as u64;
    if index.damaged_total > told {
        output::say(format_args!(
            "… and {} more; --json lists more of them",
            Count(index.damaged_total - told)
        ));
    }
    Ok(())
}
