//! `annals pass-damage`: the store goes on behind what is damaged in the journal, and names it from then on.

use annals::{DamagePassed, Passed};
use serde::Serialize;

use super::Context;
use crate::escape::Shown;
use crate::exit::Failure;
use crate::number::{Size, counted};
use crate::output;

/// Whether it is meant.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals pass-damage          says what the store would go on without
  annals pass-damage --yes    goes on without it

Bytes of the journal that fail their checksum stop the store: what stands behind them is not applied, and no \
question is answered. A good copy of the files is the best way out, `annals log salvage` the next best. This is for \
those who need answers before: what is damaged is passed, noted in the store, and named by `status` and `verify` from \
then on. What stood there is not in the store; once the journal is whole again, `annals rebuild` brings it. The \
journal itself takes no appends until it is.")]
pub(crate) struct Args {
    /// Does it, and does not only say what it would do
    #[arg(long)]
    yes: bool,
}

/// What was passed, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    passed: Vec<Range>,
    /// How far the store has come.
    cursor: u64,
    done: bool,
}

#[derive(Debug, Serialize)]
struct Range {
    offset: u64,
    len: u64,
    detail: String,
}

/// Passes it, or says what would be passed.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let DamagePassed { passed, cursor, done, .. } = annals::pass_damage(context.place.path(), args.yes)?;
    let output = &mut context.output;
    if output.json {
        let range =
            |Passed { offset, len, detail }| Range { offset: annals::Offset::get(offset), len, detail };
        let passed = passed.into_iter().map(range).collect();
        return output.object(&Report { passed, cursor: cursor.get(), done });
    }
    if passed.is_empty() {
        output
            .line(format_args!("nothing is damaged ahead of the store, which stands at offset {cursor}"))?;
        return output.flush();
    }
    let bytes = passed.iter().fold(0_u64, |sum, range| sum.saturating_add(range.len));
    let verb = if done { "passed" } else { "would be passed" };
    output.line(format_args!("{verb}: {}, {}", counted(passed.len() as u64, "range"), Size(bytes)))?;
    for range in &passed {
        let place = format!("offset {} to {}", range.offset, range.end());
        output.line(format_args!("  {}: {}", output.paint.red(place), Shown(&range.detail)))?;
    }
    output.flush()?;
    if done {
        let text = format!("the store stands at offset {cursor}; what stood there is not in it");
        output::say(output::stderr_paint(false).bold(text));
    } else {
        output::say(output::stderr_paint(false).bold("nothing was changed: --yes does it"));
    }
    Ok(())
}
