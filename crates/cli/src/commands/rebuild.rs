//! `annals rebuild`: the store from the journal, compared with the one that was there.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::Context;
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::number::{Count, Span, counted, rate};
use crate::output::{self, Output};
use crate::progress::Progress;

/// What to do with a difference.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals rebuild            builds the store anew; it takes its place if both hold the same
  annals rebuild --accept   it takes its place also where they differ

The new store is built beside the old one. Where the two differ the old one stays, and the exit code \
is 4. Where there was no old one, or it cannot be read, the new one takes its place.")]
pub(crate) struct Args {
    /// Takes the new store also where it differs from the old one
    #[arg(long)]
    accept: bool,
}

/// What was rebuilt, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    records: u64,
    seconds: f64,
    /// Null where there was nothing to compare with.
    same: Option<bool>,
    difference: Option<String>,
    switched: bool,
    digest: String,
}

/// Rebuilds it.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut progress = Progress::of_bytes(None);
    let rebuilt = annals::rebuild(context.place.path(), args.accept, &mut |records, done, all| {
        progress.update(done, Some(all), || {
            format!("{}, {}/s", counted(records, "record"), Count(rate(records, begun.elapsed())))
        });
    })?;
    drop(progress);
    let report = Report {
        records: rebuilt.records,
        seconds: (rebuilt.seconds * 1e3).round() / 1e3,
        same: rebuilt.same,
        difference: rebuilt.difference,
        switched: rebuilt.switched,
        digest: rebuilt.digests.to_string(),
    };
    // What was found says more than whether somebody still listened.
    let shown = show(&report, begun.elapsed(), &mut context.output);
    verdict(&report).and(shown)
}

fn show(report: &Report, elapsed: Duration, output: &mut Output) -> Result<(), Failure> {
    if output.json {
        return output.object(report);
    }
    let speed = Count(rate(report.records, elapsed)).to_string();
    let records = counted(report.records, "record");
    output.line(format_args!("{records} applied in {}, {speed} a second", Span(report.seconds)))?;
    output.line(match report.same {
        Some(true) => output.paint.green("the new store holds the same as the old one").to_string(),
        Some(false) => output.paint.red("the new store differs from the old one").to_string(),
        None => "there was no store to compare with".to_owned(),
    })?;
    output.flush()?;
    if let Some(difference) = &report.difference {
        output::say(Shown(difference));
    }
    Ok(())
}

/// How the rebuild ended.
fn verdict(report: &Report) -> Result<(), Failure> {
    if report.switched {
        return Ok(());
    }
    Err(Failure::new(Code::Damaged, "the store that was rebuilt differs from the old one, which stays")
        .with_help("`annals verify` says what is wrong; `annals rebuild --accept` takes the new one"))
}
