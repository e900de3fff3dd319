//! `annals rebuild`: the store from the journal, compared with the one that was there; and the way back.

use std::time::{Duration, Instant};

use annals::{RebuildOptions, RebuildPhase, RebuildProgress};
use serde::Serialize;

use super::Context;
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::measure;
use crate::number::{self, Count, Span, counted};
use crate::output::{self, Output};
use crate::progress::Progress;

/// How to rebuild, and what to do with the old store.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals rebuild                      builds the store anew; it takes its place if both hold the same
  annals rebuild --accept             it takes its place also where they differ
  annals rebuild --keep-old           the old one is kept for going back
  annals rebuild --rollback           the one that was kept answers again, and the other is kept
  annals rebuild --throttle 20MiB     reads so much of the journal a second at most

The new store is built beside the old one. Where the two differ the old one stays, and the exit code \
is 4. Where there was no old one, or it cannot be read, the new one takes its place. A rebuild that was \
killed is gone on with by the next one.")]
pub(crate) struct Args {
    /// Takes the new store also where it differs from the old one
    #[arg(long)]
    accept: bool,
    /// Keeps the old store, so that --rollback can go back to it; one that was kept before it goes
    #[arg(long)]
    keep_old: bool,
    /// Goes back to the store that answered before and was kept; nothing is built
    #[arg(long, conflicts_with_all = ["accept", "keep_old", "throttle", "start_over"])]
    rollback: bool,
    /// Reads at most so many bytes of the journal a second, such as 50MiB
    #[arg(long, value_name = "SIZE", value_parser = rate)]
    throttle: Option<u64>,
    /// Forgets what a rebuild that was cut off has built, and begins at the beginning
    #[arg(long)]
    start_over: bool,
}

/// What was rebuilt, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    records: u64,
    seconds: f64,
    /// Null where it began at the beginning.
    resumed_at: Option<u64>,
    /// Null where there was nothing to compare with.
    same: Option<bool>,
    difference: Option<String>,
    switched: bool,
    /// The generation that answers now.
    generation: Option<String>,
    /// The generation that is kept for going back.
    kept: Option<String>,
    digest: String,
}

/// What going back did, as JSON.
#[derive(Debug, Serialize)]
struct RolledBack {
    from: Option<String>,
    to: String,
    switched: bool,
    records_to_apply: u64,
}

/// Rebuilds it, or goes back.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    if args.rollback {
        return go_back(context);
    }
    let begun = Instant::now();
    let options = RebuildOptions {
        accept: args.accept,
        keep_old: args.keep_old,
        throttle_bytes_per_second: args.throttle,
        start_over: args.start_over,
    };
    let mut progress = Progress::of_parts();
    let rebuilt = annals::rebuild(context.place.path(), &options, &mut |heard| {
        progress.update(heard.done, Some(heard.all), || line(heard));
    })?;
    drop(progress);
    let report = Report {
        records: rebuilt.records,
        seconds: (rebuilt.seconds * 1e3).round() / 1e3,
        resumed_at: rebuilt.resumed_at.map(annals::Offset::get),
        same: rebuilt.same,
        difference: rebuilt.difference,
        switched: rebuilt.switched,
        generation: rebuilt.generation,
        kept: rebuilt.kept,
        digest: rebuilt.digests.to_string(),
    };
    // What was found says more than whether somebody still listened.
    let shown = show(&report, begun.elapsed(), &mut context.output);
    verdict(&report).and(shown)
}

/// A rate: a size that is not nothing.
fn rate(text: &str) -> Result<u64, String> {
    match measure::size(text)? {
        0 => Err("nothing would ever be read".to_owned()),
        bytes => Ok(bytes),
    }
}

/// How far it is, beside the bar.
fn line(heard: &RebuildProgress) -> String {
    let doing = match heard.phase {
        RebuildPhase::Checking => return "checking the old store".to_owned(),
        RebuildPhase::Building => "building",
        RebuildPhase::Writing => "writing",
        RebuildPhase::CatchingUp => "catching up",
        RebuildPhase::Switching => "comparing",
    };
    let (records, speed) = (counted(heard.records, "record"), Count(heard.records_per_second as u64));
    match heard.left {
        None => format!("{doing}: {records}"),
        Some(left) => format!("{doing}: {records}, {speed}/s, {} left", Span(left.as_secs_f64())),
    }
}

fn go_back(context: &mut Context) -> Result<(), Failure> {
    let back = annals::rollback(context.place.path()).map_err(|error| match &error {
        annals::Error::NoFormer { .. } => Failure::new(Code::NotFound, "no generation is kept to go back to")
            .with_help("`annals rebuild --keep-old` keeps one; `annals generations` lists them"),
        _ => Failure::from(error),
    })?;
    let report =
        RolledBack { from: back.from, to: back.to, switched: true, records_to_apply: back.records_to_apply };
    if context.output.json {
        return context.output.object(&report);
    }
    let from = report.from.as_deref().unwrap_or("nothing");
    let to_apply = counted(report.records_to_apply, "record");
    context.output.line(format_args!(
        "{} answers in place of {from}; {to_apply} will be applied at the next open",
        report.to
    ))
}

fn show(report: &Report, elapsed: Duration, output: &mut Output) -> Result<(), Failure> {
    if output.json {
        return output.object(report);
    }
    let speed = Count(number::rate(report.records, elapsed)).to_string();
    let records = counted(report.records, "record");
    output.line(format_args!("{records} applied in {}, {speed} a second", Span(report.seconds)))?;
    if let Some(at) = report.resumed_at {
        output.line(format_args!("went on with a rebuild that was cut off at offset {at}"))?;
    }
    output.line(match report.same {
        Some(true) => output.paint.green("the new store holds the same as the old one").to_string(),
        Some(false) => output.paint.red("the new store differs from the old one").to_string(),
        None => "there was no store to compare with".to_owned(),
    })?;
    if let Some(kept) = &report.kept {
        output.line(format_args!("{kept} is kept; `annals rebuild --rollback` goes back to it"))?;
    }
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
