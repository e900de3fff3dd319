//! `annals log verify`: the journal's bytes checked, beside whoever writes it.

use std::str::FromStr;
use std::time::Instant;

use annals::journal::{Depth, Verification, VerifyOptions};
use serde::Serialize;

use super::{Where, site};
use crate::commands::Context;
use crate::commands::log_walk::{tell_damage, tell_hole};
use crate::exit::{Code, Failure};
use crate::number::{Size, Span, counted, seconds};
use crate::output::Output;
use crate::progress::Progress;

/// How much to check.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals log verify DIR                   every CRC and every BLAKE3, on all cores
  annals log verify DIR --quick           headers, seals and the active segment: milliseconds
  annals log verify DIR --subset 3/10     the third of ten parts, for a check a night

Takes no lock. Exit code 4: something does not verify; each range is named. What is checked is what is \
durable; `annals verify` checks the store too.")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) place: Where,
    /// Reads headers and seals, and the frames of the active segment only
    #[arg(long)]
    quick: bool,
    /// Reads only every so manieth segment: 3/10 is the third of ten parts
    #[arg(long, value_name = "PART/PARTS")]
    subset: Option<Subset>,
}

/// Which part of the segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Subset(u32, u32);

impl FromStr for Subset {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "a part and a number of parts are expected, such as 3/10";
        let (part, parts) = text.split_once('/').ok_or(expected)?;
        let (part, parts) = (part.parse().map_err(|_| expected)?, parts.parse().map_err(|_| expected)?);
        if (1..=parts).contains(&part) { Ok(Self(part, parts)) } else { Err(expected) }
    }
}

/// What was found, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    depth: &'static str,
    subset: Option<String>,
    records: u64,
    bytes: u64,
    damaged: Vec<Range>,
    /// What is listed as lost: known, and no damage.
    holes: Vec<Hole>,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct Range {
    offset: u64,
    len: u64,
    detail: String,
}

#[derive(Debug, Serialize)]
struct Hole {
    offset: u64,
    len: u64,
}

/// Checks it.
pub(super) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let reader = site::reader(context)?;
    let options = VerifyOptions {
        depth: if args.quick { Depth::Quick } else { Depth::Full },
        subset: args.subset.map(|Subset(part, parts)| (part, parts)),
    };
    let mut progress = Progress::of_bytes(None);
    let found =
        reader.verify_with(options, &mut |done, all| progress.update(done, Some(all), String::new))?;
    drop(progress);
    let report = Report::of(args, &found, seconds(begun.elapsed()));
    // What was found says more than whether somebody still listened.
    let shown = match context.output.json {
        true => context.output.object(&report),
        false => show(&report, &found, &mut context.output),
    };
    verdict(&report).and(shown)
}

impl Report {
    fn of(args: &Args, found: &Verification, seconds: f64) -> Self {
        let range = |damage: &annals::Damage| Range {
            offset: damage.offset.get(),
            len: damage.len,
            detail: damage.detail.clone(),
        };
        Self {
            ok: found.is_ok(),
            depth: if args.quick { "quick" } else { "full" },
            subset: args.subset.map(|Subset(part, parts)| format!("{part}/{parts}")),
            records: found.records,
            bytes: found.bytes,
            damaged: found.damaged.iter().map(range).collect(),
            holes: found.holes.iter().map(|hole| Hole { offset: hole.offset.get(), len: hole.len }).collect(),
            seconds,
        }
    }
}

fn show(report: &Report, found: &Verification, output: &mut Output) -> Result<(), Failure> {
    let verdict = match report.ok {
        true => output.paint.green("sound").to_string(),
        false => output.paint.red("damaged").to_string(),
    };
    let part = report.subset.as_ref().map(|subset| format!(", part {subset}")).unwrap_or_default();
    output.line(format_args!(
        "{verdict}  {} verify, {} read in {} ({} check{part})",
        counted(report.records, "record"),
        Size(report.bytes),
        Span(report.seconds),
        report.depth,
    ))?;
    output.flush()?;
    for damage in &found.damaged {
        tell_damage(damage, false, None);
    }
    for hole in &found.holes {
        tell_hole(hole.offset, hole.len, false, None);
    }
    Ok(())
}

fn verdict(report: &Report) -> Result<(), Failure> {
    if report.ok {
        return Ok(());
    }
    let ranges = counted(report.damaged.len() as u64, "range");
    let verify = if report.damaged.len() == 1 { "does not verify" } else { "do not verify" };
    Err(Failure::new(Code::Damaged, format!("{ranges} of the journal {verify}"))
        .with_help("`annals log dump` shows what stands there, `annals log info` says what to do"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subset_is_a_part_of_parts() {
        assert_eq!("3/10".parse(), Ok(Subset(3, 10)));
        assert_eq!("1/1".parse(), Ok(Subset(1, 1)));
        for wrong in ["", "3", "0/10", "11/10", "3/0", "-1/3", "a/b", "3/10/2"] {
            assert!(wrong.parse::<Subset>().is_err(), "{wrong}");
        }
    }
}
