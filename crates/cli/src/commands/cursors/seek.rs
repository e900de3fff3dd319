//! `annals cursors seek`: a consumer reads from elsewhere, or a named cursor is moved, once somebody has said yes.

use annals::{Log, Offset, SeekPlan};
use serde::Serialize;

use super::{Context, unless, wait};
use crate::commands::past::When;
use crate::commands::tail::start;
use crate::exit::{Code, Failure};
use crate::number::{Size, counted};

/// Whose cursor, and where to.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals cursors seek mailer --to start         says what would be applied again
  annals cursors seek mailer --to start --yes
  annals cursors seek mailer --to 8192 --yes    an offset that `tail` or another command has named
  annals cursors seek mailer --to end --yes     everything that is there by now is skipped

Back, and records that were applied are applied again; forth, and what lies between is never applied. \
The store and projections cannot be moved, for they hold all that lies before their cursors: `annals \
rebuild` applies the journal again. A named cursor has to be free: its consumer stopped. Exit code 2: no \
record begins there, or it cannot be moved; 1: the consumer's sink refuses.")]
pub(super) struct Args {
    /// A consumer, or a named cursor
    #[arg(value_name = "NAME")]
    name: String,
    /// An offset at which a record begins, a time of the journal, its beginning or its end
    #[arg(long, value_name = "N|@TIME|start|end")]
    to: To,
    /// Does it, and does not only say what it would do
    #[arg(long)]
    yes: bool,
}

/// A place of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Start,
    End,
    When(When),
}

impl std::str::FromStr for To {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "start" => Ok(Self::Start),
            "end" => Ok(Self::End),
            _ => text
                .parse()
                .map(Self::When)
                .map_err(|expected: String| format!("{expected}, or start or end")),
        }
    }
}

/// What is or would be done, as JSON.
#[derive(Debug, Serialize)]
struct Report<'a> {
    name: &'a str,
    kind: &'static str,
    /// Where it stands; null if that is not known.
    from: Option<u64>,
    to: u64,
    /// Records that are applied again, or skipped.
    records: u64,
    bytes: u64,
    skips: bool,
    /// Whether it was done by now.
    done: bool,
    /// Whether it is done once the consumer is at work next.
    noted: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let path = context.place.path().to_owned();
    let reader = annals::log_reader(&path)?;
    let bounds = reader.bounds()?;
    let to = match args.to {
        To::Start => bounds.oldest,
        To::End => bounds.durable,
        To::When(When::Offset(offset)) => start::checked(&reader, offset)?,
        To::When(When::Time(micros)) => annals::offset_at(&reader, micros)?,
    };
    let plan = annals::plan_seek(&path, &args.name, to)?;
    let (mut done, mut noted) = (false, false);
    if args.yes {
        done = annals::seek(&path, &plan)?;
        if !done {
            (done, noted) = obeyed(&plan, context)?;
        }
    }
    show(&plan, (done, noted), context)?;
    unless(args.yes);
    Ok(())
}

/// Waits until a consumer that is at work has been put elsewhere: whether it has, and whether it is to be later.
///
/// # Errors
/// Its sink's refusal.
fn obeyed(plan: &SeekPlan, context: &Context) -> Result<(bool, bool), Failure> {
    let ends = |status: &annals::ConsumerStatus| {
        let asks = status.seek.as_ref().is_some_and(|seek| seek.refused.is_none());
        !asks || status.state == annals::ConsumerState::NotRunning
    };
    let status = wait(&plan.name, context, ends)?;
    match status.seek.map(|seek| seek.refused.ok_or(())) {
        None => Ok((true, false)),
        Some(Err(())) => Ok((false, true)),
        Some(Ok(refused)) => Err(Failure::new(Code::Failed, refused)),
    }
}

fn show(plan: &SeekPlan, (done, noted): (bool, bool), context: &mut Context) -> Result<(), Failure> {
    let SeekPlan { name, kind, from, to, records, bytes, .. } = plan;
    let output = &mut context.output;
    if output.json {
        return output.object(&Report {
            name,
            kind: kind.name(),
            from: from.map(Offset::get),
            to: to.get(),
            records: *records,
            bytes: *bytes,
            skips: plan.skips(),
            done,
            noted,
        });
    }
    let stands = from.map_or_else(|| "at an unknown place".to_owned(), |from| format!("at offset {from}"));
    let size = format!("{}, {}", counted(*records, "record"), Size(*bytes));
    let comes = match (from, plan.skips()) {
        (None, _) => "what comes of it is not known".to_owned(),
        (_, true) => output.paint.red(format_args!("{size}, would be SKIPPED and never applied")).to_string(),
        (_, false) => format!("{size}, would be applied again"),
    };
    let comes = if done || noted { comes.replace("would be", "are") } else { comes };
    let (verb, when) = match (done, noted) {
        (true, _) => ("was put", ""),
        (_, true) => ("will be put", ", when it is at work next"),
        _ => ("would be put", ""),
    };
    output.line(format_args!("{kind} {name} stood {stands} and {verb} at {to}{when}: {comes}"))?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_offset_a_time_or_an_end_of_the_journal() {
        assert_eq!("start".parse(), Ok(To::Start));
        assert_eq!("end".parse(), Ok(To::End));
        assert_eq!("8192".parse(), Ok(To::When(When::Offset(Offset::new(8192)))));
        assert_eq!("@0".parse(), Ok(To::When(When::Time(0))));
        assert!("middle".parse::<To>().unwrap_err().contains("start or end"));
    }
}
